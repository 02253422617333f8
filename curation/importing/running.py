"""The course of an import: what need not be read is counted, the rest is read and written batch by batch,
and at the end links are resolved and what is gone is marked.

It commits batch by batch, so that editors go on working meanwhile; a run that is cut off leaves whole
documents only, and the next one completes it. A dry or a strict run is one transaction instead.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import sqlalchemy as sa

from ..backends import chunks
from ..database import Store, insert_row, now
from ..errors import ImportFailed
from ..faults import Fault
from ..scanning import Dump, File, Kind, Scan, printable
from ..schema import FLAGS, articles, changes, import_issues, imports, sources
from .audit import Audit
from .decided import settle_decided
from .files import STATES, FileBook, is_within, known_files, remembered_files
from .issues import IssueBook
from .merge import NOTICES
from .missing import bring_back, mark_missing
from .outcomes import Known, Task, What
from .pipeline import CHUNK, WORTH_PROCESSES, processes, read_ahead
from .resolve import Touched, resolve_items, resolve_related
from .summary import FlagChanges, Options, Summary
from .taxonomy import TaxonomyWriter
from .versions import Versions, forget_old_versions
from .write import ArticleWriter, Books, Chunk

#: Files of one transaction: enough for bulk writes to pay (with 500 a first import of 20,000 writes twice
#: as many pages), few enough that an editor waits a quarter of a second.
BATCH = 2_000


class Transactions:
    """Where the transactions of an import begin and end."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def reading(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError


class Separately(Transactions):
    """Each is its own."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return self.store.reading()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return self.store.writing()


class AtOnce(Transactions):
    """All are part of one that is open already."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        super().__init__(store)
        self._connection = connection

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)


