"""Runs named reports and ad-hoc SQL, as one read-only query under the engine's own protection.

A report is a file `sql/reports/NAME.sql`. Its first comments describe it:

    -- title: Providers
    -- purpose: Providers by number of articles.
    -- parameter: minimum integer 1 minimum number of articles
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
from ..backends.sql_text import point_at_error, split_tokens
from ..errors import QueryRefused
from ..integers import parse_integer
from ..store.database import PACKAGE, Store
from ..suggestions import MAX_SUGGESTIONS, describe_unknown_name
from ..wording import counted

#: Maximum number of characters of an engine's error message.
_MAX_MESSAGE = 300

#: The folder of the reports of this package.
_BUILT_IN = PACKAGE / "sql" / "reports"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A parameter of a report.

    `type` is integer, text, date, a kind of name such as topic, or a choice of words such as edit|import. In
    a name or word, `%` matches any text.
    """

    name: str
    type: str
    default: str
    meaning: str


#: The kinds of charts, with a description of each.
CHART_KINDS = {
    "bars": "a bar for each value",
    "shares": "a bar for the first value, and inside it one for the second, which is a part of the first",
    "stacks": "one bar with the values end to end",
    "lines": "a line for each value, over time or numbers",
    "steps": "one value, constant until it changes",
}
#: Maximum number of value columns of a chart. There are no more than seven colours that everyone can
#: distinguish.
MAX_VALUE_COLUMNS = 7


@dataclass(frozen=True, slots=True)
class Chart:
    """The chart of a report.

    - `kind`: one of `CHART_KINDS`
    - `axis_column`: the column of names, numbers or times on the axis
    - `value_columns`: the columns of the values
    - `panel_columns`: columns that group the rows; each group has its own panel
    """

    kind: str
    axis_column: str
    value_columns: Sequence[str]
    panel_columns: Sequence[str] = ()

    @property
    def columns(self) -> Sequence[str]:
        """All columns of the chart."""
        return (self.axis_column, *self.value_columns, *self.panel_columns)


@dataclass(frozen=True, slots=True)
class Report:
    """A named query with its description, parameters and chart.

    `is_own` is true for a report from a user's folder. Its SQL is not reviewed.
    """

    name: str
    title: str
    purpose: str
    parameters: Sequence[Parameter]
    sql: str
    chart: Chart | None = None
    is_own: bool = False


def find_reports(folder: Path | None = None, issues: list[str] | None = None) -> list[Report]:
    """Return all reports, in order of name.

    Args:
        folder: A user's folder of reports. They replace built-in reports of the same name.
        issues: Receives a message for each file that is not a valid report. Such a file is skipped.

    Raises:
        QueryRefused: `folder` is not a folder.
    """
    reports = []
    for _, file in sorted(_find_files(folder).items()):
        try:
            reports.append(read_report(file))
        except QueryRefused as error:
            if issues is not None:
                issues.append(str(error))
    return reports


def find_report(name: str, folder: Path | None = None) -> Report:
    """Return the report with this name.

    Raises:
        QueryRefused: There is no such report (the message lists the names), or its file is not valid.
    """
    files = _find_files(folder)
    if name not in files:
        raise QueryRefused(describe_unknown_name("report", name, sorted(files), "curation report"))
    return read_report(files[name])


def _find_files(folder: Path | None) -> dict[str, Path]:
    """Return the files of reports, by name."""
    if folder is not None and not folder.is_dir():
        raise QueryRefused(f"{folder} is not a folder: give --reports a folder of .sql files")
    folders = [_BUILT_IN, *([folder] if folder else [])]
    return {file.stem: file for directory in folders for file in directory.glob("*.sql")}


