"""One import, from its first row to its last.

It commits batch by batch, so that editors go on working meanwhile; a run that is cut off leaves whole
documents only, and the next one completes it.
"""

from __future__ import annotations

import datetime as dt
import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from ..backends import chunks
from ..database import Store, insert_row, now
from ..document import Document
from ..errors import ImportFailed, StoreError
from ..scanning import File, Kind, Scan, printable, scan_folder
from ..schema import MAX_NAME, articles, documents, imports, sources, taxonomy_documents
from .audit import Audit
from .issues import IssueBook
from .outcomes import Fresh, Known, NoDocument, Outcome, Refused, Resealed, read_outcome
from .resolve import resolve_items, resolve_related
from .taxonomy import TaxonomyWriter
from .write import ArticleWriter

#: Files of one transaction: enough for bulk writes to pay, few enough that an editor hardly waits.
BATCH = 500

#: Called with the number of files done, of all.
Progress = Callable[[int, int], None]


@dataclass(slots=True)
class Summary:
    """What an import did, in articles (taxonomy is counted apart) and files."""

    source: str
    import_id: int = 0
    added: int = 0
    updated: int = 0
    unchanged: int = 0
    missing: int = 0
    skipped: int = 0
    quarantined: int = 0
    taxonomy: int = 0

    @property
    def status(self) -> str:
        return "partial" if self.quarantined else "succeeded"


@dataclass(frozen=True, slots=True)
class Dump:
    """A source's root folder, looked through: its name as a source, and what it holds."""

    source: str
    root: Path
    scan: Scan


def look_through(root: Path, source: str | None = None) -> Dump:
    """Finds the content of a source's root; its name is the folder's unless `source` says otherwise.

    Raises ImportFailed where there is none, or where no source can be called so.
    """
    if not root.is_dir():
        raise ImportFailed(
            f"{root} is not a folder: give a source's root, the folder that holds `_news` and the like"
        )
    root = root.resolve()
    name = root.name if source is None else source
    if not name or len(name) > MAX_NAME or not name.isprintable():
        raise ImportFailed(f"no source can be called {name[:40]!r}: name it by --source")
    scan = scan_folder(root)
    if not scan.files:
        raise ImportFailed(f"no content under {root}: a source's root holds folders such as `_news`")
    return Dump(name, root, scan)


def import_dump(store: Store, dump: Dump, *, actor: str, progress: Progress | None = None) -> Summary:
    """Imports what was found; commits by itself.

    Raises ImportFailed when another import of the source is running. Files that cannot be taken in are
    counted as quarantined and raise nothing.
    """
    with store.backend.import_lock(store.engine, dump.source):
        run = _Run.start(store, dump.source, printable(str(dump.root)), actor)
        try:
            with _rare_collection():
                return run.carry_out(dump.scan, progress or (lambda _done, _all: None))
        except BaseException:
            with suppress(StoreError):  # what broke the import may break this too
                run.fail()
            raise


def import_folder(
    store: Store, root: Path, *, actor: str, source: str | None = None, progress: Progress | None = None
) -> Summary:
    """Looks a folder through and imports it."""
    return import_dump(store, look_through(root, source), actor=actor, progress=progress)


