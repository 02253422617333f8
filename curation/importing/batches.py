"""Import the files of a scan that must be read: read ahead on all cores, write batch by batch."""

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
from .reading.pipeline import FILES_PER_TASK, count_cores, read_ahead
from .reading.processes import process_pool
from .reading.tasks import Outcome, OutcomeKind, StoredFile, Task
from .records.files import STATES, load_stored_files
from .writing.articles import ArticleWriter
from .writing.missing import mark_present
from .writing.paths import free_paths
from .writing.taxonomy import TaxonomyWriter

#: Maximum number of files in one transaction. With 500, a first import of 20,000 files writes twice as many
#: pages. With 2,000, an editor waits a quarter of a second.
FILES_PER_BATCH = 2_000

#: Minimum number of files for which other processes read. For fewer, starting them takes longer than reading.
MIN_FILES_FOR_PROCESSES = 1_000


class BatchImporter:
    """An import of files in batches. Each batch is one transaction."""

    def __init__(self, context: ImportContext, gone: Sequence[str]) -> None:
        """Prepare an import.

        Args:
            gone: Paths of the source's files that no longer exist.
        """
        self._context = context
        self._gone = gone
        self._records = context.records
        self._summary = context.summary
        self._taxonomy = TaxonomyWriter(context.records)
        self._articles = ArticleWriter(context.records)
        self._placement = Placement(context.records.source_id)
        self._done = self._total = 0

    def import_files(self, files: Sequence[File], done: int) -> None:
        """Read files and write their documents.

        Documents at new paths, and those with another story than the article at their path, may continue an
        article whose document is gone. They come last, when all such articles are known.

        Args:
            files: The files of the scan that must be read.
            done: The number of the other files of the scan, for the progress.
        """
        self._done, self._total = done, done + len(files)
        known, new = (files, ()) if self._context.is_first else self._split_by_path(files)
        if not self._context.is_first:
            with self._context.transactions.reading() as connection:
                self._placement.load_hidden_stories(connection)
        with self._open_executor(len(files)) as executor:
            self._import_tasks(self._make_tasks(known), executor)
            if new or self._placement:
                with self._context.transactions.reading() as connection:
                    self._placement.load_move_candidates(connection, self._find_gone(connection))
                self._import_tasks(self._make_tasks(new), executor)
            if self._placement:
                self._import_deferred(executor)

    def _find_gone(self, connection: sa.Connection) -> Sequence[str]:
        """Return the paths of the files that are gone.

        An import of a part also looks for gone files with overrides in the rest of the source, because a new
        document may continue one of their articles.
        """
        if not self._context.dump.within:
            return self._gone
        paths = find_overridden_paths(connection, self._records.source_id)
        return [*self._gone, *self._context.dump.tree.find_absent(paths)]

    def _split_by_path(self, files: Sequence[File]) -> tuple[list[File], list[File]]:
        """Split files into those at known paths and those at new ones. All taxonomy is among the first."""
        unsure = [f for f in files if f.kind is Kind.ARTICLE and not self._context.files.was_imported(f.path)]
        known: set[str] = set()
        with self._context.transactions.reading() as connection:
            for batch in chunks(unsure, FILES_PER_BATCH):
                known.update(load_stored_files(connection, self._records.source_id, batch))
        new = [file for file in unsure if file.path not in known]
        new_paths = {file.path for file in new}
        return [file for file in files if file.path not in new_paths], new

    # --- reading ------------------------------------------------------------------------------------------

    def _open_executor(self, file_count: int) -> AbstractContextManager[Executor | None]:
        options = self._context.options
        if options.executor is not None:
            return nullcontext(options.executor)
        jobs = options.jobs or count_cores()
        if jobs > 1 and file_count >= MIN_FILES_FOR_PROCESSES:
            return process_pool(jobs)
        return nullcontext()

    def _make_tasks(self, files: Sequence[File], plan: Plan | None = None) -> Iterator[list[Task]]:
        """Yield the tasks of reading files, in chunks of one kind.

        Taxonomy comes first, so that articles find their providers and topics.
        """
        for kind in (Kind.ORGANIZATION, Kind.TOPIC, Kind.ARTICLE):
            for batch in chunks([file for file in files if file.kind is kind], FILES_PER_BATCH):
                known = self._find_known(batch)
                if plan is not None:
                    known = _apply_plan(known, plan, batch)
                for chunk in chunks(batch, FILES_PER_TASK):
                    yield self._make_tasks_of_chunk(chunk, known)

    def _make_tasks_of_chunk(self, chunk: Sequence[File], known: Mapping[str, StoredFile]) -> list[Task]:
        """Return the tasks of reading files, with the contents of those that have no location."""
        without_location = [file for file in chunk if file.location is None]
        contents = self._context.dump.tree.read(without_location) if without_location else []
        by_file = dict(zip(without_location, contents, strict=True))
        return [Task(file, known.get(file.path), by_file.get(file)) for file in chunk]

    def _find_known(self, batch: Sequence[File]) -> dict[str, StoredFile]:
        """Return what the store has of files, by path."""
        if self._context.is_first:
            return {}
        with self._context.transactions.reading() as connection:
            known = load_stored_files(connection, self._records.source_id, batch)
        is_stale = self._context.files.is_stale
        return {path: found.without_digests() if is_stale(path) else found for path, found in known.items()}

    # --- writing ------------------------------------------------------------------------------------------

    def _import_tasks(
        self, tasks: Iterable[Sequence[Task]], executor: Executor | None, plan: Plan | None = None
    ) -> None:
        """Read files ahead and write them batch by batch."""
        for batch in _group_chunks(read_ahead(tasks, executor)):
            self._import_batch(batch, plan)

    def _import_deferred(self, executor: Executor | None) -> None:
        """Read the deferred documents again and write them to the articles that they continue."""
        plan = self._placement.make_plan()
        files = [doc.file for doc in self._placement.unplaced]
        # Documents that take each other's paths are one transaction.
        chained = [file for file in files if file.path in plan.chained_documents]
        if chained:
            self._import_batch(self._read_chained(chained, executor, plan), plan)
        others = [file for file in files if file.path not in plan.chained_documents]
        self._import_tasks(self._make_tasks(others, plan), executor, plan)

    def _read_chained(self, files: Sequence[File], executor: Executor | None, plan: Plan) -> Sequence[Chunk]:
        """Read documents that take each other's paths. If one cannot be written, quarantine all of them."""
        batch = list(read_ahead(self._make_tasks(files, plan), executor))
        batch = [_quarantine_changed(chunk, self._placement.digests) for chunk in batch]
        if any(outcome.kind is not OutcomeKind.CHANGED for _, read in batch for outcome in read.outcomes):
            # The paths of the others are not free. No digest matches now, so all are quarantined, and the
            # next import reads them again.
            batch = [_quarantine_changed(chunk, {}) for chunk in batch]
        return batch

    def _import_batch(self, batch: Sequence[Chunk], plan: Plan | None) -> None:
        """Write one batch, end if the user asked for it, and report the progress."""
        self._done += self._write_batch(batch, plan)
        interrupts.check()
        progress = self._context.options.progress
        if progress is not None:
            progress(self._done, self._total)

    def _write_batch(self, batch: Sequence[Chunk], plan: Plan | None) -> int:
        """Write one batch in one transaction.

        Args:
            plan: The plan for deferred documents. If None, documents without an article of their own are
                deferred.

        Returns:
            The number of files written.
        """
        with self._summary.roll_back_on_error(), self._context.transactions.writing() as connection:
            self._context.transactions.store.backend.lock_references(connection)
            self._records.require_running(connection)
            batch = self._leave_out_unready(connection, batch, plan)
            returned = self._count_outcomes(batch, plan)
            self._settle_issues(connection, batch, plan)
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

    def _leave_out_unready(
        self, connection: sa.Connection, batch: Sequence[Chunk], plan: Plan | None
    ) -> Sequence[Chunk]:
        """Defer the unplaced documents of a batch; with a plan, quarantine those that have changed since."""
        if plan is not None:
            return [_quarantine_changed(chunk, self._placement.digests) for chunk in batch]
        if self._context.is_first:
            return batch
        return self._placement.defer_unplaced(connection, batch)

    def _free_paths(self, connection: sa.Connection, batch: Sequence[Chunk], plan: Plan) -> None:
        """Free the paths that the moved articles of a batch leave or take."""
        article_tasks = [tasks[number].file.path for tasks, read in batch for number in read.article_tasks]
        moves = [plan.moves[path] for path in article_tasks if path in plan.moves]
        moved_ids, vacated = (
            [move.id for move in moves],
            {move.path for move in moves}.difference(article_tasks),
        )
        evicted = {
            path: plan.evicted_articles[path] for path in article_tasks if path in plan.evicted_articles
        }
        if moved_ids:
            self._summary.missing += free_paths(
                connection, self._records, moved_ids, sorted(vacated), evicted, now()
            )

    def _count_outcomes(self, batch: Sequence[Chunk], plan: Plan | None) -> list[str]:
        """Count and record the outcome of each file of a batch.

        Returns:
            The paths of the files that were missing and have returned unchanged.
        """
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

    def _settle_issues(self, connection: sa.Connection, batch: Sequence[Chunk], plan: Plan | None) -> None:
        """Load the issues of a batch's files, and settle those of files without a changed document.

        The writers settle the others.
        """
        paths = [task.file.path for tasks, _ in batch for task in tasks]
        if plan is not None:
            paths += [plan.moves[path].path for path in paths if path in plan.moves]
        self._records.issues.load(connection, paths)
        for tasks, read in batch:
            for task, outcome in zip(tasks, read.outcomes, strict=True):
                if outcome.kind is not OutcomeKind.CHANGED:
                    self._settle_issues_of(task, outcome)

    def _settle_issues_of(self, task: Task, outcome: Outcome) -> None:
        """Settle the issues of a file without a changed document."""
        issues, path = self._records.issues, task.file.path
        if outcome.kind is OutcomeKind.QUARANTINED:
            # The store keeps an earlier version, and the issues of that version stay open.
            issues.set_open(path, outcome.issues, is_quarantined=True)
        elif outcome.kind is OutcomeKind.NOT_CONTENT:
            issues.resolve_missing(path)
        elif task.known is not None and task.known.is_missing:
            issues.set_open_after_return(path, outcome.issues)
        else:
            issues.resolve_quarantine(path)


