"""The parts of bars, and their colours: alike on paper and in the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .data import ChartData, Mark, Number, exact, told

#: Okabe and Ito's colours, which the colour-blind can tell apart too; all but yellow, which paper hides.
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#CC79A7", "#595959")
#: Lines are told apart without colour too: how long what is drawn is, and what is left out.
DASHES: Sequence[tuple[float, Sequence[float]]] = (
    (0, ()), (0, (4, 1.5)), (0, (1, 1.5)), (0, (6, 1.5, 1, 1.5)), (0, (2, 1)), (0, (8, 2)),
    (0, (3, 1, 1, 1, 1, 1)),
)  # fmt: skip
#: The whole of which a share is part: the first colour's own tint.
WHOLE = "#A9CFE8"


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a mark's bar: of which value, from where to where, and how thick and how far off the middle
    it is (in rows)."""

    value: int
    start: float
    end: float
    offset: float
    thickness: float


def pieces(kind: str, values: Sequence[Number | None]) -> Iterator[Piece]:
    """The parts of a bar; those of a stack go from nought to either side."""
    if kind == "stacks":
        ends = {True: 0.0, False: 0.0}
        for i, value in enumerate(values):
            if value:
                start = ends[value > 0]
                ends[value > 0] = start + value
                yield Piece(i, start, ends[value > 0], 0, 0.72)
        return
    many = len(values) if kind == "bars" else 1
    for i, value in enumerate(values):
        if value is not None:
            thickness = 0.72 if many == 1 else 0.8 / many
            offset = (i - (many - 1) / 2) * thickness if kind == "bars" else 0
            yield Piece(i, 0, value, offset, thickness if kind != "shares" or not i else 0.72)


def reach(kind: str, marks: Sequence[Mark]) -> tuple[float, float]:
    """From where to where bars go, nought among it."""
    ends = [end for mark in marks for piece in pieces(kind, mark.values) for end in (piece.start, piece.end)]
    return min([0.0, *ends]), max([0.0, *ends])


def colour_of(kind: str, value: int) -> str:
    """The colour of a value's bars."""
    return (WHOLE, COLOURS[0])[value] if kind == "shares" else COLOURS[value]


def colours_of(chart: ChartData) -> Sequence[str]:
    """The colour of each column of values."""
    return [colour_of(chart.kind, value) for value in range(len(chart.values))]


def ends_of(kind: str, values: Sequence[Number | None]) -> Iterator[tuple[float, float, str]]:
    """(how far off the row, at which value, what) is written where bars end."""
    if kind == "bars" and len(values) > 1:
        size = 0.8 / len(values)
        for i, value in enumerate(values):
            yield (i - (len(values) - 1) / 2) * size, value or 0, exact(value)
        return
    reached = [piece.end for piece in pieces(kind, values)]
    first = values[0] or 0 if kind != "stacks" else sum(v for v in values if v is not None)
    at = min([0, *reached]) if first < 0 else max([0, *reached])
    yield 0, at, told(kind, values)
