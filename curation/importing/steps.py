"""The course of an import: what need not be read is counted, the rest is read and written batch by batch,
and at the end links are resolved and what is gone is marked.

It commits batch by batch, so that editors go on working meanwhile; a run that is cut off leaves whole
documents only, and the next one completes it. A strict run is one transaction instead, and a dry run one on a
copy of the store.
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
from ..scanning import CONFIG, Dump, Scan, printable
from ..store.database import insert_row, now
from ..store.schema import articles, changes, import_issues, imports, sources, taxonomy_documents
from ..wording import counted
from .context import ImportContext, Transactions
from .merging.rules import MATCH_WARNINGS, OVERRIDE_CODES
from .publish_dates import find_early, publish_limit
from .records.audit import Audit
from .records.decision_notices import refresh_override_issues
from .records.files import FileTracker, is_within_folder, load_file_states
from .records.import_records import ImportRecords
from .records.issues import SCAN_CODES, IssueTracker
from .records.summary import FlagChanges, Options, Summary
from .records.versions import Versions, delete_old_versions
from .site_config import import_site_config
from .writing.links import resolve_items, resolve_related

#: What the scan says of something that is no file: where a document was before, that is an error.
NO_FILES = frozenset({"symlink", "special_file", "submodule"})


class Importer:
    """The import that is under way."""

    def __init__(self, context: ImportContext, unfinished: Sequence[int], *, has_config: bool) -> None:
        self._context = context
        self._has_config = has_config
        self._records = context.records
        self._summary = context.summary
        #: Imports whose articles still wait for their links to be resolved: those cut off, and this one.
        self._to_resolve = [*unfinished, context.records.import_id]

    @classmethod
    def start(cls, transactions: Transactions, dump: Dump, options: Options) -> Importer:
        """Writes the row of the import; one that was cut off before is now known to have failed."""
        source_id, import_id = 0, 0
        try:
            with transactions.writing() as connection:
                source_id = _source(connection, dump)
                connection.execute(
                    sa.update(imports)
                    .where(imports.c.source_id == source_id, imports.c.status == "running")
                    .values(status="failed", finished_at=now())
                )
                unfinished = unfinished_imports(connection, source_id)
                import_id = insert_row(connection, imports, import_values(dump, source_id, "running"))
                records = _make_records(connection, options, source_id, import_id)
                # What a site's own settings say of dates holds for this import already.
                has_config = not dump.within and import_site_config(connection, dump.tree, records)
                records.flush(connection)
                records.publish_until = publish_limit(connection, source_id)
            interrupts.check()
            context = _make_context(transactions, dump, options, records)
            return cls(context, unfinished, has_config=has_config)
        except BaseException:
            if transactions.are_separate:
                with suppress(StoreError):
                    _end_as_failed(transactions, source_id, import_id, {})
            raise

    def run(self, scan: Scan) -> Summary:
        """Takes in what was found."""
        self._summary.skipped = scan.skipped
        present = {file.path for file in scan.files}
        gone = self._find_gone(scan, present)
        is_full = self._context.options.full
        wanted = scan.files if is_full else self._context.files.select_to_read(scan.files, self._summary)
        if wanted:
            # An import that finds nothing changed loads no parser, which would be a quarter of its time.
            from .batches import BatchImporter

            BatchImporter(self._context, gone).import_files(wanted, len(scan.files) - len(wanted))
        self._finish(scan, present, gone)
        return self._summary

    def _find_gone(self, scan: Scan, present: set[str]) -> list[str]:
        """Return the files that the store knows and that are not there any more. One that is there and cannot
        be read is not gone, nor one of which nothing is known."""
        unread, kept_out = scan.unread_prefixes(), {path for path, _ in scan.issues}
        gone = self._context.files.missing_paths(present)
        return [path for path in gone if path not in kept_out and not path.startswith(unread)]

    def _finish(self, scan: Scan, present: set[str], gone: Sequence[str]) -> None:
        summary = self._summary
        with summary.roll_back_on_error(), self._context.transactions.writing() as connection:
            self._context.transactions.store.backend.lock_references(connection)
            self._mark_gone(connection, gone)
            if summary.has_changed or len(self._to_resolve) > 1:
                touched = None if self._context.is_first else self._to_resolve
                resolve_related(connection, self._records.source_id, touched)
                resolve_items(connection, self._records.source_id, touched)
                delete_old_versions(connection, self._records.source_id)
            self._settle_scan(connection, scan, present)
            self._records.flush(connection)
            if self._records.issues:
                refresh_override_issues(connection, self._records.source_id, self._records.issues)
                self._records.flush(connection)
            summary.to_review = len(self._records.to_review | self._with_unclear_flags(connection))
            summary.changeset_id = self._records.audit.changeset_id
            summary.flags = _flag_changes(connection, self._records.audit.changeset_id)
            values = {"status": summary.status, "finished_at": now(), **summary.counts}
            connection.execute(self._my_import().values(values))

    def _mark_gone(self, connection: sa.Connection, gone: Sequence[str]) -> None:
        """Marks what the store has and the dump has not, if all of it was looked through."""
        if self._context.dump.within:
            return
        if gone:
            from .matching.copies import warn_about_copies
            from .writing.missing import mark_missing

            self._records.audit.open_changeset(connection)
            warn_about_copies(connection, self._records, gone)
            self._summary.missing += mark_missing(connection, self._records, gone, now())

    def _with_unclear_flags(self, connection: sa.Connection) -> set[str]:
        """Return the files of the dump that were imported with a flag that cannot be read."""
        if not self._records.issues:
            return set()
        issue = import_issues.c
        query = sa.select(issue.path, issue.code, issue.field).where(
            *self._open_issues(), issue.severity == "error"
        )
        return {path for path, code, name in connection.execute(query) if is_about_flag(code, name)}

    def _open_issues(self) -> list[sa.ColumnElement[bool]]:
        """The open issues of the files that were looked at."""
        table = import_issues.c
        mine = [table.source_id == self._records.source_id, table.resolved_import_id.is_(None)]
        if self._context.dump.within:
            mine.append(sa.or_(*(is_within_folder(table.path, place) for place in self._context.dump.within)))
        return mine

    def _settle_scan(self, connection: sa.Connection, scan: Scan, present: set[str]) -> None:
        """Issues of what the scan itself found, and of files that are not there any more."""
        besides: dict[str, Issue] = {}
        kept_out: dict[str, list[Issue]] = {}
        for path, issue in scan.issues:
            if path not in present and self._context.files.was_imported(path) and issue.code in NO_FILES:
                issue = issue._replace(severity="error")
            self._summary.quarantined += issue.severity == "error"
            if path in present:
                besides[path] = issue
            else:
                kept_out.setdefault(path, []).append(issue)
        self._records.issues.load(connection, kept_out)
        for path, issues in kept_out.items():
            self._records.issues.set_open(path, issues, keep=SCAN_CODES.union(OVERRIDE_CODES))
        if not self._context.dump.within:
            self._context.files.update_skipped(connection, present, scan.skipped_paths)
            self._context.files.flush(connection)
            self._records.issues.set_scan_issues(connection, besides)
            unread = scan.unread_prefixes()
            seen = present | kept_out.keys()
            if self._has_config:
                seen.add(CONFIG)
            self._records.issues.resolve_vanished(connection, seen, lambda path: not path.startswith(unread))

    def refuse_issues(self, connection: sa.Connection) -> None:
        """Raises ImportFailed if any file of the dump has an open issue. What an editor's decision is
        about is no fault of a file."""
        table = import_issues.c
        mine = [*self._open_issues(), table.code.not_in(set(OVERRIDE_CODES).difference(MATCH_WARNINGS))]
        count = connection.scalar(sa.select(sa.func.count()).select_from(import_issues).where(*mine)) or 0
        if count:
            columns = (table.path, table.line, table.code, table.message)
            first = connection.execute(sa.select(*columns).where(*mine).order_by(table.path).limit(3)).all()
            issues = "; ".join(
                f"{path}:{line or 1}: {code}: {message}" for path, line, code, message in first
            )
            raise ImportFailed(f"{counted(count, 'issue')}, so nothing was taken in (--strict): {issues}")

    def fail(self) -> None:
        """Says in the import's row that it did not end; what was committed stays."""
        records = self._records
        _end_as_failed(self._context.transactions, records.source_id, records.import_id, self._summary.counts)

    def _my_import(self) -> sa.Update:
        return sa.update(imports).where(imports.c.id == self._records.import_id)


