"""The data of a chart: a report's rows in panels, in the order of drawing, and notes on what is left out.

Names are sorted by their first value, the largest first. Numbers and times are in their own order, and times
are drawn in proportion to the time between them.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any, Literal

from ..backends.queries import QueryResult
from ..cell_text import format_cell, is_numeric, to_json_value
from ..errors import ChartRefused
from ..queries.reports import Chart, Report
from ..wording import counted

#: Maximum number of rows of a chart. With more, it is unreadable and too heavy for viewers.
MAX_ROWS = 20_000
#: Maximum number of bars (for names or numbers) and of panels, so that a chart is clear at a glance.
MAX_BARS = 30
MAX_PANELS = 6
#: Maximum number of characters of a label. Drawing truncates it further where it does not fit.
_MAX_LABEL = 200

Number = int | float
#: The values of an axis: names, numbers, or times as exact as a year, a month, a day or an instant.
Axis = Literal["names", "numbers", "year", "month", "day", "instant"]
PERIODS = ("year", "month", "day")


@dataclass(frozen=True, slots=True)
class Mark:
    """One row of a chart.

    `position` is a number or a time in UTC, and None for names. A value of None means null.
    """

    label: str
    position: Number | dt.datetime | None
    values: Sequence[Number | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """Marks that are drawn together. `name` is None where a chart has one panel for all."""

    name: str | None
    marks: Sequence[Mark]


def marks_of(panels: Sequence[Panel]) -> list[Mark]:
    """Return the marks of all panels."""
    return [mark for panel in panels for mark in panel.marks]


@dataclass(frozen=True, slots=True)
class ChartData:
    """The content of a chart.

    `context` has the time range and the parameters of the rows, `notes` what the chart leaves out.
    `axis_name` and `values` are the titles of columns. `columns` and `rows` are those of the report, as text.
    """

    title: str
    purpose: str
    context: str
    kind: str
    axis: Axis
    axis_name: str
    values: Sequence[str]
    panels: Sequence[Panel]
    notes: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()

    @property
    def is_timed(self) -> bool:
        """Return whether the axis shows times."""
        return self.axis not in ("names", "numbers")

    @property
    def marks(self) -> list[Mark]:
        """Return the marks of all panels."""
        return marks_of(self.panels)

    @property
    def numbers(self) -> list[Number]:
        """Return all values that are not null."""
        return [value for mark in self.marks for value in mark.values if value is not None]


@dataclass(frozen=True, slots=True)
class _Row:
    key: object
    values: Sequence[Number | None]
    group: Sequence[object]


def read_rows(report: Report, result: QueryResult) -> list[tuple[Any, ...]]:
    """Return the rows of a report's result.

    Raises:
        ChartRefused: There are more than `MAX_ROWS`.
    """
    rows = list(islice(result.rows, MAX_ROWS + 1))
    if len(rows) > MAX_ROWS:
        raise ChartRefused(
            f"report {report.name!r} has more than {MAX_ROWS:,} rows, too many for a chart: "
            "use a limit or a filter"
        )
    return rows


def build_chart(
    report: Report,
    chart: Chart,
    rows: Sequence[Sequence[Any]],
    columns: Sequence[str],
    parameters: Mapping[str, object],
) -> ChartData:
    """Return the chart of a report's rows.

    Args:
        rows: The rows of the result, in any order.
        columns: The names of the result's columns.
        parameters: The values that the report was run with.

    Raises:
        ChartRefused: The rows cannot be drawn. The message has the reason.
    """
    chart_rows = _make_rows(rows, chart, _column_indexes(report, chart, columns))
    axis = _detect_axis([row.key for row in chart_rows])
    if chart_rows and chart.kind in ("lines", "steps") and axis == "names":
        raise _names_error(chart, chart_rows)
    panels, notes = _make_panels(chart_rows, axis, chart)
    conditions = _changed_parameters(report, parameters)
    return ChartData(
        title=_single_line(report.title),
        purpose=_single_line(report.purpose),
        context=" · ".join([*_time_range(panels, axis), *conditions]),
        kind=chart.kind,
        axis=axis,
        axis_name=_column_title(chart.axis_column),
        values=[_column_title(name) for name in chart.value_columns],
        panels=panels,
        notes=[*notes, *_limit_note(len(rows), parameters)],
        columns=[make_label(column) for column in columns],
        rows=[[make_label(value) for value in row] for row in rows],
    )


def _column_indexes(report: Report, chart: Chart, columns: Sequence[str]) -> list[int]:
    for name in chart.columns:
        if name not in columns:
            known = ", ".join(columns)
            raise ChartRefused(
                f"report {report.name!r} has no column {name!r} for its chart: its columns are {known}"
            )
    return [list(columns).index(name) for name in chart.columns]


def _make_rows(rows: Sequence[Sequence[Any]], chart: Chart, indexes: Sequence[int]) -> list[_Row]:
    """Return the rows of a chart, from the columns with these indexes in a result."""
    return [
        _Row(
            row[indexes[0]],
            [_to_number(row[i], name) for i, name in zip(indexes[1:], chart.value_columns, strict=False)],
            [row[i] for i in indexes[len(chart.value_columns) + 1 :]],
        )
        for row in rows
    ]


def _names_error(chart: Chart, rows: Sequence[_Row]) -> ChartRefused:
    """Return the error for lines or steps over names, with the first name."""
    value = next(make_label(row.key) for row in rows if _parse_time(row.key) is None)
    return ChartRefused(
        f"a chart of {chart.kind} needs dates or numbers in {chart.axis_column}, which has '{value}'"
    )


def _changed_parameters(report: Report, parameters: Mapping[str, object]) -> list[str]:
    """Return `NAME=VALUE` for each parameter that does not have its default."""
    defaults = {parameter.name: parameter.default for parameter in report.parameters}
    return [
        f"{name}={make_label(value)}"
        for name, value in parameters.items()
        if str(value) != defaults.get(name)
    ]


def _limit_note(count: int, parameters: Mapping[str, object]) -> list[str]:
    limit = parameters.get("limit")
    if not count or count != limit:
        return []
    return [f"limited to {counted(count, 'row')}: use -p limit=N for more"]


def make_label(value: object) -> str:
    """Return a value as a label of one line, without control characters, of at most 200 characters."""
    if value is None:
        return "(none)"
    text = _single_line(value) or "(empty)"
    return text if len(text) <= _MAX_LABEL else text[: _MAX_LABEL - 1] + "…"


def _single_line(value: object) -> str:
    """Return a value as text, with one space for each line break or run of spaces."""
    return " ".join(format_cell(value).split())


def _column_title(column: str) -> str:
    return make_label(column.replace("_", " "))


def _to_number(value: object, column: str) -> Number | None:
    value = to_json_value(value)
    if value is None or isinstance(value, bool):
        return None if value is None else int(value)
    try:
        if isinstance(value, int | float) and abs(float(value)) < _MAX_NUMBER:
            return value
    except OverflowError:
        pass
    if value in ("nan", "inf", "-inf", "NaN", "Infinity", "-Infinity"):
        return None  # no bar can be as long
    raise ChartRefused(f"a chart needs numbers in {column}, which has '{make_label(value)}'")


#: The difference of two numbers below this fits a float.
_MAX_NUMBER = 1e300


# --- axes --------------------------------------------------------------------------------------------

#: Texts that are times: their pattern, how exact they are, and what completes them to a date.
_TIMES: tuple[tuple[str, Axis, str], ...] = (
    (r"\d{4}", "year", "-01-01"),
    (r"\d{4}-\d\d", "month", "-01"),
    (r"\d{4}-\d\d-\d\d", "day", ""),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*", "instant", ""),
)


def _parse_time(value: object) -> tuple[Axis, dt.datetime] | None:
    """Return how exact a time is, and the time in UTC; None for a value that is no time."""
    if isinstance(value, dt.datetime):
        return ("instant", value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value)
    if isinstance(value, dt.date):
        return ("day", dt.datetime(value.year, value.month, value.day))  # noqa: DTZ001 - UTC throughout
    for pattern, axis, suffix in _TIMES:
        if isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII):
            try:
                moment = dt.datetime.fromisoformat(value + suffix)
            except ValueError:
                return None
            return (axis, moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment)
    return None


def _detect_axis(values: Iterable[object]) -> Axis:
    """Return the axis for a column: times if all values are times, numbers if all are numbers, else names.

    Nulls are ignored. Times that are not all equally exact are instants.
    """
    present = [value for value in values if value is not None]
    times = [found[0] for value in present if (found := _parse_time(value))]
    if present and len(times) == len(present):
        return times[0] if len(set(times)) == 1 else "instant"
    return "numbers" if is_numeric(present) else "names"


def _make_mark(row: _Row, axis: Axis, name: str) -> Mark:
    position: Number | dt.datetime | None = None
    if axis == "numbers":
        position = _to_number(row.key, name)
    elif axis != "names" and (found := _parse_time(row.key)):
        position = found[1]
    label = make_time_label(position) if axis == "instant" else make_label(row.key)
    return Mark(f"{name} {label}" if axis == "numbers" else label, position, row.values)


def make_time_label(position: object) -> str:
    """Return an instant as a label, to the second."""
    return position.isoformat(" ", "seconds") if isinstance(position, dt.datetime) else make_label(position)


def _time_range(panels: Sequence[Panel], axis: Axis) -> list[str]:
    marks = marks_of(panels)
    if axis in ("names", "numbers") or not marks:
        return []
    first, last = min(marks, key=_sort_key).label, max(marks, key=_sort_key).label
    span = first if first == last else f"{first} to {last}"
    return [f"{span} UTC" if axis == "instant" else span]


def _sort_key(mark: Mark) -> float:
    return (
        (mark.position - _EPOCH).total_seconds()
        if isinstance(mark.position, dt.datetime)
        else float(mark.position or 0)
    )


_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout


def count_periods(axis: Axis, one: Mark, other: Mark) -> int:
    """Return the number of whole periods between two marks.

    Args:
        axis: `year`, `month` or `day`.
    """
    first, last = one.position, other.position
    assert isinstance(first, dt.datetime)
    assert isinstance(last, dt.datetime)
    if axis == "day":
        return (last - first).days - 1
    months = (last.year - first.year) * 12 + last.month - first.month
    return (months // 12 if axis == "year" else months) - 1


# --- panels ------------------------------------------------------------------------------------------


def _make_panels(rows: Sequence[_Row], axis: Axis, chart: Chart) -> tuple[list[Panel], list[str]]:
    """Return the panels, those with the largest sum first, and notes on what they leave out."""
    notes = []
    kept = [row for row in rows if axis == "names" or row.key is not None]
    if len(kept) < len(rows):
        without = counted(len(rows) - len(kept), "row")
        notes.append(f"{without} without {_column_title(chart.axis_column)} not shown")
    panels = _group_rows(kept, axis, chart)
    panels.sort(key=lambda panel: -sum(abs(m.values[0] or 0) for m in panel.marks))
    if len(panels) > MAX_PANELS:
        hidden = len(panels) - MAX_PANELS
        notes.append(f"{hidden:,} more by {', '.join(map(_column_title, chart.panel_columns))} not shown")
    sorted_panels = [_sort_marks(panel, axis, chart) for panel in panels[:MAX_PANELS]]
    return _limit_marks(sorted_panels, axis, chart, notes), notes


def _group_rows(rows: Sequence[_Row], axis: Axis, chart: Chart) -> list[Panel]:
    """Return a panel for each group of rows, or one for all, in the order of the rows."""
    groups: dict[str | None, list[Mark]] = {}
    for row in rows:
        name = ", ".join(make_label(value) for value in row.group) if chart.panel_columns else None
        groups.setdefault(name, []).append(_make_mark(row, axis, _column_title(chart.axis_column)))
    return [Panel(name, marks) for name, marks in groups.items()]


def _sort_marks(panel: Panel, axis: Axis, chart: Chart) -> Panel:
    if axis == "names":
        return replace(panel, marks=sorted(panel.marks, key=_largest_first))
    marks = sorted(panel.marks, key=_sort_key)
    for one, other in pairwise(marks):
        if one.position == other.position and chart.kind != "steps":
            raise ChartRefused(
                f"several rows have {chart.axis_column} {one.label}: group them, or draw them in panels "
                "(`-- chart: ... by COLUMN`)"
            )
    return replace(panel, marks=marks)


def _largest_first(mark: Mark) -> tuple[bool, Number]:
    value = mark.values[0]
    return (value is None, -(value or 0))


def _limit_marks(panels: Sequence[Panel], axis: Axis, chart: Chart, notes: list[str]) -> list[Panel]:
    """Limit the number of bars: keep the first of names, which are the largest, and the last of numbers.

    Add a note on the number of bars that are left out to `notes`.
    """
    if axis not in ("names", "numbers") or chart.kind in ("lines", "steps"):
        return list(panels)
    limit = max(MAX_BARS // max(len(panels), 1), 5)
    keep: Callable[[Sequence[Mark]], Sequence[Mark]] = (
        (lambda marks: marks[:limit]) if axis == "names" else (lambda marks: marks[-limit:])
    )
    hidden = sum(max(len(panel.marks) - limit, 0) for panel in panels)
    if hidden:
        name = "more" if axis == "names" else f"with a lower {_column_title(chart.axis_column)}"
        notes.insert(0, f"{hidden:,} {name} not shown")
    return [replace(panel, marks=keep(panel.marks)) for panel in panels]


# --- numbers as text ---------------------------------------------------------------------------------


def format_number(value: Number | None) -> str:
    """Return a value as text, such as `1,438` or `71.3`, with fractions to two places; `none` for null."""
    if value is None:
        return "none"
    if isinstance(value, int) or value.is_integer():
        text = f"{value:,.0f}" if abs(value) < 1e19 else f"{value:.3g}"
    elif 0.01 <= abs(value) < 1e15:
        text = f"{value:,.2f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def make_tick_labels(ticks: Sequence[float]) -> list[str]:
    """Return the labels of an axis: `500`, `20,000`, `1.5 M`, `2 bn`; in full if two would be the same."""
    names = [_short_number(tick) for tick in ticks]
    if len(set(names)) < len(names):
        names = [f"{tick:,.15g}" for tick in ticks]
    return [name.replace("-", "−") for name in names]


def _short_number(value: float) -> str:
    for size, name in ((1e12, "tn"), (1e9, "bn"), (1e6, "M")):
        if size <= abs(value) < 1e15:
            return f"{value / size:.4g} {name}"
    return f"{value:.3g}" if abs(value) >= 1e15 or 0 < abs(value) < 1e-4 else f"{value:,.10g}"


def make_value_label(kind: str, values: Sequence[Number | None]) -> str:
    """Return the text at the end of a mark's bar: the value, the part of the whole, or the sum of a stack."""
    if kind == "shares" and values[0] is not None and values[1] is not None:
        return f"{format_number(values[1])} of {format_number(values[0])}"
    if kind == "stacks":
        present = [value for value in values if value is not None]
        return format_number(sum(present) if present else None)
    return format_number(values[0])
