"""Files read ahead, on all cores, in their order: the stage between the list of files and the writer.

Memory is bounded: at most `AHEAD` chunks of `CHUNK` files are read and not yet written.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future

from ..errors import ImportFailed
from .outcomes import Read, read_files
from .tasks import Task

#: Files of one call of `read_files`: some 10 ms of work, and small beside it what the call costs.
CHUNK = 100

#: Chunks under way: what keeps the readers busy while a batch is being written.
AHEAD = 48


def read_ahead(
    chunks: Iterable[Sequence[Task]], executor: Executor | None
) -> Iterator[tuple[Sequence[Task], Read]]:
    """What became of each chunk of files, in order; read here where there is no executor.

    Any `concurrent.futures.Executor` serves: tasks and answers are plain values, and whoever reads needs
    the files' locations only. Raises ImportFailed where the executor broke.
    """
    if executor is None:
        for tasks in chunks:
            yield tasks, read_files(tasks)
        return
    pending: deque[tuple[Sequence[Task], Future[Read]]] = deque()
    try:
        for tasks in chunks:
            pending.append((tasks, executor.submit(read_files, tasks)))
            if len(pending) >= AHEAD:
                tasks, future = pending.popleft()
                yield tasks, future.result()
        while pending:
            tasks, future = pending.popleft()
            yield tasks, future.result()
    except BrokenExecutor as error:
        raise ImportFailed(
            "a process that reads files died; what was committed is whole: run this again, or with --jobs 1"
        ) from error
    finally:
        for _, future in pending:
            future.cancel()


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