def _make_records(
    connection: sa.Connection, options: Options, source_id: int, import_id: int
) -> ImportRecords:
    """What an import keeps account of."""
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
    """What the steps of an import share, read at its beginning."""
    source_id = records.source_id
    with transactions.reading() as connection:
        remembered = load_file_states(connection, source_id, dump.within)
        is_first = not remembered and not _knows(connection, source_id)
        files = FileTracker(source_id, remembered)
        if not is_first:
            files.force_parsing(find_early(connection, source_id, records.publish_until))
    summary = Summary(dump.source, records.import_id)
    return ImportContext(transactions, dump, options, summary, records, files, is_first)


def _end_as_failed(
    transactions: Transactions, source_id: int, import_id: int, counts: Mapping[str, int]
) -> None:
    """Says in an import's row, if it is there, that it did not end, also where the import's lock was lost.
    What came once it had ended changes nothing about that."""
    is_running = (imports.c.id == import_id, imports.c.source_id == source_id, imports.c.status == "running")
    values = {"status": "failed", "finished_at": now(), **counts}
    with transactions.store.writing(repeatable=True) as connection:
        connection.execute(sa.update(imports).where(*is_running).values(values))


def _source(connection: sa.Connection, dump: Dump) -> int:
    """The id of a source, made or moved to where it now is."""
    name, location = dump.source, dump.tree.location
    source_id: int | None = connection.scalar(sa.select(sources.c.id).where(sources.c.name == name))
    if source_id is not None:
        moved = sa.and_(sources.c.id == source_id, sources.c.location != location)
        connection.execute(sa.update(sources).where(moved).values(location=location))
        return source_id
    return insert_row(connection, sources, {"name": name, "location": location})


