"""The segments of bars and their colours, for files and for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .data import ChartData, Mark, Number, format_number, make_value_label

#: The palette of Okabe and Ito, which colour-blind people can distinguish, without yellow, which is too pale.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#595959")
#: Line styles, so that lines differ without colour too: the offset, and the lengths of dashes and gaps.
DASHES: Sequence[tuple[float, Sequence[float]]] = (
    (0, ()), (0, (4, 1.5)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (2, 1)), (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)  # fmt: skip
#: The colour of the whole in a chart of shares: a tint of the first colour.
WHOLE_COLOUR = "#A9CFE8"


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a mark's bar.

    `value` is the index of the column of values. `start` and `end` are values. `offset`, from the middle of
    the row, and `thickness` are in rows.
    """

    value: int
    start: float
    end: float
    offset: float
    thickness: float


def lay_out_segments(kind: str, values: Sequence[Number | None]) -> Iterator[Segment]:
    """Yield the segments of a bar. In a stack, positive and negative values grow from zero to either side."""
    return _stack_segments(values) if kind == "stacks" else _row_segments(kind, values)


def _stack_segments(values: Sequence[Number | None]) -> Iterator[Segment]:
    ends = {True: 0.0, False: 0.0}  # of the positive values, and of the negative ones
    for i, value in enumerate(values):
        if value:
            start = ends[value > 0]
            ends[value > 0] = start + value
            yield Segment(i, start, ends[value > 0], 0, 0.72)


def _row_segments(kind: str, values: Sequence[Number | None]) -> Iterator[Segment]:
    """Yield segments that all start at zero: side by side for bars, one over the other for shares."""
    columns = len(values) if kind == "bars" else 1
    for i, value in enumerate(values):
        if value is not None:
            thickness = 0.72 if columns == 1 else 0.8 / columns
            offset = (i - (columns - 1) / 2) * thickness if kind == "bars" else 0
            yield Segment(i, 0, value, offset, thickness if kind != "shares" or not i else 0.72)


def find_value_range(kind: str, marks: Sequence[Mark]) -> tuple[float, float]:
    """Return the lowest and the highest value of the bars, or zero."""
    parts = [segment for mark in marks for segment in lay_out_segments(kind, mark.values)]
    ends = [end for segment in parts for end in (segment.start, segment.end)]
    return min([0.0, *ends]), max([0.0, *ends])


def colour_of(kind: str, value: int) -> str:
    """Return the colour of the bars of a column of values, by its index."""
    return (WHOLE_COLOUR, COLOURS[0])[value] if kind == "shares" else COLOURS[value]


def choose_column_colours(chart: ChartData) -> Sequence[str]:
    """Return the colour of each column of values."""
    return [colour_of(chart.kind, value) for value in range(len(chart.values))]


def make_end_labels(kind: str, values: Sequence[Number | None]) -> Iterator[tuple[float, float, str]]:
    """Yield the labels at the ends of a row's bars: (offset from the row in rows, value of the end, text)."""
    if kind == "bars" and len(values) > 1:
        yield from _bar_labels(values)
        return
    segment_ends = [segment.end for segment in lay_out_segments(kind, values)]
    first = values[0] or 0 if kind != "stacks" else sum(v for v in values if v is not None)
    at = min([0, *segment_ends]) if first < 0 else max([0, *segment_ends])
    yield 0, at, make_value_label(kind, values)


def _bar_labels(values: Sequence[Number | None]) -> Iterator[tuple[float, float, str]]:
    """Yield a label for each of several bars side by side."""
    size = 0.8 / len(values)
    for i, value in enumerate(values):
        yield (i - (len(values) - 1) / 2) * size, value or 0, format_number(value)
