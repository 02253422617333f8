"""Signals that end a command: Ctrl-C (SIGINT), SIGTERM and SIGHUP all do the same.

The command line enters `signal_handling` once. From then on:

- The first signal raises `Interrupted` in the main thread while `signals_allowed` is active. Transactions
  then roll back and temporary files are removed.
- Outside of `signals_allowed`, the signal is deferred: there the command line is parsed and messages are
  shown. Later signals are ignored, so that they cannot interrupt the cleanup.
- Python runs no signal handler while the main thread executes C code. A second thread receives each signal
  through the wakeup file descriptor. It calls the functions registered by `stop_on_signal`, which make SQLite
  abort its statement. (psycopg checks for signals while it waits.)
- Inside `signals_deferred` nothing is raised until the block ends.
- Inside `committing` nothing is raised even then: the work may be committed, and the command goes on to
  report it. `check` raises what is still pending.
- In any case the process ends `EXIT_LIMIT` seconds after the signal. The second thread then removes temporary
  files, ends child processes and exits.

Without `signal_handling`, Ctrl-C keeps Python's behaviour and this module does nothing. That is the case
where another program uses the package.
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
EXIT_LIMIT = 1.7

#: Seconds after a signal when a COMMIT that still runs is cancelled, and when it is abandoned. The second
#: happens if the driver waits for a server that does not answer the cancellation either. The outcome of the
#: COMMIT is then looked up.
COMMIT_GRACE = (0.2, 0.4)

#: Further seconds for a command that is already printing its message about the interruption.
MESSAGE_GRACE = 0.2

#: Seconds between two signals to the main thread. psycopg restarts its wait of 0.1 s with each signal and
#: checks for signals only after the wait.
SIGNAL_INTERVAL = 0.2

#: Seconds between two attempts to stop what the main thread does.
STOP_INTERVAL = 0.05

_NAMES = ("SIGINT", "SIGTERM", "SIGHUP")
_NUMBERS = [getattr(signal, name) for name in _NAMES if hasattr(signal, name)]


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end."""


class Outcome(Enum):
    """What became of a command's work, as far as it is known."""

    NOT_DONE = auto()
    #: All of it is committed.
    DONE = auto()
    #: All of it is saved (files, settings, the schema), but no changeset records it.
    SAVED = auto()
    #: The answer to COMMIT was lost, and the store could not be asked again.
    UNKNOWN = auto()


class _State:
    """The state of the main thread. Only the main thread writes it: the handler and the context managers."""

    def __init__(self) -> None:
        self.is_handling = False
        self.number = signal.SIGINT  # of the first signal
        self.since: float | None = None  # when the first signal came
        self.is_raised = False
        self.is_dropped = False
        self.depth = 0
        self.can_break_commit = False
        self.breaks = 0
        self.status: int | None = None  # once the command has ended
        self.outcome = Outcome.NOT_DONE
        self.is_reported = False


_state = _State()
_stoppers: dict[int, Callable[[], object]] = {}
_cleanups: dict[int, Callable[[], object]] = {}


@contextmanager
def signal_handling(message: Callable[[], str]) -> Iterator[None]:
    """Handle signals until the process ends, and defer them outside of `signals_allowed`.

    The main thread enters this once. A signal that is ignored stays ignored: `nohup` and background jobs of
    shells rely on it.

    Args:
        message: returns the line for standard error if the second thread has to end the process.
    """
    watched = [n for n in _NUMBERS if signal.getsignal(n) in (signal.SIG_DFL, signal.default_int_handler)]
    _state.is_handling, _state.depth = True, 1
    for number in watched:
        signal.signal(number, _on_signal)
    sys.unraisablehook = _on_unraisable
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(reader, message), name="curation-signals", daemon=True).start()
    if is_requested():  # the signal came before the thread could receive it
        os.write(writer, bytes([_state.number]))
    try:
        yield
    except SystemExit as ended:
        if isinstance(ended.code, int):
            _state.status = ended.code
        raise
    finally:
        # The command has finished: a signal now could only disturb the interpreter's shutdown.
        for number in watched:
            signal.signal(number, signal.SIG_IGN)
        _clean_up()
        if is_requested() and _state.status is not None:
            _exit(_state.status)  # without waiting for anything, such as the threads of a pool


@contextmanager
def signals_allowed() -> Iterator[None]:
    """Let signals raise Interrupted until the end of this block; also one that was deferred before."""
    before, _state.depth = _state.depth, 0
    try:
        check()
        yield
    finally:
        _state.depth = before


def is_requested() -> bool:
    """Return whether a signal has asked the command to end."""
    return _state.since is not None


