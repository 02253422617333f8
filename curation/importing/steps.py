"""The steps of an import.

1. Skip the files that are as they were when they were last read, and count them.
2. Read the other files and write their documents, batch by batch.
3. Resolve links, and mark documents as missing whose files are gone.

An import commits batch by batch, so that editors can go on working. If it is interrupted, the store has whole
documents only, and the next import completes it. A strict import is one transaction instead. A dry run is one
transaction on a copy of the store.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import sqlalchemy as sa

from .. import interrupts
from ..documents.issues import Issue
from ..errors import ImportFailed, StoreError
from ..flags import FLAGS, is_about_flag
from ..scanning import CONFIG, Dump, Scan, make_printable
from ..store.database import insert_row, now
from ..store.schema import articles, changes, import_issues, imports, sources, taxonomy_documents
from ..wording import counted
from .context import ImportContext, Transactions
from .merging.override_rules import MATCH_WARNINGS, OVERRIDE_CODES
from .publish_dates import find_paths_to_reparse, find_publish_limit
from .records.audit import Audit
from .records.decision_notices import refresh_override_issues
from .records.files import FileTracker, is_within_folder, load_file_states
from .records.import_records import ImportRecords
from .records.issue_tracker import SCAN_CODES, IssueTracker
from .records.summary import FlagChanges, Options, Summary
from .records.versions import Versions, delete_old_versions
from .site_config import import_site_config
from .writing.links import resolve_items, resolve_related

#: Codes of a scan's issues with something that is not a file. At the path of a document they are errors.
_NOT_A_FILE_CODES = frozenset({"symlink", "special_file", "submodule"})


class Importer:
    """One import, from its row in the store to its summary."""

    def __init__(self, context: ImportContext, unfinished: Sequence[int], *, has_config: bool) -> None:
        """Prepare an import whose row is already in the store.

        Args:
            unfinished: Ids of the interrupted imports whose links are not resolved yet.
            has_config: The site's `_config.yml` was found.
        """
        self._context = context
        self._has_config = has_config
        self._records = context.records
        self._summary = context.summary
        #: Ids of the imports whose articles have unresolved links, including this one.
        self._unresolved = [*unfinished, context.records.import_id]

    @classmethod
    def start(cls, transactions: Transactions, dump: Dump, options: Options) -> Importer:
        """Add the row of a new import. Earlier imports that are still marked as running have failed."""
        source_id, import_id = 0, 0
        try:
            with transactions.writing() as connection:
                source_id = _save_source(connection, dump)
                _mark_interrupted(connection, source_id)
                unfinished = find_unfinished_imports(connection, source_id)
                import_id = insert_row(connection, imports, make_import_row(dump, source_id, "running"))
                records = _make_records(connection, options, source_id, import_id)
                # Read first, because this import already publishes dated articles by the site's settings.
                has_config = not dump.within and import_site_config(connection, dump.tree, records)
                records.flush(connection)
                records.publish_until = find_publish_limit(connection, source_id)
            interrupts.check()
            context = _make_context(transactions, dump, options, records)
            return cls(context, unfinished, has_config=has_config)
        except BaseException:
            if transactions.are_separate:
                with suppress(StoreError):
                    _mark_failed(transactions, source_id, import_id, {})
            raise

    def run(self, scan: Scan) -> Summary:
        """Import the files that a scan has found."""
        self._summary.skipped = scan.skipped
        present = {file.path for file in scan.files}
        missing_paths = self._find_gone(scan, present)
        is_full = self._context.options.full
        to_read = scan.files if is_full else self._context.files.select_to_read(scan.files, self._summary)
        if to_read:
            # Without changes no parser is loaded, which would take a quarter of the import's time.
            from .batches import BatchImporter

            BatchImporter(self._context, missing_paths).import_files(to_read, len(scan.files) - len(to_read))
        self._finish(scan, present, missing_paths)
        return self._summary

    def _find_gone(self, scan: Scan, present: set[str]) -> list[str]:
        """Return the paths of known files that no longer exist.

        A file that exists but cannot be read is not gone, nor is one of which the scan knows nothing.
        """
        unread, with_issues = scan.find_unread_prefixes(), {path for path, _ in scan.issues}
        missing_paths = self._context.files.find_missing_paths(present)
        return [path for path in missing_paths if path not in with_issues and not path.startswith(unread)]

    def _finish(self, scan: Scan, present: set[str], missing_paths: Sequence[str]) -> None:
        """Write what depends on all documents, and the result of the import, in one transaction."""
        summary = self._summary
        with summary.roll_back_on_error(), self._context.transactions.writing() as connection:
            self._context.transactions.store.backend.lock_references(connection)
            self._mark_missing(connection, missing_paths)
            if summary.has_changed or len(self._unresolved) > 1:
                touched = None if self._context.is_first else self._unresolved
                resolve_related(connection, self._records.source_id, touched)
                resolve_items(connection, self._records.source_id, touched)
                delete_old_versions(connection, self._records.source_id)
            self._settle_scan_issues(connection, scan, present)
            self._records.flush(connection)
            refresh_override_issues(connection, self._records.source_id, self._records.issues)
            self._records.flush(connection)
            summary.to_review = len(self._records.to_review | self._find_unreadable_flags(connection))
            summary.changeset_id = self._records.audit.changeset_id
            summary.flags = _count_flag_changes(connection, self._records.audit.changeset_id)
            values = {"status": summary.status, "finished_at": now(), **summary.counts}
            is_mine = imports.c.id == self._records.import_id
            connection.execute(sa.update(imports).where(is_mine).values(values))

    def _mark_missing(self, connection: sa.Connection, missing_paths: Sequence[str]) -> None:
        """Mark the documents of files that are gone as missing, unless only a part is imported."""
        if self._context.dump.within:
            return
        if missing_paths:
            from .matching.copies import warn_about_copies
            from .writing.missing import mark_missing

            self._records.audit.open_changeset(connection)
            warn_about_copies(connection, self._records, missing_paths)
            self._summary.missing += mark_missing(connection, self._records, missing_paths, now())

    def _find_unreadable_flags(self, connection: sa.Connection) -> set[str]:
        """Return the paths of imported documents with a flag that cannot be read."""
        if not self._records.issues:
            return set()
        issue = import_issues.c
        query = sa.select(issue.path, issue.code, issue.field).where(
            *self._are_open_issues(), issue.severity == "error"
        )
        return {path for path, code, name in connection.execute(query) if is_about_flag(code, name)}

    def _are_open_issues(self) -> list[sa.ColumnElement[bool]]:
        """Return the SQL conditions of the open issues of the imported files."""
        table = import_issues.c
        conditions = [table.source_id == self._records.source_id, table.resolved_import_id.is_(None)]
        if self._context.dump.within:
            folders = self._context.dump.within
            conditions.append(sa.or_(*(is_within_folder(table.path, folder) for folder in folders)))
        return conditions

    def _settle_scan_issues(self, connection: sa.Connection, scan: Scan, present: set[str]) -> None:
        """Settle the issues that the scan has found, and those of files that no longer exist."""
        issues_of_files, issues_of_others = self._sort_scan_issues(scan, present)
        self._records.issues.load(connection, issues_of_others)
        for path, issues in issues_of_others.items():
            self._records.issues.set_open(path, issues, keep=SCAN_CODES.union(OVERRIDE_CODES))
        if not self._context.dump.within:
            self._context.files.update_skipped(connection, present, scan.skipped_paths)
            self._context.files.flush(connection)
            self._records.issues.set_scan_issues(connection, issues_of_files)
            unread = scan.find_unread_prefixes()
            seen = present | issues_of_others.keys()
            if self._has_config:
                seen.add(CONFIG)
            self._records.issues.resolve_vanished(connection, seen, lambda path: not path.startswith(unread))

    def _sort_scan_issues(
        self, scan: Scan, present: set[str]
    ) -> tuple[dict[str, Issue], dict[str, list[Issue]]]:
        """Count a scan's issues and return them by path: those of files to import, and all others."""
        issues_of_files: dict[str, Issue] = {}
        issues_of_others: dict[str, list[Issue]] = {}
        for path, issue in scan.issues:
            was_document = path not in present and self._context.files.was_imported(path)
            if was_document and issue.code in _NOT_A_FILE_CODES:
                issue = issue._replace(severity="error")
            self._summary.quarantined += issue.severity == "error"
            if path in present:
                issues_of_files[path] = issue
            else:
                issues_of_others.setdefault(path, []).append(issue)
        return issues_of_files, issues_of_others

    def require_no_issues(self, connection: sa.Connection) -> None:
        """Raise ImportFailed if any file of the dump has an open issue.

        Notices about overrides do not count, because the file is correct.
        """
        table = import_issues.c
        conditions = [
            *self._are_open_issues(),
            table.code.not_in(set(OVERRIDE_CODES).difference(MATCH_WARNINGS)),
        ]
        count = connection.scalar(sa.select(sa.func.count()).select_from(import_issues).where(*conditions))
        if count:
            columns = (table.path, table.line, table.code, table.message)
            query = sa.select(*columns).where(*conditions).order_by(table.path).limit(3)
            issues = "; ".join(
                f"{path}:{line or 1}: {code}: {message}"
                for path, line, code, message in connection.execute(query)
            )
            raise ImportFailed(f"{counted(count, 'issue')}, so nothing was imported (--strict): {issues}")

    def mark_failed(self) -> None:
        """Mark the import as failed. What it has committed stays."""
        records = self._records
        _mark_failed(self._context.transactions, records.source_id, records.import_id, self._summary.counts)


