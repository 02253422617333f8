"""The files that are to be read, into the store: read ahead on all cores, written batch by batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import AbstractContextManager, nullcontext

import sqlalchemy as sa

from .. import interrupts
from ..backends.base import chunks
from ..documents.issues import Issue
from ..scanning import File, Kind
from ..store.database import now
from .context import ImportContext
from .matching.moves import Plan
from .matching.placement import Placement, find_overridden_paths
from .reading.files import Chunk, drop_tasks
from .reading.pipeline import CHUNK, count_cores, read_ahead
from .reading.processes import process_pool
from .reading.tasks import Outcome, OutcomeKind, StoredFile, Task
from .records.files import STATES, load_stored_files
from .writing.articles import ArticleWriter
from .writing.missing import mark_present
from .writing.paths import free_paths
from .writing.taxonomy import TaxonomyWriter

#: Files of one transaction: enough for bulk writes to pay (with 500 a first import of 20,000 writes twice
#: as many pages), few enough that an editor waits a quarter of a second.
BATCH = 2_000

#: Below so many files, starting processes takes longer than reading here.
WORTH_PROCESSES = 1_000


class BatchImporter:
    """Reads files and writes what they say; each batch is a transaction."""

    def __init__(self, context: ImportContext, gone: Sequence[str]) -> None:
        """`gone` are the files of the source that are not there any more."""
        self._context = context
        self._gone = gone
        self._records = context.records
        self._summary = context.summary
        self._taxonomy = TaxonomyWriter(context.records)
        self._articles = ArticleWriter(context.records)
        self._placing = Placement(context.records.source_id)
        self._done = self._total = 0

    def import_files(self, files: Sequence[File], done: int) -> None:
        """Takes in the files of a scan that are to be read; `done` are those that are not."""
        self._done, self._total = done, done + len(files)
        known, new = (files, ()) if self._context.is_first else self._by_place(files)
        if not self._context.is_first:
            with self._context.transactions.reading() as connection:
                self._placing.load_hidden_stories(connection)
        with self._executor(len(files)) as executor:
            self._read_all(self._tasks(known), executor)
            if new or self._placing:
                with self._context.transactions.reading() as connection:
                    self._placing.load_lost_articles(connection, self._find_gone(connection))
                self._read_all(self._tasks(new), executor)
            if self._placing:
                self._place(executor)

    def _find_gone(self, connection: sa.Connection) -> Sequence[str]:
        """Return the files that are gone. Where a part is imported, look beyond it for articles with
        overrides: a new document may be one of them."""
        if not self._context.dump.within:
            return self._gone
        paths = find_overridden_paths(connection, self._records.source_id)
        return [*self._gone, *self._context.dump.tree.find_absent(paths)]

    def _by_place(self, files: Sequence[File]) -> tuple[list[File], list[File]]:
        """Part files at paths where the store has a document, or that are taxonomy, from the others."""
        unsure = [f for f in files if f.kind is Kind.ARTICLE and not self._context.files.was_imported(f.path)]
        known: set[str] = set()
        with self._context.transactions.reading() as connection:
            for batch in chunks(unsure, BATCH):
                known.update(load_stored_files(connection, self._records.source_id, batch))
        new = [file for file in unsure if file.path not in known]
        paths = {file.path for file in new}
        return [file for file in files if file.path not in paths], new

    def _read_all(
        self, tasks: Iterable[Sequence[Task]], executor: Executor | None, plan: Plan | None = None
    ) -> None:
        """Reads files ahead and writes them batch by batch."""
        for batch in _batches(read_ahead(tasks, executor)):
            self._write_one(batch, plan)

    def _place(self, executor: Executor | None) -> None:
        """Writes the documents that were kept aside, each to the article that it continues."""
        plan = self._placing.make_plan()
        files = [doc.file for doc in self._placing.unplaced]
        # Those that take each other's paths are one transaction.
        entangled = [file for file in files if file.path in plan.entangled]
        if entangled:
            batch = list(read_ahead(self._tasks(entangled, plan), executor))
            batch = [_refuse_changed(chunk, self._placing.digests) for chunk in batch]
            if any(outcome.kind is not OutcomeKind.CHANGED for _, read in batch for outcome in read.outcomes):
                # Without one of them the others have no place: the next import sees to all.
                batch = [_refuse_changed(chunk, {}) for chunk in batch]
            self._write_one(batch, plan)
        others = [file for file in files if file.path not in plan.entangled]
        self._read_all(self._tasks(others, plan), executor, plan)

    def _write_one(self, batch: Sequence[Chunk], plan: Plan | None) -> None:
        self._done += self._write(batch, plan)
        interrupts.check()
        progress = self._context.options.progress
        if progress is not None:
            progress(self._done, self._total)

    def _executor(self, files: int) -> AbstractContextManager[Executor | None]:
        options = self._context.options
        if options.executor is not None:
            return nullcontext(options.executor)
        jobs = options.jobs or count_cores()
        if jobs > 1 and files >= WORTH_PROCESSES:
            return process_pool(jobs)
        return nullcontext()

    def _tasks(self, files: Sequence[File], plan: Plan | None = None) -> Iterator[list[Task]]:
        """What is to be read, in chunks of one kind: taxonomy first, so that articles find their providers
        and topics; then articles, by path."""
        for kind in (Kind.ORGANIZATION, Kind.TOPIC, Kind.ARTICLE):
            for batch in chunks([file for file in files if file.kind is kind], BATCH):
                known = self._known(batch)
                if plan is not None:
                    known = _placed(known, plan, batch)
                for some in chunks(batch, CHUNK):
                    given = [file for file in some if file.location is None]
                    contents = self._context.dump.tree.read(given) if given else []
                    by_file = dict(zip(given, contents, strict=True))
                    yield [Task(file, known.get(file.path), by_file.get(file)) for file in some]

    def _known(self, batch: Sequence[File]) -> dict[str, StoredFile]:
        if self._context.is_first:
            return {}
        with self._context.transactions.reading() as connection:
            known = load_stored_files(connection, self._records.source_id, batch)
        is_stale = self._context.files.is_stale
        return {path: found.as_stale() if is_stale(path) else found for path, found in known.items()}

    def _write(self, batch: Sequence[Chunk], plan: Plan | None) -> int:
        """Writes one batch in one transaction; returns how many files that were. Without a plan, documents
        that have no article of their own are kept aside."""
        with self._summary.roll_back_on_error(), self._context.transactions.writing() as connection:
            self._context.transactions.store.backend.lock_references(connection)
            self._records.lock(connection)
            if plan is not None:
                batch = [_refuse_changed(chunk, self._placing.digests) for chunk in batch]
            elif not self._context.is_first:
                batch = self._placing.defer_unplaced(connection, batch)
            returned = self._sort_out(batch, plan)
            self._settle(connection, batch, plan)
            if returned or any(read.article_tasks or read.taxonomy for _, read in batch):
                self._records.audit.open_changeset(connection)
            if plan is not None:
                self._free_paths(connection, batch, plan)
            self._taxonomy.write(connection, batch)
            self._articles.write(connection, batch, plan)
            self._articles.write_secured(connection, batch)
            if returned:
                mark_present(connection, self._records, returned)
            self._context.files.flush(connection)
            self._records.flush(connection)
        return sum(len(tasks) for tasks, _ in batch)

    def _free_paths(self, connection: sa.Connection, batch: Sequence[Chunk], plan: Plan) -> None:
        fresh = [tasks[number].file.path for tasks, read in batch for number in read.article_tasks]
        moves = [plan.moves[path] for path in fresh if path in plan.moves]
        movers, left = [move.id for move in moves], {move.path for move in moves}.difference(fresh)
        displaced = {path: plan.displaced[path] for path in fresh if path in plan.displaced}
        if movers:
            self._summary.missing += free_paths(
                connection, self._records, movers, sorted(left), displaced, now()
            )

    def _sort_out(self, batch: Sequence[Chunk], plan: Plan | None) -> list[str]:
        """Counts what became of a batch's files; returns the paths of those that are back as they were."""
        returned = []
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                what, known = outcome.kind, task.known
                self._context.files.add(task, outcome)
                is_back = known is not None and known.is_missing
                is_changed = what is OutcomeKind.CHANGED or is_back
                if plan is not None and what is OutcomeKind.CHANGED and task.file.path in plan.moves:
                    self._summary.moved += 1
                    continue
                self._summary.count(STATES[what], task.file, is_new=known is None, is_changed=is_changed)
                if is_back and what in (OutcomeKind.UNCHANGED, OutcomeKind.SECURED_ONLY):
                    returned.append(task.file.path)
        return returned

    def _settle(self, connection: sa.Connection, batch: Sequence[Chunk], plan: Plan | None) -> None:
        """Says of each file that was not taken in anew what is wrong with it; the writers say it of the
        others."""
        paths = [task.file.path for tasks, _ in batch for task in tasks]
        if plan is not None:
            paths += [plan.moves[path].path for path in paths if path in plan.moves]
        self._records.issues.load(connection, paths)
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                path, what = task.file.path, outcome.kind
                if what is OutcomeKind.QUARANTINED:
                    # What was said of the version that the store keeps stands.
                    self._records.issues.set_open(path, outcome.issues, is_quarantined=True)
                elif what is OutcomeKind.NOT_CONTENT:
                    self._records.issues.resolve_missing(path)
                elif what is not OutcomeKind.CHANGED and task.known is not None and task.known.is_missing:
                    self._records.issues.set_open_after_return(path, outcome.issues)
                elif what is not OutcomeKind.CHANGED:
                    self._records.issues.resolve_quarantine(path)


def _placed(known: dict[str, StoredFile], plan: Plan, batch: Sequence[File]) -> dict[str, StoredFile]:
    """What the store has of documents that were kept aside: the articles that they continue."""
    known = {path: found for path, found in known.items() if path not in plan.vacant}
    for file in batch:
        if (article := plan.moves.get(file.path)) is not None:
            known[file.path] = StoredFile(article.id, b"", "", article.is_missing)
    return known


def _refuse_changed(chunk: Chunk, digests: Mapping[str, bytes]) -> Chunk:
    """Refuses the files that are not what they were when they were first read: the plan is not for these."""
    tasks, read = chunk
    changed = {
        number
        for place, number in enumerate(read.article_tasks)
        if read.rows.documents[place][0] != digests.get(tasks[number].file.path)
    }
    if not changed:
        return chunk
    told = Issue("error", "changed_while_read", "the file changed while it was read; run the import again")
    kept_tasks, kept = drop_tasks(chunk, changed)
    kept.outcomes.extend(Outcome(OutcomeKind.QUARANTINED, (told,)) for _ in changed)
    return [*kept_tasks, *(tasks[number] for number in sorted(changed))], kept


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
