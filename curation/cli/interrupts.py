"""Ctrl-C and its like: where they must not come at any moment, and where they must come at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def holding_back_interrupts() -> Iterator[Callable[[], None]]:
    """Holds Ctrl-C back until the function that this gives is called, which then raises KeyboardInterrupt.
    A second Ctrl-C comes at once.

    Python raises it wherever it is: within a callback, which loses it, or while a connection goes back to
    its pool, whose transaction then stays open (seen: an import waited 20 s for a lock of its own).
    """
    is_wanted = False

    def note(*_: object) -> None:
        nonlocal is_wanted
        if is_wanted:
            raise KeyboardInterrupt
        is_wanted = True

    def check() -> None:
        if is_wanted:
            raise KeyboardInterrupt

    is_main = threading.current_thread() is threading.main_thread()
    if not is_main or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield check
        return
    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Has SIGTERM and SIGHUP do what Ctrl-C does: what was begun is given up in the database too, and no
    temporary file is left behind."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        names = ("SIGTERM", "SIGHUP")
        numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
        kept = [number for number in numbers if signal.getsignal(number) is signal.SIG_DFL]
        before = {number: signal.signal(number, signal.default_int_handler) for number in kept}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