def _make_records(
    connection: sa.Connection, options: Options, source_id: int, import_id: int
) -> ImportRecords:
    return ImportRecords(
        source_id,
        import_id,
        IssueTracker(connection, source_id, import_id),
        Audit({"kind": "import", "actor": options.actor, "import_id": import_id}),
        Versions(source_id, import_id),
    )


def _make_context(
    transactions: Transactions, dump: Dump, options: Options, records: ImportRecords
) -> ImportContext:
    """Read what the steps share."""
    source_id = records.source_id
    with transactions.reading() as connection:
        remembered = load_file_states(connection, source_id, dump.within)
        is_first = not remembered and not _has_documents(connection, source_id)
        files = FileTracker(source_id, remembered)
        if not is_first:
            files.force_parsing(find_paths_to_reparse(connection, source_id, records.publish_until))
    summary = Summary(dump.source, records.import_id)
    return ImportContext(transactions, dump, options, summary, records, files, is_first)


def _mark_interrupted(connection: sa.Connection, source_id: int) -> None:
    """Mark the imports of a source that never ended as failed."""
    is_running = (imports.c.source_id == source_id, imports.c.status == "running")
    values = {"status": "failed", "finished_at": now()}
    connection.execute(sa.update(imports).where(*is_running).values(values))


def _mark_failed(
    transactions: Transactions, source_id: int, import_id: int, counts: Mapping[str, int]
) -> None:
    """Mark a running import as failed, in a transaction of its own. This needs no lock.

    An import that has ended keeps its status, even if something failed afterwards.
    """
    is_running = (imports.c.id == import_id, imports.c.source_id == source_id, imports.c.status == "running")
    values = {"status": "failed", "finished_at": now(), **counts}
    with transactions.store.writing(repeatable=True) as connection:
        connection.execute(sa.update(imports).where(*is_running).values(values))


