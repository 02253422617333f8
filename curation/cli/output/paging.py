"""What is longer than the screen goes through the reader's pager."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from itertools import chain
from typing import IO

from ...interrupts import signals_deferred
from ...temporary import unnamed_file
from ..streams import output_encoding

#: The options of less where LESS is not set: long lines are not folded, the arrow keys move along them, and
#: Ctrl-C ends it.
_LESS = "-SK"

#: Seconds that a pager has to end after Ctrl-C.
_GRACE = 0.5


def print_paged(lines: Iterator[str]) -> None:
    """Prints what fits the screen, and gives what does not to $PAGER (`less`), all of it at once.

    A reader takes any time: what is asked for must be read by then, or it holds up the store and runs
    out of --timeout. So it waits in a temporary file.
    """
    width, height = shutil.get_terminal_size()
    held: list[str] = []
    rows = 0
    while rows < height and (line := next(lines, None)) is not None:
        held.append(line)
        rows += sum(max(1, -(-len(part) // width)) for part in line.splitlines())
    if rows < height:
        sys.stdout.writelines(held)
        return
    form = {"encoding": output_encoding(), "errors": sys.stdout.errors, "newline": ""}
    with unnamed_file("w+", **form) as waiting:
        waiting.writelines(chain(held, lines))
        waiting.flush()
        waiting.seek(0)
        if command := _pager():
            _show(command, waiting)
        else:
            shutil.copyfileobj(waiting, sys.stdout)


def _pager() -> Sequence[str]:
    """The command of the reader's pager; empty if none is installed."""
    wanted = (os.environ.get("PAGER", ""), "less", "more")
    found = (command for text in wanted if (command := shlex.split(text)) and shutil.which(command[0]))
    return next(found, [])


def _show(command: Sequence[str], text: IO[str]) -> None:
    """Runs the pager until its reader leaves it, or a signal ends it."""
    sys.stdout.flush()
    environment = {"LESS": _LESS} | os.environ
    with ExitStack() as stack:
        with signals_deferred():  # else a signal while it starts would leave it running
            pager = stack.enter_context(subprocess.Popen(command, stdin=text, env=environment))  # noqa: S603 - the reader's own
            stack.push(lambda kind, *_: _end(pager) if kind else None)
        pager.wait()


def _end(pager: subprocess.Popen[bytes]) -> None:
    """End a pager that its reader has not left."""
    pager.terminate()
    with suppress(subprocess.TimeoutExpired):
        pager.wait(_GRACE)
    pager.kill()
