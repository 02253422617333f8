"""What moves over time (or along numbers): standing bars, lines and steps, on an axis in proportion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter, date2num
from matplotlib.patches import Rectangle
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from .data import PERIODS, ChartData, Mark, exact, periods_between, scale_names, told
from .shapes import COLOURS, DASHES, colour_of, pieces, reach
from .sheet import GREY, GRID, INK, INNER, text_width

#: Inches.
_HEIGHT = 2.7
_LOWER = 1.5
_AXIS = 0.38
_SIZE = 8.5
#: Periods that are named one by one, and points that are marked.
_NAMED = 8
_DOTTED = 60
#: What stands under the axis, of which its numbers are: of years nothing, of months the year, and so on.
_OFFSETS = ["", "%Y", "%Y-%m", "%Y-%m-%d", "%Y-%m-%d", "%Y-%m-%d %H:%M"]
#: The days of the calendar, as matplotlib counts them.
_FIRST, _LAST = -719162.0, 2932896.99


@dataclass(frozen=True, slots=True)
class LinePlan:
    """The scale that all panels share, along and up, and the room that its numbers take on the left."""

    chart: ChartData
    heights: Sequence[float]
    axis: float
    left: float
    along: tuple[float, float]
    up: tuple[float, float]
    ticks: Sequence[float]

    def draw(self, axes: Axes, number: int) -> dict[str, str]:
        """Draws a panel; returns a tooltip for the id of each bar or point."""
        axes.set_xlim(*self.along)
        axes.set_ylim(*self.up)
        _dress(axes, self.chart, self.ticks)
        marks = self.chart.panels[number].marks
        if self.chart.kind in ("lines", "steps"):
            return _draw_lines(axes, self.chart, marks, number)
        return _draw_bars(axes, self.chart, marks, number)


def plan(chart: ChartData) -> LinePlan:
    """Lays all panels out on one scale."""
    many = len(chart.panels)
    heights = [_HEIGHT if many == 1 else _LOWER] * many
    low, high = _reach(chart)
    found = MaxNLocator(
        5 if many == 1 else 3,
        steps=[1, 2, 2.5, 5, 10],
        integer=all(isinstance(n, int) for n in chart.numbers),
        min_n_ticks=2,
    )
    ticks = [float(t) for t in found.tick_values(low, high)]
    left = max(text_width(name, _SIZE) for name in scale_names(ticks)) + 0.1
    up = (ticks[0], ticks[-1] + (ticks[-1] - ticks[0]) * 0.06)
    axis = _AXIS + (
        0.14 if chart.is_timed and chart.axis not in PERIODS[:2] else 0
    )  # under instants stands of which day they are
    return LinePlan(chart, heights, axis, left, _along(chart), up, ticks)


def _reach(chart: ChartData) -> tuple[float, float]:
    """From where to where values go: from nought, but for steps, whose rise is what matters."""
    if chart.kind in ("lines", "steps"):
        found = [float(n) for n in chart.numbers]
        found += [0.0] if chart.kind == "lines" or not found else []
    else:
        found = list(reach(chart.kind, chart.marks))
    low, high = min(found), max(found)
    if low == high:
        return (low - 1, high + 1) if chart.kind == "steps" else (min(low, 0), max(high, 1))
    return low, high


# --- along -------------------------------------------------------------------------------------------


def _start(mark: Mark) -> float:
    return float(date2num(mark.place)) if isinstance(mark.place, dt.datetime) else float(mark.place or 0)


def _end(mark: Mark, axis: str) -> float:
    """Where a mark's period ends; that of an instant, or of a number, where it begins."""
    at = mark.place
    if not isinstance(at, dt.datetime) or axis not in PERIODS:
        return _start(mark)
    months = {"year": 12, "month": 1}.get(axis)
    if months is None:
        return _start(mark) + 1
    year, month = divmod(at.year * 12 + at.month - 1 + months, 12)
    return float(date2num(dt.datetime(year, month + 1, 1))) if year < 10_000 else _start(mark) + 30  # noqa: DTZ001


def _along(chart: ChartData) -> tuple[float, float]:
    """The axis' ends: those of the marks, and of a few periods about a single one."""
    marks = chart.marks
    if not marks:
        return (0.0, 1.0)
    low, high = min(map(_start, marks)), max(_end(mark, chart.axis) for mark in marks)
    length = max((_end(mark, chart.axis) - _start(mark) for mark in marks), default=0)
    least = 6 * length or (high - low) or (1.0 if not chart.is_timed else 1 / 24)
    missing = max(least - (high - low), 0) / 2
    pad = (high - low) * 0.015 if chart.axis in PERIODS else (high - low) * 0.04
    return _within(chart, low - missing - pad, high + missing + pad)


def _within(chart: ChartData, low: float, high: float) -> tuple[float, float]:
    """Times that the calendar has."""
    if not chart.is_timed:
        return low, high
    return max(low, _FIRST), min(high, _LAST)


def _middle(mark: Mark, axis: str) -> float:
    return (_start(mark) + _end(mark, axis)) / 2


# --- drawing -----------------------------------------------------------------------------------------