class _Run:
    """The import that is under way."""

    def __init__(
        self, store: Store, source_id: int, summary: Summary, actor: str, unfinished: Sequence[int]
    ) -> None:
        self._store = store
        self._source_id = source_id
        self._summary = summary
        #: Imports whose articles still wait for their links to be resolved: those cut off, and this one.
        self._to_resolve = [*unfinished, summary.import_id]
        self._audit = Audit(summary.import_id, actor)
        with store.reading() as connection:
            self._book = IssueBook(connection, source_id, summary.import_id)
        self._taxonomy = TaxonomyWriter(source_id, summary.import_id, self._book)
        self._articles = ArticleWriter(source_id, summary.import_id, self._book, self._audit)
        self._returned: list[int] = []
        self._no_documents: set[str] = set()

    @classmethod
    def start(cls, store: Store, name: str, location: str, actor: str) -> _Run:
        """Writes the row of the import; one that was cut off before is now known to have failed."""
        with store.writing() as connection:
            source_id = _source(connection, name, location)
            connection.execute(
                sa.update(imports)
                .where(imports.c.source_id == source_id, imports.c.status == "running")
                .values(status="failed", finished_at=now())
            )
            values = {"source_id": source_id, "started_at": now(), "status": "running", "location": location}
            unfinished = _unfinished(connection, source_id)
            import_id = insert_row(connection, imports, values)
        return cls(store, source_id, Summary(name, import_id), actor, unfinished)

    def carry_out(self, scan: Scan, progress: Progress) -> Summary:
        self._summary.skipped = scan.skipped
        done = 0
        for batch in _batches(scan.files):
            self._import_batch(batch)
            done += len(batch)
            progress(done, len(scan.files))
        self._finish(scan)
        return self._summary

    def fail(self) -> None:
        """Says in the import's row that it did not end; what was committed stays."""
        with self._store.writing() as connection:
            values = {"status": "failed", "finished_at": now(), **self._counts()}
            connection.execute(self._my_import().values(values))

    def _counts(self) -> dict[str, int]:
        names = ("added", "updated", "unchanged", "missing", "skipped", "quarantined")
        return {name: getattr(self._summary, name) for name in names}

    def _import_batch(self, batch: Sequence[File]) -> None:
        with self._store.reading() as connection:
            known = _known(connection, self._source_id, batch)
        outcomes = [read_outcome(file, known.get(file.path)) for file in batch]
        self._count(outcomes)
        fresh = [o for o in outcomes if isinstance(o, Fresh)]
        resealed = [o for o in outcomes if isinstance(o, Resealed)]
        self._settle_faults(outcomes)
        if not (fresh or resealed or self._returned):
            return
        with self._store.writing() as connection:
            self._store.backend.lock_references(connection)
            self._taxonomy.write(connection, [o for o in fresh if not isinstance(o.parsed, Document)])
            self._articles.write(connection, [(o, o.parsed) for o in fresh if isinstance(o.parsed, Document)])
            self._articles.reseal(connection, resealed)
            self._bring_back(connection, batch[0].kind)
            self._audit.flush(connection)
            self._book.flush(connection)

    def _count(self, outcomes: Sequence[Outcome]) -> None:
        summary = self._summary
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                summary.quarantined += 1
            elif isinstance(outcome, NoDocument):
                summary.skipped += 1
            elif outcome.file.kind is not Kind.ARTICLE:
                summary.taxonomy += 1
            elif outcome.known is None:
                summary.added += 1
            elif isinstance(outcome, Fresh) or outcome.known.is_missing:
                summary.updated += 1
            else:
                summary.unchanged += 1

    def _settle_faults(self, outcomes: Sequence[Outcome]) -> None:
        for outcome in outcomes:
            path = outcome.file.path
            if isinstance(outcome, Refused):
                # What was said of the version that the store keeps stands.
                self._book.settle(path, [outcome.fault], among=("error",))
            elif isinstance(outcome, NoDocument):
                self._book.settle(path, ())
                self._no_documents.add(path)
            elif not isinstance(outcome, Fresh):
                self._book.settle_read(path)
                if outcome.known.is_missing:
                    self._returned.append(outcome.known.id)

    def _bring_back(self, connection: sa.Connection, kind: Kind) -> None:
        """Files that were missing and are there again, as they were."""
        table = articles if kind is Kind.ARTICLE else taxonomy_documents
        _set_missing(connection, table, self._returned, None)
        self._returned = []

    def _finish(self, scan: Scan) -> None:
        for path, fault in scan.faults:
            self._book.settle(path, [fault])
            self._summary.quarantined += fault.severity == "error"
        seen = {file.path for file in scan.files} | {path for path, _ in scan.faults}
        self._book.settle_vanished(seen, scan.unread())
        summary = self._summary
        with self._store.writing() as connection:
            summary.missing = self._mark_missing(connection, scan)
            if summary.added or summary.updated or len(self._to_resolve) > 1:
                resolve_related(connection, self._source_id, self._to_resolve)
                resolve_items(connection, self._source_id)
            self._book.flush(connection)
            values = {"status": summary.status, "finished_at": now(), **self._counts()}
            connection.execute(self._my_import().values(values))

    def _mark_missing(self, connection: sa.Connection, scan: Scan) -> int:
        """Marks what the store has and the folder has not; returns how many articles that are.

        A file that is no document any more is missing too; of what could not be read nothing is known.
        """
        present = {file.path for file in scan.files} - self._no_documents
        unread = scan.unread()
        moment = now()
        missing = 0
        for table in (articles, taxonomy_documents):
            query = sa.select(table.c.id, table.c.path).where(
                table.c.source_id == self._source_id, table.c.missing_since.is_(None)
            )
            rows = connection.execute(query)
            gone = [row_id for row_id, path in rows if path not in present and not path.startswith(unread)]
            _set_missing(connection, table, gone, moment)
            missing += len(gone) if table is articles else 0
        return missing

    def _my_import(self) -> sa.Update:
        return sa.update(imports).where(imports.c.id == self._summary.import_id)


