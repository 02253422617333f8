"""Processes of this machine that read files, as an executor."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from ...temporary import temporary_root

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_P = ParamSpec("_P")
_T = TypeVar("_T")


#: What one call may take, in seconds. A file of ordinary content takes a thousandth of one, the slowest that
#: was crafted at the size that an import reads a few: what takes longer on a busy machine is stuck.
SECONDS = 20.0


#: Seconds to wait for a process that was killed; one that waits for a disk is not waited for.
_PATIENCE = 5.0


#: Held while a process starts, for which a variable of this whole process is set: two threads may do so.
_STARTING = threading.Lock()


class GivenUpError(Exception):
    """A call whose process took too long, and was killed."""


class CrashedError(Exception):
    """A call whose process died of it."""


@contextmanager
def process_pool(jobs: int, *, seconds: float | None = None) -> Iterator[Readers]:
    """An executor of `jobs` processes, that end when this one does, however it ends. A call that takes more
    than `seconds` (`SECONDS`) raises GivenUpError, one that kills its process CrashedError; another process
    goes on. Where none can be started, BrokenExecutor is raised.

    They are forked from a clean server, or spawned: no lock and no connection of ours is theirs.
    """
    context = _context()
    readers: list[_Reader] = []
    try:
        for _ in range(jobs):
            readers.append(_Reader(context, SECONDS if seconds is None else seconds))  # noqa: PERF401 - one may fail
        with Readers(readers) as executor:
            try:
                yield executor
            finally:
                for reader in readers:
                    reader.stop()  # so that no thread waits for an answer that nobody wants
                executor.shutdown(cancel_futures=True)
    finally:
        for reader in readers:
            reader.stop()
            reader.close()


class _Reader:
    """A process that is asked by one thread, and replaced where it does not answer."""

    def __init__(self, context: SpawnContext | ForkServerContext, seconds: float) -> None:
        self._context = context
        self._seconds = seconds
        self._stopping = threading.Lock()
        self._is_stopped = False
        self._start()

    def _start(self) -> None:
        self._connection, theirs = self._context.Pipe()
        with theirs, _away_from_here():
            self._process = self._context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
        self._has_started = False

    def ask(self, *call: Any) -> Any:
        """What the process answers. Raises BrokenExecutor where none can be started."""
        if not (self._has_started or self._awaits_start()):
            self._replace()  # it was killed as it began; one that cannot begin ends again
            if not self._awaits_start():
                raise BrokenExecutor("a process ended as it began")
        connection = self._connection
        try:
            connection.send(call)
            if connection.poll(self._seconds):
                return connection.recv()
        except (EOFError, OSError) as error:
            self._replace()
            raise CrashedError("a process died") from error
        self._replace()
        raise GivenUpError(f"a process took over {self._seconds:g} seconds")

    def _awaits_start(self) -> bool:
        """Wait until the process has begun; return whether it has."""
        with suppress(EOFError, OSError):
            self._connection.recv()
            self._has_started = True
        return self._has_started

    def _replace(self) -> None:
        """Kills the process and starts another, unless the executor is being closed."""
        with self._stopping:
            if self._is_stopped:
                return
            self._process.kill()
            self.close()
            try:
                self._start()
            except OSError as error:
                raise BrokenExecutor("no process can be started") from error

    def stop(self) -> None:
        """Ends the process: who waits for its answer gets none."""
        with self._stopping:
            self._is_stopped = True
            self._process.kill()

    def close(self) -> None:
        """Waits for the end of a process that was killed."""
        self._process.join(_PATIENCE)
        self._connection.close()


class Readers(ThreadPoolExecutor):
    """A thread for each process, and a pipe for each of the two.

    `ProcessPoolExecutor` will not do: all its processes answer through one pipe, whose writing end it holds
    too, so one that dies while it answers leaves it waiting for ever (seen with CPython 3.11), and it cannot
    end one of them alone. A pipe with one process at its end is closed by that process's end.
    """

    def __init__(self, readers: list[_Reader]) -> None:
        self._free: SimpleQueue[_Reader] = SimpleQueue()
        for reader in readers:
            self._free.put(reader)
        self._mine = threading.local()
        super().__init__(len(readers), initializer=self._take)

    def _take(self) -> None:
        self._mine.reader = self._free.get_nowait()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        return super().submit(self._ask, fn, args, kwargs)

    def _ask(self, *call: Any) -> Any:
        reader: _Reader = self._mine.reader
        return reader.ask(*call)


def _serve(connection: Connection) -> None:
    """Does what is asked until nobody asks any more."""
    import gc

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that waits
    gc.set_threshold(200_000, 20, 20)
    with suppress(EOFError, OSError):
        connection.send(None)  # it has begun
        while True:
            fn, args, kwargs = connection.recv()
            connection.send(fn(*args, **kwargs))


def _context() -> SpawnContext | ForkServerContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["curation.importing.reading.files"])
    temporary_root()  # where its socket will lie
    with _away_from_here():
        _start_server()
    return context


@contextmanager
def _away_from_here() -> Iterator[None]:
    """Have processes that begin within import no module from the current folder: a dump may lie there."""
    name = "PYTHONSAFEPATH"
    with _STARTING:
        before = os.environ.get(name)
        os.environ[name] = "1"
        try:
            yield
        finally:
            if before is None:
                del os.environ[name]
            else:
                os.environ[name] = before


def _start_server() -> None:
    """Starts the server that processes are forked from. Ctrl-C is held back from it while it starts, and
    it says nothing: what it or a process that is cut off by the end of ours had to say is a traceback."""
    from multiprocessing import forkserver, resource_tracker

    # A signal to all of a terminal's processes ends the tracker too; it is started again, and that is all.
    warnings.filterwarnings("ignore", module="multiprocessing.resource_tracker")
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
