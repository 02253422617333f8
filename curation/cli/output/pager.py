"""Output that is longer than the screen is shown in the user's pager."""

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
from ...temporary import open_unnamed_file
from ..streams import find_output_encoding

#: The options of less if LESS is not set: long lines do not wrap and scroll with the arrow keys, and Ctrl-C
#: quits.
_LESS = "-SK"

#: Seconds that a pager has to exit after Ctrl-C.
_GRACE = 0.5


def print_paged(lines: Iterator[str]) -> None:
    """Print lines that fit the screen, or show all of them in $PAGER (`less`).

    All lines are read first, into a temporary file. A reader may take any time, and meanwhile an open query
    would block the store and reach --timeout.
    """
    width, height = shutil.get_terminal_size()
    first: list[str] = []
    rows = 0
    while rows < height and (line := next(lines, None)) is not None:
        first.append(line)
        rows += sum(max(1, -(-len(part) // width)) for part in line.splitlines())
    if rows < height:
        sys.stdout.writelines(first)
        return
    settings = {"encoding": find_output_encoding(), "errors": sys.stdout.errors, "newline": ""}
    with open_unnamed_file("w+", **settings) as buffer:
        buffer.writelines(chain(first, lines))
        buffer.flush()
        buffer.seek(0)
        if command := _pager():
            _show(command, buffer)
        else:
            shutil.copyfileobj(buffer, sys.stdout)


def _pager() -> Sequence[str]:
    """Return the command of the user's pager, or an empty list if none is installed."""
    candidates = (os.environ.get("PAGER", ""), "less", "more")
    installed = (
        command for text in candidates if (command := shlex.split(text)) and shutil.which(command[0])
    )
    return next(installed, [])


def _show(command: Sequence[str], text: IO[str]) -> None:
    """Run the pager until the user quits it, or a signal ends it."""
    sys.stdout.flush()
    environment = {"LESS": _LESS} | os.environ
    with ExitStack() as stack:
        with signals_deferred():  # a signal during the start must not leave it running
            pager = stack.enter_context(subprocess.Popen(command, stdin=text, env=environment))  # noqa: S603 - the user's own
            stack.push(lambda kind, *_: _end(pager) if kind else None)
        pager.wait()


def _end(pager: subprocess.Popen[bytes]) -> None:
    """End a pager that is still running."""
    pager.terminate()
    with suppress(subprocess.TimeoutExpired):
        pager.wait(_GRACE)
    pager.kill()
