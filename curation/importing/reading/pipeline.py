"""Files read ahead, on all cores, in their order: the stage between the list of files and the writer.

Memory is bounded: at most `AHEAD` chunks of `CHUNK` files are read and not yet written.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import ExitStack

from ...errors import ImportFailed
from .deadlines import Alone, answer_of, read_here
from .files import Read, read_files
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
    the files' locations only. A chunk that takes too long, or whose process dies, is read anew file by file
    (`Alone`), so that only the file that is to blame is refused. Raises ImportFailed where processes die
    before they read anything.
    """
    try:
        with ExitStack() as stack:
            alone = Alone(stack, executor)
            answers = _read_here(chunks) if executor is None else _read_elsewhere(chunks, executor)
            for tasks, read in answers:
                if read is None:
                    yield from alone.read(tasks)
                else:
                    yield tasks, read
    except BrokenExecutor as error:
        raise ImportFailed(
            "processes that read files end as they begin; what was committed is whole: see that there is"
            " memory for them, then run this again"
        ) from error


#: Files of a chunk, and what became of them; None where they have to be read one by one.
_Answer = tuple[Sequence[Task], Read | None]


def _read_here(chunks: Iterable[Sequence[Task]]) -> Iterator[_Answer]:
    for tasks in chunks:
        yield tasks, read_here(tasks)


def _read_elsewhere(chunks: Iterable[Sequence[Task]], executor: Executor) -> Iterator[_Answer]:
    pending: deque[tuple[Sequence[Task], Future[Read]]] = deque()
    try:
        for tasks in chunks:
            pending.append((tasks, executor.submit(read_files, tasks)))
            if len(pending) >= AHEAD:
                tasks, future = pending.popleft()
                yield tasks, answer_of(future)
        while pending:
            tasks, future = pending.popleft()
            yield tasks, answer_of(future)
    finally:
        for _, future in pending:
            future.cancel()


def cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
