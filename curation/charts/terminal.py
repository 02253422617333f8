"""Charts of characters: one line per bar, with its name, its bar and its value, within the terminal's width.

rich knows how wide characters are. plotext 6.1 cuts bars off where names are long, and leaves no room for the
chart on 40 columns.
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

from ..wording import counted
from .data import PERIODS, ChartData, Mark, count_periods, format_number, make_value_label
from .shapes import Segment, choose_column_colours, colour_of, find_value_range, lay_out_segments

#: The character for the bars of each column of values, so that they differ without colour too.
_GLYPHS = "█▒▚░▓▞▤"

#: Columns: the minimum width of a chart, and the maximum width of names.
_MIN_WIDTH = 24
_MAX_NAME = 40
#: Maximum number of marks of a panel; the last ones are shown.
_MAX_MARKS = 60


def print_chart(chart: ChartData, stream: IO[str]) -> None:
    """Draw a chart on a stream, in colour only on a terminal and without NO_COLOR."""
    width = max(shutil.get_terminal_size((80, 24)).columns, _MIN_WIDTH)
    coloured = stream.isatty() and not os.environ.get("NO_COLOR")
    console = Console(
        file=stream, width=width, color_system="auto" if coloured else None, highlight=False, markup=False,
        emoji=False, soft_wrap=False,
    )  # fmt: skip
    for line in _render_lines(chart, width):
        line.rstrip()
        console.print(line, no_wrap=True, overflow="crop", crop=True)


def _render_lines(chart: ChartData, width: int) -> Iterator[Text]:
    for text, style in ((chart.title, "bold"), (chart.purpose, ""), (chart.context, "")):
        if text:
            yield from Text(text, style).wrap(Console(width=width), width)
    yield from _render_legend(chart, width)
    if not chart.numbers:
        yield Text("no rows" if not chart.rows else "no values")
    layout = _plan_layout(chart, width)
    for panel in chart.panels:
        yield Text()
        if panel.name is not None:
            yield Text(_truncate(panel.name, width), "bold")
        hidden = len(panel.marks) - _MAX_MARKS
        if hidden > 0:
            yield Text(f"… {counted(hidden, 'earlier row')} not shown")
        yield from _render_panel(chart, panel.marks[max(hidden, 0) :], layout)
    if chart.notes:
        yield Text()
    for note in chart.notes:
        yield from Text(note).wrap(Console(width=width), width)


def _render_legend(chart: ChartData, width: int) -> Iterator[Text]:
    """Yield the lines of the legend: the character and the name of each column of values."""
    line = Text()
    for i, (name, colour) in enumerate(zip(chart.values, choose_column_colours(chart), strict=True)):
        name = _truncate(name, width - 3)
        if line and line.cell_len + cell_len(name) + 4 > width:
            yield line
            line = Text()
        line.append("  " if line else "").append(_glyph(chart.kind, i), colour).append(f" {name}")
    yield line


@dataclass(frozen=True, slots=True)
class _Layout:
    """The widths of names, bars and values in terminal columns, and the range of values of the bars."""

    names: int
    bars: int
    values: int
    low: float
    high: float

    def cell(self, number: float) -> float:
        """Return the position of a value, in columns from the left of the bars."""
        return (number - self.low) / (self.high - self.low) * self.bars


def _plan_layout(chart: ChartData, width: int) -> _Layout:
    marks = chart.marks
    max_name = width if chart.is_timed else min(max(int(width * 0.4), 8), _MAX_NAME)
    names = min(max((cell_len(mark.label) for mark in marks), default=0), max_name)
    values = max((cell_len(text) for mark in marks for text in _value_labels(chart, mark)), default=0)
    low, high = find_value_range(_terminal_kind(chart), marks)
    room = max(width - names - values - 2, 1)
    return _Layout(names, room, values, low, high if high > low else low + 1)


def _terminal_kind(chart: ChartData) -> str:
    """Return the kind to draw: in the terminal, lines and steps are bars."""
    return "bars" if chart.kind in ("lines", "steps") else chart.kind


def _segments(chart: ChartData, mark: Mark) -> Iterator[Segment]:
    return lay_out_segments(_terminal_kind(chart), mark.values)


def _value_labels(chart: ChartData, mark: Mark) -> list[str]:
    """Return the labels at the end of a mark's bars."""
    kind = _terminal_kind(chart)
    return (
        [format_number(v) for v in mark.values] if kind == "bars" else [make_value_label(kind, mark.values)]
    )


def _render_panel(chart: ChartData, marks: Sequence[Mark], layout: _Layout) -> Iterator[Text]:
    for previous, mark in pairwise([None, *marks]):
        assert mark is not None
        if previous and (note := _gap_note(chart, previous, mark)):
            yield Text(note)
        yield from _render_mark(chart, mark, layout)


def _gap_note(chart: ChartData, previous: Mark, mark: Mark) -> str:
    """Return a note on the periods between two marks that have no row; "" where there are none."""
    count = count_periods(chart.axis, previous, mark) if chart.axis in PERIODS else 0
    return f"⋮ {counted(count, chart.axis)} without rows" if count > 0 else ""


def _render_mark(chart: ChartData, mark: Mark, layout: _Layout) -> Iterator[Text]:
    name = _truncate(mark.label, layout.names)
    start = Text(name + " " * (layout.names - cell_len(name) + 1))
    all_segments = list(_segments(chart, mark))
    has_bar_per_value = _terminal_kind(chart) == "bars"
    for i, text in enumerate(_value_labels(chart, mark)):
        drawn = [s for s in all_segments if s.value == i] if has_bar_per_value else all_segments
        line = start if i == 0 else Text(" " * (layout.names + 1))
        bar = _render_bar(chart.kind, drawn, layout)
        yield line.append_text(bar).append(f" {text}" if bar else text)


def _render_bar(kind: str, drawn: Sequence[Segment], layout: _Layout) -> Text:
    """Return a bar, without the space after its end."""
    cells: list[tuple[str, str]] = [(" ", "")] * (layout.bars + 1)
    zero = round(layout.cell(0))
    if layout.low < 0:
        cells[min(zero, layout.bars - 1)] = ("│", "")
    for segment in drawn:
        _fill(cells, kind, segment, layout)
    last = max((i for i, (glyph, _) in enumerate(cells) if glyph != " "), default=-1)
    runs = groupby(cells[: min(last + 1, layout.bars)], key=lambda cell: cell[1])
    return Text.assemble(*(("".join(glyph for glyph, _ in run), colour) for colour, run in runs))


def _fill(cells: list[tuple[str, str]], kind: str, segment: Segment, layout: _Layout) -> None:
    begin, end = sorted((layout.cell(segment.start), layout.cell(segment.end)))
    colour = colour_of(kind, segment.value)
    for i in range(round(begin), min(round(end), layout.bars)):
        cells[i] = (_glyph(kind, segment.value), colour)
    is_short = round(begin) == round(end) and end > begin
    if segment.end > 0 and is_short:  # a short bar is still visible
        cells[min(int(begin), layout.bars - 1)] = ("▏", colour)


def _glyph(kind: str, value: int) -> str:
    """Return the character for the bars of a column of values."""
    return "░█"[value] if kind == "shares" else _GLYPHS[value]


def _truncate(text: str, cells: int) -> str:
    return text if cell_len(text) <= cells else set_cell_size(text, max(cells - 1, 0)).rstrip() + "…"
