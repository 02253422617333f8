"""Horizontal bars for names or numbers: one row each, from zero, with the value at the end of the bar."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator

from .data import ChartData, Mark, format_number, make_tick_labels
from .shapes import Segment, colour_of, find_value_range, lay_out_segments, make_end_labels
from .sheet import GREY, GRID, INK, INNER, measure_text, truncate

#: Sizes in inches: a row, a bar among several in a row, the axis, the widest name, the space around a text.
_ROW_HEIGHT = 0.27
_THIN_BAR = 0.17
_AXIS_HEIGHT = 0.36
_MAX_NAME_WIDTH = 2.9
_PAD = 0.07
#: Points.
_FONT_SIZE = 8.5


@dataclass(frozen=True, slots=True)
class BarPlan:
    """The layout of a chart of bars, with one scale for all panels.

    `heights` are those of the panels, `axis_height` is that of the axis under each, and `left` is the width
    of the names, all in inches.
    """

    chart: ChartData
    heights: Sequence[float]
    axis_height: float
    left: float
    limits: tuple[float, float]
    ticks: Sequence[float]

    def draw(self, axes: Axes, number: int) -> dict[str, str]:
        """Draw panel `number` and return the tooltips of its bars, by the id of the bar."""
        chart = self.chart
        marks = chart.panels[number].marks
        axes.set_xlim(*self.limits)
        axes.set_ylim(len(marks) - 0.45, -0.55)
        _style_axes(axes, self.ticks)
        axes.set_yticks(range(len(marks)), [truncate(mark.label, self.left - _PAD) for mark in marks])
        tooltips = {}
        for row, mark in enumerate(marks):
            for segment in lay_out_segments(chart.kind, mark.values):
                name = f"bar-{number}-{row}-{segment.value}"
                tooltips[name] = _tooltip(chart, mark, segment.value)
                _draw_segment(axes, row, segment, colour_of(chart.kind, segment.value), name)
            for offset, at, text in make_end_labels(chart.kind, mark.values):
                _write_end_label(axes, row + offset, at, text)
        return tooltips


def plan(chart: ChartData) -> BarPlan:
    """Lay out the bars of all panels on one scale."""
    columns = len(chart.values) if chart.kind == "bars" else 1
    row_height = _ROW_HEIGHT if columns == 1 else _THIN_BAR * columns + 0.12
    widest = max((measure_text(mark.label) for mark in chart.marks), default=0)
    left = min(widest + _PAD + 0.03, _MAX_NAME_WIDTH)
    heights = [len(panel.marks) * row_height for panel in chart.panels]
    limits, low, high = _fit_scale(chart, INNER - left)
    locator = MaxNLocator(5, steps=[1, 2, 2.5, 5, 10], integer=all(isinstance(n, int) for n in chart.numbers))
    ticks = [t for t in locator.tick_values(low, high) if low <= t <= high] if high > low else [0.0]
    return BarPlan(chart, heights, _AXIS_HEIGHT, left, limits, ticks)


def _tooltip(chart: ChartData, mark: Mark, value: int) -> str:
    return f"{mark.label}: {format_number(mark.values[value])} {chart.values[value]}"


def _fit_scale(chart: ChartData, room: float) -> tuple[tuple[float, float], float, float]:
    """Return the limits of the axis, which leave room for the labels, and the ends of the bars alone.

    Args:
        room: The width of the axis, in inches.
    """
    low, high = find_value_range(chart.kind, chart.marks)
    if low == high:
        high = 1.0
    ends = [end for mark in chart.marks for end in make_end_labels(chart.kind, mark.values)]
    right = max((measure_text(text, _FONT_SIZE) for _, at, text in ends if at >= 0), default=0) + 2 * _PAD
    left = max((measure_text(text, _FONT_SIZE) + 2 * _PAD for _, at, text in ends if at < 0), default=0)
    unit = (high - low) / max(room - left - right, 0.5)
    return (low - left * unit, high + right * unit), low, high


def _style_axes(axes: Axes, ticks: Sequence[float]) -> None:
    """Style the axes: a light grid behind the bars, a line at zero and no frame."""
    axes.set_xticks(ticks, make_tick_labels(ticks))
    axes.grid(visible=True, axis="x", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    axes.axvline(0, color=GREY, linewidth=0.8, gid="zero", zorder=4)
    axes.tick_params(axis="x", length=0, labelcolor=GREY, labelsize=_FONT_SIZE, pad=4)
    axes.tick_params(axis="y", length=0, labelcolor=INK, pad=5)


def _draw_segment(axes: Axes, row: float, segment: Segment, colour: str, name: str) -> None:
    corner = (segment.start, row + segment.offset - segment.thickness / 2)
    shape = Rectangle(corner, segment.end - segment.start, segment.thickness, facecolor=colour, gid=name)
    shape.set_zorder(2 + segment.value / 10)
    axes.add_patch(shape)


def _write_end_label(axes: Axes, row: float, at: float, text: str) -> None:
    side = -1 if at < 0 else 1
    colour = GREY if text == "none" else INK
    axes.annotate(
        text, (at, row), xytext=(side * _PAD * 72, 0), textcoords="offset points", size=_FONT_SIZE,
        color=colour, ha="right" if side < 0 else "left", va="center_baseline", annotation_clip=False,
    )  # fmt: skip
