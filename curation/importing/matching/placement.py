"""Collect the unplaced documents of an import, and read the articles that they may match.

The rules are in `moves`. Files at known paths are read before files at new paths. So every article whose path
another story has taken is known before the first new file is checked.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from ...articles.override_status import hides
from ...backends.base import chunks
from ...documents.instants import format_instant
from ...store.schema import articles, former_stories, overrides, set_aside_overrides
from ..merging.override_rules import Override, SetAsideOverride
from ..merging.stored_state import STORY_COLUMNS, read_overrides, read_set_aside
from ..merging.stories import Story, digest_body, fold_title, has_same_body, share_title_or_url
from ..reading.files import Chunk, drop_tasks, iter_changed_articles
from ..reading.rows import ArticleRow, get_story, get_value
from .hidden_stories import (
    MIN_BODY,
    HiddenStories,
    make_candidate,
    make_weak_keys,
    withhold_hidden_stories,
)
from .moves import Candidate, Plan, UnplacedDocument, make_plan

#: The overrides of former stories: they count as hidden by an editor.
_HIDING = {"published": Override(0, 0)}


class Placement:
    """The unplaced documents of one import, and the articles that they may match."""

    def __init__(self, source_id: int) -> None:
        self._source_id = source_id
        self._unplaced: list[UnplacedDocument] = []
        #: SHA-256 of the deferred documents when they were first read, by path.
        self.digests: dict[str, bytes] = {}
        self._lost: dict[int, Candidate] = {}
        #: Current and former stories of the articles that an editor hides, from before the import.
        self._hidden_stories = HiddenStories((), ())
        self._set_aside: list[SetAsideOverride] = []
        #: Keys of the articles that new documents may match; None until `load_move_candidates`.
        self._lookup_keys: set[object] | None = None

    def __bool__(self) -> bool:
        """Return whether any document is deferred."""
        return bool(self._unplaced)

    def load_hidden_stories(self, connection: sa.Connection) -> None:
        """Read the stories that an editor hides, and the overrides that are set aside.

        Call this before anything is written.
        """
        self._set_aside = [
            kept for _, kept in read_set_aside(connection, articles.c.source_id == self._source_id)
        ]
        former = [*map(make_candidate, self._set_aside), *_read_former(connection, self._source_id)]
        self._hidden_stories = HiddenStories(_read_hidden(connection, self._source_id), former)

    def defer_unplaced(self, connection: sa.Connection, batch: Sequence[Chunk]) -> list[Chunk]:
        """Defer the unplaced documents of a batch. Return the batch without them."""
        taken_over = self._find_taken_over(connection, batch)
        with_hidden_story = self._find_with_hidden_story(connection, batch) - taken_over
        deferred_ids = taken_over | with_hidden_story
        kept: list[Chunk] = []
        for tasks, read in batch:
            deferred = set()
            for index, number in enumerate(read.article_tasks):
                known, row = tasks[number].known, read.rows.articles[index]
                occupant = None if known is None else known.id
                if (occupant not in deferred_ids) if occupant is not None else self._lookup_keys is None:
                    continue
                digest = read.rows.documents[index][0]
                doc = _make_unplaced(tasks[number].file, digest, row, occupant)
                if occupant is not None or self._must_be_deferred(doc):
                    self._unplaced.append(replace(doc, has_hidden_story=occupant in with_hidden_story))
                    self.digests[doc.path] = digest
                    deferred.add(number)
            kept.append(drop_tasks((tasks, read), deferred))
        return [chunk for chunk in kept if chunk[0]]

    def load_move_candidates(self, connection: sa.Connection, gone: Sequence[str]) -> None:
        """Read the articles that new documents may match.

        Call this once, after all files at known paths are read.

        Args:
            gone: Paths of the files that are gone.
        """
        self._add_lost(_read_lost(connection, self._source_id, gone))
        stories = [(article.story, article.content_hash) for article in self._lost.values()]
        stories += [(kept.story, "") for kept in self._set_aside]
        self._lookup_keys = {key for story, text_hash in stories for key in _lookup_keys(story, text_hash)}

    def make_plan(self) -> Plan:
        """Plan what to do with the deferred documents."""
        plan = make_plan(self._unplaced, list(self._lost.values()), self._set_aside)
        withhold_hidden_stories(plan, self._unplaced, self._hidden_stories)
        moved = {article.id for article in plan.moves.values()}
        owners = {doc.occupant for doc in self._unplaced if doc.occupant is not None}
        for doc in self._unplaced:
            _plan_path(plan, doc, moved, owners)
        return plan

    @property
    def unplaced(self) -> Sequence[UnplacedDocument]:
        """The deferred documents, sorted by path."""
        return sorted(self._unplaced, key=lambda doc: doc.path)

    def _add_lost(self, candidates: Iterable[Candidate]) -> None:
        for candidate in candidates:
            self._lost.setdefault(candidate.id, candidate)

    def _must_be_deferred(self, doc: UnplacedDocument) -> bool:
        """Return whether a new document shares a key with a lost article, or has a hidden story."""
        if self._lookup_keys and not self._lookup_keys.isdisjoint(_lookup_keys(doc.story, doc.content_hash)):
            return True
        return next(self._hidden_stories.find(doc), None) is not None

    def _find_with_hidden_story(self, connection: sa.Connection, batch: Sequence[Chunk]) -> set[int]:
        """Return the ids of articles whose documents now have a story that an editor hides.

        It is the story of another article, or a former one, and the article did not have it before.
        """
        found: dict[int, UnplacedDocument] = {}
        for known, row in iter_changed_articles(batch) if self._hidden_stories else ():
            doc = _make_unplaced(None, b"", row, known)
            if next(self._hidden_stories.find(doc), None) is not None:
                found[known] = doc
        before = [
            candidate
            for ids in chunks(list(found))
            for candidate in read_candidates(connection, articles.c.id.in_(ids))
        ]
        return {
            article.id for article in before if self._hidden_stories.has_new_match(found[article.id], article)
        }

    def _find_taken_over(self, connection: sa.Connection, batch: Sequence[Chunk]) -> set[int]:
        """Return the ids of articles whose path another story has taken, or may have taken.

        They become candidates. If neither story has a URL, the two alone do not show whether they differ (see
        `is_different_story`). It then depends on whether the first story is found at another path.
        """
        rows = dict(iter_changed_articles(batch))
        columns = (articles.c.id, articles.c.title, articles.c.canonical_digest, articles.c.canonical_url)
        suspects = []
        for ids in chunks(list(rows)):
            for key, *story in connection.execute(sa.select(*columns).where(articles.c.id.in_(ids))):
                if not share_title_or_url(Story(*story), get_story(rows[key])):
                    suspects.append(key)
        taken_over = [
            candidate
            for ids in chunks(suspects)
            for candidate in read_candidates(connection, articles.c.id.in_(ids))
            if not has_same_body(candidate.story, get_story(rows[candidate.id], with_body=True))
        ]
        self._add_lost(taken_over)
        return {candidate.id for candidate in taken_over}


def _plan_path(plan: Plan, doc: UnplacedDocument, moved: set[int], owners: set[int]) -> None:
    """Plan what becomes of the article at a document's path, and whether paths are exchanged.

    Args:
        moved: Ids of the articles that move.
        owners: Ids of the articles at the paths of the deferred documents.
    """
    article, leaves = plan.moves.get(doc.path), doc.occupant in moved
    if doc.occupant is not None and (article is not None or leaves):
        plan.chained_documents.add(doc.path)
        if article is None:
            plan.vacant.add(doc.path)
        elif not leaves:
            plan.evicted_articles[doc.path] = doc.occupant
    elif article is not None and article.id in owners:
        plan.chained_documents.add(doc.path)


def _make_unplaced(file: Any, digest: bytes, row: ArticleRow, occupant: int | None) -> UnplacedDocument:
    text_hash, published_at = get_value(row, "content_hash"), get_value(row, "published_at")
    is_brief = sum(map(len, get_value(row, "body").split(None, MIN_BODY))) < MIN_BODY
    story = get_story(row, with_body=True)
    return UnplacedDocument(file, digest, text_hash, story, published_at, occupant, is_brief=is_brief)


def _lookup_keys(story: Story, text_hash: str) -> set[object]:
    """Return the keys by which a document may match a lost article. One shared key is enough."""
    more = (("hash", text_hash), ("title", fold_title(story.title)))
    return {*make_weak_keys(story), *(key for key in more if key[1])}


# --- reading the store ----------------------------------------------------------------------------------


def has_overrides() -> sa.ColumnElement[bool]:
    """Return the SQL condition that a row of `articles` has overrides."""
    return articles.c.id.in_(sa.select(overrides.c.article_id))


def find_overridden_paths(connection: sa.Connection, source_id: int) -> Sequence[str]:
    """Return the paths of a source's articles that have overrides and are not missing."""
    mine = (articles.c.source_id == source_id, articles.c.missing_since.is_(None))
    return connection.scalars(sa.select(articles.c.path).where(*mine, has_overrides())).all()


