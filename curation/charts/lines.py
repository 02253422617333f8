"""Charts over time or numbers: vertical bars, lines and steps, on an x-axis in proportion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from .data import PERIODS, ChartData, Mark, count_periods, format_number, make_tick_labels, make_value_label
from .shapes import COLOURS, DASHES, colour_of, find_value_range, lay_out_segments
from .sheet import GREY, GRID, INK, INNER, measure_text

#: Sizes in inches: the panel of a chart with one panel, each of several panels, and the x-axis.
_SINGLE_HEIGHT = 2.7
_PANEL_HEIGHT = 1.5
_AXIS_HEIGHT = 0.38
#: Points.
_FONT_SIZE = 8.5
#: Maximum number of periods with a label each, and of points with a dot each.
_MAX_NAMED = 8
_MAX_DOTTED = 60
#: The text under the x-axis that completes its labels: nothing for years, the year for months, and so on.
_OFFSET_FORMATS = ["", "%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"]
#: The first and the last day of the calendar, as matplotlib numbers days.
_FIRST_DAY, _LAST_DAY = -719162.0, 2932896.99


@dataclass(frozen=True, slots=True)
class LinePlan:
    """The layout of a chart over time or numbers, with the same axes for all panels.

    `heights` are those of the panels, `axis_height` is that of the x-axis, and `left` is the width of the
    labels of the y-axis, all in inches.
    """

    chart: ChartData
    heights: Sequence[float]
    axis_height: float
    left: float
    x_limits: tuple[float, float]
    y_limits: tuple[float, float]
    ticks: Sequence[float]

    def draw(self, axes: Axes, number: int) -> dict[str, str]:
        """Draw panel `number` and return the tooltips of its bars or lines, by their ids."""
        axes.set_xlim(*self.x_limits)
        axes.set_ylim(*self.y_limits)
        _style_axes(axes, self.chart, self.ticks)
        marks = self.chart.panels[number].marks
        if self.chart.kind in ("lines", "steps"):
            return _draw_lines(axes, self.chart, marks, number)
        return _draw_bars(axes, self.chart, marks, number)


def plan(chart: ChartData) -> LinePlan:
    """Lay out all panels with the same axes."""
    count = len(chart.panels)
    heights = [_SINGLE_HEIGHT if count == 1 else _PANEL_HEIGHT] * count
    low, high = _y_range(chart)
    locator = MaxNLocator(
        5 if count == 1 else 3,
        steps=[1, 2, 2.5, 5, 10],
        integer=all(isinstance(n, int) for n in chart.numbers),
        min_n_ticks=2,
    )
    ticks = [float(t) for t in locator.tick_values(low, high)]
    left = max(measure_text(name, _FONT_SIZE) for name in make_tick_labels(ticks)) + 0.1
    y_limits = (ticks[0], ticks[-1] + (ticks[-1] - ticks[0]) * 0.06)
    # The date of days and instants is in a line of its own under their labels.
    axis_height = _AXIS_HEIGHT + (0.14 if chart.is_timed and chart.axis not in PERIODS[:2] else 0)
    return LinePlan(chart, heights, axis_height, left, _x_limits(chart), y_limits, ticks)


def _y_range(chart: ChartData) -> tuple[float, float]:
    """Return the lowest and the highest value to show.

    Zero is always within, except for steps, where the changes matter more than the size.
    """
    if chart.kind in ("lines", "steps"):
        values = [float(n) for n in chart.numbers]
        values += [0.0] if chart.kind == "lines" or not values else []
    else:
        values = list(find_value_range(chart.kind, chart.marks))
    low, high = min(values), max(values)
    if low == high:
        return (low - 1, high + 1) if chart.kind == "steps" else (min(low, 0), max(high, 1))
    return low, high


# --- x-axis ------------------------------------------------------------------------------------------


def _start(mark: Mark) -> float:
    position = mark.position
    return float(date2num(position)) if isinstance(position, dt.datetime) else float(position or 0)


def _end(mark: Mark, axis: str) -> float:
    """Return the end of a mark's period. For an instant or a number it is the same as the start."""
    at = mark.position
    if not isinstance(at, dt.datetime) or axis not in PERIODS:
        return _start(mark)
    months = {"year": 12, "month": 1}.get(axis)
    if months is None:
        return _start(mark) + 1
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return float(date2num(dt.datetime(year, month + 1, 1))) if year < 10_000 else _start(mark) + 30  # noqa: DTZ001


