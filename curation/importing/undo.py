"""Undoing an import: what an editor expects when a bad dump came in.

- Articles that the import added are taken out again; those that it changed are what they were, document
  and flags; those that it found at another path are back at the old one; what it marked missing is there,
  what it brought back is missing again. So with the taxonomy.
- An article that an editor has decided on since is kept as it is, and named; so is one that a later import
  has changed: undo that one first.
- Decisions are never undone by this: an override stands, or comes back with its story.
- The dump is read anew at the next import: if it is still the bad one, it comes in again.

The last `versions.KEPT_IMPORTS` imports of a source can be undone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.base import chunks
from ..documents.instants import as_text
from ..errors import DocumentError, EditRefused
from ..flags import Flags
from ..scanning import File, Kind
from ..store.database import Store
from ..store.schema import (
    article_moves,
    articles,
    changes,
    changesets,
    documents,
    file_versions,
    files,
    imports,
    overrides,
    sources,
    taxonomy_documents,
)
from .publish_dates import publish_limit
from .reading.files import issues_of, read_files
from .reading.tasks import Known, OutcomeKind, Task
from .records import versions
from .records.audit import Audit
from .records.decision_notices import settle_decision_notices
from .records.files import forget
from .records.import_records import ImportRecords
from .records.issues import IssueBook
from .records.versions import UPSTREAM_COLUMNS, Restored, Upstream, Versions, before
from .undo_limits import DECIDED, LATER, TAKEN, Undoing, changed_later, decided_at_all, decided_since
from .writing.articles import ArticleWriter, queue_for_search
from .writing.links import resolve_items, resolve_related
from .writing.orphans import Orphans, settle_images_of
from .writing.taxonomy import TaxonomyWriter, delete_taxonomy, mark_taxonomy

#: Documents that are restored together.
BATCH = 500


@dataclass(slots=True)
class Undone:
    """What undoing an import did, in files (the taxonomy's among them), and what it left alone: path and
    why."""

    changeset_id: int
    removed: int = 0
    restored: int = 0
    marked: int = 0
    kept: list[tuple[str, str]] = field(default_factory=list)


@contextmanager
def undoing_imports(
    store: Store, changeset_ids: Iterable[int], *, dry_run: bool = False
) -> Iterator[sa.Connection]:
    """A transaction in which the imports of these changesets can be undone: no import of their sources runs
    meanwhile; of a dry run nothing is kept. Raises EditRefused for one that is no import's, ImportFailed
    while an import is running."""
    with store.reading() as connection:
        names = {_find(connection, changeset_id).source for changeset_id in changeset_ids}
    with ExitStack() as held:
        locks = [held.enter_context(store.importing(name, dry_run=dry_run)) for name in sorted(names)]
        yield held.enter_context(store.rolled_back() if dry_run else store.writing())
        for check_lock in locks:  # before commit: without it nothing is undone
            check_lock()


def undo_import(
    connection: sa.Connection, changeset_id: int, *, actor: str, reason: str | None = None
) -> Undone:
    """Undoes the import that made a changeset, within `undoing_imports`, which commits.

    Raises EditRefused for a changeset that is no import's, for one that is undone already, for one too old,
    and where what files were before is not kept of all that it changed.
    """
    undoing = _find(connection, changeset_id)
    _refuse(connection, changeset_id, undoing)
    return _Undoing(connection, undoing, changeset_id, actor, reason).run()


def _find(connection: sa.Connection, changeset_id: int) -> Undoing:
    changed = imports.c.updated + imports.c.missing + imports.c.moved
    query = (
        sa.select(imports.c.id, imports.c.source_id, sources.c.name, imports.c.status, changed)
        .join(changesets, changesets.c.import_id == imports.c.id)
        .join(sources, sources.c.id == imports.c.source_id)
        .where(changesets.c.id == changeset_id, changesets.c.kind == "import")
    )
    row = connection.execute(query).first()
    if row is None:
        raise EditRefused(f"changeset {changeset_id} is no import's: `curation log` lists changesets")
    return Undoing(*row)


def _refuse(connection: sa.Connection, changeset_id: int, undoing: Undoing) -> None:
    if undoing.status == "reverted":
        raise EditRefused(f"changeset {changeset_id} is undone already")
    mine = file_versions.c.import_id == undoing.id
    kept = connection.scalar(sa.select(sa.func.count()).select_from(file_versions).where(mine)) or 0
    if undoing.changed and not kept and _newer(connection, undoing) >= versions.KEPT_IMPORTS:
        raise EditRefused(
            f"changeset {changeset_id} is too old to be undone: what files were before is kept for the last"
            f" {versions.KEPT_IMPORTS} imports of a source"
        )
    lost = _count_lost(connection, changeset_id, undoing)
    if not _is_undone_in_part(connection, changeset_id):
        lost = max(lost, undoing.changed - kept)
    if lost:
        raise EditRefused(
            f"changeset {changeset_id} cannot be undone: what {lost:,} of its files were before is not kept;"
            " import an earlier state of the source instead"
        )


def _newer(connection: sa.Connection, undoing: Undoing) -> int:
    """How many later imports of the source can be undone."""
    query = (
        sa.select(sa.func.count(file_versions.c.import_id.distinct()))
        .join(imports, imports.c.id == file_versions.c.import_id)
        .where(imports.c.source_id == undoing.source_id, imports.c.id > undoing.id)
    )
    return connection.scalar(query) or 0


def _count_lost(connection: sa.Connection, changeset_id: int, undoing: Undoing) -> int:
    """How many files are as the import changed them, with nothing that tells what they were before."""
    move, lost = article_moves.c, 0
    for table in (articles, taxonomy_documents):
        version = file_versions.c
        path: sa.ColumnElement[str] = table.c.path
        if table is articles:  # of one that moved it is kept where it was before
            was_at = sa.select(move.old_path).where(
                move.changeset_id == changeset_id, move.article_id == articles.c.id
            )
            path = sa.func.coalesce(was_at.correlate(articles).scalar_subquery(), path)
        is_kept = sa.exists().where(
            version.import_id == undoing.id, version.source_id == table.c.source_id, version.path == path
        )
        query = sa.select(sa.func.count()).where(
            table.c.last_import_id == undoing.id,
            table.c.first_import_id != undoing.id,
            ~is_kept.correlate(table),
        )
        lost += connection.scalar(query) or 0
    return lost


def _is_undone_in_part(connection: sa.Connection, changeset_id: int) -> bool:
    """Whether it was undone but for files that a later import had changed: of the others nothing is kept."""
    query = sa.select(changesets.c.id).where(changesets.c.reverts_id == changeset_id).limit(1)
    return connection.scalar(query) is not None


class _Undoing:
    """The undoing that is under way, within one transaction."""

    def __init__(
        self, connection: sa.Connection, undoing: Undoing, changeset_id: int, actor: str, reason: str | None
    ) -> None:
        self._connection = connection
        self._import = undoing
        self._changeset_id = changeset_id
        audit = Audit({"kind": "revert", "actor": actor, "reason": reason, "reverts_id": changeset_id})
        audit.open(connection)
        assert audit.changeset_id is not None
        self._undone = Undone(audit.changeset_id)
        #: Whether it can be undone once more, after a later import.
        self._waits_for_later = False
        issues = IssueBook(connection, undoing.source_id, undoing.id)
        kept = Versions(undoing.source_id, undoing.id)
        limit = publish_limit(connection, undoing.source_id)
        self._records = ImportRecords(undoing.source_id, undoing.id, issues, audit, kept, limit)

    def run(self) -> Undone:
        connection, undoing = self._connection, self._import
        backend_of(connection).lock_references(connection)
        self._remove_added()
        left, moved_back = self._move_back()
        rows = [row for row in self._versions() if row.path not in left]
        for some in chunks([row for row in rows if row.delta is not None], BATCH):
            self._restore(some)
        self._put_marks_back(rows)
        # Which use of an image is the first depends on marks and paths: all of them stand by now.
        touched = {row.article_id for row in rows if row.article_id is not None}
        settle_images_of(connection, sorted(touched | moved_back))
        # Of what was taken out nothing tells any more which links it could have been named by.
        resolve_related(connection, undoing.source_id, None)
        resolve_items(connection, undoing.source_id, None)
        self._records.audit.flush(connection)
        self._records.issues.flush(connection)
        settle_decision_notices(connection, undoing.source_id, self._records.issues)
        self._records.issues.flush(connection)
        if not self._waits_for_later:
            is_mine = imports.c.id == undoing.id
            connection.execute(sa.update(imports).where(is_mine).values(status="reverted"))
        return self._undone

    # --- what is left alone ------------------------------------------------------------------------------

    def _keep(self, rows: Sequence[Any]) -> list[Any]:
        """The rows that can be undone; the others are named."""
        free = []
        for row in rows:
            if row.is_later:
                self._waits_for_later = True
                self._undone.kept.append((row.path, LATER))
            elif row.is_decided:
                self._undone.kept.append((row.path, DECIDED))
            else:
                free.append(row)
        return free

    # --- what is undone ----------------------------------------------------------------------------------

    def _remove_added(self) -> None:
        """Takes out what the import added."""
        for table in (articles, taxonomy_documents):
            is_decided = (
                decided_at_all(self._import.id, self._changeset_id, table.c.id)
                if table is articles
                else sa.false()
            )
            mine = (
                table.c.first_import_id == self._import.id,
                table.c.source_id == self._import.source_id,
            )
            # Versions are forgotten in time; that another import wrote the row last is not.
            is_later = sa.or_(
                table.c.last_import_id != self._import.id, changed_later(self._import, table.c.path)
            ).label("is_later")
            columns = (table.c.id, table.c.path, is_later, is_decided.label("is_decided"))
            added = sa.select(*columns).where(*mine)
            rows = self._keep(self._connection.execute(added.order_by(table.c.path)).all())
            paths = [row.path for row in rows]
            self._records.issues.load(self._connection, paths)
            for path in paths:
                self._records.issues.settle(path, ())
            forget(self._connection, self._import.source_id, paths)
            self._remove(table, [row.id for row in rows])
            self._undone.removed += len(rows)

    def _remove(self, table: sa.Table, row_ids: Sequence[int]) -> None:
        if table is taxonomy_documents:
            delete_taxonomy(self._connection, row_ids)
            return
        orphans = Orphans()
        orphans.note_released(self._connection, row_ids)
        queue_for_search(self._connection, row_ids)
        for ids in chunks(row_ids):
            # What is left of overrides are those by which the import held articles back; of changes, those
            # of imports that were undone, and of decisions taken back.
            self._connection.execute(sa.delete(overrides).where(overrides.c.article_id.in_(ids)))
            self._connection.execute(sa.delete(changes).where(changes.c.article_id.in_(ids)))
            self._connection.execute(sa.delete(articles).where(articles.c.id.in_(ids)))
        orphans.settle_images(self._connection, ())
        orphans.remove_orphans(self._connection)

    def _move_back(self) -> tuple[set[str], set[int]]:
        """Gives moved articles their paths back; returns the paths of those that it leaves where they are,
        and the ids of the others."""
        connection = self._connection
        moves = self._moves()
        free = {move.article_id: move for move in moves if not (move.is_later or move.is_decided)}
        while blocked := self._find_blocked(free):
            for article_id in blocked:
                self._undone.kept.append((free.pop(article_id).path, TAKEN))
                self._waits_for_later = True
        for move in moves:
            if move.is_later:
                self._waits_for_later = True
                self._undone.kept.append((move.path, LATER))
            elif move.is_decided:
                self._undone.kept.append((move.path, DECIDED))
        backend = backend_of(connection)
        for paths in (
            [(key, f"~{key}") for key in free],
            [(key, move.old_path) for key, move in free.items()],
        ):
            backend.bulk_update(connection, articles, ("id", "path"), paths)
        for key, move in free.items():
            self._records.audit.add_move(key, move.new_path, move.old_path)
        new_paths = [move.new_path for move in free.values()]
        forget(connection, self._import.source_id, new_paths)
        self._records.issues.load(connection, new_paths)
        for path in new_paths:
            self._records.issues.settle(path, (), keep=())
        return {move.old_path for move in moves if move.article_id not in free}, set(free)

    def _find_blocked(self, free: Mapping[int, Any]) -> list[int]:
        """Return the articles whose old path another one has that is not about to leave it."""
        wanted = {move.old_path: key for key, move in free.items()}
        query = sa.select(articles.c.id, articles.c.path).where(
            articles.c.source_id == self._import.source_id
        )
        return [
            wanted[path]
            for paths in chunks(list(wanted))
            for key, path in self._connection.execute(query.where(articles.c.path.in_(paths)))
            if key not in free
        ]

    def _moves(self) -> list[Any]:
        """The moves of the import that were not taken back yet, by path."""
        move, article = article_moves.c, articles.c
        # What files were before is kept by the paths where they lay: by the old one.
        is_later = sa.or_(
            article.path != move.new_path,
            article.last_import_id != self._import.id,
            changed_later(self._import, move.old_path),
        )
        query = (
            sa.select(
                move.article_id, move.old_path, move.new_path, article.path,
                is_later.label("is_later"), decided_since(self._changeset_id, article.id).label("is_decided"),
            )
            .join(articles, article.id == move.article_id)
            .where(move.changeset_id == self._changeset_id, article.path != move.old_path)
            .order_by(article.path)
        )  # fmt: skip
        return list(self._connection.execute(query).all())

    def _versions(self) -> list[Any]:
        """What files were before the import, of those that can be undone."""
        version, article, note = file_versions.c, articles.c, taxonomy_documents.c
        query = (
            sa.select(
                version.path, version.delta, version.missing_since, version.last_import_id,
                *(version[name] for name in UPSTREAM_COLUMNS),
                article.id.label("article_id"), note.id.label("note_id"), note.kind,
                changed_later(self._import, version.path).label("is_later"),
                decided_since(self._changeset_id, article.id).label("is_decided"),
            )
            .outerjoin(
                articles, sa.and_(article.source_id == version.source_id, article.path == version.path)
            )
            .outerjoin(
                taxonomy_documents, sa.and_(note.source_id == version.source_id, note.path == version.path)
            )
            .where(version.import_id == self._import.id)
            .order_by(version.path)
        )  # fmt: skip
        return self._keep(self._connection.execute(query).all())

    def _restore(self, versions: Sequence[Any]) -> None:
        """Writes documents as they were, by the way of all documents."""
        contents = self._contents(versions)
        tasks = []
        for row in versions:
            key = row.article_id if row.note_id is None else row.note_id
            known = Known(key, b"", None, is_missing=False)
            content = before(bytes(row.delta), contents[row.path])
            tasks.append(Task(File(row.path, _kind_of(row), None, None), known, content))
        self._records.issues.load(self._connection, [row.path for row in versions])
        chunk = (tasks, read_files(tasks))
        TaxonomyWriter(self._records).write(self._connection, [chunk])
        restored = Restored(_upstream_before(versions), self._changeset_id)
        ArticleWriter(self._records).write(self._connection, [chunk], restored=restored)
        self._undone.restored += sum(outcome.what is OutcomeKind.CHANGED for outcome in chunk[1].outcomes)

    def _contents(self, versions: Sequence[Any]) -> dict[str, bytes]:
        """The bytes as they now are, by path."""
        article_paths = {row.article_id: row.path for row in versions if row.article_id is not None}
        note_paths = {row.note_id: row.path for row in versions if row.note_id is not None}
        found: dict[str, bytes] = {}
        for table, key, paths in (
            (documents, documents.c.article_id, article_paths),
            (taxonomy_documents, taxonomy_documents.c.id, note_paths),
        ):
            query = sa.select(key, table.c.content).where(key.in_(list(paths)))
            found |= {paths[row_id]: bytes(content) for row_id, content in self._connection.execute(query)}
        return found

    def _put_marks_back(self, versions: Sequence[Any]) -> None:
        """Says of each file which import it was last changed by, and since when it is missing; and lets
        the next import read it anew."""
        connection, source_id = self._connection, self._import.source_id
        backend = backend_of(connection)
        for table, key in ((articles, "article_id"), (taxonomy_documents, "note_id")):
            rows = [
                (row_id, row.last_import_id, as_text(row.missing_since))
                for row in versions
                if (row_id := getattr(row, key)) is not None
            ]
            backend.bulk_update(connection, table, ("id", "last_import_id", "missing_since"), rows)
        notes = [row for row in versions if row.note_id is not None]
        for since in {row.missing_since for row in notes}:
            mark_taxonomy(connection, [row.note_id for row in notes if row.missing_since == since], since)
        self._undone.marked = sum(row.delta is None for row in versions)
        self._settle_issues(versions)
        paths = [row.path for row in versions]
        forget(connection, source_id, paths)
        present = [(source_id, row.path, "imported") for row in versions if row.missing_since is None]
        backend.bulk_insert(connection, files, ("source_id", "path", "state"), present)
        for some in chunks(paths):
            done = sa.and_(file_versions.c.import_id == self._import.id, file_versions.c.path.in_(some))
            connection.execute(sa.delete(file_versions).where(done))

    def _settle_issues(self, versions: Sequence[Any]) -> None:
        """Says of files that are missing again that they have no issues, and of those that are there again
        which."""
        issues = self._records.issues
        issues.flush(self._connection)  # of what was written as it was, and is missing
        for some in chunks(versions, BATCH):
            issues.load(self._connection, [row.path for row in some])
            back = [row for row in some if row.delta is None and row.missing_since is None]
            contents = self._contents(back)
            for row in some:
                if row.missing_since is not None:
                    issues.settle_gone(row.path)
            for row in back:
                with suppress(DocumentError):  # a later release may read more strictly
                    issues.settle_back(row.path, issues_of(_kind_of(row), contents[row.path]))


def _kind_of(version: Any) -> Kind:
    return Kind.ARTICLE if version.note_id is None else Kind(version.kind)


def _upstream_before(versions: Sequence[Any]) -> dict[int, Upstream]:
    """Return what upstream made of the flags of articles before the import, by article id."""
    return {
        row.article_id: Upstream(Flags(*values[:-1]), values[-1])
        for row in versions
        if row.article_id is not None
        for values in [[getattr(row, name) for name in UPSTREAM_COLUMNS]]
    }
