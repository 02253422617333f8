"""The files that are to be read, into the store: read ahead on all cores, written batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa

from .. import interrupts
from ..backends import chunks
from ..database import now
from ..scanning import File, Kind
from .course import Course
from .files import STATES, known_files
from .missing import bring_back, mark_missing
from .outcomes import Chunk
from .pipeline import CHUNK, cores, read_ahead
from .readers import processes
from .tasks import Known, Task, What
from .taxonomy import TaxonomyWriter
from .write import ArticleWriter

#: Files of one transaction: enough for bulk writes to pay (with 500 a first import of 20,000 writes twice
#: as many pages), few enough that an editor waits a quarter of a second.
BATCH = 2_000

#: Below so many files, starting processes takes longer than reading here.
WORTH_PROCESSES = 1_000


class Intake:
    """Reads files and writes what they say; each batch is a transaction."""

    def __init__(self, course: Course) -> None:
        self._course = course
        self._books = course.books
        self._summary = course.summary
        self._taxonomy = TaxonomyWriter(course.books)
        self._articles = ArticleWriter(course.books)

    def take_in(self, files: Sequence[File], done: int) -> None:
        """Takes in the files of a scan that are to be read; `done` are those that are not."""
        total = done + len(files)
        progress = self._course.options.progress
        with self._executor(len(files)) as executor:
            for batch in _batches(read_ahead(self._tasks(files), executor)):
                self._write(batch)
                interrupts.check()
                done += sum(len(tasks) for tasks, _ in batch)
                if progress is not None:
                    progress(done, total)

    def _executor(self, files: int) -> AbstractContextManager[Executor | None]:
        options = self._course.options
        if options.executor is not None:
            return nullcontext(options.executor)
        jobs = options.jobs or cores()
        if jobs > 1 and files >= WORTH_PROCESSES:
            return processes(jobs)
        return nullcontext()

    def _tasks(self, files: Sequence[File]) -> Iterator[list[Task]]:
        """What is to be read, in chunks of one kind: taxonomy first, so that articles find their providers
        and topics; then articles, by path."""
        for kind in (Kind.ORGANIZATION, Kind.TOPIC, Kind.ARTICLE):
            for batch in chunks([file for file in files if file.kind is kind], BATCH):
                known = self._known(batch)
                for some in chunks(batch, CHUNK):
                    given = [file for file in some if file.location is None]
                    contents = self._course.dump.tree.read(given) if given else []
                    by_file = dict(zip(given, contents, strict=True))
                    yield [Task(file, known.get(file.path), by_file.get(file)) for file in some]

    def _known(self, batch: Sequence[File]) -> dict[str, Known]:
        if self._course.is_first:
            return {}
        with self._course.transactions.reading() as connection:
            return known_files(connection, self._books.source_id, batch)

    def _write(self, batch: Sequence[Chunk]) -> None:
        """Writes one batch in one transaction."""
        with self._summary.counting(), self._course.transactions.writing() as connection:
            self._books.hold(connection)
            returned, lost = self._sort_out(batch)
            self._course.transactions.store.backend.lock_references(connection)
            self._settle(connection, batch)
            if returned or lost or any(read.fresh or read.notes for _, read in batch):
                self._books.audit.open(connection)
            self._taxonomy.write(connection, batch)
            self._articles.write(connection, batch)
            self._articles.reseal(connection, batch)
            if returned:
                bring_back(connection, self._books, returned)
            if lost:
                self._summary.missing += mark_missing(connection, self._books, lost, now())
            self._course.files.flush(connection)
            self._books.flush(connection)

    def _sort_out(self, batch: Sequence[Chunk]) -> tuple[list[str], list[str]]:
        """Counts what became of a batch's files; returns the paths of those that are back as they were,
        and of those that are no documents any more."""
        returned, lost = [], []
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                what, known = outcome.what, task.known
                self._course.files.add(task, outcome)
                is_back = known is not None and known.is_missing
                is_changed = what is What.FRESH or is_back
                self._summary.count(STATES[what], task.file.kind, is_new=known is None, is_changed=is_changed)
                if is_back and what in (What.SAME, What.RESEALED):
                    returned.append(task.file.path)
                elif what is What.PASSED and known is not None and not known.is_missing:
                    lost.append(task.file.path)
        return returned, lost

    def _settle(self, connection: sa.Connection, batch: Sequence[Chunk]) -> None:
        """Says of each file that was not taken in anew what is wrong with it; the writers say it of the
        others."""
        self._books.issues.load(connection, (task.file.path for tasks, _ in batch for task in tasks))
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                path, what = task.file.path, outcome.what
                if what is What.REFUSED:
                    # What was said of the version that the store keeps stands.
                    self._books.issues.settle(path, outcome.faults, among=("error",))
                elif what is What.PASSED:
                    self._books.issues.settle_gone(path)
                elif what is not What.FRESH:
                    self._books.issues.settle_read(path)


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