def check() -> None:
    """Raise Interrupted if a signal came while it could not be raised."""
    if is_requested() and not (_state.is_raised or _state.depth) and _is_main():
        _state.is_raised = True
        raise Interrupted


def postpone() -> None:
    """Withdraw an Interrupted that was raised, so that `check` raises it again."""
    _state.is_raised = False


@contextmanager
def signals_deferred() -> Iterator[None]:
    """Defer signals until the end of this block. It must be short: closing, creating or renaming a file."""
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
    """Defer signals and raise nothing at the end: the caller first records the outcome of its commit."""
    _state.depth += 1
    try:
        yield
    finally:
        _state.depth -= 1


@contextmanager
def interruptible_commit() -> Iterator[None]:
    """Wrap the COMMIT itself, within `committing`: Interrupted is raised if it takes too long."""
    _state.can_break_commit = True
    try:
        yield
    finally:
        _state.can_break_commit = False


@contextmanager
def stop_on_signal(stop: Callable[[], object]) -> Iterator[None]:
    """Have a signal call `stop` while this block runs, in another thread and possibly more than once."""
    key = add_stopper(stop)
    try:
        yield
    finally:
        remove_stopper(key)


def add_stopper(stop: Callable[[], object]) -> int:
    """Have a signal call `stop` until `remove_stopper` is called with the key that this returns."""
    if _state.is_handling:  # otherwise nothing would call it, and it would keep its object alive
        _stoppers[id(stop)] = stop
    return id(stop)


def remove_stopper(key: int) -> None:
    _stoppers.pop(key, None)


@contextmanager
def cleaning_up(clean: Callable[[], object]) -> Iterator[None]:
    """Call `clean` at the end of this block, however the block ends. It may be called twice."""
    key = id(clean)
    _cleanups[key] = clean
    try:
        yield
    finally:
        with signals_deferred():
            clean()
            _cleanups.pop(key, None)


def record_outcome(outcome: Outcome) -> None:
    """Record what became of the command's work, for the message about an interruption."""
    _state.outcome = outcome


def claim_outcome() -> Outcome:
    """Return the recorded outcome for the caller to report; from now on no other thread reports it."""
    _state.is_reported = True
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
    """Return whether a COMMIT has run for so long that Interrupted is to be raised in it (once more)."""
    if not _state.can_break_commit or _state.since is None or _state.breaks >= len(COMMIT_GRACE):
        return False
    return time.monotonic() - _state.since > COMMIT_GRACE[_state.breaks]


def _on_unraisable(dropped: sys.UnraisableHookArgs) -> None:
    """Note that Interrupted was raised in a callback or a finalizer, where Python drops exceptions."""
    if isinstance(dropped.exc_value, Interrupted):
        _state.is_raised, _state.is_dropped = False, True
    else:
        sys.__unraisablehook__(dropped)


def _watch(reader: int, message: Callable[[], str]) -> None:
    """Wait for the first signal, then make sure that the process ends."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _NUMBERS)  # they are for the main thread
    _wait_for_signal(reader)
    began = last = time.monotonic()
    while (now := time.monotonic()) - began < EXIT_LIMIT:
        needs_signal = (_state.is_dropped and not _state.is_raised) or _is_commit_stuck()
        if needs_signal and now - last > SIGNAL_INTERVAL:
            _state.is_dropped, last = False, now
            signal.pthread_kill(threading.main_thread().ident or 0, _state.number)
        if not (_state.is_raised or _state.depth):
            _call_stoppers()
        time.sleep(STOP_INTERVAL)
    _end_process(message)


def _wait_for_signal(reader: int) -> None:
    """Read from the wakeup file descriptor until one of the signals comes."""
    while not any(number in _NUMBERS for number in os.read(reader, 64)):
        pass


def _call_stoppers() -> None:
    for stop in list(_stoppers.values()):
        with suppress(Exception):  # its connection may be closed already
            stop()


def _end_process(message: Callable[[], str]) -> NoReturn:
    """End the process from the second thread, since the main thread does not end it in time."""
    if _state.is_reported or _state.status is not None:
        time.sleep(MESSAGE_GRACE)  # the main thread is printing its last line
    else:
        _print_error(message)
    _clean_up()
    _end_children()
    os._exit(1 if _state.status is None else _state.status)


def _print_error(message: Callable[[], str]) -> None:
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
    for clean in list(_cleanups.values()):
        with suppress(Exception):
            clean()


def _end_children() -> None:
    """End the processes that read files, and remove the folder of their sockets."""
    if "multiprocessing.util" not in sys.modules:
        return
    import multiprocessing
    import shutil
    from multiprocessing import util

    with suppress(Exception):
        for child in multiprocessing.active_children():
            child.kill()
        shutil.rmtree(util.get_temp_dir(), ignore_errors=True)
