"""Write a batch of documents as rows, in bulk: a few statements per table and none per document."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...documents.issues import Issue
from ...flags import HIDING, Flags
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
from ..merging.override_rules import (
    MATCH_WARNINGS,
    EffectiveFlags,
    Merged,
    Override,
    Overrides,
    SetAsideOverride,
    compute_effective,
    hides_article,
    make_set_aside_warnings,
    merge,
    replace_unreadable_flags,
)
from ..merging.stored_state import (
    StoredState,
    copy_former_stories,
    delete_set_aside,
    load_body_digests,
    read_stored_state,
    record_former_stories,
    record_takeovers,
    update_takeovers,
    write_overrides,
)
from ..merging.stories import Story, has_same_title_or_url, is_different_story, is_hard_to_recognize
from ..reading.files import Chunk, ReadResult, iter_changed_articles
from ..reading.rows import ARTICLE_COLUMNS, LINK_COLUMNS, ArticleRow, Rows, get_story, get_value
from ..reading.tasks import SCHEDULED, OutcomeKind, Task
from ..records.import_records import ImportRecords
from ..records.versions import Restored, Upstream
from .orphans import Orphans
from .references import References

#: Tables whose rows belong to one article. They are deleted and inserted again when the article changes.
#: Deleting from `outdated_articles` marks the article as up to date.
_OWN_TABLES = (
    article_topics, article_images, article_authors, related_links, collection_items, documents,
    outdated_articles,
)  # fmt: skip

_INSERTED_COLUMNS = ("id", "provider_id", "source_id", "first_import_id", "last_import_id", *ARTICLE_COLUMNS)
_UPDATED_COLUMNS = ("id", "provider_id", "last_import_id", "missing_since", *ARTICLE_COLUMNS)

#: The upstream flags among the values of `ARTICLE_COLUMNS`; the effective flags precede them.
_UPSTREAM = slice(4, 8)

#: Index of the first value after the flags and the upstream status.
_FIRST_OTHER = 9

#: The written columns of each table whose rows belong to one article.
_PART_COLUMNS: dict[sa.Table, tuple[str, ...]] = {
    documents: ("article_id", "digest", "content"),
    article_topics: ("article_id", "position", "topic_id"),
    article_images: ("article_id", "position", "image_id", "extra"),
    article_authors: ("article_id", "position", "name"),
    related_links: ("id", "article_id", "provider_id", *LINK_COLUMNS),
    related_link_images: ("related_link_id", "position", "image_id", "extra"),
    collection_items: ("article_id", "position", "item_path", "item_stem"),
}


class ArticleWriter:
    """Writer of the articles of one import, batch by batch. The caller of each method commits."""

    def __init__(self, records: ImportRecords) -> None:
        self._records = records

    def write(
        self,
        connection: sa.Connection,
        batch: Sequence[Chunk],
        plan: Plan | None = None,
        restored: Restored | None = None,
    ) -> None:
        """Insert the new articles of a batch, and update the known ones.

        Args:
            plan: The documents that moved or need a warning.
            restored: Further values to restore when an import is reverted.
        """
        if not any(read.article_tasks for _, read in batch):
            return
        rows_by_id = dict(iter_changed_articles(batch))
        known = sorted(rows_by_id)
        orphans = Orphans()
        orphans.release_references_of(connection, known)
        rows = _BatchRows(connection, self._records, batch, rows_by_id, plan or Plan(), restored)
        for tasks, read in batch:
            rows.add(tasks, read)
        rows.close_issues_of_old_paths(batch)
        _delete_parts(connection, known)
        rows.store(connection)
        orphans.refresh_images(connection, rows.references.deviating)
        orphans.remove_orphans(connection)

    def write_secured(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Replace the stored bytes of articles whose documents differ only in `secured`."""
        rows = [
            (task.known.id, outcome.digest, outcome.content)
            for tasks, read in batch
            for task, outcome in zip(tasks, read.outcomes, strict=True)
            if outcome.kind is OutcomeKind.SECURED_ONLY and task.known is not None
        ]
        if rows:
            backend_of(connection).bulk_update(
                connection, documents, ("article_id", "digest", "content"), rows
            )


