"""Processes of this machine that read files, as an executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_P = ParamSpec("_P")
_T = TypeVar("_T")


@contextmanager
def processes(jobs: int) -> Iterator[Executor]:
    """An executor of `jobs` processes, that end when this one does, however it ends.

    They are forked from a clean server, or spawned: no lock and no connection of ours is theirs.
    """
    context = _context()
    readers, connections = [], []
    try:
        for _ in range(jobs):
            ours, theirs = context.Pipe()
            connections.append(ours)
            with theirs:
                reader = context.Process(target=_serve, args=(theirs,), daemon=True)
                reader.start()
            readers.append(reader)
        with _Readers(connections) as executor:
            try:
                yield executor
            finally:
                for reader in readers:
                    reader.terminate()  # so that no thread waits for an answer that nobody wants
                executor.shutdown(cancel_futures=True)
    finally:
        for ours in connections:
            ours.close()
        for reader in readers:
            reader.join()


class _Readers(ThreadPoolExecutor):
    """A thread for each process, and a pipe for each of the two.

    `ProcessPoolExecutor` will not do: all its processes answer through one pipe, whose writing end it holds
    too, so one that dies while it answers leaves it waiting for ever (seen with CPython 3.11). A pipe with
    one process at its end is closed by that process's end.
    """

    def __init__(self, connections: list[Connection]) -> None:
        self._free: SimpleQueue[Connection] = SimpleQueue()
        for connection in connections:
            self._free.put(connection)
        self._mine = threading.local()
        super().__init__(len(connections), initializer=self._take)

    def _take(self) -> None:
        self._mine.connection = self._free.get_nowait()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        return super().submit(self._ask, fn, args, kwargs)

    def _ask(self, *call: Any) -> Any:
        """What the thread's process answers. Raises BrokenExecutor where that is dead."""
        connection: Connection = self._mine.connection
        try:
            connection.send(call)
            return connection.recv()
        except (EOFError, OSError) as error:
            raise BrokenExecutor("a process died") from error


def _serve(connection: Connection) -> None:
    """Does what is asked until nobody asks any more."""
    import gc

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    gc.set_threshold(200_000, 20, 20)
    with suppress(EOFError, OSError):
        while True:
            fn, args, kwargs = connection.recv()
            connection.send(fn(*args, **kwargs))


def _context() -> SpawnContext | ForkServerContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["curation.importing.outcomes"])
    _start_server()
    return context


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
