"""Bars of names or numbers: lying, a row each, from nought, with the value where the bar ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from .data import ChartData, Mark, exact, scale_names
from .shapes import Piece, colour_of, ends_of, pieces, reach
from .sheet import GREY, GRID, INK, INNER, fitted, text_width

#: Inches.
_ROW = 0.27
_THIN = 0.17
_AXIS = 0.36
_NAMES = 2.9
_PAD = 0.07
_SIZE = 8.5


@dataclass(frozen=True, slots=True)
class BarPlan:
    """How high panels are and the axis under each, the room of names, and the scale that all share."""

    chart: ChartData
    heights: Sequence[float]
    axis: float
    left: float
    limits: tuple[float, float]
    ticks: Sequence[float]

    def draw(self, axes: Axes, number: int) -> dict[str, str]:
        """Draws a panel; returns a tooltip for the id of each bar."""
        marks = self.chart.panels[number].marks
        axes.set_xlim(*self.limits)
        axes.set_ylim(len(marks) - 0.45, -0.55)
        _dress(axes, self.ticks)
        axes.set_yticks(range(len(marks)), [fitted(mark.label, self.left - _PAD) for mark in marks])
        tips = {}
        for row, mark in enumerate(marks):
            for piece in pieces(self.chart.kind, mark.values):
                name = f"bar-{number}-{row}-{piece.value}"
                tips[name] = _tip(self.chart, mark, piece.value)
                _draw_piece(axes, row, piece, colour_of(self.chart.kind, piece.value), name)
            for offset, place, text in ends_of(self.chart.kind, mark.values):
                _write_end(axes, row + offset, place, text)
        return tips


def plan(chart: ChartData) -> BarPlan:
    """Lays the bars of all panels out on one scale."""
    many = len(chart.values) if chart.kind == "bars" else 1
    row = _ROW if many == 1 else _THIN * many + 0.12
    left = min(max((text_width(mark.label) for mark in chart.marks), default=0) + _PAD + 0.03, _NAMES)
    heights = [len(panel.marks) * row for panel in chart.panels]
    limits, low, high = _scale(chart, INNER - left)
    found = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=all(isinstance(n, int) for n in chart.numbers))
    ticks = [t for t in found.tick_values(low, high) if low <= t <= high] if high > low else [0.0]
    return BarPlan(chart, heights, _AXIS, left, limits, ticks)


def _tip(chart: ChartData, mark: Mark, value: int) -> str:
    return f"{mark.label}: {exact(mark.values[value])} {chart.values[value]}"


def _scale(chart: ChartData, room: float) -> tuple[tuple[float, float], float, float]:
    """The axis' limits, in which bars and what is written at their ends fit, and those of the bars alone."""
    low, high = reach(chart.kind, chart.marks)
    if low == high:
        high = 1.0
    ends = [end for mark in chart.marks for end in ends_of(chart.kind, mark.values)]
    right = max((text_width(text, _SIZE) for _, at, text in ends if at >= 0), default=0) + 2 * _PAD
    left = max((text_width(text, _SIZE) + 2 * _PAD for _, at, text in ends if at < 0), default=0)
    unit = (high - low) / max(room - left - right, 0.5)
    return (low - left * unit, high + right * unit), low, high


def _dress(axes: Axes, ticks: Sequence[float]) -> None:
    """A light grid behind the bars, a line at nought, and no frame."""
    axes.set_xticks(ticks, scale_names(ticks))
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.axvline(0, color=GREY, linewidth=0.8, gid="zero", zorder=4)
    axes.tick_params(axis="x", length=0, labelcolor=GREY, labelsize=_SIZE, pad=4)
    axes.tick_params(axis="y", length=0, labelcolor=INK, pad=5)


def _draw_piece(axes: Axes, row: float, piece: Piece, colour: str, name: str) -> None:
    corner = (piece.start, row + piece.offset - piece.thickness / 2)
    shape = Rectangle(corner, piece.end - piece.start, piece.thickness, facecolor=colour, gid=name)
    shape.set_zorder(2 + piece.value / 10)
    axes.add_patch(shape)


def _write_end(axes: Axes, row: float, at: float, text: str) -> None:
    side = -1 if at < 0 else 1
    colour = GREY if text == "none" else INK
    axes.annotate(
        text, (at, row), xytext=(side * _PAD * 72, 0), textcoords="offset points", size=_SIZE, color=colour,
        ha="right" if side < 0 else "left", va="center_baseline", annotation_clip=False,
    )  # fmt: skip
