"""Runs the calls of a database driver in a separate thread, so that they can always be abandoned.

While a driver runs a long query, Python runs no signal handlers. Ctrl-C would take effect only after the
query. And SQLite's `instr` over 16 MB can take hours without checking for cancellation.
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

#: Seconds between two checks whether the result is still wanted.
TICK = 0.2

#: Seconds that a cancelled call may still take. After that it is abandoned.
GRACE = 1.0


class Worker:
    """Runs calls one after the other, until the query times out or its result is no longer wanted."""

    def __init__(self, query: Query, stop: Callable[[], object], close: Callable[[], object]) -> None:
        """Start the thread.

        Args:
            stop: cancels the running call in the engine; called from another thread than the calls.
            close: the last call. If a call could not be stopped, `close` is not awaited, and the thread ends
                with the process.
        """
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
        """Run a call, and return or raise what it does.

        Raises QueryRefused on a timeout, and BrokenPipeError if the result is no longer wanted. Before these,
        and on Ctrl-C, the call is stopped in the engine.
        """
        future = self._submit(call)
        try:
            while not future.done():
                self._check()
                wait([future], TICK)
        except BaseException:
            self._cancel(future)
            raise
        return future.result()

    def _submit(self, call: Callable[[], T]) -> Future[T]:
        future: Future[T] = Future()
        self._current = future
        self._calls.put((future, call))
        return future

    def _check(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise QueryRefused(describe_timeout(self._query))
        if not self._query.is_wanted():
            raise BrokenPipeError(errno.EPIPE, "the result is no longer read")

    def _cancel(self, future: Future[Any]) -> None:
        """Stop a call, repeatedly: a stop between two steps of a query may have no effect on the next."""
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
            except BaseException as error:  # noqa: BLE001 - `call` raises it
                future.set_exception(error)


def describe_timeout(query: Query) -> str:
    """Return the message for a query that timed out."""
    return f"the query ran longer than {query.timeout:g} s: raise --timeout or select less"