class _BatchRows:
    """The rows of one transaction, with ids instead of digests and positions."""

    def __init__(
        self,
        connection: sa.Connection,
        records: ImportRecords,
        batch: Sequence[Chunk],
        rows_by_id: Mapping[int, ArticleRow],
        plan: Plan,
        restored: Restored | None,
    ) -> None:
        self._records = records
        self._plan = plan
        self._restored = restored
        backend = backend_of(connection)
        self.references = References.resolve(connection, (read.rows for _, read in batch))
        self._stored = read_stored_state(connection, sorted(rows_by_id))
        load_body_digests(connection, self._stored, {key: get_story(row) for key, row in rows_by_id.items()})
        #: For each article that moved: its old path, and its open warnings there.
        self._moved = {
            a.id: (a.path, records.issues.find_open_issues(a.path, MATCH_WARNINGS))
            for a in plan.moves.values()
            if a.id in rows_by_id
        }
        fresh = sum(len(read.article_tasks) for _, read in batch)
        self._new_ids = iter(backend.reserve_ids(connection, articles, fresh - len(rows_by_id)))
        links = sum(len(read.rows.links) for _, read in batch)
        self._link_ids = iter(backend.reserve_ids(connection, related_links, links))
        self._new: list[tuple[Any, ...]] = []
        self._changed: list[tuple[Any, ...]] = []
        self._merged: list[tuple[int, StoredState | None, Merged]] = []
        #: Stories that another story has replaced.
        self._replaced: list[tuple[int, Story]] = []
        #: Hidden articles whose stories are kept as former stories.
        self._former: list[tuple[int, StoredState]] = []
        #: Stories with another title or URL than before.
        self._edited: dict[int, Story] = {}
        #: Ids of new articles that get an override back, by the id of its row in `set_aside_overrides`.
        self._returned_overrides: dict[int, int] = {}
        self._parts: dict[sa.Table, list[tuple[Any, ...]]] = {table: [] for table in _PART_COLUMNS}

    def add(self, tasks: Sequence[Task], read: ReadResult) -> None:
        """Add the rows of the files that were read."""
        ids = []
        for index, number in enumerate(read.article_tasks):
            task, issues = tasks[number], read.outcomes[number].issues
            row, (_, content) = read.rows.articles[index], read.rows.documents[index]
            if task.known is None:
                ids.append(self._add_new(task.file.path, row, issues))
            else:
                ids.append(self._add_changed(task.file.path, task.known.id, row, content, issues))
        self._add_parts(read.rows, ids)

    def close_issues_of_old_paths(self, batch: Sequence[Chunk]) -> None:
        """Close the issues of old paths of moved articles that have no other document."""
        paths = {task.file.path for tasks, _ in batch for task in tasks} if self._moved else ()
        for old_path, _ in self._moved.values():
            if old_path not in paths:
                self._records.issues.set_open(old_path, (), keep=())

    def _add_new(self, path: str, row: ArticleRow, issues: tuple[Issue, ...]) -> int:
        article_id, import_id = next(self._new_ids), self._records.import_id
        provider_id = self.references.providers[row.provider]
        values = self._adjust_flags(row, None)
        if path in self._plan.warnings or path in self._plan.returning:
            values, issues = self._apply_plan_to_new(article_id, path, values, issues)
        self._new.append((article_id, provider_id, self._records.source_id, import_id, import_id, *values))
        self._records.issues.set_open(path, issues)
        return article_id

    def _adjust_flags(self, row: ArticleRow, before: Upstream | None) -> tuple[Any, ...]:
        """Return an article's values with adjusted flags.

        A flag that cannot be read keeps its earlier value. An article is not published by upstream before its
        date.

        Args:
            before: The earlier upstream flags; None if there are none for this document. Its status is known
                only if an import is reverted.
        """
        limit = self._records.publish_until
        is_early = limit is not None and row.due_at is not None and row.due_at > limit
        if not (row.unclear or is_early):
            return row.values
        return self._adjust_values(row, before, is_early=is_early)

    def _adjust_values(self, row: ArticleRow, before: Upstream | None, *, is_early: bool) -> tuple[Any, ...]:
        """Return an article's values with flags that can be read, and not published if it is early."""
        flags = replace_unreadable_flags(
            Flags(*row.values[_UPSTREAM]), row.unclear, before.flags if before else None
        )
        status = get_value(row, "upstream_status")
        was_scheduled = before is not None and before.status == SCHEDULED
        if is_early and status is None and (was_scheduled or flags.published is not False):
            flags, status = flags._replace(published=False), SCHEDULED
        return (*compute_effective(flags, {}), *flags, status, *row.values[_FIRST_OTHER:])

    def _apply_plan_to_new(
        self, article_id: int, path: str, values: tuple[Any, ...], issues: tuple[Issue, ...]
    ) -> tuple[tuple[Any, ...], tuple[Issue, ...]]:
        """Give a new article the overrides that return with its story, and withhold it if planned."""
        returning = self._plan.returning.get(path, [])
        self._returned_overrides.update({kept.id: article_id for kept in returning if kept.id is not None})
        overrides = {kept.field: kept.override for kept in returning}
        upstream = Flags(*values[_UPSTREAM])
        merged = self._apply_plan(
            path, upstream, Merged(compute_effective(upstream, {}), overrides, (), ()), None
        )
        as_upstream = EffectiveFlags(*values[:4])
        self._merged.append((article_id, None, merged))
        self._records.audit.add_changes(article_id, (as_upstream, {}), merged)
        return (*merged.effective, *values[_UPSTREAM.start :]), (*issues, *merged.notices)

    def _apply_plan(self, path: str, upstream: Flags, merged: Merged, before: Story | None) -> Merged:
        """Add the planned warning of a document, and unpublish it if it is withheld.

        An override that hides the article already has that effect. An override that shows it was about the
        previous story of a known article, and is set aside with that story. If it returns to a new article,
        it stays in effect.

        Args:
            before: The previous story of a known article; None for a new article.
        """
        overrides, notices, set_aside = dict(merged.overrides), list(merged.notices), list(merged.set_aside)
        is_withheld = self._must_be_withheld(path, overrides, before)
        if path in self._plan.warnings and (is_withheld or path not in self._plan.withheld):
            notices.append(self._plan.warnings[path])
            self._records.to_review.add(path)
        if is_withheld:
            added = [] if before is None else _set_aside_visibility(overrides, before)
            set_aside, notices = [*set_aside, *added], [*notices, *make_set_aside_warnings(added, {})]
            assert self._records.audit.changeset_id is not None  # open, because this batch changes rows
            overrides["published"] = Override(0, self._records.audit.changeset_id)
        values = {flag: decision.value for flag, decision in overrides.items()}
        return Merged(compute_effective(upstream, values), overrides, set_aside, notices)

    def _must_be_withheld(self, path: str, overrides: Overrides, before: Story | None) -> bool:
        """Return whether an override has to unpublish a document that the plan withholds."""
        if path not in self._plan.withheld or hides_article(overrides):
            return False
        return before is not None or overrides.keys().isdisjoint(HIDING)

    def _add_changed(
        self, path: str, article_id: int, row: ArticleRow, content: bytes, issues: tuple[Issue, ...]
    ) -> int:
        stored = self._stored[article_id]
        old_path, warnings = self._moved.get(article_id) or (path, [])
        story = self._read_story(row, stored)
        has_other_story = is_different_story(stored.story, story)
        values = self._adjust_flags(row, self._find_upstream_before(article_id, stored, has_other_story))
        upstream = Flags(*values[_UPSTREAM])
        overrides = self._find_overrides(stored)
        merged = merge(upstream, (stored.story, story), overrides, stored.set_aside)
        if path in self._plan.warnings:
            merged = self._apply_plan(path, upstream, merged, stored.story)
        provider_id = self.references.providers[row.provider]
        values = (*merged.effective, *values[_UPSTREAM.start :])
        self._changed.append((article_id, provider_id, self._records.import_id, None, *values))
        self._merged.append((article_id, stored, merged))
        if has_other_story:
            self._replaced.append((article_id, stored.story))
            if hides_article(stored.overrides) and not hides_article(merged.overrides):
                self._records.to_review.add(path)
        elif stored.story[:2] != story[:2]:
            self._edited[article_id] = story
        if self._is_former_kept(stored, story):
            self._former.append((article_id, stored))
        self._records.issues.set_open(path, (*issues, *merged.notices, *warnings))
        self._records.audit.add_changes(article_id, (stored.effective, stored.overrides), merged)
        if path != old_path:
            self._records.audit.add_move(article_id, old_path, path)
        self._records.versions.add_changed(
            old_path, (stored.content, content), stored.digest, stored.missing_since, stored.last_import_id,
            Upstream(stored.upstream, stored.upstream_status),
        )  # fmt: skip
        return article_id

    def _is_former_kept(self, stored: StoredState, story: Story) -> bool:
        """Return whether to keep the previous story of an article, because an editor hides it."""
        return (
            self._restored is None
            and hides_article(stored.overrides)
            and is_hard_to_recognize(stored.story, story)
        )

    def _find_upstream_before(
        self, article_id: int, stored: StoredState, has_other_story: bool
    ) -> Upstream | None:
        """Return the earlier upstream flags, for those that cannot be read in the document.

        If an import is reverted, these are the flags before that import, because the stored ones are its own.
        """
        if self._restored is not None:
            return self._restored.upstream[article_id]
        return None if has_other_story else Upstream(stored.upstream, None)

    def _find_overrides(self, stored: StoredState) -> Overrides:
        """Return the overrides of an article, without those that a reverted import made to withhold it."""
        if self._restored is None:
            return stored.overrides
        reverted_id = self._restored.changeset_id
        return {flag: made for flag, made in stored.overrides.items() if made.changeset_id != reverted_id}

    def _read_story(self, row: ArticleRow, stored: StoredState) -> Story:
        """Return the story of a document, with its body if that is needed for the comparison."""
        story = get_story(row)
        needs_body = hides_article(stored.overrides) or not has_same_title_or_url(stored.story, story)
        return get_story(row, with_body=True) if needs_body else story

    def _add_parts(self, rows: Rows, ids: Sequence[int]) -> None:
        """Add the rows that belong to articles. `rows` refers to articles by their index in `ids`."""
        parts, topics, providers = self._parts, self.references.topics, self.references.providers
        use = self.references.get_image_use
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
        """Write the rows. The caller commits."""
        backend = backend_of(connection)
        backend.bulk_insert(connection, articles, _INSERTED_COLUMNS, self._new)
        copy_former_stories(connection, self._returned_overrides)
        self._records.touched_ids.update(delete_set_aside(connection, list(self._returned_overrides)))
        backend.bulk_update(connection, articles, _UPDATED_COLUMNS, self._changed)
        for table, columns in _PART_COLUMNS.items():
            backend.bulk_insert(connection, table, columns, self._parts[table])
        write_overrides(connection, self._merged)
        record_takeovers(connection, self._replaced)
        record_former_stories(connection, self._records.import_id, self._former)
        update_takeovers(connection, self._edited)
        written = [row[0] for row in (*self._new, *self._changed)]
        queue_for_search(connection, written)
        self._records.touched_ids.update(written)


def _set_aside_visibility(overrides: dict[str, Override], story: Story) -> list[SetAsideOverride]:
    """Remove the overrides that decide whether an article is shown, and return them as set aside."""
    return [SetAsideOverride(story, flag, overrides.pop(flag)) for flag in HIDING if flag in overrides]


def queue_for_search(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Queue articles for the full-text index, which adds or removes them before the next search."""
    for ids in chunks(article_ids):
        connection.execute(sa.delete(search_queue).where(search_queue.c.article_id.in_(ids)))
    rows = [(article_id,) for article_id in article_ids]
    backend_of(connection).bulk_insert(connection, search_queue, ("article_id",), rows)


def _delete_parts(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Delete the rows of articles that are about to be inserted again."""
    for ids in chunks(article_ids):
        for table in _OWN_TABLES:
            connection.execute(sa.delete(table).where(table.c.article_id.in_(ids)))
