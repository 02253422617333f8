"""Run calls in child processes, as an executor that can kill them."""

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

from ...temporary import find_temporary_root

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext, SpawnContext

_P = ParamSpec("_P")
_T = TypeVar("_T")


#: Time limit of one call, in seconds. A file of ordinary content takes a thousandth of a second. The slowest
#: file that was crafted at the maximum size takes a few seconds. So a call that takes longer is stuck, even
#: on a busy machine.
MAX_SECONDS = 20.0


#: Seconds to wait for a killed process to exit. A process that is blocked on a disk is not waited for.
_EXIT_SECONDS = 5.0


#: Held while a process starts. Starting sets an environment variable of this process, and two threads may
#: do so at once.
_START_LOCK = threading.Lock()


class CallTimeoutError(Exception):
    """A call took too long, and its process was killed."""


class ProcessDiedError(Exception):
    """The process of a call died."""


@contextmanager
def process_pool(jobs: int, *, seconds: float | None = None) -> Iterator[ReaderPool]:
    """Provide an executor of `jobs` processes, which end when this process ends for any reason.

    A call raises CallTimeoutError if it takes more than `seconds` (default `MAX_SECONDS`), ProcessDiedError
    if its process dies. The process is replaced, and other calls continue. A call raises BrokenExecutor if
    no process can be started.

    Processes are forked from a clean server, or spawned, so they inherit no lock and no connection.
    """
    context = _context()
    readers: list[_Reader] = []
    try:
        for _ in range(jobs):
            readers.append(_Reader(context, MAX_SECONDS if seconds is None else seconds))  # noqa: PERF401 - one may fail
        with ReaderPool(readers) as executor:
            try:
                yield executor
            finally:
                for reader in readers:
                    reader.stop()  # so that no thread waits for a result that is not needed
                executor.shutdown(cancel_futures=True)
    finally:
        for reader in readers:
            reader.stop()
            reader.close()


class _Reader:
    """A child process that one thread calls. It is replaced if it does not answer."""

    def __init__(self, context: SpawnContext | ForkServerContext, seconds: float) -> None:
        self._context = context
        self._seconds = seconds
        self._stopping = threading.Lock()
        self._is_stopped = False
        self._start()

    def _start(self) -> None:
        self._connection, child_end = self._context.Pipe()
        with child_end, _without_current_folder():
            self._process = self._context.Process(target=_serve, args=(child_end,), daemon=True)
            self._process.start()
        self._has_started = False

    def call(self, *request: Any) -> Any:
        """Call a function in the process and return its result.

        Args:
            request: the function, its positional arguments (a tuple) and its keyword arguments (a dict).

        Raises:
            BrokenExecutor: if no process can be started.
        """
        if not (self._has_started or self._wait_for_start()):
            self._replace()  # it was killed at startup; one that cannot start exits again
            if not self._wait_for_start():
                raise BrokenExecutor("a process exited at startup")
        connection = self._connection
        try:
            connection.send(request)
            if connection.poll(self._seconds):
                return connection.recv()
        except (EOFError, OSError) as error:
            self._replace()
            raise ProcessDiedError("a process died") from error
        self._replace()
        raise CallTimeoutError(f"a process took over {self._seconds:g} seconds")

    def _wait_for_start(self) -> bool:
        """Wait until the process has started or died. Return whether it has started."""
        with suppress(EOFError, OSError):
            self._connection.recv()
            self._has_started = True
        return self._has_started

    def _replace(self) -> None:
        """Kill the process and start another, unless the executor is being closed."""
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
        """Kill the process. A call that waits for a result fails."""
        with self._stopping:
            self._is_stopped = True
            self._process.kill()

    def close(self) -> None:
        """Wait until the killed process has exited, and close its pipe."""
        self._process.join(_EXIT_SECONDS)
        self._connection.close()


class ReaderPool(ThreadPoolExecutor):
    """An executor with one thread and one pipe for each process.

    `ProcessPoolExecutor` does not fit, for two reasons. All its processes answer through one pipe, whose
    writing end the parent holds too. So a process that dies while it answers leaves the parent waiting
    forever (seen with CPython 3.11). Also, it cannot kill one process alone. A pipe with one process at its
    end is closed when that process exits.
    """

    def __init__(self, readers: list[_Reader]) -> None:
        self._free: SimpleQueue[_Reader] = SimpleQueue()
        for reader in readers:
            self._free.put(reader)
        self._local = threading.local()
        super().__init__(len(readers), initializer=self._bind_reader)

    def _bind_reader(self) -> None:
        self._local.reader = self._free.get_nowait()

    def submit(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Future[_T]:
        return super().submit(self._call_reader, fn, args, kwargs)

    def _call_reader(self, *request: Any) -> Any:
        reader: _Reader = self._local.reader
        return reader.call(*request)


def _serve(connection: Connection) -> None:
    """Run the calls that arrive until the other end of the pipe is closed."""
    import gc

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent process handles Ctrl-C
    gc.set_threshold(200_000, 20, 20)
    with suppress(EOFError, OSError):
        connection.send(None)  # signal that this process has started
        while True:
            fn, args, kwargs = connection.recv()
            connection.send(fn(*args, **kwargs))


def _context() -> SpawnContext | ForkServerContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["curation.importing.reading.files"])
    find_temporary_root()  # the folder of its socket
    with _without_current_folder():
        _start_server()
    return context


@contextmanager
def _without_current_folder() -> Iterator[None]:
    """Keep processes that start in the block from importing modules from the current folder.

    The current folder may contain a dump.
    """
    name = "PYTHONSAFEPATH"
    with _START_LOCK:
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
    """Start the server that processes are forked from.

    SIGINT (Ctrl-C) is blocked while it starts. The server's error output is discarded: if this process ends
    abruptly, the server and its children would only print tracebacks.
    """
    from multiprocessing import forkserver, resource_tracker

    # A signal to all processes of a terminal ends the tracker too. It restarts, so the warning is harmless.
    warnings.filterwarnings("ignore", module="multiprocessing.resource_tracker")
    resource_tracker.ensure_running()  # it unblocks SIGINT once it has started
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    errors, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(devnull, 2)
        forkserver.ensure_running()
    finally:
        os.dup2(errors, 2)
        os.close(errors)
        os.close(devnull)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
