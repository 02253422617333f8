"""A batch of read documents into rows, in bulk: a handful of statements a table, none a document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...documents.issues import Issue
from ...flags import Flags
from ...store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    documents,
    outdated_articles,
    related_link_images,
    related_links,
    search_queue,
)
from ..matching.moves import Plan
from ..merging.rules import (
    DOUBTS,
    Decision,
    Effective,
    Merged,
    Overrides,
    SetAside,
    effective,
    hides,
    legible,
    merge,
    still_aside,
)
from ..merging.stored_state import (
    StoredState,
    follow_stories,
    note_former_stories,
    note_takeovers,
    pass_on_former_stories,
    read_stored_state,
    take_set_aside,
    with_bodies,
    write_decisions,
)
from ..merging.stories import Story, has_same_title_or_url, is_another, is_retold
from ..reading.files import Chunk, Read, fresh_known
from ..reading.rows import ARTICLE_COLUMNS, LINK_COLUMNS, ArticleRow, Rows, story_of, value_of
from ..reading.tasks import SCHEDULED, OutcomeKind, Task
from ..records.import_records import ImportRecords
from ..records.versions import Restored, Upstream
from .orphans import Orphans
from .references import References

#: The tables whose rows are an article's own, and are written anew when it changes; it is then up to date.
_OWN = (
    article_topics, article_images, article_authors, related_links, collection_items, documents,
    outdated_articles,
)  # fmt: skip

_NEW = ("id", "provider_id", "source_id", "first_import_id", "last_import_id", *ARTICLE_COLUMNS)
_CHANGED = ("id", "provider_id", "last_import_id", "missing_since", *ARTICLE_COLUMNS)
_UPSTREAM = slice(4, 8)

#: Where the values begin that no decision and no date has a say in.
_REST = 9

_COLUMNS: dict[sa.Table, tuple[str, ...]] = {
    documents: ("article_id", "digest", "content"),
    article_topics: ("article_id", "position", "topic_id"),
    article_images: ("article_id", "position", "image_id", "extra"),
    article_authors: ("article_id", "position", "name"),
    related_links: ("id", "article_id", "provider_id", *LINK_COLUMNS),
    related_link_images: ("related_link_id", "position", "image_id", "extra"),
    collection_items: ("article_id", "position", "item_path", "item_stem"),
}


class ArticleWriter:
    """Writes the articles of one import, batch by batch; each call is part of the caller's transaction."""

    def __init__(self, records: ImportRecords) -> None:
        self._records = records

    def write(
        self,
        connection: sa.Connection,
        batch: Sequence[Chunk],
        plan: Plan | None = None,
        restored: Restored | None = None,
    ) -> None:
        """Add the new articles and bring the known ones to what their documents now say.

        Args:
            plan: which documents are at another path, or in doubt.
            restored: where an import is undone, what else it changed.
        """
        if not any(read.fresh for _, read in batch):
            return
        rows_now = dict(fresh_known(batch))
        known = sorted(rows_now)
        orphans = Orphans()
        orphans.note_released(connection, known)
        rows = _BatchRows(connection, self._records, batch, rows_now, plan or Plan(), restored)
        for tasks, read in batch:
            rows.add(tasks, read)
        rows.leave_old_paths(batch)
        _clear(connection, known)
        rows.store(connection)
        orphans.settle_images(connection, rows.references.deviating)
        orphans.remove_orphans(connection)

    def write_secured(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Replaces the stored bytes of articles whose `secured` alone differs."""
        rows = [
            (task.known.id, outcome.digest, outcome.content)
            for tasks, read in batch
            for task, outcome in zip(tasks, read.outcomes, strict=True)
            if outcome.what is OutcomeKind.SECURED_ONLY and task.known is not None
        ]
        if rows:
            backend_of(connection).bulk_update(
                connection, documents, ("article_id", "digest", "content"), rows
            )


class _BatchRows:
    """The rows of one transaction, with ids in place of digests and places."""

    def __init__(
        self,
        connection: sa.Connection,
        records: ImportRecords,
        batch: Sequence[Chunk],
        rows_now: Mapping[int, ArticleRow],
        plan: Plan,
        restored: Restored | None,
    ) -> None:
        self._records = records
        self._plan = plan
        self._restored = restored
        backend = backend_of(connection)
        self.references = References.resolve(connection, (read.rows for _, read in batch))
        self._standing = read_stored_state(connection, sorted(rows_now))
        with_bodies(connection, self._standing, {key: story_of(row) for key, row in rows_now.items()})
        #: The articles that are at another path now, with their paths before and what was said of decisions.
        self._moved = {
            a.id: (a.path, self._open_conflicts(a.path), records.issues.open_of(a.path, DOUBTS))
            for a in plan.moves.values()
            if a.id in rows_now
        }
        fresh = sum(len(read.fresh) for _, read in batch)
        self._new_ids = iter(backend.reserve_ids(connection, articles, fresh - len(rows_now)))
        links = sum(len(read.rows.links) for _, read in batch)
        self._link_ids = iter(backend.reserve_ids(connection, related_links, links))
        self._new: list[tuple[Any, ...]] = []
        self._changed: list[tuple[Any, ...]] = []
        self._merged: list[tuple[int, StoredState | None, Merged]] = []
        self._gone: list[tuple[int, Story]] = []
        self._former: list[tuple[int, StoredState]] = []
        self._retold: dict[int, Story] = {}
        #: New articles that get an override back, by the rows of those that were set aside.
        self._returned: dict[int, int] = {}
        self._parts: dict[sa.Table, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}

    def add(self, tasks: Sequence[Task], read: Read) -> None:
        """Adds what was read of some files."""
        ids = []
        for place, number in enumerate(read.fresh):
            task, issues = tasks[number], read.outcomes[number].issues
            row, (_, content) = read.rows.articles[place], read.rows.documents[place]
            if task.known is None:
                ids.append(self._add_new(task.file.path, row, issues))
            else:
                ids.append(self._add_changed(task.file.path, task.known.id, row, content, issues))
        self._add_parts(read.rows, ids)

    def leave_old_paths(self, batch: Sequence[Chunk]) -> None:
        """Close the issues of paths that moved articles have left, where no other document lies."""
        paths = {task.file.path for tasks, _ in batch for task in tasks} if self._moved else ()
        for old_path, _, _ in self._moved.values():
            if old_path not in paths:
                self._records.issues.settle(old_path, (), keep=())

    def _open_conflicts(self, path: str) -> set[str]:
        return {name for name in self._records.issues.fields_with(path, "upstream_changed") if name}

    def _add_new(self, path: str, row: ArticleRow, issues: tuple[Issue, ...]) -> int:
        article_id, import_id = next(self._new_ids), self._records.import_id
        provider_id = self.references.providers[row.provider]
        values = self._dated(row, None)
        if path in self._plan.doubts or path in self._plan.returns:
            values, issues = self._decide_new(article_id, path, values, issues)
        self._new.append((article_id, provider_id, self._records.source_id, import_id, import_id, *values))
        self._records.issues.settle(path, issues)
        return article_id

    def _dated(self, row: ArticleRow, before: Upstream | None) -> tuple[Any, ...]:
        """Return an article's values, with flags that cannot be read as they were, and not published by
        upstream before its date has come.

        Args:
            before: None where nothing of before is about this document. The status is stated only of one
                that is restored as it was.
        """
        limit = self._records.publish_until
        is_early = limit is not None and row.due_at is not None and row.due_at > limit
        if not (row.unclear or is_early):
            return row.values
        flags = legible(Flags(*row.values[_UPSTREAM]), row.unclear, before.flags if before else None)
        status = value_of(row, "upstream_status")
        was_scheduled = before is not None and before.status == SCHEDULED
        if is_early and status is None and (was_scheduled or flags.published is not False):
            flags, status = flags._replace(published=False), SCHEDULED
        return (*effective(flags, {}), *flags, status, *row.values[_REST:])

    def _decide_new(
        self, article_id: int, path: str, values: tuple[Any, ...], issues: tuple[Issue, ...]
    ) -> tuple[tuple[Any, ...], tuple[Issue, ...]]:
        """Give a new article the overrides that wait for its story, and hold it if it is in doubt."""
        back = self._plan.returns.get(path, [])
        self._returned.update({kept.id: article_id for kept in back if kept.id is not None})
        overrides = {kept.field: kept.decision for kept in back}
        upstream = Flags(*values[_UPSTREAM])
        merged = self._hold(path, upstream, Merged(effective(upstream, {}), overrides, (), ()), None)
        as_upstream = Effective(*values[:4])
        self._merged.append((article_id, None, merged))
        self._records.audit.add(article_id, (as_upstream, {}), merged)
        return (*merged.effective, *values[_UPSTREAM.start :]), (*issues, *merged.notices)

    def _hold(self, path: str, upstream: Flags, merged: Merged, before: Story | None) -> Merged:
        """Keep a document in doubt from being published.

        An override that hides it does so already. One that shows it was given to the story that the article
        had before, and is set aside with that; where it comes back to a new article, it stands.

        Args:
            before: the story that a known article had; None for a new article.
        """
        overrides, notices, aside = dict(merged.overrides), list(merged.notices), list(merged.set_aside)
        is_held = path in self._plan.held and not hides(overrides)
        if before is None and ("published" in overrides or "removed" in overrides):
            is_held = False
        if path in self._plan.doubts and (is_held or path not in self._plan.held):
            notices.append(self._plan.doubts[path])
            self._records.doubts.add(path)
        if is_held:
            shown = [flag for flag in ("published", "removed") if flag in overrides]
            left = [SetAside(before, flag, overrides.pop(flag)) for flag in shown if before is not None]
            aside, notices = [*aside, *left], [*notices, *still_aside(left, {})]
            assert self._records.audit.changeset_id is not None  # it is open: something is written
            overrides["published"] = Decision(0, self._records.audit.changeset_id)
        values = {flag: decision.value for flag, decision in overrides.items()}
        held = effective(upstream, values)
        return Merged(held, overrides, aside, notices)

    def _add_changed(
        self, path: str, article_id: int, row: ArticleRow, content: bytes, issues: tuple[Issue, ...]
    ) -> int:
        was = self._standing[article_id]
        old_path, said, doubts = self._moved.get(article_id) or (path, self._open_conflicts(path), [])
        story = self._story_of(row, was)
        tells_another = is_another(was.story, story)
        values = self._dated(row, self._upstream_before(article_id, was, tells_another))
        upstream = Flags(*values[_UPSTREAM])
        overrides = self._overrides_of(was)
        merged = merge(was.upstream, upstream, (was.story, story), overrides, was.set_aside, said)
        merged = self._hold(path, upstream, merged, was.story) if path in self._plan.doubts else merged
        provider_id = self.references.providers[row.provider]
        values = (*merged.effective, *values[_UPSTREAM.start :])
        self._changed.append((article_id, provider_id, self._records.import_id, None, *values))
        self._merged.append((article_id, was, merged))
        if tells_another:
            self._gone.append((article_id, was.story))
            if hides(was.overrides) and not hides(merged.overrides):
                self._records.doubts.add(path)
        elif was.story[:2] != story[:2]:
            self._retold[article_id] = story
        if self._restored is None and hides(was.overrides) and is_retold(was.story, story):
            self._former.append((article_id, was))
        self._records.issues.settle(path, (*issues, *merged.notices, *doubts))
        self._records.audit.add(article_id, (was.effective, was.overrides), merged)
        if path != old_path:
            self._records.audit.add_move(article_id, old_path, path)
        self._records.versions.add_changed(
            old_path, (was.content, content), was.digest, was.missing_since, was.last_import_id,
            Upstream(was.upstream, was.upstream_status),
        )  # fmt: skip
        return article_id

    def _upstream_before(self, article_id: int, was: StoredState, tells_another: bool) -> Upstream | None:
        """Return what flags are that a document states so that they cannot be read.

        An import that is undone has no say in them: what stands now is of that import.
        """
        if self._restored is not None:
            return self._restored.upstream[article_id]
        return None if tells_another else Upstream(was.upstream, None)

    def _overrides_of(self, was: StoredState) -> Overrides:
        """Return the overrides that stand: an import that is undone ends those by which it held articles."""
        if self._restored is None:
            return was.overrides
        undone = self._restored.changeset_id
        return {flag: kept for flag, kept in was.overrides.items() if kept.changeset_id != undone}

    def _story_of(self, row: ArticleRow, was: StoredState) -> Story:
        """Return what a document tells, with its body where that has a say."""
        story = story_of(row)
        needs_body = hides(was.overrides) or not has_same_title_or_url(was.story, story)
        return story_of(row, with_body=True) if needs_body else story

    def _add_parts(self, rows: Rows, ids: Sequence[int]) -> None:
        """Adds what belongs to articles, their places being the positions in `ids`."""
        parts, topics, providers = self._parts, self.references.topics, self.references.providers
        use = self.references.image_use
        link_ids = list(islice(self._link_ids, len(rows.links)))
        parts[documents] += [(i, *document) for i, document in zip(ids, rows.documents, strict=True)]
        parts[article_topics] += [(ids[a], position, topics[topic]) for a, position, topic in rows.topics]
        parts[article_images] += [(ids[u.owner], u.position, *use(u)) for u in rows.images]
        parts[article_authors] += [(ids[a], *values) for a, *values in rows.authors]
        parts[collection_items] += [(ids[a], *values) for a, *values in rows.items]
        parts[related_links] += [
            (link_id, ids[link.article], providers[link.provider], *link.values)
            for link_id, link in zip(link_ids, rows.links, strict=True)
        ]
        parts[related_link_images] += [(link_ids[u.owner], u.position, *use(u)) for u in rows.link_images]

    def store(self, connection: sa.Connection) -> None:
        backend = backend_of(connection)
        backend.bulk_insert(connection, articles, _NEW, self._new)
        pass_on_former_stories(connection, self._returned)
        take_set_aside(connection, list(self._returned))
        backend.bulk_update(connection, articles, _CHANGED, self._changed)
        for table, columns in _COLUMNS.items():
            backend.bulk_insert(connection, table, columns, self._parts[table])
        write_decisions(connection, self._merged)
        note_takeovers(connection, self._gone)
        note_former_stories(connection, self._records.import_id, self._former)
        follow_stories(connection, self._retold)
        queue_for_search(connection, [row[0] for row in (*self._new, *self._changed)])


def queue_for_search(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Has the full-text index take these articles in, or forget them, when it is next asked."""
    for ids in chunks(article_ids):
        connection.execute(sa.delete(search_queue).where(search_queue.c.article_id.in_(ids)))
    rows = [(article_id,) for article_id in article_ids]
    backend_of(connection).bulk_insert(connection, search_queue, ("article_id",), rows)


def _clear(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Takes out what is written anew."""
    for ids in chunks(article_ids):
        for table in _OWN:
            connection.execute(sa.delete(table).where(table.c.article_id.in_(ids)))