def import_values(dump: Dump, source_id: int, status: str) -> dict[str, Any]:
    """The row of an import that begins now."""
    below = f": {', '.join(dump.within[:3])}" if dump.within else ""
    return {
        "source_id": source_id,
        "started_at": now(),
        "status": status,
        "location": printable(dump.tree.location + below),
        "git_commit": dump.tree.commit,
    }


def _knows(connection: sa.Connection, source_id: int) -> bool:
    """Whether the store has anything of a source."""
    of_source = (
        sa.select(table.c.id).where(table.c.source_id == source_id).limit(1)
        for table in (articles, taxonomy_documents)
    )
    return any(connection.scalar(query) is not None for query in of_source)


def unfinished_imports(connection: sa.Connection, source_id: int) -> Sequence[int]:
    """The imports of a source that failed since the last one that did not."""
    done = sa.select(sa.func.coalesce(sa.func.max(imports.c.id), 0)).where(
        imports.c.source_id == source_id, imports.c.status.in_(("succeeded", "partial"))
    )
    failed = sa.and_(imports.c.source_id == source_id, imports.c.status == "failed")
    since = imports.c.id > done.scalar_subquery()
    return connection.scalars(sa.select(imports.c.id).where(failed, since)).all()


def _flag_changes(connection: sa.Connection, changeset_id: int | None) -> list[FlagChanges]:
    """What a changeset did to each flag."""
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