def _x_limits(chart: ChartData) -> tuple[float, float]:
    """Return the limits of the x-axis: room for all marks, and for a few periods where there is only one."""
    marks = chart.marks
    if not marks:
        return (0.0, 1.0)
    low, high = min(map(_start, marks)), max(_end(mark, chart.axis) for mark in marks)
    length = max((_end(mark, chart.axis) - _start(mark) for mark in marks), default=0)
    min_width = 6 * length or (high - low) or (1.0 if not chart.is_timed else 1 / 24)
    extra = max(min_width - (high - low), 0) / 2
    pad = (high - low) * 0.015 if chart.axis in PERIODS else (high - low) * 0.04
    return _clip_to_calendar(chart, low - extra - pad, high + extra + pad)


def _clip_to_calendar(chart: ChartData, low: float, high: float) -> tuple[float, float]:
    """Limit times to those that the calendar has."""
    if not chart.is_timed:
        return low, high
    return max(low, _FIRST_DAY), min(high, _LAST_DAY)


def _middle(mark: Mark, axis: str) -> float:
    return (_start(mark) + _end(mark, axis)) / 2


# --- drawing -----------------------------------------------------------------------------------------


def _style_axes(axes: Axes, chart: ChartData, ticks: Sequence[float]) -> None:
    axes.set_yticks(ticks, make_tick_labels(ticks))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    low, high = axes.get_ylim()
    if low <= 0 <= high:
        axes.axhline(0, color=GREY, linewidth=0.8, gid="zero", zorder=4)
    axes.tick_params(axis="y", length=0, labelcolor=GREY, labelsize=_FONT_SIZE)
    axes.tick_params(axis="x", length=3, color=GREY, labelcolor=GREY, labelsize=_FONT_SIZE)
    _label_x_axis(axes, chart)


def _label_x_axis(axes: Axes, chart: ChartData) -> None:
    """Label every period where they are few and fit; else years, months, days or hours as they fit."""
    marks = {_middle(mark, chart.axis): mark.label for panel in chart.panels for mark in panel.marks}
    if not chart.is_timed:
        axes.xaxis.set_major_locator(MaxNLocator(8))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.15g}"))
    elif chart.axis in PERIODS and len(marks) <= _MAX_NAMED and _labels_fit(axes, list(marks.items())):
        axes.set_xticks(list(marks), list(marks.values()))
    else:
        locator = AutoDateLocator(minticks=3, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=_OFFSET_FORMATS))
        axes.xaxis.get_offset_text().set(size=_FONT_SIZE, color=GREY)


def _labels_fit(axes: Axes, labels: Sequence[tuple[float, str]]) -> bool:
    """Return whether labels (x position, text) fit beside each other."""
    low, high = axes.get_xlim()
    unit = INNER * 0.9 / (high - low)
    room = max((measure_text(name, _FONT_SIZE) for _, name in labels), default=0) + 0.1
    positions = sorted(position for position, _ in labels)
    return all((right - left) * unit > room for left, right in pairwise(positions))


