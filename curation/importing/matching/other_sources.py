"""Refuse an import if the documents that it adds to a source are mostly articles of another source.

Otherwise a renamed folder would be imported as a new source, without overrides, and articles that an editor
hid would be published again.

A document counts as an article of another source if both share evidence:

- the same bytes (except `secured`), or two of URL, title and body, at any path
- the title or the body, at the same path
- the same URL at any path, or the same bytes at any path if both have neither URL nor body

The last two count only if no other checked document has the same title, body, URL or bytes. A value that
several documents share, such as the title "Untitled", is no evidence. One article counts for at most
`MAX_COPIES` documents, so that a placeholder is no evidence of many.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import NamedTuple, TypeVar

import sqlalchemy as sa

from ...backends.base import chunks
from ...errors import ImportFailed
from ...scanning import Dump, File
from ...store.schema import articles
from ...urls import digest_url
from ..merging.stories import Story, digest_body, fold_title, fold_titles, fold_url, list_url_variants
from ..reading.files import read_files
from ..reading.rows import get_story, get_value
from ..reading.tasks import Task
from .additions import Additions
from .moves import make_story_keys

#: Maximum number of documents that one article counts for: a story may exist at several paths.
MAX_COPIES = 3

#: Maximum number of articles of one title that are compared.
MAX_PER_TITLE = 10

#: Maximum number of articles whose bodies are read.
MAX_BODIES = 2_000

#: Titles per read: 20,000 take 3 MB.
TITLES_PER_READ = 20_000

_Key = tuple[object, ...]
_T = TypeVar("_T")


class _Content(NamedTuple):
    """The compared parts of a document or an article."""

    path: str
    content_hash: str
    story: Story


class _Article(NamedTuple):
    id: int
    source_id: int
    content: _Content


def refuse_known_articles(connection: sa.Connection, dump: Dump, additions: Additions) -> None:
    """Raise ImportFailed if the additions are mostly articles of one other source."""
    comparison = _Comparison(_read_documents(dump, additions.files), additions)
    found = list(_find_articles(connection, comparison))
    rest = comparison.match(found)
    if not comparison.is_conclusive():
        more = _find_by_title(connection, comparison.documents, {article.id for article in found})
        rest += comparison.match(more)
        comparison.match(_read_bodies(connection, rest[:MAX_BODIES]))
    comparison.raise_if_mostly_known()


class _Comparison:
    """The checked documents, and which of them each source has."""

    def __init__(self, documents: Sequence[_Content], additions: Additions) -> None:
        self.documents = documents
        self.additions = additions
        self._by_key: dict[_Key, list[int]] = defaultdict(list)
        self._known: dict[int, set[int]] = defaultdict(set)
        shared = Counter(aspect for document in documents for aspect in _list_aspects(document))
        for number, document in enumerate(documents):
            for key, aspect in _list_evidence(document):
                if aspect is None or shared[aspect] == 1:
                    self._by_key[key].append(number)

    def match(self, found: Iterable[_Article]) -> list[_Article]:
        """Match articles with the documents. Return the articles that match none."""
        return [article for article in found if not self._match(article)]

    def _match(self, article: _Article) -> bool:
        known = self._known[article.source_id]
        numbers = (
            number for key, _ in _list_evidence(article.content) for number in self._by_key.get(key, ())
        )
        new = list(islice((number for number in dict.fromkeys(numbers) if number not in known), MAX_COPIES))
        known.update(new)
        return bool(new)

    def is_conclusive(self) -> bool:
        """Return whether more evidence would not change the result.

        This holds only for a source without articles: its own articles count before those of other sources.
        """
        return not self.additions.article_count and self._find_best_match() is not None

    def raise_if_mostly_known(self) -> None:
        """Raise ImportFailed if most of the documents are articles of one other source."""
        if (found := self._find_best_match()) is not None:
            name, count, new = found
            raise ImportFailed(
                f"{count:,} of {new:,} checked documents are articles of the source {name!r}:"
                f" add `--source {name}` to import into it, or `--new-source` to keep both sources separate"
            )

    def _find_best_match(self) -> tuple[str, int, int] | None:
        """Return the other source that has most of the new documents; None if no source has.

        Returns:
            Its name, how many of the new documents it has, and the number of new documents.
        """
        own = self._known[self.additions.source_id] if self.additions.source_id is not None else set()
        new = len(self.documents) - len(own)
        counts = Counter({key: len(self._known[key] - own) for key in self.additions.other_sources})
        [(source_id, count)] = counts.most_common(1)
        is_mostly_known = 2 * count > new and self.additions.outnumber_articles(new)
        return (self.additions.other_sources[source_id], count, new) if is_mostly_known else None


# --- evidence -------------------------------------------------------------------------------------------


def _list_aspects(content: _Content) -> list[_Key]:
    """Return the aspects of a document that are no evidence if several documents share them."""
    story = content.story
    aspects: tuple[_Key, ...] = (
        ("url", fold_url(story.canonical_url)),
        ("title", fold_title(story.title) or None),
        ("body", story.body_digest),
        ("bytes", content.content_hash),
    )
    return [aspect for aspect in aspects if aspect[1] is not None]


def _list_evidence(content: _Content) -> Iterator[tuple[_Key, _Key | None]]:
    """Yield the keys of which one shared key is evidence, the strongest first.

    Each comes with the aspect that no other checked document may have, or None.
    """
    aspects = _list_aspects(content)
    is_bare = not any(name in ("url", "body") for name, _ in aspects)
    yield ("bytes", content.content_hash), ("bytes", content.content_hash) if is_bare else None
    for key in make_story_keys(content.story):
        yield key, None
    for aspect in aspects:
        name, value = aspect
        if name == "url":
            yield aspect, aspect
        elif name != "bytes":
            yield (content.path, name, value), aspect


# --- the documents --------------------------------------------------------------------------------------


def _read_documents(dump: Dump, files: Sequence[File]) -> list[_Content]:
    """Read documents of a dump, without those that cannot be read."""
    contents = [None] * len(files) if all(file.location for file in files) else dump.tree.read(files)
    tasks = [Task(file, None, content) for file, content in zip(files, contents, strict=True)]
    return [
        _Content(get_value(row, "path"), get_value(row, "content_hash"), get_story(row, with_body=True))
        for row in read_files(tasks).rows.articles
    ]


# --- the articles ---------------------------------------------------------------------------------------


def _find_articles(connection: sa.Connection, comparison: _Comparison) -> Iterator[_Article]:
    """Yield the articles that have a document's path, bytes or URL, each once and without its body."""
    source_ids = [*comparison.additions.other_sources, comparison.additions.source_id or 0]
    seen: set[int] = set()
    for condition in _make_conditions(comparison.documents, source_ids):
        for found in _read_articles(connection, condition):
            if found.id not in seen:
                seen.add(found.id)
                yield found


