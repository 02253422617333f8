"""What a picture shows: a report's rows in panels, in the order in which they are drawn, and what is not.

Names stand by their first value, the greatest first; numbers and times in their own order, and times as far
apart as they are.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from typing import Any, Literal

from ..backends.queries import QueryResult
from ..errors import ChartRefused
from ..queries.reports import Chart, Report
from ..values import is_numeric, plain, shown
from ..wording import counted

#: Rows that a picture is made of at most: beyond that neither a reader nor a viewer gets through it.
MOST_ROWS = 20_000
#: Bars of names or numbers, and panels, that one can take in at a glance.
MOST_BARS = 30
MOST_PANELS = 6
#: Characters of a label that are kept; how many of them are seen is a matter of the room there is.
_LABEL = 200

Number = int | float
#: What the column goes along: names, numbers, or times of such a length.
Axis = Literal["names", "numbers", "year", "month", "day", "instant"]
PERIODS = ("year", "month", "day")


@dataclass(frozen=True, slots=True)
class Mark:
    """A row: its label, its place (a number or a time; None among names), and its values; None means null."""

    label: str
    place: Number | dt.datetime | None
    values: Sequence[Number | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """Marks that are drawn together, and what they are those of (None: all there are)."""

    name: str | None
    marks: Sequence[Mark]


def marks_of(panels: Sequence[Panel]) -> list[Mark]:
    return [mark for panel in panels for mark in panel.marks]


@dataclass(frozen=True, slots=True)
class ChartData:
    """All that is drawn. `context` says of when and of what the rows are, `notes` what is not seen."""

    title: str
    purpose: str
    context: str
    kind: str
    axis: Axis
    along: str
    values: Sequence[str]
    panels: Sequence[Panel]
    notes: Sequence[str]
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()

    @property
    def is_timed(self) -> bool:
        return self.axis not in ("names", "numbers")

    @property
    def marks(self) -> list[Mark]:
        """Those of all panels."""
        return marks_of(self.panels)

    @property
    def numbers(self) -> list[Number]:
        """Every value that is drawn."""
        return [value for mark in self.marks for value in mark.values if value is not None]


@dataclass(frozen=True, slots=True)
class _Row:
    along: object
    values: Sequence[Number | None]
    by: Sequence[object]


def taken(report: Report, result: QueryResult) -> list[tuple[Any, ...]]:
    """A report's rows; raises PictureRefused where they are more than a picture is made of."""
    rows = list(islice(result.rows, MOST_ROWS + 1))
    if len(rows) > MOST_ROWS:
        raise ChartRefused(f"report {report.name!r} gives more than {MOST_ROWS:,} rows: ask for fewer")
    return rows


def gather(
    report: Report,
    chart: Chart,
    rows: Sequence[Sequence[Any]],
    columns: Sequence[str],
    parameters: Mapping[str, object],
) -> ChartData:
    """The picture of a report's rows; `parameters` are those that the report was run with.

    Raises PictureRefused for rows of which none can be drawn.
    """
    places = _places(report, chart, columns)
    found = [
        _Row(
            row[places[0]],
            [_number(row[i], name) for i, name in zip(places[1:], chart.values, strict=False)],
            [row[i] for i in places[len(chart.values) + 1 :]],
        )
        for row in rows
    ]
    axis = _axis_of([row.along for row in found])
    if found and chart.kind in ("lines", "steps") and axis == "names":
        odd = next(one_line(r.along) for r in found if _time(r.along) is None)
        raise ChartRefused(f"{chart.kind} go along dates or numbers, and {chart.along} has '{odd}'")
    panels, notes = _panels(found, axis, chart)
    told = [f"{key}={one_line(parameters[key])}" for key in parameters if _is_given(report, key, parameters)]
    return ChartData(
        title=_flat(report.title),
        purpose=_flat(report.purpose),
        context=" · ".join([*_span(panels, axis), *told]),
        kind=chart.kind,
        axis=axis,
        along=_words(chart.along),
        values=[_words(name) for name in chart.values],
        panels=panels,
        notes=[*notes, *_limit_note(len(rows), parameters)],
        columns=[one_line(column) for column in columns],
        rows=[[one_line(value) for value in row] for row in rows],
    )


def _places(report: Report, chart: Chart, columns: Sequence[str]) -> list[int]:
    for name in chart.columns:
        if name not in columns:
            had = ", ".join(columns)
            raise ChartRefused(
                f"report {report.name!r} has no column {name!r} for its chart: there are {had}"
            )
    return [list(columns).index(name) for name in chart.columns]


