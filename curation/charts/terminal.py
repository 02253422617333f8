"""A picture of characters: a line for each row, with its name, its bar and its value, within the width.

With rich, which knows how wide characters are; plotext 6.1 cuts bars off where names are long, and leaves
no room for the picture on 40 columns.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import IO

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from .data import PERIODS, ChartData, Mark, exact, periods_between, told
from .shapes import Piece, colour_of, colours_of, pieces, reach

#: The bars of each value, told apart without colour too.
_GLYPHS = "█▒▚░▓▞▤"

_LEAST = 24
#: Times that are shown; a terminal scrolls.
_MOST = 60
_WIDEST = 40


def print_chart(chart: ChartData, stream: IO[str]) -> None:
    """Draws on a stream; in colour only on a terminal, and not under NO_COLOR."""
    width = max(shutil.get_terminal_size((80, 24)).columns, _LEAST)
    coloured = stream.isatty() and not os.environ.get("NO_COLOR")
    console = Console(
        file=stream, width=width, color_system="auto" if coloured else None, highlight=False, markup=False,
        emoji=False, soft_wrap=False,
    )  # fmt: skip
    for line in _lines(chart, width):
        line.rstrip()
        console.print(line, no_wrap=True, overflow="crop", crop=True)


def _lines(chart: ChartData, width: int) -> Iterator[Text]:
    for text, style in ((chart.title, "bold"), (chart.purpose, ""), (chart.context, "")):
        if text:
            yield from Text(text, style).wrap(Console(width=width), width)
    yield from _legend(chart, width)
    if not chart.numbers:
        yield Text("no rows" if not chart.rows else "no values")
    layout = _layout(chart, width)
    for panel in chart.panels:
        yield Text()
        if panel.name is not None:
            yield Text(_cut(panel.name, width), "bold")
        left = len(panel.marks) - _MOST
        if left > 0:
            yield Text(f"… {left:,} before")
        yield from _panel(chart, panel.marks[max(left, 0) :], layout)
    if chart.notes:
        yield Text()
    for note in chart.notes:
        yield from Text(note).wrap(Console(width=width), width)


def _legend(chart: ChartData, width: int) -> Iterator[Text]:
    """What each glyph means; of a single value its name."""
    line = Text()
    for i, (name, colour) in enumerate(zip(chart.values, colours_of(chart), strict=True)):
        name = _cut(name, width - 3)
        if line and line.cell_len + cell_len(name) + 4 > width:
            yield line
            line = Text()
        line.append("  " if line else "").append(_glyph(chart.kind, i), colour).append(f" {name}")
    yield line


@dataclass(frozen=True, slots=True)
class _Layout:
    """Cells for names, bars and values, and the numbers from where to where bars go."""

    names: int
    bars: int
    values: int
    low: float
    high: float

    def cell(self, number: float) -> float:
        return (number - self.low) / (self.high - self.low) * self.bars


def _layout(chart: ChartData, width: int) -> _Layout:
    marks = chart.marks
    most = width if chart.is_timed else min(max(int(width * 0.4), 8), _WIDEST)
    names = min(max((cell_len(mark.label) for mark in marks), default=0), most)
    values = max((cell_len(text) for mark in marks for text in _told(chart, mark)), default=0)
    low, high = reach(_kind(chart), marks)
    room = max(width - names - values - 2, 1)
    return _Layout(names, room, values, low, high if high > low else low + 1)


def _kind(chart: ChartData) -> str:
    """Lines and steps are bars here: a line of text shows where it ends."""
    return "bars" if chart.kind in ("lines", "steps") else chart.kind


def _pieces(chart: ChartData, mark: Mark) -> Iterator[Piece]:
    return pieces(_kind(chart), mark.values)


def _told(chart: ChartData, mark: Mark) -> list[str]:
    """What is written after each of a mark's bars."""
    kind = _kind(chart)
    return [exact(v) for v in mark.values] if kind == "bars" else [told(kind, mark.values)]


def _panel(chart: ChartData, marks: Sequence[Mark], layout: _Layout) -> Iterator[Text]:
    for before, mark in pairwise([None, *marks]):
        assert mark is not None
        if before and (left_out := _left_out(chart, before, mark)):
            yield Text(left_out)
        yield from _mark(chart, mark, layout)


def _left_out(chart: ChartData, before: Mark, mark: Mark) -> str:
    """Says how many periods without a row lie between two marks; nothing where there are none."""
    count = periods_between(chart.axis, before, mark) if chart.axis in PERIODS else 0
    return f"⋮ {count:,} {chart.axis}{'' if count == 1 else 's'} without rows" if count > 0 else ""


def _mark(chart: ChartData, mark: Mark, layout: _Layout) -> Iterator[Text]:
    name = _cut(mark.label, layout.names)
    start = Text(name + " " * (layout.names - cell_len(name) + 1))
    drawn = list(_pieces(chart, mark))
    for i, text in enumerate(_told(chart, mark)):
        own = [p for p in drawn if p.value == i] if _kind(chart) == "bars" else drawn
        line = start if i == 0 else Text(" " * (layout.names + 1))
        bar = _bar(chart.kind, own, layout)
        yield line.append_text(bar).append(f" {text}" if bar else text)


def _bar(kind: str, drawn: Sequence[Piece], layout: _Layout) -> Text:
    """A bar as long as the room for bars or shorter: the value follows where it ends."""
    cells: list[tuple[str, str]] = [(" ", "")] * (layout.bars + 1)
    nought = round(layout.cell(0))
    if layout.low < 0:
        cells[min(nought, layout.bars - 1)] = ("│", "")
    for piece in drawn:
        _fill(cells, kind, piece, layout)
    last = max((i for i, (glyph, _) in enumerate(cells) if glyph != " "), default=-1)
    runs = groupby(cells[: min(last + 1, layout.bars)], key=lambda cell: cell[1])
    return Text.assemble(*(("".join(glyph for glyph, _ in run), colour) for colour, run in runs))


def _fill(cells: list[tuple[str, str]], kind: str, piece: Piece, layout: _Layout) -> None:
    begin, end = sorted((layout.cell(piece.start), layout.cell(piece.end)))
    colour = colour_of(kind, piece.value)
    for i in range(round(begin), min(round(end), layout.bars)):
        cells[i] = (_glyph(kind, piece.value), colour)
    if piece.end > 0 and round(begin) == round(end) and end > begin:  # too short for a cell, but there
        cells[min(int(begin), layout.bars - 1)] = ("▏", colour)


def _glyph(kind: str, value: int) -> str:
    """What a value's bars are made of."""
    return "░█"[value] if kind == "shares" else _GLYPHS[value]


def _cut(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, max(cells - 1, 0)).rstrip() + "…"