def _save_source(connection: sa.Connection, dump: Dump) -> int:
    """Add the source of a dump, or update its location. Return its id."""
    name, location = dump.source, dump.tree.location
    source_id: int | None = connection.scalar(sa.select(sources.c.id).where(sources.c.name == name))
    if source_id is not None:
        moved = sa.and_(sources.c.id == source_id, sources.c.location != location)
        connection.execute(sa.update(sources).where(moved).values(location=location))
        return source_id
    return insert_row(connection, sources, {"name": name, "location": location})


def make_import_row(dump: Dump, source_id: int, status: str) -> dict[str, Any]:
    """Return the values of a new row of `imports`, which begins now."""
    parts = f": {', '.join(dump.within[:3])}" if dump.within else ""
    return {
        "source_id": source_id,
        "started_at": now(),
        "status": status,
        "location": make_printable(dump.tree.location + parts),
        "git_commit": dump.tree.commit,
    }


def _has_documents(connection: sa.Connection, source_id: int) -> bool:
    """Return whether the store has any article or taxonomy of a source."""
    queries = (
        sa.select(table.c.id).where(table.c.source_id == source_id).limit(1)
        for table in (articles, taxonomy_documents)
    )
    return any(connection.scalar(query) is not None for query in queries)


def find_unfinished_imports(connection: sa.Connection, source_id: int) -> Sequence[int]:
    """Return the ids of the failed imports of a source since its last import that did not fail."""
    done = sa.select(sa.func.coalesce(sa.func.max(imports.c.id), 0)).where(
        imports.c.source_id == source_id, imports.c.status.in_(("succeeded", "partial"))
    )
    failed = sa.and_(imports.c.source_id == source_id, imports.c.status == "failed")
    since = imports.c.id > done.scalar_subquery()
    return connection.scalars(sa.select(imports.c.id).where(failed, since)).all()


def _count_flag_changes(connection: sa.Connection, changeset_id: int | None) -> list[FlagChanges]:
    """Return how many articles a changeset changed each flag of, without flags that it did not change.

    Changes that keep the effective value do not count.
    """
    if changeset_id is None:
        return []
    old, new = changes.c.old_value, changes.c.new_value
    raised = sa.or_(new > old, sa.and_(old.is_(None), new.is_not(None)))
    rows = connection.execute(
        sa.select(
            changes.c.field,
            sa.func.count(),
            sa.func.sum(sa.case((raised, 1), else_=0)),
            sa.func.sum(sa.case((old.is_not_distinct_from(new), 1), else_=0)),
        )
        .where(changes.c.changeset_id == changeset_id)
        .group_by(changes.c.field)
    )
    found = {field: (count, int(up), int(same)) for field, count, up, same in rows}
    return [
        FlagChanges(flag, count - same, up, count - same - up)
        for flag, (count, up, same) in ((flag, found[flag]) for flag in FLAGS if flag in found)
        if count > same
    ]
