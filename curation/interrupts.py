"""Signals that end a command: Ctrl-C (SIGINT), SIGTERM and SIGHUP all do the same.

`handling` is entered once, at the edge. From then on:

- The first signal raises `Interrupted` in the main thread, wherever that is within `released`, so that
  transactions roll back and temporary files go. Outside of it, where the command line is read and a message
  is shown, it is held back. Later signals are ignored: they cannot break the cleanup half way.
- Python runs no handler while the main thread is inside C. A second thread learns of the signal at once, by
  the wakeup file descriptor, and calls what `stopping` was given: SQLite gives its statement up. (psycopg
  looks for signals while it waits.)
- Inside `held_back` nothing is raised until its end. Inside `committing` not even then, since what the
  command was to do may be done: it goes on to say so. `check` raises what is still due.
- Whatever happens, the process ends `LIMIT` seconds after the signal: the second thread then removes
  temporary files, ends child processes and exits.

Without `handling` (another program uses the package) Ctrl-C is Python's own, and all this does nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import NoReturn

#: Seconds after a signal when a command that has not ended by itself is ended.
LIMIT = 1.7

#: Seconds after a signal when a COMMIT that still goes on is cancelled, and when it is given up: where the
#: driver waits for a server that does not answer the cancellation either. Then its outcome is looked up.
COMMIT_GRACE = (0.2, 0.4)

#: Seconds that it has then if it is already about to say that it was interrupted.
LAST_GRACE = 0.2

#: Seconds between two signals to the main thread: psycopg begins its wait of 0.1 s anew with each, and only
#: then looks for signals.
AGAIN = 0.2

#: Seconds between two attempts to stop what the main thread does.
TICK = 0.05

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_NUMBERS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end."""


class Outcome(Enum):
    """What became of the work that a command was to do, as far as it is known."""

    NOT_DONE = auto()
    #: All of it is committed.
    DONE = auto()
    #: All of it is saved (files, settings, the schema), and no changeset tells of it.
    SAVED = auto()
    #: The answer to COMMIT was lost, and the store could not be asked again.
    UNKNOWN = auto()


class _State:
    """What the main thread is at. Only `held_back` and the handler write it, in the main thread."""

    def __init__(self) -> None:
        self.is_handling = False
        self.number = signal.SIGINT  # of the first signal
        self.since: float | None = None  # when it came
        self.is_raised = False
        self.is_lost = False
        self.depth = 0
        self.can_break_commit = False
        self.breaks = 0
        self.status: int | None = None  # once the command has ended
        self.outcome = Outcome.NOT_DONE
        self.is_told = False


_state = _State()
_stoppers: dict[int, Callable[[], object]] = {}
_leftovers: dict[int, Callable[[], object]] = {}


@contextmanager
def handling(message: Callable[[], str]) -> Iterator[None]:
    """Handles signals until the process ends; to be entered once, by the main thread. Holds them back but
    within `released`.

    A signal that is ignored stays so: `nohup` and shells in the background rely on it.

    Args:
        message: gives the line for standard error if the process has to be ended from outside.
    """
    watched = [n for n in _NUMBERS if signal.getsignal(n) in (signal.SIG_DFL, signal.default_int_handler)]
    _state.is_handling, _state.depth = True, 1
    for number in watched:
        signal.signal(number, _on_signal)
    sys.unraisablehook = _catch_lost
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, message), name="curation-signals", daemon=True).start()
    if is_requested():  # it came before the thread could learn of it
        os.write(writer, bytes([_state.number]))
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _state.status = ended.code
        raise
    finally:
        # All is done and said: a signal that comes now could only spoil the end of the interpreter.
        for number in watched:
            signal.signal(number, signal.SIG_IGN)
        _clean_up()
        if is_requested() and _state.status is not None:
            _exit(_state.status)  # nothing is waited for, such as threads of a pool


@contextmanager
def released() -> Iterator[None]:
    """Lets signals through until the end of this block, also one that was held back before."""
    before, _state.depth = _state.depth, 0
    try:
        check()
        yield
    finally:
        _state.depth = before


def is_requested() -> bool:
    """Whether a signal has asked the command to end."""
    return _state.since is not None


def check() -> None:
    """Raises Interrupted if a signal came while it could not be raised."""
    if is_requested() and not (_state.is_raised or _state.depth) and _is_main():
        _state.is_raised = True
        raise Interrupted


def postpone() -> None:
    """Takes an Interrupted back that was raised: `check` raises it again."""
    _state.is_raised = False


@contextmanager
def held_back() -> Iterator[None]:
    """Holds signals back until the end of this block, which must be short: closing, creating, renaming."""
    if not _is_main():
        yield
        return
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1
    check()


