"""Files read ahead, on all cores, in their order: the stage between the list of files and the writer.

Memory is bounded: at most `AHEAD` chunks of `CHUNK` files are read and not yet written.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from multiprocessing.connection import wait

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


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """An executor of `jobs` processes of this machine, that end when this one does, however it ends.

    They are forked from a clean server, or spawned: no lock and no connection of ours is theirs.
    """
    from concurrent.futures import ProcessPoolExecutor

    has_server = "forkserver" in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context("forkserver" if has_server else "spawn")
    if has_server:
        context.set_forkserver_preload(["curation.importing.outcomes"])
        _start_server()
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(jobs, context, initializer=_begin_reading)
    try:
        yield executor
    except BaseException as error:
        if isinstance(error.__cause__, BrokenExecutor):
            # A pool that has lost one process can wait for another for ever (seen with CPython 3.11). One
            # that is whole is let alone: a process that ends while it answers would block the pool.
            for process in set(multiprocessing.active_children()) - others:
                process.terminate()
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _start_server() -> None:
    """Starts the server that processes are forked from. Ctrl-C is held back from it while it starts, and
    it says nothing: what it or a process that is cut off by the end of ours had to say is a traceback."""
    from multiprocessing import forkserver, resource_tracker

    resource_tracker.ensure_running()  # it lets Ctrl-C through again once it has started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    errors, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        forkserver.ensure_running()
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        os.close(nowhere)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_reading() -> None:
    import gc

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    gc.set_threshold(200_000, 20, 20)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
