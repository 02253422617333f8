"""Limit how long a file may take to be read.

A file that takes too long, or crashes the process that reads it, is quarantined, and the import continues.

Files are read in chunks. In a child process (`processes`) the limit holds for any code, because the process
is killed. In this process a timer sets the limit. The timer ends loops in Python and in `re`, but no other
loop in C, and it cannot prevent a crash. So only small files are read in this process, in the main thread.
A chunk that exceeds the limit is passed to a child process, which reads its files one by one to find the
one at fault.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, Future
from contextlib import ExitStack, contextmanager

from ...documents.issues import Issue
from . import processes
from .files import ReadResult, read_files
from .tasks import Outcome, OutcomeKind, Task

#: Largest file, in bytes, that is read in this process. A larger file is worth starting a child process (some
#: 0.1 s). A quadratic loop in C ends within seconds at this size.
MAX_LOCAL_BYTES = 128 * 1024


_ADVICE = "check the file for unusual content, then import it again"


class _OverdueError(BaseException):
    """The time limit is exceeded. A BaseException, so that no `except Exception` catches it."""


def read_locally(tasks: Sequence[Task]) -> ReadResult | None:
    """Read files in this thread.

    Returns:
        None if the files took too long, or if a child process has to read them.
    """
    if not _can_be_interrupted() or any(_size(task) > MAX_LOCAL_BYTES for task in tasks):
        return None
    try:
        with _time_limit(processes.MAX_SECONDS):
            return read_files(tasks)
    except _OverdueError:
        return None


def wait_for_result(future: Future[ReadResult]) -> ReadResult | None:
    """Return an executor's result for a chunk of files, once all earlier chunks are done.

    Returns:
        None if the chunk took too long or its process died. An executor from elsewhere cannot end the call.
        It continues with it, and nothing waits for it.
    """
    try:
        return future.result(2 * processes.MAX_SECONDS)
    except (TimeoutError, processes.CallTimeoutError, processes.ProcessDiedError):
        future.cancel()
        return None


class SingleFileReader:
    """A reader of files one by one, in child processes that can be killed. The first call starts them."""

    def __init__(self, stack: ExitStack, executor: Executor | None) -> None:
        """Use the given executor if it is a `ReaderPool`; else `stack` ends the process that is started."""
        self._stack = stack
        self._executor = executor if isinstance(executor, processes.ReaderPool) else None

    def read(self, tasks: Sequence[Task]) -> Iterator[tuple[Sequence[Task], ReadResult]]:
        """Yield each task with its result. Raise BrokenExecutor if no process can be started."""
        executor = self._executor = self._executor or self._stack.enter_context(processes.process_pool(1))
        futures = [executor.submit(read_files, [task]) for task in tasks]
        for task, future in zip(tasks, futures, strict=True):
            yield [task], _read_one(executor, task, future)


def _read_one(executor: Executor, task: Task, future: Future[ReadResult]) -> ReadResult:
    try:
        try:
            return future.result()
        except processes.ProcessDiedError:  # the system may have killed it because memory was short
            return executor.submit(read_files, [task]).result()
    except processes.ProcessDiedError:
        message = f"the process that reads the file crashes; {_ADVICE}"
        return _quarantine(Issue("error", "read_crashed", message))
    except processes.CallTimeoutError:
        message = f"reading the file takes over {processes.MAX_SECONDS:g} seconds; {_ADVICE}"
        return _quarantine(Issue("error", "read_timed_out", message))


def _quarantine(issue: Issue) -> ReadResult:
    return ReadResult([Outcome(OutcomeKind.QUARANTINED, (issue,))])


def _size(task: Task) -> int:
    """Return the size of a file in bytes; 0 for a file that cannot be read anyway."""
    if task.content is not None:
        return len(task.content) if isinstance(task.content, bytes) else 0
    try:
        return os.stat(task.file.location or "", follow_symlinks=False).st_size  # noqa: PTH116 - of each file
    except OSError:
        return 0


def _can_be_interrupted() -> bool:
    """Return whether this is the main thread, the system has timers, and no other code uses the timer."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    )


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise _OverdueError in the block once `seconds` have passed.

    The error is raised repeatedly, because one that is raised within a callback is lost.
    """
    is_over = False

    def interrupt(*_: object) -> None:
        if not is_over:
            raise _OverdueError

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, seconds, 0.1)
        yield
    finally:
        try:
            is_over = True
        finally:  # runs even if the timer interrupts the line above
            is_over = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