def _is_given(report: Report, key: str, parameters: Mapping[str, object]) -> bool:
    defaults = {p.name: p.default for p in report.parameters}
    return str(parameters[key]) != defaults.get(key)


def _limit_note(count: int, parameters: Mapping[str, object]) -> list[str]:
    limit = parameters.get("limit")
    if not count or count != limit:
        return []
    return [f"the first {counted(count, 'row')}: -p limit=N asks for more"]


def one_line(value: object) -> str:
    """A value as a label: one line, that no terminal or page obeys."""
    if value is None:
        return "(none)"
    text = _flat(value) or "(empty)"
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _flat(value: object) -> str:
    return " ".join(shown(value).split())


def _words(column: str) -> str:
    return one_line(column.replace("_", " "))


def _number(value: object, column: str) -> Number | None:
    value = plain(value)
    if value is None or isinstance(value, bool):
        return None if value is None else int(value)
    try:
        if isinstance(value, int | float) and abs(float(value)) < _MOST:
            return value
    except OverflowError:
        pass
    if value in ("nan", "inf", "-inf", "NaN", "Infinity", "-Infinity"):
        return None  # no bar is so long
    raise ChartRefused(f"{column} is drawn as numbers, and has '{one_line(value)}'")


#: Beyond this the difference of two numbers is none that a float holds.
_MOST = 1e300


# --- places ------------------------------------------------------------------------------------------

_TIMES: tuple[tuple[str, Axis, str], ...] = (
    (r"\d{4}", "year", "-01-01"),
    (r"\d{4}-\d\d", "month", "-01"),
    (r"\d{4}-\d\d-\d\d", "day", ""),
    (r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*", "instant", ""),
)


def _time(value: object) -> tuple[Axis, dt.datetime] | None:
    """A time in UTC, and how exact it is; None for what is none."""
    if isinstance(value, dt.datetime):
        return ("instant", value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value)
    if isinstance(value, dt.date):
        return ("day", dt.datetime(value.year, value.month, value.day))  # noqa: DTZ001 - UTC throughout
    for pattern, axis, rest in _TIMES:
        if isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII):
            try:
                moment = dt.datetime.fromisoformat(value + rest)
            except ValueError:
                return None
            return (axis, moment.astimezone(dt.UTC).replace(tzinfo=None) if moment.tzinfo else moment)
    return None


def _axis_of(values: Iterable[object]) -> Axis:
    """What a column goes along: times if all are that, numbers likewise, else names; nulls say nothing."""
    present = [value for value in values if value is not None]
    times = [found[0] for value in present if (found := _time(value))]
    if present and len(times) == len(present):
        return times[0] if len(set(times)) == 1 else "instant"
    return "numbers" if is_numeric(present) else "names"


def _mark(row: _Row, axis: Axis, name: str) -> Mark:
    place: Number | dt.datetime | None = None
    if axis == "numbers":
        place = _number(row.along, "the chart's first column")
    elif axis != "names" and (found := _time(row.along)):
        place = found[1]
    label = time_label(place) if axis == "instant" else one_line(row.along)
    return Mark(f"{name} {label}" if axis == "numbers" else label, place, row.values)


def time_label(place: object) -> str:
    """An instant to the second, without what is nought in all."""
    return place.isoformat(" ", "seconds") if isinstance(place, dt.datetime) else one_line(place)


def _span(panels: Sequence[Panel], axis: Axis) -> list[str]:
    marks = marks_of(panels)
    if axis in ("names", "numbers") or not marks:
        return []
    first, last = (found(marks, key=_place).label for found in (min, max))
    span = first if first == last else f"{first} to {last}"
    return [f"{span} UTC" if axis == "instant" else span]


def _place(mark: Mark) -> float:
    return (
        (mark.place - _EPOCH).total_seconds()
        if isinstance(mark.place, dt.datetime)
        else float(mark.place or 0)
    )


_EPOCH = dt.datetime(1970, 1, 1)  # noqa: DTZ001 - UTC throughout