def _draw_bars(axes: Axes, chart: ChartData, marks: Sequence[Mark], number: int) -> dict[str, str]:
    low, high = axes.get_xlim()
    tooltips = {}
    for row, mark in enumerate(marks):
        length = (_end(mark, chart.axis) - _start(mark)) or (high - low) / 120
        for segment in lay_out_segments(chart.kind, mark.values):
            name = f"bar-{number}-{row}-{segment.value}"
            value = format_number(mark.values[segment.value])
            tooltips[name] = f"{mark.label}: {value} {chart.values[segment.value]}"
            width = max(segment.thickness * length, (high - low) / 800)  # so that it stays visible
            left = _middle(mark, chart.axis) + segment.offset * length - width / 2
            shape = Rectangle((left, segment.start), width, segment.end - segment.start, gid=name)
            shape.set(facecolor=colour_of(chart.kind, segment.value), zorder=2 + segment.value / 10)
            axes.add_patch(shape)
    if len(chart.values) == 1 or chart.kind != "bars":
        _write_labels(axes, [(_middle(mark, chart.axis), *_top_label(chart.kind, mark)) for mark in marks])
    return tooltips


def _top_label(kind: str, mark: Mark) -> tuple[float, str]:
    """Return the top of a vertical bar and its label: the whole for shares, the sum for stacks."""
    top = max([0.0, *(segment.end for segment in lay_out_segments(kind, mark.values))])
    return top, format_number(mark.values[0]) if kind == "shares" else make_value_label(kind, mark.values)


def _write_labels(axes: Axes, labels: Sequence[tuple[float, float, str]]) -> None:
    """Write labels (x position, value, text) at marks, if all fit.

    On a line, the label of a value that is lower than the one before is below the line.
    """
    if not _labels_fit(axes, [(position, text) for position, _, text in labels]):
        return
    for previous, (position, value, text) in zip([None, *labels], labels, strict=False):
        is_below = axes.get_lines() and previous is not None and value < previous[1]
        axes.annotate(
            text, (position, value), xytext=(0, -4 if is_below else 4), textcoords="offset points",
            ha="center", va="top" if is_below else "bottom", size=_FONT_SIZE, color=INK,
            annotation_clip=False, zorder=5,
        )  # fmt: skip


def _draw_lines(axes: Axes, chart: ChartData, marks: Sequence[Mark], number: int) -> dict[str, str]:
    tooltips: dict[str, str] = {}
    style = "steps-post" if chart.kind == "steps" else "default"
    for column, name in enumerate(chart.values):
        for part, run in enumerate(_runs(chart, marks, column)):
            positions = [_middle(mark, chart.axis) for mark in run]
            heights = [float(mark.values[column] or 0) for mark in run]
            gid = f"line-{number}-{column}-{part}"
            tooltips[gid] = name
            axes.plot(
                positions, heights, color=COLOURS[column], linewidth=1.8, linestyle=DASHES[column],
                drawstyle=style, gid=gid, clip_on=False, zorder=3,
            )  # fmt: skip
            if len(marks) <= _MAX_DOTTED or len(run) == 1:
                axes.plot(
                    positions, heights, "o", color=COLOURS[column], markersize=3.5, clip_on=False, zorder=3.5
                )
    if len(chart.values) == 1:
        _write_labels(axes, _point_labels(chart, marks))
    return tooltips


def _point_labels(chart: ChartData, marks: Sequence[Mark]) -> list[tuple[float, float, str]]:
    """Return the label of each point of the only line."""
    return [
        (_middle(mark, chart.axis), float(value), format_number(value))
        for mark in marks
        if (value := mark.values[0]) is not None
    ]


def _runs(chart: ChartData, marks: Sequence[Mark], column: int) -> Iterator[Sequence[Mark]]:
    """Yield runs of marks that a line joins. A line ends where a value or a whole period is missing."""
    run: list[Mark] = []
    for mark in marks:
        is_gap = run and chart.axis in PERIODS and count_periods(chart.axis, run[-1], mark) > 0
        if run and (is_gap or mark.values[column] is None):
            yield run
            run = []
        if mark.values[column] is not None:
            run.append(mark)
    if run:
        yield run