@contextmanager
def _rare_collection() -> Iterator[None]:
    """A batch makes 100,000 objects that no cycle holds: looking for cycles at every 700th took a fifth
    of an import's time."""
    before = gc.get_threshold()
    gc.set_threshold(200_000, 20, 20)
    try:
        yield
    finally:
        gc.set_threshold(*before)


def _source(connection: sa.Connection, name: str, location: str) -> int:
    """The id of a source, made or moved to where it now is."""
    source_id: int | None = connection.scalar(sa.select(sources.c.id).where(sources.c.name == name))
    if source_id is not None:
        moved = sa.and_(sources.c.id == source_id, sources.c.location != location)
        connection.execute(sa.update(sources).where(moved).values(location=location))
        return source_id
    return insert_row(connection, sources, {"name": name, "location": location})


def _set_missing(
    connection: sa.Connection, table: sa.Table, row_ids: Sequence[int], since: dt.datetime | None
) -> None:
    """Marks rows whose files are not there since an instant; None says that they are there again."""
    for ids in chunks(row_ids):
        connection.execute(sa.update(table).where(table.c.id.in_(ids)).values(missing_since=since))


def _unfinished(connection: sa.Connection, source_id: int) -> Sequence[int]:
    """The imports of a source that failed since the last one that did not."""
    done = sa.select(sa.func.max(imports.c.started_at)).where(
        imports.c.source_id == source_id, imports.c.status.in_(("succeeded", "partial"))
    )
    failed = sa.and_(imports.c.source_id == source_id, imports.c.status == "failed")
    since = sa.or_(done.scalar_subquery().is_(None), imports.c.started_at > done.scalar_subquery())
    return connection.scalars(sa.select(imports.c.id).where(failed, since)).all()


def _batches(files: Sequence[File]) -> Iterator[Sequence[File]]:
    """Taxonomy first, so that articles find their providers and topics; then articles, by path."""
    for kind in (Kind.ORGANIZATION, Kind.TOPIC, Kind.ARTICLE):
        yield from chunks([file for file in files if file.kind is kind], BATCH)


def _known(connection: sa.Connection, source_id: int, batch: Sequence[File]) -> dict[str, Known]:
    """What the store has of a batch's files, by path."""
    paths = [file.path for file in batch]
    if batch[0].kind is Kind.ARTICLE:
        table, bytes_digest, text_hash = articles, documents.c.digest, articles.c.content_hash
        query = sa.select(table.c.path, table.c.id, bytes_digest, text_hash, table.c.missing_since)
        query = query.join(documents, documents.c.article_id == table.c.id)
    else:
        table = taxonomy_documents
        query = sa.select(table.c.path, table.c.id, table.c.digest, sa.null(), table.c.missing_since)
    rows = connection.execute(query.where(table.c.source_id == source_id, table.c.path.in_(paths)))
    return {
        path: Known(key, bytes(digest), text, since is not None) for path, key, digest, text, since in rows
    }
