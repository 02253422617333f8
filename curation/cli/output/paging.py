"""What is longer than the screen goes through the reader's pager."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from itertools import chain

import click

#: What less is told where LESS says nothing: long lines are not folded, the arrow keys move along them.
_LESS = "-S"


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
    with tempfile.TemporaryFile("w+", encoding="utf-8", newline="") as waiting:
        waiting.writelines(chain(held, lines))
        waiting.seek(0)
        os.environ.setdefault("LESS", _LESS)
        click.echo_via_pager(iter(lambda: waiting.read(1 << 16), ""))
