"""Keep documents without an article of their own aside until all are known, and find what they may continue.

See `moves` for the rules. Files at known paths are read before those at new ones, so that every article
which another story has pushed out of its place is known before the first new file is looked at.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ...articles.upstream import hides
from ...backends.base import chunks
from ...documents.instants import format_instant
from ...store.schema import articles, former_stories, overrides, set_aside_overrides
from ..merging.rules import Decision, SetAside
from ..merging.stored_state import STORY_COLUMNS, read_overrides, read_set_aside
from ..merging.stories import Story, digest_body, fold_title, has_same_body, share_title_or_url
from ..reading.files import Chunk, fresh_known, without
from ..reading.rows import ArticleRow, story_of, value_of
from .hidden_stories import MIN_BODY, HiddenStories, hold_documents, hold_hidden_stories, weak_keys
from .moves import Candidate, Plan, Unplaced, make_plan

#: As if an editor hid it: what former stories have.
_HIDING = {"published": Decision(0, 0)}


class Placement:
    """The unplaced documents of one import, and the articles that they may continue."""

    def __init__(self, source_id: int) -> None:
        self._source_id = source_id
        self._unplaced: list[Unplaced] = []
        #: SHA-256 of the documents that are kept aside, by path, as they were first read.
        self.digests: dict[str, bytes] = {}
        self._lost: dict[int, Candidate] = {}
        #: What articles that an editor hides have as their stories before the import, and what they had.
        self._stories = HiddenStories((), ())
        self._set_aside: list[SetAside] = []
        #: What new documents are looked up by; None as long as no new ones are read.
        self._keys: set[object] | None = None

    def __bool__(self) -> bool:
        """Whether any document is kept aside."""
        return bool(self._unplaced)

    def expect_known(self, connection: sa.Connection) -> None:
        """Find the articles that an editor hides, and the overrides that wait for their story; to be called
        before anything is written."""
        self._set_aside = [
            kept for _, kept in read_set_aside(connection, articles.c.source_id == self._source_id)
        ]
        former = [*map(hold_documents, self._set_aside), *_former(connection, self._source_id)]
        self._stories = HiddenStories(_hidden(connection, self._source_id), former)

    def set_aside_unplaced(self, connection: sa.Connection, batch: Sequence[Chunk]) -> list[Chunk]:
        """Keep the unplaced documents of a batch aside; returns the batch without them."""
        displaced = self._find_pushed_out(connection, batch)
        retold = self._find_retold(connection, batch) - displaced
        leaving = displaced | retold
        kept: list[Chunk] = []
        for tasks, read in batch:
            aside = set()
            for place, number in enumerate(read.fresh):
                known, row = tasks[number].known, read.rows.articles[place]
                occupant = None if known is None else known.id
                if (occupant not in leaving) if occupant is not None else self._keys is None:
                    continue
                digest = read.rows.documents[place][0]
                doc = _unplaced(tasks[number].file, digest, row, occupant)
                if occupant is not None or self._is_known(doc):
                    self._unplaced.append(replace(doc, is_retold=occupant in retold))
                    self.digests[doc.path] = digest
                    aside.add(number)
            kept.append(without((tasks, read), aside))
        return [chunk for chunk in kept if chunk[0]]

    def expect_new(self, connection: sa.Connection, gone: Sequence[str]) -> None:
        """Find the articles that new documents may continue; `gone` are the files that are there no more.

        To be called once, after all files at known paths were read.
        """
        self._add(_lost(connection, self._source_id, gone))
        stories = [(article.story, article.content_hash) for article in self._lost.values()]
        stories += [(kept.story, "") for kept in self._set_aside]
        self._keys = {key for story, text_hash in stories for key in _keys(story, text_hash)}

    def make_plan(self) -> Plan:
        """Say what becomes of the documents that were kept aside."""
        plan = make_plan(self._unplaced, list(self._lost.values()), self._set_aside)
        hold_hidden_stories(plan, self._unplaced, self._stories)
        moved = {article.id for article in plan.moves.values()}
        owners = {doc.occupant for doc in self._unplaced if doc.occupant is not None}
        for doc in self._unplaced:
            moves, leaves = doc.path in plan.moves, doc.occupant in moved
            if leaves and not moves:
                plan.vacant.add(doc.path)
            elif moves and doc.occupant is not None and not leaves:
                plan.displaced[doc.path] = doc.occupant
            is_taken = doc.occupant is not None and (moves or leaves)
            if is_taken or (moves and plan.moves[doc.path].id in owners):
                plan.entangled.add(doc.path)
        return plan

    @property
    def unplaced(self) -> Sequence[Unplaced]:
        """The documents that were kept aside, by path."""
        return sorted(self._unplaced, key=lambda doc: doc.path)

    def _add(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            self._lost.setdefault(candidate.id, candidate)

    def _is_known(self, doc: Unplaced) -> bool:
        """Return whether a new document has anything in common with a lost article, or the story of a hidden
        one."""
        if self._keys and not self._keys.isdisjoint(_keys(doc.story, doc.content_hash)):
            return True
        return next(self._stories.find(doc), None) is not None

    def _find_retold(self, connection: sa.Connection, batch: Sequence[Chunk]) -> set[int]:
        """Find the articles whose documents have a story now which an editor hides, and did not have it
        before: that of another article, or a former one."""
        found: dict[int, Unplaced] = {}
        for known, row in fresh_known(batch) if self._stories else ():
            doc = _unplaced(None, b"", row, known)
            if next(self._stories.find(doc), None) is not None:
                found[known] = doc
        before = [
            candidate
            for ids in chunks(list(found))
            for candidate in read_candidates(connection, articles.c.id.in_(ids))
        ]
        return {article.id for article in before if self._stories.is_new_in(found[article.id], article)}

    def _find_pushed_out(self, connection: sa.Connection, batch: Sequence[Chunk]) -> set[int]:
        """Find the articles at whose path another story lies now, or may lie; they become candidates.

        Where neither has a URL it cannot be told from the two alone (`is_another`), but by where the first
        is told now.
        """
        rows = dict(fresh_known(batch))
        columns = (articles.c.id, articles.c.title, articles.c.canonical_digest, articles.c.canonical_url)
        suspects = []
        for ids in chunks(list(rows)):
            for key, *story in connection.execute(sa.select(*columns).where(articles.c.id.in_(ids))):
                if not share_title_or_url(Story(*story), story_of(rows[key])):
                    suspects.append(key)
        displaced = [
            candidate
            for ids in chunks(suspects)
            for candidate in read_candidates(connection, articles.c.id.in_(ids))
            if not has_same_body(candidate.story, story_of(rows[candidate.id], with_body=True))
        ]
        self._add(displaced)
        return {candidate.id for candidate in displaced}


def _unplaced(file: Any, digest: bytes, row: ArticleRow, occupant: int | None) -> Unplaced:
    text_hash, published_at = value_of(row, "content_hash"), value_of(row, "published_at")
    is_brief = sum(map(len, value_of(row, "body").split(None, MIN_BODY))) < MIN_BODY
    story = story_of(row, with_body=True)
    return Unplaced(file, digest, text_hash, story, published_at, occupant, is_brief=is_brief)


def _keys(story: Story, text_hash: str) -> set[object]:
    """Return all by which a document may be found to continue a lost article: one in common is enough."""
    more = (("hash", text_hash), ("title", fold_title(story.title)))
    return {*weak_keys(story), *(key for key in more if key[1])}


# --- what the store has ---------------------------------------------------------------------------------


def has_overrides() -> sa.ColumnElement[bool]:
    """Return the condition that a row of `articles` has overrides."""
    return articles.c.id.in_(sa.select(overrides.c.article_id))


def find_overridden(connection: sa.Connection, source_id: int) -> Sequence[str]:
    """Return the paths of a source's articles that have overrides and are not missing."""
    mine = (articles.c.source_id == source_id, articles.c.missing_since.is_(None))
    return connection.scalars(sa.select(articles.c.path).where(*mine, has_overrides())).all()