@contextmanager
def committing() -> Iterator[None]:
    """Holds signals back, and raises none at the end: who commits knows then what became of it."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1


@contextmanager
def breakable() -> Iterator[None]:
    """Within `committing`, the COMMIT itself: Interrupted is raised if it goes on for too long."""
    _state.can_break_commit = True
    try:
        yield
    finally:
        _state.can_break_commit = False


@contextmanager
def stopping(stop: Callable[[], object]) -> Iterator[None]:
    """Has a signal call `stop`, in another thread and more than once, while this block runs."""
    key = keep_stopper(stop)
    try:
        yield
    finally:
        drop_stopper(key)


def keep_stopper(stop: Callable[[], object]) -> int:
    """As `stopping`, until `drop_stopper` is called with what this returns."""
    if _state.is_handling:  # else nobody would call it, and it would keep what it belongs to
        _stoppers[id(stop)] = stop
    return id(stop)


def drop_stopper(key: int) -> None:
    _stoppers.pop(key, None)


@contextmanager
def cleaning(clean: Callable[[], object]) -> Iterator[None]:
    """Calls `clean` at the end of this block, however that comes; it must bear being called twice."""
    key = id(clean)
    _leftovers[key] = clean
    try:
        yield
    finally:
        with held_back():
            clean()
            _leftovers.pop(key, None)


def note(outcome: Outcome) -> None:
    """Notes what became of the command's work, for what is said of an interruption."""
    _state.outcome = outcome


def tell() -> Outcome:
    """What is to be said of the interruption; whoever asks says it, and nobody else does."""
    _state.is_told = True
    return _state.outcome


def _is_main() -> bool:
    return threading.current_thread() is threading.main_thread()


def _on_signal(number: int, _: object) -> None:
    if _state.since is None:
        _state.number, _state.since = signal.Signals(number), time.monotonic()
    if _is_commit_stuck():
        _state.breaks += 1
    elif _state.is_raised or _state.depth:
        return
    _state.is_raised = True
    raise Interrupted


def _is_commit_stuck() -> bool:
    """Whether a COMMIT goes on for so long that Interrupted is to be raised in it (once more)."""
    if not _state.can_break_commit or _state.since is None or _state.breaks >= len(COMMIT_GRACE):
        return False
    return time.monotonic() - _state.since > COMMIT_GRACE[_state.breaks]


def _catch_lost(lost: sys.UnraisableHookArgs) -> None:
    """Notes that Interrupted was raised in a callback or a finalizer, where Python drops it."""
    if isinstance(lost.exc_value, Interrupted):
        _state.is_raised, _state.is_lost = False, True
    else:
        sys.__unraisablehook__(lost)


def _watch(reader: int, message: Callable[[], str]) -> None:
    """Waits for the first signal; then sees to it that the process ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)  # they are for the main thread
    while not any(number in _NUMBERS for number in os.read(reader, 64)):
        pass
    began = last = time.monotonic()
    while (now := time.monotonic()) - began < LIMIT:
        is_due = (_state.is_lost and not _state.is_raised) or _is_commit_stuck()
        if is_due and now - last > AGAIN:
            _state.is_lost, last = False, now
            signal.pthread_kill(threading.main_thread().ident or 0, _state.number)
        if not (_state.is_raised or _state.depth):
            _stop_all()
        time.sleep(TICK)
    _end(message)


def _stop_all() -> None:
    for stop in list(_stoppers.values()):
        with suppress(Exception):  # it is closed by now
            stop()


def _end(message: Callable[[], str]) -> NoReturn:
    """Ends the process from outside of the main thread, which does not come to it."""
    if _state.is_told or _state.status is not None:
        time.sleep(LAST_GRACE)  # it is at its last line
    else:
        _say(message)
    _clean_up()
    _end_children()
    os._exit(1 if _state.status is None else _state.status)


def _say(message: Callable[[], str]) -> None:
    show_cursor = "\x1b[?25h" if sys.stderr.isatty() else ""  # a progress bar hides it
    with suppress(OSError):
        os.write(2, f"{show_cursor}Error: {message()}\n".encode())


def _exit(status: int) -> NoReturn:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            stream.flush()
    _end_children()
    os._exit(status)


def _clean_up() -> None:
    for clean in list(_leftovers.values()):
        with suppress(Exception):
            clean()


def _end_children() -> None:
    """Ends the processes that read files, and removes the folder of their sockets."""
    if "multiprocessing.util" not in sys.modules:
        return
    import multiprocessing
    import shutil
    from multiprocessing import util

    with suppress(Exception):
        for child in multiprocessing.active_children():
            child.kill()
        shutil.rmtree(util.get_temp_dir(), ignore_errors=True)