def _read_lost(connection: sa.Connection, source_id: int, gone: Sequence[str]) -> Iterable[Candidate]:
    """Yield the articles whose files are gone, in this import or since an earlier one."""
    mine = articles.c.source_id == source_id
    for paths in chunks(gone):
        yield from read_candidates(connection, mine, articles.c.path.in_(paths))
    yield from read_candidates(connection, mine, articles.c.missing_since.is_not(None))


def _read_hidden(connection: sa.Connection, source_id: int) -> Iterable[Candidate]:
    """Return the articles that an editor hides.

    These are the articles of the source, and the missing articles of other sources, because a document may
    have moved from there.
    """
    ids = sa.select(overrides.c.article_id).where(hides(overrides))
    is_near = sa.or_(articles.c.source_id == source_id, articles.c.missing_since.is_not(None))
    return read_candidates(connection, is_near, articles.c.id.in_(ids), is_lost=False)


def _read_former(connection: sa.Connection, source_id: int) -> list[Candidate]:
    """Return the former stories of hidden articles of a source, as candidates.

    A story counts as long as the override that hid it exists or is set aside.
    """
    former = former_stories.c
    is_hidden = sa.or_(
        *(
            sa.exists().where(
                table.c.article_id == former.article_id, table.c.changeset_id == former.changeset_id,
                hides(table),
            )
            for table in (overrides, set_aside_overrides)
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
    """Return the articles that fulfil all conditions, as candidates.

    Args:
        is_lost: Whether their documents are gone.
    """
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
    by_id = read_overrides(connection, [row[0] for row in rows])
    return [Candidate(*row[:5], by_id.get(row[0], {}), is_lost=is_lost, is_missing=row[5]) for row in rows]
