"""Rows on a real terminal of 10 lines and 60 columns are fitted, paged and free of control sequences."""

from __future__ import annotations

import fcntl
import os
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass

import pytest

_COMMAND = """
import sys, click
from curation.cli.output import output_options, print_rows

@click.command()
@click.argument("count", type=int)
@output_options
def command(count):
    print_rows(("id", "title", "path"), ((i, f"title {i} " + "x" * 50, "y" * 40) for i in range(count)))
    print("rows are read", file=sys.stderr)

command()
"""


@dataclass(frozen=True, slots=True)
class Shown:
    lines: list[str]
    stderr: str
    status: int


def on_terminal(*arguments: str, pager: str | None = "sed s/^/paged:/") -> Shown:
    """Return what a terminal shows after a command with these arguments."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 60, 0, 0))
    environment = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES", "PAGER", "LESS")}
    environment |= {"PAGER": pager} if pager else {}
    command = [sys.executable, "-c", _COMMAND, *arguments]
    running = subprocess.Popen(
        command, stdin=its, stdout=its, stderr=subprocess.PIPE, text=True, env=environment
    )
    os.close(its)
    shown = b""
    while True:
        try:
            read = os.read(ours, 65536)
        except OSError:  # Linux reports the end of a terminal so
            break
        if not read:
            break
        shown += read
    os.close(ours)
    _, stderr = running.communicate(timeout=60)
    return Shown(shown.decode().replace("\r\n", "\n").splitlines(), stderr, running.returncode)


def test_what_is_longer_than_the_screen_is_paged() -> None:
    shown = on_terminal("50")
    assert shown.lines[0].startswith("paged:id   title")
    assert shown.lines[51].startswith("paged:49   title 49 xxx")
    assert all(line.startswith("paged:") for line in shown.lines)


@pytest.mark.parametrize("arguments", [("7",), ("50", "--no-pager")])
def test_what_fits_the_screen_is_not_nor_with_no_pager(arguments: tuple[str, ...]) -> None:
    shown = on_terminal(*arguments)
    assert len(shown.lines) == int(arguments[0]) + 2
    assert not [line for line in shown.lines if line.startswith("paged:")]


def test_lines_that_the_terminal_folds_count_as_they_are_seen() -> None:
    assert on_terminal("3", "--format", "csv").lines[0] == "id,title,path"  # 1 + 3 * 2 lines of the screen
    assert on_terminal("5", "--format", "csv").lines[0] == "paged:id,title,path"  # 1 + 5 * 2


def test_a_table_fits_the_terminal_but_for_wide() -> None:
    fitted = on_terminal("3").lines
    assert max(map(len, fitted)) <= 60
    assert fitted[2].endswith("…")
    wide = on_terminal("3", "--wide", "--no-pager").lines
    assert wide[2] == f" 0   title 0 {'x' * 50}   {'y' * 40}"


def test_all_rows_are_read_before_the_pager_starts() -> None:
    # A pager may read one line and exit: this is no error, and all rows have been read from the store.
    shown = on_terminal("20000", pager="head -n 1")
    assert (shown.status, shown.stderr) == (0, "rows are read\n")
    assert len(shown.lines) == 1


@pytest.mark.parametrize(
    "arguments", [("--format", "xlsx"), ("--format", "parquet"), ("--format", "csv", "--raw")]
)
def test_a_terminal_gets_neither_bytes_nor_raw_texts(arguments: tuple[str, ...]) -> None:
    shown = on_terminal("1", *arguments)
    assert (shown.status, shown.lines) == (2, [])
    assert "cannot be shown on a terminal: use --output FILE or a pipe" in shown.stderr


def test_a_table_is_as_wide_as_its_first_cells() -> None:
    command = [sys.executable, "-c", _COMMAND.replace("title {i} ", "{'' if i < 5000 else 'longer'}"), "5001"]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert lines[-2] == f"4999   {'x' * 50}   {'y' * 40}"
    assert lines[-1] == f"5000   longer{'x' * 50}   {'y' * 40}"
