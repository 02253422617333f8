"""A driver's calls in a thread of their own, so that whoever waits for them can always give them up.

A driver that runs a long query does not let Python's signal handlers run: Ctrl-C would come when the query
is through, and SQLite's `instr` over 16 MB can take hours without asking whether it is still wanted.
"""

from __future__ import annotations

import errno
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from queue import SimpleQueue
from types import TracebackType
from typing import Any, TypeVar

from ..errors import QueryRefused
from .queries import Query

T = TypeVar("T")

#: Seconds between two looks whether the answer is still wanted.
TICK = 0.2

#: Seconds that a call which was told to stop may still take; then it is left to itself.
GRACE = 1.0


class Worker:
    """Runs calls one after the other; each ends with the query's time, or when no one wants its answer.

    `stop` has the engine give up the call that runs, and is called from another thread than the call;
    `close` is the last call; where one did not stop nobody waits for it: the thread ends with the process.
    """

    def __init__(self, query: Query, stop: Callable[[], object], close: Callable[[], object]) -> None:
        self._query, self._stop, self._close = query, stop, close
        self._deadline = None if query.timeout is None else time.monotonic() + query.timeout
        self._calls: SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = SimpleQueue()
        self._current: Future[Any] | None = None
        threading.Thread(target=self._work, name="curation-query", daemon=True).start()

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        has_stopped = self._has_stopped()
        closed = self._submit(self._close)
        if has_stopped:
            wait([closed], GRACE)
        self._calls.put(None)

    def call(self, call: Callable[[], T]) -> T:
        """What a call returns or raises. Raises QueryRefused when the time is up, BrokenPipeError when the
        answer is not wanted any more; these, and Ctrl-C, stop the call in the engine first."""
        future = self._submit(call)
        try:
            while not future.done():
                self._check()
                wait([future], TICK)
        except BaseException:
            self._give_up(future)
            raise
        return future.result()

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._current = future
        self._calls.put((future, call))
        return future

    def _check(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise QueryRefused(too_long(self._query))
        if not self._query.is_wanted():
            raise BrokenPipeError(errno.EPIPE, "nobody reads the answer any more")

    def _give_up(self, future: Future[Any]) -> None:
        """Again and again: what is told to stop between two steps of a query may go on with the next."""
        until = time.monotonic() + GRACE
        while not future.done() and time.monotonic() < until:
            self._stop()
            wait([future], TICK / 4)

    def _has_stopped(self) -> bool:
        return self._current is None or self._current.done()

    def _work(self) -> None:
        while (task := self._calls.get()) is not None:
            future, call = task
            try:
                future.set_result(call())
            except BaseException as error:  # noqa: BLE001 - it is raised where the result is waited for
                future.set_exception(error)


def too_long(query: Query) -> str:
    """What is said of a query whose time is up."""
    return f"the query ran longer than {query.timeout:g} s: raise --timeout or ask for less"
