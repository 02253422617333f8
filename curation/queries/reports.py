"""Named reports and ad-hoc SQL: both are one read-only question, asked under the engine's own guard.

A report is a file `sql/reports/NAME.sql` whose first comment is its help:

    -- title: Providers
    -- purpose: Who carries the site.
    -- parameter: minimum integer 1 fewest articles that count
    -- chart: bars provider articles
    SELECT ... WHERE n >= :minimum
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import IO

from ..backends.queries import MAX_SQL, Query, QueryResult, UntypedValue
from ..backends.sql_text import point_at_error, tokens
from ..errors import QueryRefused
from ..integers import parse_integer
from ..store.database import PACKAGE, Store
from ..suggestions import MAX_SUGGESTIONS, unknown_name

#: Characters of what an engine says of an error.
_MESSAGE = 300

#: The reports that come with the package.
_OURS = PACKAGE / "sql" / "reports"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a report: its type (integer, text, date, a kind of names such as topic, or words
    of which it is one, as in edit|import), default and meaning. `%` in a name or word stands for any text."""

    name: str
    type: str
    default: str
    meaning: str


#: What a picture can be, and what each is of.
CHART_KINDS = {
    "bars": "a bar for each value",
    "shares": "a bar for the first value, and in it one for the second, which is part of it",
    "stacks": "one bar, of the values end to end",
    "lines": "a line for each value, over time or numbers",
    "steps": "one value that holds until it changes",
}
#: Colours that everyone can tell apart are seven.
MOST_VALUES = 7


@dataclass(frozen=True, slots=True)
class Chart:
    """The picture of a report: its kind, the column of names, numbers or times that it goes along, those of
    values, and those whose values have a panel each."""

    kind: str
    along: str
    values: Sequence[str]
    by: Sequence[str] = ()

    @property
    def columns(self) -> Sequence[str]:
        return (self.along, *self.values, *self.by)


@dataclass(frozen=True, slots=True)
class Report:
    """A named question: what it is called, what it is for, what it asks; its picture, if it has one; and
    whether it is of a user's own folder, whose SQL nobody here has read."""

    name: str
    title: str
    purpose: str
    parameters: Sequence[Parameter]
    sql: str
    chart: Chart | None = None
    is_own: bool = False


def find_reports(folder: Path | None = None, issues: list[str] | None = None) -> list[Report]:
    """Every report, by name; those of a user's own folder among them, in place of ours of the same name.
    Of a file that does not say what it is, `issues` is told.

    Raises QueryRefused for a folder that is none.
    """
    reports = []
    for _, file in sorted(_files(folder).items()):
        try:
            reports.append(read_report(file))
        except QueryRefused as error:
            if issues is not None:
                issues.append(str(error))
    return reports


def find_report(name: str, folder: Path | None = None) -> Report:
    """The report of a name; raises QueryRefused, naming those there are, if there is none, and for a file
    that does not say what it is."""
    files = _files(folder)
    if name not in files:
        raise QueryRefused(unknown_name("report", name, sorted(files), "curation report"))
    return read_report(files[name])


def _files(folder: Path | None) -> dict[str, Path]:
    """The files of reports by name."""
    if folder is not None and not folder.is_dir():
        raise QueryRefused(f"{folder} is no folder: `--reports` names one that holds .sql files")
    places = [_OURS, *([folder] if folder else [])]
    return {file.stem: file for place in places for file in place.glob("*.sql")}


