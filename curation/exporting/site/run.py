"""Exports a site, section by section, from one snapshot of the store."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import sqlalchemy as sa

from ...errors import SelectionError
from ...progress import Progress
from ...sources.finding import find_source
from ...sources.site_settings import SiteSettings, read_site_settings
from ...store.names import in_collection
from ...store.schema import articles
from ..output_folder import OutputFolder
from .feeds import Feed
from .items import Renderer
from .listings import find_listed_topics
from .output import Output, SiteSummary
from .pages import Pages, as_entry, as_line, render_page
from .rows import Article, read_public_articles, read_public_ids
from .sections import SECTIONS, Section
from .sitemaps import Sitemap


def export_site(
    connection: sa.Connection, folder: Path, source: str | None, *, check: bool, progress: Progress
) -> SiteSummary:
    """Write the JSON, the sitemaps and the feeds of a source's site to a folder, and touch nothing else.

    Args:
        check: write nothing; the summary has what would be written.

    Raises:
        SelectionError: the source is ambiguous, has no articles in any section, or its address is unknown.
        CurationError: another export is running.
    """
    source_id, name, _ = find_source(connection, [source] if source else [])
    sections = [section for section in SECTIONS if _has_articles(connection, source_id, section)]
    if not sections:
        raise SelectionError(_no_section_message(connection, source_id, name))
    settings = read_site_settings(connection, source_id, name)
    with OutputFolder(folder, is_dry=check) as target:
        output = Output(target, check=check)
        return _export(connection, source_id, sections, settings, output, progress)


def _no_section_message(connection: sa.Connection, source_id: int, name: str) -> str:
    """Return the error message for a source without articles in any section."""
    query = sa.select(articles.c.collection).where(articles.c.source_id == source_id)
    tops = {collection.partition("/")[0] for collection in connection.scalars(query.distinct())}
    names = ", ".join(section.name for section in SECTIONS)
    found = f"its articles are in {', '.join(sorted(tops)[:8])}" if tops else "it has no articles"
    return f"nothing to export: source {name!r} has none of the sections {names}; {found}"


def _export(
    connection: sa.Connection,
    source_id: int,
    sections: Sequence[Section],
    settings: SiteSettings,
    output: Output,
    progress: Progress,
) -> SiteSummary:
    done = 0
    ids = {s.name: read_public_ids(connection, source_id, s.name, by_date=s.by_date) for s in sections}
    total = sum(map(len, ids.values()))
    for section in sections:
        if ids[section.name]:
            writer = _Writer(connection, source_id, section, settings, output)
            for article in read_public_articles(connection, source_id, ids[section.name]):
                writer.add(article)
                done += 1
                if done % 100 == 0:
                    progress(done, total)
            writer.close()
        output.remove_obsolete(section)
    return output.summary


def _has_articles(connection: sa.Connection, source_id: int, section: Section) -> bool:
    """Return whether the source ever had an article in a section, published or not."""
    conditions = (articles.c.source_id == source_id, in_collection(section.name))
    return connection.scalar(sa.select(articles.c.id).where(*conditions).limit(1)) is not None


class _Writer:
    """Writes all files of one section in one pass over its articles."""

    def __init__(
        self,
        connection: sa.Connection,
        source_id: int,
        section: Section,
        settings: SiteSettings,
        output: Output,
    ) -> None:
        self._section = section
        self._settings = settings
        self._output = output
        self._renderer = Renderer(section, settings)
        self._head = {} if section.title is None else {"title": section.title, "path": f"_{section.name}"}
        listed = find_listed_topics(connection, source_id, section, settings.topic, output)
        self._section_pages = self._pages(section.folder, self._head)
        self._topic_pages = {key: self._pages(topic.folder, self._head) for key, topic in listed.items()}
        self._collection_list = self._collection_pages()
        # By topic; None is the feed of the whole section.
        self._feeds: dict[int | None, Feed] = {}
        if section.has_feeds:
            title = settings.title
            self._feeds[None] = self._feed(section.folder, title)
            for key, topic in listed.items():
                self._feeds[key] = self._feed(topic.folder, f"{title}: {topic.name}")
        roots = (settings.web_url, settings.root)
        self._sitemap = Sitemap(output, section, self._renderer, roots)

    def _pages(self, folder: str, head: dict[str, str]) -> Pages:
        section, size = self._section, self._settings.page_sizes[self._section.name]
        return Pages(self._output, folder, size, head, is_bare=section.is_bare)

    def _collection_pages(self) -> Pages | None:
        """Return the pages that list the section's collections, which the site calls paths."""
        if self._section.path_title is None:
            return None
        head = {"title": self._section.path_title, "path": f"_{self._section.name}/collections"}
        return self._pages(f"{self._section.folder}/collections", head)

    def _feed(self, folder: str, title: str) -> Feed:
        return Feed(self._output, folder, title, self._settings.feed_length, self._renderer)

    def add(self, article: Article) -> None:
        """Add the next article to all of its lists."""
        entry = as_entry(self._renderer.render_item(article))
        self._section_pages.add(entry)
        for topic in article.topic_ids:
            if topic in self._topic_pages:
                self._topic_pages[topic].add(entry)
        for key in (None, *article.topic_ids):
            if key in self._feeds:
                self._feeds[key].add(article)
        self._sitemap.add(article)
        if self._collection_list is not None and article.type == "collection":
            self._collection_list.add(entry)
            self._write_collection(article)
        if self._section.has_single_items:
            self._put_file(article, as_line(self._renderer.render_item_with_nulls(article)))

    def _write_collection(self, article: Article) -> None:
        """Write a collection's items, all on one page."""
        head = {"title": article.title or "", "path": article.path}
        entries = [as_entry(self._renderer.render_collection_item(item)) for item in article.items]
        data = render_page(head, 1, entries, is_bare=self._section.is_bare)
        self._put_file(article, data)

    def _put_file(self, article: Article, data: bytes) -> None:
        """Write an item's own file, unless its path is reserved for pages."""
        file = self._renderer.file(article)
        if article.stem.startswith("page/"):
            self._output.leave_out(file, f"the path is reserved for pages: move {article.path} elsewhere")
        else:
            self._output.put(file, data)

    def close(self) -> None:
        """Write the rest of each list."""
        lists = [self._section_pages, *self._topic_pages.values()]
        if self._collection_list:
            lists.append(self._collection_list)
        for pages in lists:
            pages.close()
        for feed in self._feeds.values():
            feed.close(self._settings.root, self._settings.web_url, self._settings.locale)
        self._sitemap.close()