def read_report(file: Path) -> Report:
    """Read a report from a file in the format of this module. Raise QueryRefused for an invalid file."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise QueryRefused(f"{file} cannot be read: {error}") from error
    header, parameters = _parse_header(file, text)
    missing = [key for key in ("title", "purpose") if key not in header]
    if missing:
        raise QueryRefused(f"{file} has no {missing[0]}: begin it with `-- {missing[0]}: ...`")
    if all(token.text == ";" for token in split_tokens(text, escapes=False)):
        raise QueryRefused(f"{file} has no query: add one SELECT below its comments")
    chart = _parse_chart(file, header["chart"]) if "chart" in header else None
    is_own = file.parent != _BUILT_IN
    return Report(file.stem, header["title"], header["purpose"], parameters, text, chart, is_own)


def _parse_header(file: Path, text: str) -> tuple[dict[str, str], list[Parameter]]:
    """Return the values in the comments at the start of a report by their keys, and the parameters."""
    header: dict[str, str] = {}
    parameters = []
    for line in text.splitlines():
        key, colon, value = line.removeprefix("--").partition(":")
        if not line.startswith("--") or not colon:
            break
        if key.strip() == "parameter":
            parameters.append(_parse_parameter(file, value.split(maxsplit=3)))
        else:
            header[key.strip()] = value.strip()
    return header, parameters


def _parse_chart(file: Path, text: str) -> Chart:
    """Parse `KIND COLUMN VALUE... [by COLUMN...]`. Raise QueryRefused for an invalid text."""
    kind, *columns = text.split() or [""]
    end = columns.index("by") if "by" in columns else len(columns)
    axis_and_values, panel_columns = columns[:end], columns[end + 1 :]
    if kind not in CHART_KINDS or len(axis_and_values) < 2 or (end < len(columns) and not panel_columns):
        form = "-- chart: KIND COLUMN VALUE... [by COLUMN...]"
        raise QueryRefused(f"{file}: write `{form}`, where KIND is {', '.join(CHART_KINDS)}")
    axis_column, *value_columns = axis_and_values
    least, most = {"shares": (2, 2), "steps": (1, 1)}.get(kind, (1, MAX_VALUE_COLUMNS))
    if not least <= len(value_columns) <= most:
        limit = "" if least == most else "at most "
        raise QueryRefused(
            f"{file}: a chart of {kind} has {limit}{counted(most, 'value column')}, not {len(value_columns)}"
        )
    return Chart(kind, axis_column, value_columns, panel_columns)


def _parse_parameter(file: Path, parts: Sequence[str]) -> Parameter:
    if len(parts) != 4 or not (parts[1] in _TYPES or _WORDS.fullmatch(parts[1])):
        form = "-- parameter: NAME TYPE DEFAULT MEANING"
        raise QueryRefused(f"{file}: write `{form}`, where TYPE is {', '.join(_TYPES)} or word|word")
    parameter = Parameter(*parts)
    try:
        _parse_value(parameter, parameter.default)
    except QueryRefused as error:
        raise QueryRefused(f"{file}: invalid default of a parameter: {error}") from error
    return parameter


def make_report_query(report: Report, untyped_values: Mapping[str, str], timeout: float | None) -> Query:
    """Return the query of a report.

    Args:
        untyped_values: Values of parameters as text. Other parameters have their defaults.
        timeout: Seconds; None for no limit.

    Raises:
        QueryRefused: A parameter does not exist, or its value is not of its type.
    """
    known = {p.name: p for p in report.parameters}
    unknown = [name for name in untyped_values if name not in known]
    if unknown:
        raise QueryRefused(describe_unknown_name(f"parameter of {report.name}", unknown[0], known))
    values = {name: _parse_value(p, untyped_values.get(name, p.default)) for name, p in known.items()}
    return Query(report.sql, values, timeout)


def find_chart(report: Report, folder: Path | None = None) -> Chart:
    """Return the chart of a report.

    Raises:
        QueryRefused: The report has no chart. The message lists the reports that have one.
    """
    if report.chart is None:
        known = ", ".join(other.name for other in find_reports(folder) if other.chart)
        raise QueryRefused(
            f"report {report.name!r} has no chart: reports with a chart are {known}; in a report of your own,"
            " add a line `-- chart: ...` (`curation report --help`)"
        )
    return report.chart


@contextmanager
def run_query(store: Store, query: Query) -> Iterator[QueryResult]:
    """Run one SELECT. Its rows can be read while the context is open.

    Raises:
        QueryRefused: The query cannot be run. Where possible, the message shows the position in the query and
            suggests similar names.
    """
    store.check()
    if not query.sql.strip():
        raise QueryRefused("an empty query: give one SELECT")
    if len(query.sql) > MAX_SQL:
        raise QueryRefused(f"the query has {len(query.sql):,} characters: shorten it to at most {MAX_SQL:,}")
    if "\0" in query.sql:
        raise QueryRefused("the query contains a NUL character: remove it")
    try:
        with store.backend.run_query(query) as result:
            yield result
    except QueryRefused as error:
        raise QueryRefused(_explain(error, query.sql)) from error
    except (MemoryError, RecursionError) as error:
        raise QueryRefused(
            "the result is too large or too deep for the memory: select less, or use --format jsonl"
        ) from error


@contextmanager
def run_report(store: Store, report: Report, query: Query) -> Iterator[QueryResult]:
    """Run a report and yield its result.

    Raises:
        QueryRefused: As `run_query`. Also if the report has no row because a given name is not in the store;
            the message suggests similar names.
    """
    with run_query(store, query) as result:
        first = list(islice(result.rows, 1))
        if not first:
            _check_names(store, report, query)
        yield QueryResult(result.columns, chain(first, result.rows))


def _check_names(store: Store, report: Report, query: Query) -> None:
    for parameter in report.parameters:
        name, view = str(query.parameters[parameter.name]), _NAME_VIEWS.get(parameter.type)
        if view is None or "%" in name:
            continue
        sql = f"SELECT DISTINCT {parameter.type} FROM {view}"  # noqa: S608 - our names
        with run_query(store, Query(sql, {}, query.timeout, MAX_SUGGESTIONS)) as result:
            known = sorted(str(known) for (known,) in result.rows if known is not None)
        if name not in known:
            raise QueryRefused(describe_unknown_name(parameter.type, name, known))


def _explain(error: QueryRefused, sql: str) -> str:
    from .suggestions import suggest

    text = next(iter(str(error).splitlines()), "")[:_MAX_MESSAGE]  # an engine quotes values in full
    if error.missing and (hint := suggest(*error.missing, sql)):
        text = f"{text}: {hint}"
    return text if error.offset is None else point_at_error(text, sql, error.offset)


def read_query(stream: IO[bytes], name: str) -> str:
    """Read a query from a file or standard input. Raise QueryRefused if it is too long or not UTF-8."""
    data = stream.read(4 * MAX_SQL + 1)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(data) <= 4 * MAX_SQL:
            raise QueryRefused(f"{name} is not UTF-8 (byte {error.start + 1}): save it as UTF-8") from error
        text = ""
    if len(data) > 4 * MAX_SQL:
        raise QueryRefused(f"{name} is too long: shorten the query to at most {MAX_SQL:,} characters")
    return text


def parse_parameters(values: Mapping[str, str]) -> dict[str, object]:
    """Return parameters of an ad-hoc query from the command line.

    The engine decides whether a value is a number or text. A value in quotes, such as `'007'`, is text.
    """
    return {
        name: text[1:-1].replace("''", "'") if re.fullmatch("'.*'", text, re.DOTALL) else UntypedValue(text)
        for name, text in values.items()
    }


def parse_days_ago(text: str) -> int | None:
    """Parse `today` or `today-N`.

    Returns:
        The number of days before today (UTC): 0 or N. None for any other text.

    Raises:
        ValueError: N is not a whole number.
    """
    name, minus, days = text.partition("-")
    if name != "today":
        return None
    return int(days) if minus else 0


def _parse_day(text: str) -> str:
    """Return a date in ISO 8601 from such a date, or from `today` or `today-N`."""
    days = parse_days_ago(text)
    if days is None:
        return dt.date.fromisoformat(text).isoformat()
    return (dt.datetime.now(dt.UTC).date() - dt.timedelta(days)).isoformat()


#: The types of parameters that are names, each with a view that lists the names in a column of that name. A
#: view can be queried also by a role that may read only views.
_NAME_VIEWS = {
    "source": "import_history",
    "collection": "article_overview",
    "topic": "topic_stats",
    "provider": "provider_stats",
}
_TYPES: dict[str, Callable[[str], object]] = {
    "integer": parse_integer, "text": str, "date": _parse_day, **dict.fromkeys(_NAME_VIEWS, str),
}  # fmt: skip

#: The type of a parameter that is a choice of words.
_WORDS = re.compile(r"[a-z_]+(\|[a-z_]+)+")


def _parse_value(parameter: Parameter, text: str) -> object:
    if _WORDS.fullmatch(parameter.type):
        words = parameter.type.split("|")
        if "%" not in text and text not in words:
            raise QueryRefused(describe_unknown_name(parameter.name, text, words))
        return text
    try:
        value = _TYPES[parameter.type](text)
    except (ValueError, OverflowError) as error:
        raise QueryRefused(
            f"{parameter.name}={text}: {parameter.type} expected ({parameter.meaning})"
        ) from error
    if parameter.name == "limit" and isinstance(value, int) and value < 0:
        raise QueryRefused(f"limit={text}: must not be negative")
    return value
