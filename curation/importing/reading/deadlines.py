"""How long a file may take to be read, wherever it is read: one that takes longer, or kills the process that
reads it, is refused, and the import goes on.

Files are read by chunks. In a process of ours (`processes`) the deadline holds whatever the code is: the
process is killed. Here it is a timer, which ends loops of Python and of `re`, but no other loop of C and no
crash; so only small files are read here, in the main thread, and a chunk that is overdue is handed to a
process. There files are read one by one, and the one that is to blame is known by that.
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
from .files import Read, read_files
from .tasks import Outcome, OutcomeKind, Task

#: Bytes of the largest file that is read here; what is larger is worth a process (some 0.1 s). A loop of C
#: that is quadratic ends within seconds at this size.
LARGEST_HERE = 128 * 1024


class _OverdueError(BaseException):
    """Time is up: no `except Exception` is to hold it back."""


def read_here(tasks: Sequence[Task]) -> Read | None:
    """What became of files that are read in this thread; None where they took too long, or had better be read
    by a process."""
    if not _can_be_interrupted() or any(_size(task) > LARGEST_HERE for task in tasks):
        return None
    try:
        with _interrupting(processes.SECONDS):
            return read_files(tasks)
    except _OverdueError:
        return None


def answer_of(future: Future[Read]) -> Read | None:
    """What an executor says of a chunk of files, all before it being done; None where it took too long, or
    its process died. An executor that is none of ours goes on with what it cannot end, and is not waited for.
    """
    try:
        return future.result(2 * processes.SECONDS)
    except (TimeoutError, processes.GivenUpError, processes.CrashedError):
        future.cancel()
        return None


class Alone:
    """Reads files one by one, in processes that may be killed; the first that is wanted starts them."""

    def __init__(self, stack: ExitStack, executor: Executor | None) -> None:
        """`stack` ends the process, unless there is an executor of ours."""
        self._stack = stack
        self._executor = executor if isinstance(executor, processes.Readers) else None

    def read(self, tasks: Sequence[Task]) -> Iterator[tuple[Sequence[Task], Read]]:
        """What became of each. Raises BrokenExecutor where no process can be started."""
        executor = self._executor = self._executor or self._stack.enter_context(processes.process_pool(1))
        futures = [executor.submit(read_files, [task]) for task in tasks]
        for task, future in zip(tasks, futures, strict=True):
            yield [task], _read_alone(executor, task, future)


def _read_alone(executor: Executor, task: Task, future: Future[Read]) -> Read:
    try:
        try:
            return future.result()
        except processes.CrashedError:  # the system may have chosen it, being short of memory
            return executor.submit(read_files, [task]).result()
    except processes.CrashedError:
        told = "the process that reads it dies of it: see what is unusual in it, then import it again"
        return _refused(Issue("error", "read_crashed", told))
    except processes.GivenUpError:
        told = f"reading it takes over {processes.SECONDS:g} seconds"
        advice = "see what is unusual in it, then import it again"
        return _refused(Issue("error", "read_timed_out", f"{told}: {advice}"))


def _refused(issue: Issue) -> Read:
    return Read([Outcome(OutcomeKind.QUARANTINED, (issue,))])


def _size(task: Task) -> int:
    """The bytes of a file; 0 for one that cannot be read anyway."""
    if task.content is not None:
        return len(task.content) if isinstance(task.content, bytes) else 0
    try:
        return os.stat(task.file.location or "", follow_symlinks=False).st_size  # noqa: PTH116 - of each file
    except OSError:
        return 0


def _can_be_interrupted() -> bool:
    """Whether this is the main thread of a system with timers, and nobody else uses that."""
    return (
        hasattr(signal, "setitimer")
        and threading.current_thread() is threading.main_thread()
        and signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    )


@contextmanager
def _interrupting(seconds: float) -> Iterator[None]:
    """Raises _OverdueError in what takes longer; again and again, as one that comes in a callback is lost."""
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
        finally:  # even where it is interrupted right here
            is_over = True
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, before)