def _dress(axes: Axes, chart: ChartData, ticks: Sequence[float]) -> None:
    axes.set_yticks(ticks, scale_names(ticks))
    axes.grid(visible=True, axis="y", color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[:].set_visible(False)
    low, high = axes.get_ylim()
    if low <= 0 <= high:
        axes.axhline(0, color=GREY, linewidth=0.8, gid="zero", zorder=4)
    axes.tick_params(axis="y", length=0, labelcolor=GREY, labelsize=_SIZE)
    axes.tick_params(axis="x", length=3, color=GREY, labelcolor=GREY, labelsize=_SIZE)
    _name_along(axes, chart)


def _name_along(axes: Axes, chart: ChartData) -> None:
    """Names every period where they are few; else years, months, days or hours as there is room."""
    marks = {_middle(mark, chart.axis): mark.label for panel in chart.panels for mark in panel.marks}
    if not chart.is_timed:
        axes.xaxis.set_major_locator(MaxNLocator(8))
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.15g}"))
    elif chart.axis in PERIODS and len(marks) <= _NAMED and _are_apart(axes, list(marks.items())):
        axes.set_xticks(list(marks), list(marks.values()))
    else:
        locator = AutoDateLocator(minticks=3, maxticks=9)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator, offset_formats=_OFFSETS))
        axes.xaxis.get_offset_text().set(size=_SIZE, color=GREY)


def _are_apart(axes: Axes, named: Sequence[tuple[float, str]]) -> bool:
    low, high = axes.get_xlim()
    unit = INNER * 0.9 / (high - low)
    room = max((text_width(name, _SIZE) for _, name in named), default=0) + 0.1
    places = sorted(place for place, _ in named)
    return all((right - left) * unit > room for left, right in pairwise(places))


def _draw_bars(axes: Axes, chart: ChartData, marks: Sequence[Mark], number: int) -> dict[str, str]:
    low, high = axes.get_xlim()
    tips = {}
    for row, mark in enumerate(marks):
        length = (_end(mark, chart.axis) - _start(mark)) or (high - low) / 120
        for piece in pieces(chart.kind, mark.values):
            name = f"bar-{number}-{row}-{piece.value}"
            tips[name] = f"{mark.label}: {exact(mark.values[piece.value])} {chart.values[piece.value]}"
            width = max(piece.thickness * length, (high - low) / 800)  # or it would not be seen
            left = _middle(mark, chart.axis) + piece.offset * length - width / 2
            shape = Rectangle((left, piece.start), width, piece.end - piece.start, gid=name)
            shape.set(facecolor=colour_of(chart.kind, piece.value), zorder=2 + piece.value / 10)
            axes.add_patch(shape)
    if len(chart.values) == 1 or chart.kind != "bars":
        _label(axes, [(_middle(mark, chart.axis), *_top(chart.kind, mark)) for mark in marks])
    return tips


def _top(kind: str, mark: Mark) -> tuple[float, str]:
    """Where a standing bar ends, and what it says there: of shares the whole, of stacks the sum."""
    top = max([0.0, *(piece.end for piece in pieces(kind, mark.values))])
    return top, exact(mark.values[0]) if kind == "shares" else told(kind, mark.values)


def _label(axes: Axes, labels: Sequence[tuple[float, float, str]]) -> None:
    """Writes values (place, value, text) at marks, where all have room; below where they fell."""
    if not _are_apart(axes, [(place, text) for place, _, text in labels]):
        return
    for before, (place, value, text) in zip([None, *labels], labels, strict=False):
        is_below = axes.get_lines() and before is not None and value < before[1]
        axes.annotate(
            text, (place, value), xytext=(0, -4 if is_below else 4), textcoords="offset points", ha="center",
            va="top" if is_below else "bottom", size=_SIZE, color=INK, annotation_clip=False, zorder=5,
        )  # fmt: skip


def _draw_lines(axes: Axes, chart: ChartData, marks: Sequence[Mark], number: int) -> dict[str, str]:
    tips: dict[str, str] = {}
    style = "steps-post" if chart.kind == "steps" else "default"
    for column, name in enumerate(chart.values):
        for part, run in enumerate(_runs(chart, marks, column)):
            places = [_middle(mark, chart.axis) for mark in run]
            heights = [float(mark.values[column] or 0) for mark in run]
            gid = f"line-{number}-{column}-{part}"
            tips[gid] = name
            axes.plot(
                places, heights, color=COLOURS[column], linewidth=1.8, linestyle=DASHES[column],
                drawstyle=style, gid=gid, clip_on=False, zorder=3,
            )  # fmt: skip
            if len(marks) <= _DOTTED or len(run) == 1:
                axes.plot(
                    places, heights, "o", color=COLOURS[column], markersize=3.5, clip_on=False, zorder=3.5
                )
    if len(chart.values) == 1:
        kept = [(mark, value) for mark in marks if (value := mark.values[0]) is not None]
        _label(axes, [(_middle(mark, chart.axis), float(value), exact(value)) for mark, value in kept])
    return tips


def _runs(chart: ChartData, marks: Sequence[Mark], column: int) -> Iterator[Sequence[Mark]]:
    """Marks that a line joins: it ends where a value, or a whole period, is missing."""
    run: list[Mark] = []
    for mark in marks:
        apart = run and chart.axis in PERIODS and periods_between(chart.axis, run[-1], mark) > 0
        if run and (apart or mark.values[column] is None):
            yield run
            run = []
        if mark.values[column] is not None:
            run.append(mark)
    if run:
        yield run
