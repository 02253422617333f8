"""Tell whether the documents that an import adds to a source are mostly another source's articles.

A folder that was renamed would else come in as a source of its own, without any override, and what an editor
hid would be public again.

A document is another source's article if the two share evidence:

- the same bytes (but for `secured`), or two of URL, title and body, at any path
- one of title and body, at the same path
- the same URL, or the same bytes without URL and body, at any path

The last two count only where no other document that is looked at has the same title, body, URL or bytes: what
several share, such as the title "Untitled", says nothing. Nor is one placeholder evidence of many documents.
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
from ...urls import url_digest
from ..merging.stories import Story, digest_body, fold_title, fold_titles, fold_url, spellings
from ..reading.files import read_files
from ..reading.rows import story_of, value_of
from ..reading.tasks import Task
from .additions import Additions
from .moves import story_keys

#: Documents of which one article is evidence: a story may lie at several paths.
MAX_COPIES = 3

#: Articles of one title that are compared, and articles in all whose bodies are read.
MAX_OF_TITLE = 10
MAX_BODIES = 2_000

#: Titles that are read at once: 20,000 take 3 MB.
TITLES = 20_000

_Key = tuple[object, ...]
_T = TypeVar("_T")


class _Text(NamedTuple):
    """A document or an article, as far as it is compared."""

    path: str
    content_hash: str
    story: Story


class _Article(NamedTuple):
    id: int
    source_id: int
    text: _Text


def refuse_known_articles(connection: sa.Connection, dump: Dump, additions: Additions) -> None:
    """Raise ImportFailed if additions are mostly the articles of one other source."""
    comparison = _Comparison(_read_documents(dump, additions.files), additions)
    found = list(_find_articles(connection, comparison))
    rest = comparison.match(found)
    if not comparison.is_decided():
        more = _find_by_title(connection, comparison.documents, {article.id for article in found})
        rest += comparison.match(more)
        comparison.match(_with_bodies(connection, rest[:MAX_BODIES]))
    comparison.raise_if_alike()


class _Comparison:
    """The documents that are looked at, and which of them each source has."""

    def __init__(self, documents: Sequence[_Text], additions: Additions) -> None:
        self.documents = documents
        self.additions = additions
        self._by_key: dict[_Key, list[int]] = defaultdict(list)
        self._known: dict[int, set[int]] = defaultdict(set)
        shared = Counter(aspect for document in documents for aspect in _aspects(document))
        for number, document in enumerate(documents):
            for key, aspect in _evidence(document):
                if aspect is None or shared[aspect] == 1:
                    self._by_key[key].append(number)

    def match(self, found: Iterable[_Article]) -> list[_Article]:
        """Match articles with documents; return those that match none."""
        return [article for article in found if not self._match(article)]

    def _match(self, article: _Article) -> bool:
        known = self._known[article.source_id]
        alike = (number for key, _ in _evidence(article.text) for number in self._by_key.get(key, ()))
        new = list(islice((number for number in dict.fromkeys(alike) if number not in known), MAX_COPIES))
        known.update(new)
        return bool(new)

    def is_decided(self) -> bool:
        """Return whether more evidence would change nothing: what a source has itself counts first."""
        return not self.additions.size and self._most_alike() is not None

    def raise_if_alike(self) -> None:
        """Raise ImportFailed if most of the documents are one other source's."""
        if (found := self._most_alike()) is not None:
            name, count, new = found
            raise ImportFailed(
                f"{count:,} of {new:,} documents looked at are those of the source {name!r}:"
                f" add `--source {name}` to import into it, or `--new-source` to keep them apart"
            )

    def _most_alike(self) -> tuple[str, int, int] | None:
        """Return the other source that has most of the new documents, how many, and of how many."""
        own = self._known[self.additions.source_id] if self.additions.source_id is not None else set()
        new = len(self.documents) - len(own)
        counts = Counter({key: len(self._known[key] - own) for key in self.additions.others})
        [(source_id, count)] = counts.most_common(1)
        is_alike = 2 * count > new and self.additions.are_many(new)
        return (self.additions.others[source_id], count, new) if is_alike else None


# --- evidence -------------------------------------------------------------------------------------------