def _lost(connection: sa.Connection, source_id: int, gone: Sequence[str]) -> Iterable[Candidate]:
    """Find the articles whose files are gone, now or since an earlier import."""
    mine = articles.c.source_id == source_id
    for paths in chunks(gone):
        yield from read_candidates(connection, mine, articles.c.path.in_(paths))
    yield from read_candidates(connection, mine, articles.c.missing_since.is_not(None))


def _hidden(connection: sa.Connection, source_id: int) -> Iterable[Candidate]:
    """Find the articles that an editor hides: those of the source, and those that are missing in another one,
    from where a document may have come."""
    ids = sa.select(overrides.c.article_id).where(hides(overrides))
    is_near = sa.or_(articles.c.source_id == source_id, articles.c.missing_since.is_not(None))
    return read_candidates(connection, is_near, articles.c.id.in_(ids), is_lost=False)


def _former(connection: sa.Connection, source_id: int) -> list[Candidate]:
    """Return what hidden articles of a source said before, each as an article that says it.

    A row counts while the override that hid it stands, or is set aside.
    """
    former = former_stories.c
    is_hidden = sa.or_(
        *(
            sa.exists().where(
                decided.c.article_id == former.article_id, decided.c.changeset_id == former.changeset_id,
                hides(decided),
            )
            for decided in (overrides, set_aside_overrides)
        )
    )  # fmt: skip
    query = (
        sa.select(
            former.article_id, articles.c.path, former.content_hash, former.published_at,
            *(former[name] for name in STORY_COLUMNS),
        )
        .join(articles, articles.c.id == former.article_id)
        .where(articles.c.source_id == source_id, is_hidden)
        .order_by(former.article_id, former.import_id)
    )  # fmt: skip
    return [
        Candidate(
            key, path, Story(*story), text_hash, format_instant(at), _HIDING, is_lost=False, is_former=True
        )
        for key, path, text_hash, at, *story in connection.execute(query)
    ]


def read_candidates(
    connection: sa.Connection, *wanted: sa.ColumnElement[bool], is_lost: bool = True
) -> list[Candidate]:
    """Return the articles that fulfil all conditions; `is_lost` says whether their documents are gone."""
    article = articles.c
    query = sa.select(
        article.id, article.path, article.title, article.canonical_digest, article.canonical_url,
        article.body, article.content_hash, article.published_at, article.missing_since,
    ).where(*wanted)  # fmt: skip
    rows = [
        (
            key,
            path,
            Story(title, digest, url, digest_body(body)),
            text_hash,
            format_instant(at),
            since is not None,
        )
        for key, path, title, digest, url, body, text_hash, at, since in connection.execute(query)
    ]
    decided = read_overrides(connection, [row[0] for row in rows])
    return [Candidate(*row[:5], decided.get(row[0], {}), is_lost=is_lost, is_missing=row[5]) for row in rows]
