"""Read files ahead of the writer, on all cores and in order.

Memory is bounded: at most `MAX_PENDING` chunks of `FILES_PER_TASK` files are read and not yet written.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack

from ...errors import ImportFailed
from .files import ReadResult, read_files
from .tasks import Task
from .timeouts import SingleFileReader, read_locally, wait_for_result

#: Files in one call of `read_files`: some 10 ms of work, so that the cost of the call is small.
FILES_PER_TASK = 100

#: Chunks that are submitted and not yet returned: enough to keep the readers busy while a batch is written.
MAX_PENDING = 48


def read_ahead(
    chunks: Iterable[Sequence[Task]], executor: Executor | None
) -> Iterator[tuple[Sequence[Task], ReadResult]]:
    """Yield each chunk of files with its result, in order.

    A chunk that takes too long, or whose process dies, is read again file by file (`SingleFileReader`), so
    that only the file at fault is quarantined.

    Args:
        executor: any `concurrent.futures.Executor`; None to read in this process. Tasks and results are plain
            values, and the executor needs access only to the files' locations.

    Raises:
        ImportFailed: if processes die before they read anything.
    """
    try:
        with ExitStack() as stack:
            reader = SingleFileReader(stack, executor)
            results = _read_locally(chunks) if executor is None else _read_in_executor(chunks, executor)
            for tasks, read in results:
                if read is None:
                    yield from reader.read(tasks)
                else:
                    yield tasks, read
    except BrokenExecutor as error:
        raise ImportFailed(
            "the processes that read files exit at startup; what was committed is kept."
            " Check that enough memory is free, then run the import again"
        ) from error


#: The tasks of a chunk and their result; None if the files have to be read one by one.
_ChunkResult = tuple[Sequence[Task], ReadResult | None]


def _read_locally(chunks: Iterable[Sequence[Task]]) -> Iterator[_ChunkResult]:
    for tasks in chunks:
        yield tasks, read_locally(tasks)


def _read_in_executor(chunks: Iterable[Sequence[Task]], executor: Executor) -> Iterator[_ChunkResult]:
    pending: deque[tuple[Sequence[Task], Future[ReadResult]]] = deque()
    try:
        for tasks in chunks:
            pending.append((tasks, executor.submit(read_files, tasks)))
            if len(pending) >= MAX_PENDING:
                tasks, future = pending.popleft()
                yield tasks, wait_for_result(future)
        while pending:
            tasks, future = pending.popleft()
            yield tasks, wait_for_result(future)
    finally:
        for _, future in pending:
            future.cancel()


def count_cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