class Run:
    """The import that is under way."""

    def __init__(
        self,
        transactions: Transactions,
        dump: Dump,
        source_id: int,
        summary: Summary,
        options: Options,
        unfinished: Sequence[int],
    ) -> None:
        self._transactions = transactions
        self._dump = dump
        self._source_id = source_id
        self._summary = summary
        self._options = options
        #: Imports whose articles still wait for their links to be resolved: those cut off, and this one.
        self._to_resolve = [*unfinished, summary.import_id]
        self._audit = Audit({"kind": "import", "actor": options.actor, "import_id": summary.import_id})
        self._versions = Versions(source_id, summary.import_id)

    @classmethod
    def start(cls, transactions: Transactions, dump: Dump, options: Options) -> Run:
        """Writes the row of the import; one that was cut off before is now known to have failed."""
        with transactions.writing() as connection:
            source_id = _source(connection, dump)
            connection.execute(
                sa.update(imports)
                .where(imports.c.source_id == source_id, imports.c.status == "running")
                .values(status="failed", finished_at=now())
            )
            unfinished = _unfinished(connection, source_id)
            import_id = insert_row(connection, imports, import_values(dump, source_id, "running"))
        run = cls(transactions, dump, source_id, Summary(dump.source, import_id), options, unfinished)
        with transactions.reading() as connection:
            run.open_books(connection)
        return run

    def open_books(self, connection: sa.Connection) -> None:
        """Reads what the store remembers of the source; before anything else."""
        import_id = self._summary.import_id
        remembered = remembered_files(connection, self._source_id, self._dump.within)
        self._files = FileBook(self._source_id, remembered)
        self._issues = IssueBook(connection, self._source_id, import_id)
        self._books = Books(self._issues, self._audit, self._versions)
        self._taxonomy = TaxonomyWriter(self._source_id, import_id, self._books)
        self._articles = ArticleWriter(self._source_id, import_id, self._books)
        mine = sa.select(articles.c.id).where(articles.c.source_id == self._source_id).limit(1)
        self._knows_nothing = not remembered and connection.scalar(mine) is None

    def carry_out(self, scan: Scan) -> Summary:
        """Takes in what was found."""
        self._summary.skipped = scan.skipped
        wanted = [file for file in scan.files if self._is_wanted(file)]
        done, total = len(scan.files) - len(wanted), len(scan.files)
        with self._executor(len(wanted)) as executor:
            read = read_ahead(self._tasks(wanted), executor)
            for batch in _batches(read):
                self._write(batch)
                done += sum(len(tasks) for tasks, _ in batch)
                if self._options.progress is not None:
                    self._options.progress(done, total)
        self._finish(scan)
        return self._summary

    def _is_wanted(self, file: File) -> bool:
        """Whether a file is to be read; one that is as it was is counted."""
        state = None if self._options.full else self._files.state_of(file)
        if state is None:
            return True
        self._count(state, file, is_new=False, is_changed=False)
        return False

    def _executor(self, files: int) -> AbstractContextManager[Executor | None]:
        options = self._options
        if options.executor is not None:
            return nullcontext(options.executor)
        if options.jobs > 1 and files >= WORTH_PROCESSES:
            return processes(options.jobs)
        return nullcontext()

    def _tasks(self, files: Sequence[File]) -> Iterator[list[Task]]:
        """What is to be read, in chunks of one kind: taxonomy first, so that articles find their providers
        and topics; then articles, by path."""
        for kind in (Kind.ORGANIZATION, Kind.TOPIC, Kind.ARTICLE):
            for batch in chunks([file for file in files if file.kind is kind], BATCH):
                known = self._known(batch)
                for some in chunks(batch, CHUNK):
                    given = [file for file in some if file.location is None]
                    contents = dict(zip(given, self._dump.tree.read(given), strict=True)) if given else {}
                    yield [Task(file, known.get(file.path), contents.get(file)) for file in some]

    def _known(self, batch: Sequence[File]) -> dict[str, Known]:
        if self._knows_nothing:
            return {}
        with self._transactions.reading() as connection:
            return known_files(connection, self._source_id, batch)

    def _write(self, batch: Sequence[Chunk]) -> None:
        """Writes one batch, if there is anything to write, in one transaction."""
        returned, lost = self._sort_out(batch)
        with self._transactions.writing() as connection:
            self._transactions.store.backend.lock_references(connection)
            self._settle(connection, batch)
            if returned or lost or any(read.fresh or read.notes for _, read in batch):
                self._audit.open(connection)
            self._taxonomy.write(connection, batch)
            self._articles.write(connection, batch)
            self._articles.reseal(connection, batch)
            if returned:
                bring_back(connection, self._source_id, self._summary.import_id, returned, self._versions)
            if lost:
                self._mark_missing(connection, lost)
            self._files.flush(connection)
            self._books.flush(connection)

    def _sort_out(self, batch: Sequence[Chunk]) -> tuple[list[str], list[str]]:
        """Counts what became of a batch's files; returns the paths of those that are back as they were,
        and of those that are no documents any more."""
        returned, lost = [], []
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                what, known = outcome.what, task.known
                self._files.add(task, what)
                is_back = known is not None and known.is_missing
                is_changed = what is What.FRESH or is_back
                self._count(STATES[what], task.file, is_new=known is None, is_changed=is_changed)
                if is_back and what in (What.SAME, What.RESEALED):
                    returned.append(task.file.path)
                elif what is What.PASSED and known is not None and not known.is_missing:
                    lost.append(task.file.path)
        return returned, lost

    def _count(self, state: str, file: File, *, is_new: bool, is_changed: bool) -> None:
        summary = self._summary
        if state == "refused":
            summary.quarantined += 1
        elif state == "passed":
            summary.skipped += 1
        elif file.kind is not Kind.ARTICLE:
            summary.taxonomy += 1
        elif is_new:
            summary.added += 1
        elif is_changed:
            summary.updated += 1
        else:
            summary.unchanged += 1

    def _settle(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Says of each file that was not taken in anew what is wrong with it; the writers say it of the
        others."""
        self._issues.load(connection, (task.file.path for tasks, _ in batch for task in tasks))
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                path, what = task.file.path, outcome.what
                if what is What.REFUSED:
                    # What was said of the version that the store keeps stands.
                    self._issues.settle(path, outcome.faults, among=("error",))
                elif what is What.PASSED:
                    self._issues.settle_gone(path)
                elif what is not What.FRESH:
                    self._issues.settle_read(path)

    def _finish(self, scan: Scan) -> None:
        summary = self._summary
        taken_in = {file.path for file in scan.files}
        with self._transactions.writing() as connection:
            self._transactions.store.backend.lock_references(connection)
            gone = self._mark_gone(connection, scan, taken_in)
            if summary.added or summary.updated or gone or len(self._to_resolve) > 1:
                touched = Touched(self._to_resolve, gone)
                resolve_related(connection, self._source_id, touched)
                resolve_items(connection, self._source_id, touched)
                forget_old_versions(connection, self._source_id)
            self._settle_scan(connection, scan, taken_in)
            self._books.flush(connection)
            settle_decided(connection, self._source_id, self._issues)
            self._books.flush(connection)
            summary.changeset_id = self._audit.changeset_id
            summary.flags = _flag_changes(connection, self._audit.changeset_id)
            values = {"status": summary.status, "finished_at": now(), **summary.counts}
            connection.execute(self._my_import().values(values))

    def _mark_gone(self, connection: sa.Connection, scan: Scan, taken_in: set[str]) -> dt.datetime | None:
        """Marks what the store has and the dump has not, if all of it was looked through; returns the
        instant since when that is missing."""
        if self._dump.within:
            return None
        unread = scan.unread()
        gone = [path for path in self._files.gone(taken_in) if not path.startswith(unread)]
        if not gone:
            return None
        self._audit.open(connection)
        return self._mark_missing(connection, gone)

    def _mark_missing(self, connection: sa.Connection, paths: Sequence[str]) -> dt.datetime:
        moment = now()
        self._summary.missing += mark_missing(connection, self._source_id, paths, moment, self._versions)
        return moment

    def _settle_scan(self, connection: sa.Connection, scan: Scan, taken_in: set[str]) -> None:
        """Issues of what the scan itself found, and of files that are not there any more."""
        besides: dict[str, Fault] = {}
        kept_out: dict[str, list[Fault]] = {}
        for path, fault in scan.faults:
            self._summary.quarantined += fault.severity == "error"
            if path in taken_in:
                besides[path] = fault
            else:
                kept_out.setdefault(path, []).append(fault)
        self._issues.load(connection, kept_out)
        for path, faults in kept_out.items():
            self._issues.settle(path, faults)
        self._issues.settle_scan(connection, besides)
        if not self._dump.within:
            unread = scan.unread()
            seen = taken_in | kept_out.keys()
            self._issues.settle_vanished(connection, seen, lambda path: not path.startswith(unread))

    def refuse_issues(self, connection: sa.Connection) -> None:
        """Raises ImportFailed if any file of the dump has an open issue. What an editor's decision is
        about is no fault of a file."""
        table = import_issues.c
        mine = [
            table.source_id == self._source_id,
            table.resolved_import_id.is_(None),
            table.code.not_in(NOTICES),
        ]
        if self._dump.within:
            mine.append(sa.or_(*(is_within(table.path, place) for place in self._dump.within)))
        count = connection.scalar(sa.select(sa.func.count()).select_from(import_issues).where(*mine)) or 0
        if count:
            columns = (table.path, table.line, table.code, table.message)
            first = connection.execute(sa.select(*columns).where(*mine).order_by(table.path).limit(3)).all()
            told = "; ".join(f"{path}:{line or 1}: {code}: {message}" for path, line, code, message in first)
            raise ImportFailed(f"{count} issues, so nothing was taken in (--strict): {told}")

    def fail(self) -> None:
        """Says in the import's row that it did not end; what was committed stays."""
        with self._transactions.writing() as connection:
            values = {"status": "failed", "finished_at": now(), **self._summary.counts}
            connection.execute(self._my_import().values(values))

    def _my_import(self) -> sa.Update:
        return sa.update(imports).where(imports.c.id == self._summary.import_id)


def _batches(read: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Chunks of one kind, up to `BATCH` files together."""
    batch: list[Chunk] = []
    count = 0
    for tasks, outcomes in read:
        if batch and (count >= BATCH or batch[0][0][0].file.kind is not tasks[0].file.kind):
            yield batch
            batch, count = [], 0
        batch.append((tasks, outcomes))
        count += len(tasks)
    if batch:
        yield batch


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


def _unfinished(connection: sa.Connection, source_id: int) -> Sequence[int]:
    """The imports of a source that failed since the last one that did not."""
    done = sa.select(sa.func.max(imports.c.started_at)).where(
        imports.c.source_id == source_id, imports.c.status.in_(("succeeded", "partial"))
    )
    failed = sa.and_(imports.c.source_id == source_id, imports.c.status == "failed")
    since = sa.or_(done.scalar_subquery().is_(None), imports.c.started_at > done.scalar_subquery())
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
    ]