def _aspects(text: _Text) -> list[_Key]:
    """Return the aspects that say nothing where several documents share them."""
    story = text.story
    aspects: tuple[_Key, ...] = (
        ("url", fold_url(story.canonical_url)),
        ("title", fold_title(story.title) or None),
        ("body", story.body_digest),
        ("bytes", text.content_hash),
    )
    return [aspect for aspect in aspects if aspect[1] is not None]


def _evidence(text: _Text) -> Iterator[tuple[_Key, _Key | None]]:
    """Return the keys of which one in common is evidence, the strongest first, each with the aspect that must
    be this document's alone."""
    aspects = _aspects(text)
    is_bare = not any(name in ("url", "body") for name, _ in aspects)
    yield ("bytes", text.content_hash), ("bytes", text.content_hash) if is_bare else None
    for key in story_keys(text.story):
        yield key, None
    for aspect in aspects:
        name, value = aspect
        if name == "url":
            yield aspect, aspect
        elif name != "bytes":
            yield (text.path, name, value), aspect


# --- the documents --------------------------------------------------------------------------------------


def _read_documents(dump: Dump, files: Sequence[File]) -> list[_Text]:
    """Read documents of a dump, those that can be read."""
    contents = [None] * len(files) if all(file.location for file in files) else dump.tree.read(files)
    tasks = [Task(file, None, content) for file, content in zip(files, contents, strict=True)]
    return [
        _Text(value_of(row, "path"), value_of(row, "content_hash"), story_of(row, with_body=True))
        for row in read_files(tasks).rows.articles
    ]


# --- the articles ---------------------------------------------------------------------------------------


def _find_articles(connection: sa.Connection, comparison: _Comparison) -> Iterator[_Article]:
    """Find the articles that have a document's path, bytes or URL, each once and without its body."""
    documents, article = comparison.documents, articles.c
    source_ids = [*comparison.additions.others, comparison.additions.source_id or 0]
    urls = {url for d in documents if d.story.canonical_url for url in spellings(d.story.canonical_url)}
    wanted = [
        *(
            sa.and_(article.source_id.in_(source_ids), article.path.in_(some))
            for some in chunks([document.path for document in documents])
        ),
        *(article.content_hash.in_(some) for some in chunks(_distinct(d.content_hash for d in documents))),
        *(article.canonical_digest.in_(some) for some in chunks(_distinct(map(url_digest, urls)))),
    ]
    seen: set[int] = set()
    for condition in wanted:
        for found in _read_articles(connection, condition):
            if found.id not in seen:
                seen.add(found.id)
                yield found


def _find_by_title(
    connection: sa.Connection, documents: Sequence[_Text], seen: set[int]
) -> Iterator[_Article]:
    """Find the articles that have a document's title and are not `seen`.

    All titles are read, as all hashes are above: an index of them would slow every import down.
    """
    wanted = {fold_title(d.story.title) for d in documents if d.story.body_digest} - {""}
    if not wanted:
        return
    counts: Counter[str] = Counter()
    ids = []
    query = sa.select(articles.c.id, articles.c.title).where(articles.c.title.is_not(None))
    for batch in connection.execute(query.execution_options(yield_per=TITLES)).partitions():
        for (article_id, _), title in zip(batch, fold_titles(title for _, title in batch), strict=True):
            if title in wanted and article_id not in seen and counts[title] < MAX_OF_TITLE:
                counts[title] += 1
                ids.append(article_id)
    for some in chunks(ids):
        yield from _read_articles(connection, articles.c.id.in_(some))


def _read_articles(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> Iterator[_Article]:
    article = articles.c
    query = sa.select(
        article.id, article.source_id, article.path, article.content_hash,
        article.title, article.canonical_digest, article.canonical_url,
    )  # fmt: skip
    for article_id, source_id, path, text_hash, *story in connection.execute(query.where(wanted)):
        yield _Article(article_id, source_id, _Text(path, text_hash, Story(*story)))


def _with_bodies(connection: sa.Connection, found: Sequence[_Article]) -> Iterator[_Article]:
    """Return articles with the digests of their bodies."""
    by_id = {article.id: article for article in found}
    query = sa.select(articles.c.id, articles.c.body)
    for some in chunks(list(by_id)):
        for article_id, body in connection.execute(query.where(articles.c.id.in_(some))):
            article = by_id[article_id]
            story = article.text.story._replace(body_digest=digest_body(body))
            yield article._replace(text=article.text._replace(story=story))


def _distinct(values: Iterable[_T]) -> list[_T]:
    return list(dict.fromkeys(values))
