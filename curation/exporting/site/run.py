"""The export of a site: section by section, in one state of the store."""

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
from .listings import listed_topics
from .output import Output, SiteSummary
from .pages import Pages, as_entry, as_line, page
from .rows import Article, public_ids, read_public_articles
from .sections import SECTIONS, Section
from .sitemaps import Sitemap


def export_site(
    connection: sa.Connection, folder: Path, source: str | None, *, check: bool, progress: Progress
) -> SiteSummary:
    """Has a folder hold the JSON, the sitemaps and the feeds of a source's site, and touches nothing else.

    With `check` nothing is written, and the summary says what would be. Raises SelectionError where the
    source is not clear, has nothing in a section, or nothing says what its address is; CurationError where
    another export is at work.
    """
    source_id, name, _ = find_source(connection, [source] if source else [])
    mine = [section for section in SECTIONS if _has_any(connection, source_id, section)]
    if not mine:
        raise SelectionError(_without_section(connection, source_id, name))
    settings = read_site_settings(connection, source_id, name)
    with OutputFolder(folder, is_dry=check) as target:
        output = Output(target, check=check)
        return _export(connection, source_id, mine, settings, output, progress)


def _without_section(connection: sa.Connection, source_id: int, name: str) -> str:
    """What is said of a source of which a site's JSON has nothing to show."""
    of_source = sa.select(articles.c.collection).where(articles.c.source_id == source_id)
    tops = {collection.partition("/")[0] for collection in connection.scalars(of_source.distinct())}
    known = ", ".join(section.name for section in SECTIONS)
    held = f"its articles are in {', '.join(sorted(tops)[:8])}" if tops else "it has no articles"
    return f"nothing to export: source {name!r} has none of the sections {known}; {held}"


def _export(
    connection: sa.Connection,
    source_id: int,
    mine: Sequence[Section],
    settings: SiteSettings,
    output: Output,
    progress: Progress,
) -> SiteSummary:
    done = 0
    ids = {s.name: public_ids(connection, source_id, s.name, by_date=s.by_date) for s in mine}
    total = sum(map(len, ids.values()))
    for section in mine:
        if ids[section.name]:
            writer = _Writer(connection, source_id, section, settings, output)
            for article in read_public_articles(connection, source_id, ids[section.name]):
                writer.add(article)
                done += 1
                if done % 100 == 0:
                    progress(done, total)
            writer.close()
        output.sweep(section)
    return output.summary


def _has_any(connection: sa.Connection, source_id: int, section: Section) -> bool:
    """Whether a section is the source's: whether it ever had an article in it, shown or not."""
    mine = (articles.c.source_id == source_id, in_collection(section.name))
    return connection.scalar(sa.select(articles.c.id).where(*mine).limit(1)) is not None


class _Writer:
    """All files of one section, made in one pass over its articles."""

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
        listed = listed_topics(connection, source_id, section, settings.topic, output)
        self._of_all = self._pages(section.folder, self._head)
        self._by_topic = {key: self._pages(topic.folder, self._head) for key, topic in listed.items()}
        self._paths = self._collection_pages()
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
        """The list of the section's collections, which the site calls paths."""
        if self._section.path_title is None:
            return None
        head = {"title": self._section.path_title, "path": f"_{self._section.name}/collections"}
        return self._pages(f"{self._section.folder}/collections", head)

    def _feed(self, folder: str, title: str) -> Feed:
        return Feed(self._output, folder, title, self._settings.feed_length, self._renderer)

    def add(self, article: Article) -> None:
        """Adds the next article to all lists that it is on."""
        entry = as_entry(self._renderer.item(article))
        self._of_all.add(entry)
        for topic in article.topic_ids:
            if topic in self._by_topic:
                self._by_topic[topic].add(entry)
        for key in (None, *article.topic_ids):
            if key in self._feeds:
                self._feeds[key].add(article)
        self._sitemap.add(article)
        if self._paths is not None and article.type == "collection":
            self._paths.add(entry)
            self._write_collection(article)
        if self._section.has_single_items:
            self._put_file(article, as_line(self._renderer.whole(article)))

    def _write_collection(self, article: Article) -> None:
        """The page of a collection's items: all of them on one."""
        head = {"title": article.title or "", "path": article.path}
        entries = [as_entry(self._renderer.part(item)) for item in article.items]
        data = page(head, 1, entries, is_bare=self._section.is_bare)
        self._put_file(article, data)

    def _put_file(self, article: Article, data: bytes) -> None:
        """Writes an item's own file, unless it would lie where the section's pages do."""
        file = self._renderer.file(article)
        if article.stem.startswith("page/"):
            self._output.leave_out(file, f"pages lie there: move {article.path} elsewhere")
        else:
            self._output.put(file, data)

    def close(self) -> None:
        """Writes what is left over of each list."""
        lists = [self._of_all, *self._by_topic.values(), *([self._paths] if self._paths else [])]
        for pages in lists:
            pages.close()
        for feed in self._feeds.values():
            feed.close(self._settings.root, self._settings.web_url, self._settings.locale)
        self._sitemap.close()