def _make_conditions(
    documents: Sequence[_Content], source_ids: Sequence[int]
) -> Iterator[sa.ColumnElement[bool]]:
    """Yield the SQL conditions of articles with a document's path in these sources, its bytes or its URL."""
    article = articles.c
    urls = {
        url for d in documents if d.story.canonical_url for url in list_url_variants(d.story.canonical_url)
    }
    for some_paths in chunks([document.path for document in documents]):
        yield sa.and_(article.source_id.in_(source_ids), article.path.in_(some_paths))
    for some_hashes in chunks(_distinct(document.content_hash for document in documents)):
        yield article.content_hash.in_(some_hashes)
    for some_digests in chunks(_distinct(map(digest_url, urls))):
        yield article.canonical_digest.in_(some_digests)


def _find_by_title(
    connection: sa.Connection, documents: Sequence[_Content], seen: set[int]
) -> Iterator[_Article]:
    """Yield the articles that have a document's title and are not `seen`.

    This reads all titles, as `_find_articles` reads all hashes: an index would slow down every import.
    """
    wanted = {fold_title(d.story.title) for d in documents if d.story.body_digest} - {""}
    if not wanted:
        return
    for some in chunks(_find_titled(connection, wanted, seen)):
        yield from _read_articles(connection, articles.c.id.in_(some))


def _find_titled(connection: sa.Connection, wanted: set[str], seen: set[int]) -> list[int]:
    """Return the ids of the articles that have one of these folded titles and are not `seen`."""
    counts: Counter[str] = Counter()
    ids = []
    query = sa.select(articles.c.id, articles.c.title).where(articles.c.title.is_not(None))
    for batch in connection.execute(query.execution_options(yield_per=TITLES_PER_READ)).partitions():
        for (article_id, _), title in zip(batch, fold_titles(title for _, title in batch), strict=True):
            if title in wanted and article_id not in seen and counts[title] < MAX_PER_TITLE:
                counts[title] += 1
                ids.append(article_id)
    return ids


def _read_articles(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> Iterator[_Article]:
    article = articles.c
    query = sa.select(
        article.id, article.source_id, article.path, article.content_hash,
        article.title, article.canonical_digest, article.canonical_url,
    )  # fmt: skip
    for article_id, source_id, path, text_hash, *story in connection.execute(query.where(wanted)):
        yield _Article(article_id, source_id, _Content(path, text_hash, Story(*story)))


def _read_bodies(connection: sa.Connection, found: Sequence[_Article]) -> Iterator[_Article]:
    """Yield articles with the digests of their bodies."""
    by_id = {article.id: article for article in found}
    query = sa.select(articles.c.id, articles.c.body)
    for some in chunks(list(by_id)):
        for article_id, body in connection.execute(query.where(articles.c.id.in_(some))):
            article = by_id[article_id]
            story = article.content.story._replace(body_digest=digest_body(body))
            yield article._replace(content=article.content._replace(story=story))


def _distinct(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
