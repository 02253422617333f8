"""Tables to be read, on a terminal and in Markdown.

A column is as wide as its widest cell among the first 5,000 rows, and right-aligned if these are numbers.
What is wider later on is cut where lines must fit a terminal, and elsewhere moves the rest of its line.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from ...values import is_numeric, text_cell
from .options import Output

Row = Sequence[Any]

SAMPLE = 5000

#: Characters of a cell: a line of a table is read, not parsed; --wide and the other forms keep all.
_CELL = 200

#: Columns up to this wide (numbers, flags, dates) are never cut; the others share what room is left.
_NARROW = 20
_LEAST = 8
_GAP = "   "

#: What would end a cell, or begin HTML, a link or code.
_MARKUP = re.compile(r"[\\|<\[`]")


def table_lines(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    laid = _laid_out(columns, rows, _one_line if output.wide else _short)
    room = shutil.get_terminal_size().columns if output.is_terminal and not output.wide else None
    widths = laid.widths if room is None else _fitted(laid.widths, room)
    aligned = _aligner(widths, laid.numeric, is_cut=room is not None)
    if output.headers:
        yield _GAP.join(aligned(laid.names)).rstrip() + "\n"
        yield "─" * (sum(widths) + len(_GAP) * (len(widths) - 1)) + "\n"
    for cells in laid.cells:
        yield _GAP.join(aligned(cells)).rstrip() + "\n"


def markdown_lines(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    def cell(value: Any) -> str:
        return _MARKUP.sub(r"\\\g<0>", _one_line(value) if output.wide else _short(value))

    laid = _laid_out(columns, rows, cell)
    aligned = _aligner(laid.widths, laid.numeric, is_cut=False)
    rule = [
        f"{'-' * (width + 1)}{':' if right else '-'}"
        for width, right in zip(laid.widths, laid.numeric, strict=True)
    ]
    yield f"| {' | '.join(aligned(laid.names))} |\n"
    yield f"|{'|'.join(rule)}|\n"
    for cells in laid.cells:
        yield f"| {' | '.join(aligned(cells))} |\n"


class _Laid(NamedTuple):
    """The columns' names, widths, and whether each is numbers; and the cells of each row, as they come."""

    names: Sequence[str]
    widths: Sequence[int]
    numeric: Sequence[bool]
    cells: Iterator[Sequence[str]]


def _laid_out(columns: Sequence[str], rows: Iterator[Row], cell: Callable[[Any], str]) -> _Laid:
    """Reads as many rows as the widths go by."""
    sample = list(islice(rows, SAMPLE))
    names, first = [cell(name) for name in columns], [[cell(value) for value in row] for row in sample]
    numeric = [is_numeric(row[i] for row in sample) for i in range(len(columns))]
    later = ([cell(value) for value in row] for row in rows)
    return _Laid(names, _widths(names, first), numeric, chain(first, later))


def _one_line(value: Any) -> str:
    return " ".join(text_cell(value).split()) if isinstance(value, str) else text_cell(value)


def _short(value: Any) -> str:
    text = _one_line(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Of each column, in cells of a terminal, of which some letters take two."""
    from rich.cells import cell_len

    return [max(cell_len(name), *(cell_len(row[i]) for row in rows), 1) for i, name in enumerate(names)]


def _fitted(widths: Sequence[int], room: int) -> list[int]:
    """Widths with which a line fits the terminal: what the narrower columns leave goes to the wider."""
    fitted = list(widths)
    wide = sorted((w, i) for i, w in enumerate(widths) if w > _NARROW)
    left = room - sum(w for w in widths if w <= _NARROW) - len(_GAP) * len(widths)
    for done, (width, i) in enumerate(wide):
        fitted[i] = max(_LEAST, min(width, left // (len(wide) - done)))
        left -= fitted[i]
    return fitted


def _aligner(
    widths: Sequence[int], numeric: Sequence[bool], *, is_cut: bool
) -> Callable[[Sequence[str]], Sequence[str]]:
    """What makes cells as wide as their columns, numbers to the right."""
    from rich.cells import cell_len, set_cell_size

    def fit(text: str, width: int, right: bool) -> str:
        length = len(text) if text.isascii() else cell_len(text)
        if length > width:
            return set_cell_size(text, width - 1) + "…" if is_cut else text
        blanks = " " * (width - length)
        return blanks + text if right else text + blanks

    return lambda cells: list(map(fit, cells, widths, numeric))
