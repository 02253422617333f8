"""Tables for terminals and Markdown.

A column is as wide as its widest cell among the first 5,000 rows, and right-aligned if these are numbers. A
wider cell later on is truncated if lines must fit a terminal. Otherwise it shifts the rest of its line.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, NamedTuple

from ...cell_text import format_cell, is_numeric
from .options import Output

Row = Sequence[Any]

SAMPLE = 5000

#: The most characters of a cell. --wide and the other formats have no limit.
_CELL = 200

#: Columns up to this width (numbers, flags, dates) are never truncated. The others share the remaining width.
_NARROW = 20
_LEAST = 8
_GAP = "   "

#: Characters that would end a cell, or start HTML, a link or code.
_MARKUP = re.compile(r"[\\|<\[`]")


def format_table(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    layout = _lay_out(columns, rows, _one_line if output.wide else _short)
    width = shutil.get_terminal_size().columns if output.is_terminal and not output.wide else None
    widths = layout.widths if width is None else _fit_widths(layout.widths, width)
    align = _make_aligner(widths, layout.numeric, truncates=width is not None)
    if output.headers:
        yield _GAP.join(align(layout.names)).rstrip() + "\n"
        yield "─" * (sum(widths) + len(_GAP) * (len(widths) - 1)) + "\n"
    for cells in layout.cells:
        yield _GAP.join(align(cells)).rstrip() + "\n"


def format_markdown(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    def cell(value: Any) -> str:
        return _MARKUP.sub(r"\\\g<0>", _one_line(value) if output.wide else _short(value))

    layout = _lay_out(columns, rows, cell)
    align = _make_aligner(layout.widths, layout.numeric, truncates=False)
    rule = [
        f"{'-' * (width + 1)}{':' if right else '-'}"
        for width, right in zip(layout.widths, layout.numeric, strict=True)
    ]
    yield f"| {' | '.join(align(layout.names))} |\n"
    yield f"|{'|'.join(rule)}|\n"
    for cells in layout.cells:
        yield f"| {' | '.join(align(cells))} |\n"


class _Layout(NamedTuple):
    """The names and widths of columns, whether each contains numbers, and the rows of cells, read lazily."""

    names: Sequence[str]
    widths: Sequence[int]
    numeric: Sequence[bool]
    cells: Iterator[Sequence[str]]


def _lay_out(columns: Sequence[str], rows: Iterator[Row], cell: Callable[[Any], str]) -> _Layout:
    """Read the first rows, and compute the widths from them."""
    sample = list(islice(rows, SAMPLE))
    names, first = [cell(name) for name in columns], [[cell(value) for value in row] for row in sample]
    numeric = [is_numeric(row[i] for row in sample) for i in range(len(columns))]
    later = ([cell(value) for value in row] for row in rows)
    return _Layout(names, _widths(names, first), numeric, chain(first, later))


def _one_line(value: Any) -> str:
    return " ".join(format_cell(value).split()) if isinstance(value, str) else format_cell(value)


def _short(value: Any) -> str:
    text = _one_line(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _widths(names: Sequence[str], rows: Sequence[Sequence[str]]) -> list[int]:
    """Return the width of each column, in terminal cells; some letters take two."""
    from rich.cells import cell_len

    return [max(cell_len(name), *(cell_len(row[i]) for row in rows), 1) for i, name in enumerate(names)]


def _fit_widths(widths: Sequence[int], line_width: int) -> list[int]:
    """Return widths with which a line fits the terminal. Wide columns share what narrow ones leave."""
    fitted = list(widths)
    wide = sorted((w, i) for i, w in enumerate(widths) if w > _NARROW)
    left = line_width - sum(w for w in widths if w <= _NARROW) - len(_GAP) * len(widths)
    for done, (width, i) in enumerate(wide):
        fitted[i] = max(_LEAST, min(width, left // (len(wide) - done)))
        left -= fitted[i]
    return fitted


def _make_aligner(
    widths: Sequence[int], numeric: Sequence[bool], *, truncates: bool
) -> Callable[[Sequence[str]], Sequence[str]]:
    """Return a function that pads cells to the widths of their columns, with numbers on the right."""
    from rich.cells import cell_len, set_cell_size

    def fit(text: str, width: int, right: bool) -> str:
        length = len(text) if text.isascii() else cell_len(text)
        if length > width:
            return set_cell_size(text, width - 1) + "…" if truncates else text
        blanks = " " * (width - length)
        return blanks + text if right else text + blanks

    return lambda cells: list(map(fit, cells, widths, numeric))