def periods_between(axis: Axis, one: Mark, other: Mark) -> int:
    """How many whole periods lie between two marks of an axis of years, months or days."""
    first, last = one.place, other.place
    assert isinstance(first, dt.datetime)
    assert isinstance(last, dt.datetime)
    if axis == "day":
        return (last - first).days - 1
    months = (last.year - first.year) * 12 + last.month - first.month
    return (months // 12 if axis == "year" else months) - 1


# --- panels ------------------------------------------------------------------------------------------


def _panels(rows: Sequence[_Row], axis: Axis, chart: Chart) -> tuple[list[Panel], list[str]]:
    """The panels, those of the greatest sum first, and notes on what none of them shows."""
    notes = []
    kept = [row for row in rows if axis == "names" or row.along is not None]
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept):,} without {_words(chart.along)}")
    groups: dict[str | None, list[Mark]] = {}
    for row in kept:
        name = ", ".join(one_line(value) for value in row.by) if chart.by else None
        groups.setdefault(name, []).append(_mark(row, axis, _words(chart.along)))
    panels = [Panel(name, marks) for name, marks in groups.items()]
    panels.sort(key=lambda panel: -sum(abs(m.values[0] or 0) for m in panel.marks))
    if len(panels) > MOST_PANELS:
        left = len(panels) - MOST_PANELS
        notes.append(f"and {left:,} more by {', '.join(map(_words, chart.by))}")
    shown_panels = [_ordered(panel, axis, chart) for panel in panels[:MOST_PANELS]]
    return _cut(shown_panels, axis, chart, notes), notes


def _ordered(panel: Panel, axis: Axis, chart: Chart) -> Panel:
    if axis == "names":
        return replace(panel, marks=sorted(panel.marks, key=_greatest_first))
    marks = sorted(panel.marks, key=_place)
    for one, other in pairwise(marks):
        if one.place == other.place and chart.kind != "steps":
            raise ChartRefused(
                f"several rows have {chart.along} {one.label}: group them, or give each a panel "
                "(-- chart: ... by COLUMN)"
            )
    return replace(panel, marks=marks)


def _greatest_first(mark: Mark) -> tuple[bool, Number]:
    value = mark.values[0]
    return (value is None, -(value or 0))


def _cut(panels: Sequence[Panel], axis: Axis, chart: Chart, notes: list[str]) -> list[Panel]:
    """Panels of no more bars than one can take in: the greatest of names, the last of numbers."""
    if axis not in ("names", "numbers") or chart.kind in ("lines", "steps"):
        return list(panels)
    most = max(MOST_BARS // max(len(panels), 1), 5)
    keep: Callable[[Sequence[Mark]], Sequence[Mark]] = (
        (lambda marks: marks[:most]) if axis == "names" else (lambda marks: marks[-most:])
    )
    left = sum(max(len(panel.marks) - most, 0) for panel in panels)
    if left:
        notes.insert(0, f"and {left:,} {'more' if axis == 'names' else 'before'}")
    return [replace(panel, marks=keep(panel.marks)) for panel in panels]


# --- numbers as text ---------------------------------------------------------------------------------


def exact(value: Number | None) -> str:
    """A value beside its bar: 1,438 or 71.3; a fraction to two places."""
    if value is None:
        return "none"
    if isinstance(value, int) or value.is_integer():
        text = f"{value:,.0f}" if abs(value) < 1e19 else f"{value:.3g}"
    elif 0.01 <= abs(value) < 1e15:
        text = f"{value:,.2f}".rstrip("0").rstrip(".")
    else:
        text = f"{value:.3g}"
    return text.replace("-", "−")


def scale_names(ticks: Sequence[float]) -> list[str]:
    """The numbers of an axis: 500, 20,000, 1.5 M, 2 bn; in full where short ones would be alike."""
    names = [_brief(tick) for tick in ticks]
    if len(set(names)) < len(names):
        names = [f"{tick:,.15g}" for tick in ticks]
    return [name.replace("-", "−") for name in names]


def _brief(value: float) -> str:
    for size, name in ((1e12, "tn"), (1e9, "bn"), (1e6, "M")):
        if size <= abs(value) < 1e15:
            return f"{value / size:.4g} {name}"
    return f"{value:.3g}" if abs(value) >= 1e15 or 0 < abs(value) < 1e-4 else f"{value:,.10g}"


def told(kind: str, values: Sequence[Number | None]) -> str:
    """A mark's values in a few words, for where its bar ends."""
    if kind == "shares" and values[0] is not None and values[1] is not None:
        return f"{exact(values[1])} of {exact(values[0])}"
    if kind == "stacks":
        return exact(sum(v for v in values if v is not None) if any(v is not None for v in values) else None)
    return exact(values[0])
