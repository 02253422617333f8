"""Sitemaps: the addresses that a section has on the site itself, by the protocol of sitemaps.org."""

from __future__ import annotations

from urllib.parse import quote, urljoin, urlsplit
from xml.sax.saxutils import escape

from .items import Renderer
from .output import Output
from .rows import Article
from .sections import Section

#: Addresses of the longest sitemap that the protocol allows; more are parted, and an index names the parts.
MOST = 50_000

_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>\n'
#: What an address may hold as it is (RFC 3986), beside letters and digits; XML could not even hold some else.
_RESERVED = "%/:?#[]@!$&'()*+,;="

_NAMESPACE = 'xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"'


class Sitemap:
    """The sitemap of one section: of what is published, is no collection, and has no address elsewhere."""

    def __init__(self, output: Output, section: Section, renderer: Renderer, roots: tuple[str, str]) -> None:
        """`roots` are the addresses of the web site and of the files, without a slash at their ends."""
        self._output = output
        self._section = section
        self._renderer = renderer
        self._web, self._root = roots
        self._entries: list[str] = []
        self._parts = 0

    def add(self, article: Article) -> None:
        """Adds an article, if the site itself has a page of it."""
        address = self._absolute(article.web_url) if article.web_url else self._renderer.address(article)
        if article.type == "collection" or not self._is_here(address):
            return
        if len(self._entries) == MOST:
            self._write_part()
        self._entries.append(self._entry(address, article))

    def _absolute(self, address: str) -> str:
        """An address as the protocol wants it: one without a host is of this site, below its path."""
        try:
            parts = urlsplit(address)
            if parts.scheme:
                return address
            joined = urljoin(f"{self._web}/", address)
        except ValueError:  # such as http://[
            return address
        is_of_the_root = address.startswith("/") and not parts.netloc
        return f"{self._web}{address}" if is_of_the_root and not self._is_here(joined) else joined

    def _is_here(self, address: str) -> bool:
        return address.startswith(f"{self._web}/")

    def close(self) -> None:
        """Writes what is left; where there was too much for one file, the index too. The protocol has no
        sitemap without an entry: none is written, and `Output.sweep` takes an earlier one away."""
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
        told = [f"<loc>{escape(quote(address, safe=_RESERVED))}</loc>"]
        moment = article.updated_at or article.published_at
        if moment is not None:
            key = "updatedDateTime" if article.updated_at else "publishedDateTime"
            is_utc = self._section.by_date
            written = moment.isoformat(timespec="seconds") if is_utc else self._renderer.local(article, key)
            told.append(f"<lastmod>{written}</lastmod>")
        return _element(
            "url", [*told, f"<changefreq>{self._section.changes}</changefreq>", "<priority>1</priority>"]
        )


def _element(name: str, told: list[str]) -> str:
    lines = "".join(f"    {line}\n" for line in told)
    return f"  <{name}>\n{lines}  </{name}>\n"


def _document(name: str, entries: list[str]) -> bytes:
    return f"{_DECLARATION}<{name} {_NAMESPACE}>\n{''.join(entries)}</{name}>".encode()