def _apply_plan(known: dict[str, StoredFile], plan: Plan, batch: Sequence[File]) -> dict[str, StoredFile]:
    """Return what the store has of deferred documents: the articles that they continue."""
    known = {path: found for path, found in known.items() if path not in plan.vacant}
    for file in batch:
        if (article := plan.moves.get(file.path)) is not None:
            known[file.path] = StoredFile(article.id, b"", "", article.is_missing)
    return known


def _quarantine_changed(chunk: Chunk, digests: Mapping[str, bytes]) -> Chunk:
    """Quarantine the files whose bytes have changed since the first reading, because the plan ignores them.

    Args:
        digests: SHA-256 of each file at the first reading, by path.
    """
    tasks, read = chunk
    changed = {
        number
        for place, number in enumerate(read.article_tasks)
        if read.rows.documents[place][0] != digests.get(tasks[number].file.path)
    }
    if not changed:
        return chunk
    issue = Issue("error", "changed_while_read", "the file changed while it was read; run the import again")
    kept_tasks, kept = drop_tasks(chunk, changed)
    kept.outcomes.extend(Outcome(OutcomeKind.QUARANTINED, (issue,)) for _ in changed)
    return [*kept_tasks, *(tasks[number] for number in sorted(changed))], kept


def _group_chunks(chunks_read: Iterable[Chunk]) -> Iterator[list[Chunk]]:
    """Yield the chunks in batches of one kind and about `FILES_PER_BATCH` files."""
    batch: list[Chunk] = []
    count = 0
    for tasks, read in chunks_read:
        if batch and (count >= FILES_PER_BATCH or batch[0][0][0].file.kind is not tasks[0].file.kind):
            yield batch
            batch, count = [], 0
        batch.append((tasks, read))
        count += len(tasks)
    if batch:
        yield batch