def read_report(file: Path) -> Report:
    """A report from its file; see the module for the form. Raises QueryRefused for another form."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryRefused(f"{file} cannot be read: {error}") from error
    told: dict[str, str] = {}
    parameters = []
    for line in text.splitlines():
        key, colon, value = line.removeprefix("--").partition(":")
        if not line.startswith("--") or not colon:
            break
        if key.strip() == "parameter":
            parameters.append(_read_parameter(file, value.split(maxsplit=3)))
        else:
            told[key.strip()] = value.strip()
    lacking = [key for key in ("title", "purpose") if key not in told]
    if lacking:
        raise QueryRefused(f"{file} does not say its {lacking[0]}: begin it with `-- {lacking[0]}: ...`")
    if all(token.text == ";" for token in tokens(text, escapes=False)):
        raise QueryRefused(f"{file} asks nothing: give one SELECT below its comments")
    chart = _read_chart(file, told["chart"]) if "chart" in told else None
    return Report(file.stem, told["title"], told["purpose"], parameters, text, chart, file.parent != _OURS)


def _read_chart(file: Path, told: str) -> Chart:
    """`KIND COLUMN VALUE... [by COLUMN...]`; raises QueryRefused for what is none."""
    kind, *columns = told.split() or [""]
    cut = columns.index("by") if "by" in columns else len(columns)
    first, by = columns[:cut], columns[cut + 1 :]
    if kind not in CHART_KINDS or len(first) < 2 or (cut < len(columns) and not by):
        form = "-- chart: KIND COLUMN VALUE... [by COLUMN...]"
        raise QueryRefused(f"{file}: write `{form}`, of kind {', '.join(CHART_KINDS)}")
    along, *values = first
    least, most = {"shares": (2, 2), "steps": (1, 1)}.get(kind, (1, MOST_VALUES))
    if not least <= len(values) <= most:
        wanted = str(most) if least == most else f"at most {most}"
        raise QueryRefused(f"{file}: a chart of {kind} has {wanted} columns of values, not {len(values)}")
    return Chart(kind, along, values, by)


def _read_parameter(file: Path, told: Sequence[str]) -> Parameter:
    if len(told) != 4 or not (told[1] in _TYPES or _WORDS.fullmatch(told[1])):
        form = "-- parameter: NAME TYPE DEFAULT MEANING"
        raise QueryRefused(f"{file}: write `{form}`, of type {', '.join(_TYPES)} or one|other")
    parameter = Parameter(*told)
    try:
        _value(parameter, parameter.default)
    except QueryRefused as error:
        raise QueryRefused(f"{file}: the default of a parameter is wrong: {error}") from error
    return parameter


def report_query(report: Report, untyped_values: Mapping[str, str], timeout: float | None) -> Query:
    """A report's question, with its parameters given as text or by default. Raises QueryRefused for a
    parameter that it has not, or whose value is not of its type."""
    known = {p.name: p for p in report.parameters}
    unknown = [name for name in untyped_values if name not in known]
    if unknown:
        raise QueryRefused(unknown_name(f"parameter of {report.name}", unknown[0], known))
    values = {name: _value(p, untyped_values.get(name, p.default)) for name, p in known.items()}
    return Query(report.sql, values, timeout)


def chart_of(report: Report, folder: Path | None = None) -> Chart:
    """The picture of a report; raises QueryRefused, naming the reports that have one, if it has none."""
    if report.chart is None:
        known = ", ".join(other.name for other in find_reports(folder) if other.chart)
        raise QueryRefused(
            f"report {report.name!r} has no picture: {known} have one, and a report of your own that says "
            "`-- chart: ...` (curation report --help)"
        )
    return report.chart


@contextmanager
def run_query(store: Store, query: Query) -> Iterator[QueryResult]:
    """Runs one SELECT; its rows come while the context is open. Raises QueryRefused, which shows the place
    in the query where there is one, and names what may have been meant."""
    store.check()
    if not query.sql.strip():
        raise QueryRefused("an empty query: give one SELECT")
    if len(query.sql) > MAX_SQL:
        raise QueryRefused(f"a query of {len(query.sql):,} characters: up to {MAX_SQL:,} are allowed")
    if "\0" in query.sql:
        raise QueryRefused("a NUL in the query: give text")
    try:
        with store.backend.run_query(query) as result:
            yield result
    except QueryRefused as error:
        raise QueryRefused(_explained(error, query.sql)) from error
    except (MemoryError, RecursionError) as error:
        raise QueryRefused(
            "the answer is too large or too deep to be held: ask for less, or --format jsonl"
        ) from error


@contextmanager
def run_report(store: Store, report: Report, query: Query) -> Iterator[QueryResult]:
    """Run a report and yield its result.

    Raises: what `run_query` raises; QueryRefused where a report has no row because a given name is not in
        the store, with similar names.
    """
    with run_query(store, query) as result:
        first = list(islice(result.rows, 1))
        if not first:
            _check_names(store, report, query)
        yield QueryResult(result.columns, chain(first, result.rows))


def _check_names(store: Store, report: Report, query: Query) -> None:
    for parameter in report.parameters:
        name, view = str(query.parameters[parameter.name]), _NAMES.get(parameter.type)
        if view is None or "%" in name:
            continue
        asked = Query(f"SELECT DISTINCT {parameter.type} FROM {view}", {}, query.timeout, MAX_SUGGESTIONS)  # noqa: S608
        with run_query(store, asked) as result:
            known = sorted(str(known) for (known,) in result.rows if known is not None)
        if name not in known:
            raise QueryRefused(unknown_name(parameter.type, name, known))


def _explained(error: QueryRefused, sql: str) -> str:
    from .suggestions import suggest

    text = next(iter(str(error).splitlines()), "")[:_MESSAGE]  # an engine quotes values as long as they are
    if error.missing and (meant := suggest(*error.missing, sql)):
        text = f"{text}: {meant}"
    return text if error.offset is None else point_at_error(text, sql, error.offset)


def read_query(stream: IO[bytes], name: str) -> str:
    """A query as text, from a file or standard input. Raises QueryRefused for what is none."""
    data = stream.read(4 * MAX_SQL + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) <= 4 * MAX_SQL:
            raise QueryRefused(f"{name} is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
        text = ""
    if len(data) > 4 * MAX_SQL:
        raise QueryRefused(f"{name} is too long: queries of up to {MAX_SQL:,} characters are allowed")
    return text


def untyped_values(values: Mapping[str, str]) -> dict[str, object]:
    """Values of parameters as they were typed: numbers may be meant, but `'007'` in quotes is text."""
    return {
        name: text[1:-1].replace("''", "'") if re.fullmatch("'.*'", text, re.DOTALL) else UntypedValue(text)
        for name, text in values.items()
    }


def days_ago(text: str) -> int | None:
    """How many days before this one (UTC) `today` or `today-N` is; None for another text. Raises ValueError
    for an N that is no whole number."""
    name, minus, days = text.partition("-")
    if name != "today":
        return None
    return int(days) if minus else 0


def _day(text: str) -> str:
    """A day, as ISO 8601 has it or by `days_ago`."""
    days = days_ago(text)
    if days is None:
        return dt.date.fromisoformat(text).isoformat()
    return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days)).isoformat()


#: Kinds of names that a parameter can be, and the view that has them in a column of that name: a role that
#: reads views alone may ask it.
_NAMES = {
    "source": "import_history",
    "collection": "article_overview",
    "topic": "topic_stats",
    "provider": "provider_stats",
}
_TYPES: dict[str, Callable[[str], object]] = {
    "integer": parse_integer, "text": str, "date": _day, **dict.fromkeys(_NAMES, str),
}  # fmt: skip

#: The type of a parameter that is one of some words.
_WORDS = re.compile(r"[a-z_]+(\|[a-z_]+)+")


def _value(parameter: Parameter, text: str) -> object:
    if _WORDS.fullmatch(parameter.type):
        words = parameter.type.split("|")
        if "%" not in text and text not in words:
            raise QueryRefused(unknown_name(parameter.name, text, words))
        return text
    try:
        value = _TYPES[parameter.type](text)
    except (ValueError, OverflowError) as error:
        raise QueryRefused(
            f"{parameter.name}={text}: {parameter.type} wanted ({parameter.meaning})"
        ) from error
    if parameter.name == "limit" and isinstance(value, int) and value < 0:
        raise QueryRefused(f"limit={text}: no rows are fewer than none")
    return value
