"""Writes sitemaps of the pages on the site itself, by the protocol of sitemaps.org."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit
from xml.sax.saxutils import escape

from .items import Renderer
from .output import Output
from .rows import Article
from .sections import Section

#: Maximum number of addresses in a sitemap, by the protocol. With more there are several, and an index.
MAX_ADDRESSES = 50_000

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
#: Characters other than letters and digits that an address may have unescaped (RFC 3986). XML does not allow
#: some of the others.
_RESERVED = "%/:?#[]@!$&'()*+,;="

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


class Sitemap:
    """The sitemap of one section, without collections and without articles whose address is elsewhere."""

    def __init__(self, output: Output, section: Section, renderer: Renderer, roots: tuple[str, str]) -> None:
        """Begin a sitemap. `roots` are the addresses of web site and files, without a trailing slash."""
        self._output = output
        self._section = section
        self._renderer = renderer
        self._web, self._root = roots
        self._entries: list[str] = []
        self._parts = 0

    def add(self, article: Article) -> None:
        """Add an article, if its page is on the site itself."""
        address = self._absolute(article.web_url) if article.web_url else self._renderer.address(article)
        if article.type == "collection" or not self._is_on_site(address):
            return
        if len(self._entries) == MAX_ADDRESSES:
            self._write_part()
        self._entries.append(self._entry(address, article))

    def _absolute(self, address: str) -> str:
        """Return an absolute address, as the protocol requires. One without a host is below the site's."""
        try:
            parts = urlsplit(address)
            if parts.scheme:
                return address
            joined = urljoin(f"{self._web}/", address)
        except ValueError:  # such as http://[
            return address
        is_root_relative = address.startswith("/") and not parts.netloc
        return f"{self._web}{address}" if is_root_relative and not self._is_on_site(joined) else joined

    def _is_on_site(self, address: str) -> bool:
        return address.startswith(f"{self._web}/")

    def close(self) -> None:
        """Write the remaining entries, and the index if there are several sitemaps.

        The protocol does not allow an empty sitemap. Then none is written, and `Output.remove_obsolete`
        deletes an earlier one.
        """
        name = self._section.sitemap
        if not self._parts and not self._entries:
            return
        if not self._parts:
            self._output.put(f"{name}.xml", _document("urlset", self._entries))
            return
        self._write_part()
        addresses = (f"{self._root}/{name}-{part}.xml" for part in range(1, self._parts + 1))
        entries = [_element("sitemap", [f"<loc>{escape(address)}</loc>"]) for address in addresses]
        self._output.put(f"{name}.xml", _document("sitemapindex", entries))

    def _write_part(self) -> None:
        self._parts += 1
        path = f"{self._section.sitemap}-{self._parts}.xml"
        self._output.put(path, _document("urlset", self._entries))
        self._entries = []

    def _entry(self, address: str, article: Article) -> str:
        elements = [f"<loc>{escape(quote(address, safe=_RESERVED))}</loc>"]
        moment = article.updated_at or article.published_at
        if moment is not None:
            key = "updatedDateTime" if article.updated_at else "publishedDateTime"
            is_utc = self._section.by_date
            date = (
                moment.isoformat(timespec="seconds")
                if is_utc
                else self._renderer.format_local_date(article, key)
            )
            elements.append(f"<lastmod>{date}</lastmod>")
        return _element(
            "url", [*elements, f"<changefreq>{self._section.changes}</changefreq>", "<priority>1</priority>"]
        )


def _element(name: str, children: list[str]) -> str:
    lines = "".join(f"    {child}\n" for child in children)
    return f"  <{name}>\n{lines}  </{name}>\n"


def _document(name: str, entries: list[str]) -> bytes:
    return f"{_DECLARATION}<{name} {_NAMESPACE}>\n{''.join(entries)}</{name}>".encode()
