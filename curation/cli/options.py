"""Options that several commands share, and the conversion of their values."""

from __future__ import annotations

import datetime as dt
import getpass
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .completion import article_paths, names_of
from .help_groups import GENERAL, OUTPUT, SELECTION, option
from .progress import showing_progress

if TYPE_CHECKING:
    from ..articles.selecting import Filters, Selection
    from ..queries.reports import Report
    from ..store.database import Store


#: An id, a version or a limit: the whole numbers from 0 that every engine accepts.
ID = click.IntRange(0, 2**63 - 1)

#: The exit status of a command that did only a part, such as an import with quarantined files.
PARTLY_DONE = 3


def open_store(*, check: bool = True) -> Store:
    """Return the store that --database names. With `check`, its schema must be that of this release."""
    from ..store.database import Store

    store = Store(click.get_current_context().find_root().obj)
    if check:
        store.check()
    return store


class RangeType(click.ParamType[tuple[int | None, int | None]]):
    """A range of whole numbers that includes both ends: `30..60`, `30..`, `..60` or `42`."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        match = re.fullmatch(r"(-?\d++)?(\.\.)?(-?\d++)?", value.strip())
        if match is None or not _is_range(*match.groups()):
            self.fail(f"{value!r} is not a range: write 30..60, 30.., ..60 or 42", param, ctx)
        low, dots, high = match.groups()
        if not (_fits_64_bits(low) and _fits_64_bits(high)):
            self.fail(f"{value!r} is not a range of 64-bit numbers", param, ctx)
        if not dots:
            number = int(low or high)
            return number, number
        return int(low) if low else None, int(high) if high else None


def _is_range(low: str | None, dots: str | None, high: str | None) -> bool:
    """Return whether these parts are a range with one or both ends, or one number."""
    return bool(low or high) if dots else bool(low) != bool(high)


def _fits_64_bits(number: str | None) -> bool:
    return not number or (len(number) <= 20 and abs(int(number)) < 2**63)


class MomentType(click.ParamType[dt.datetime]):
    """A date or an instant, in UTC unless it states a zone."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            moment = dt.datetime.fromisoformat(value)
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a date: write 2021-05-28 or 2021-05-28T16:00:00Z", param, ctx)


_REPEATABLE: dict[str, Any] = {"help_group": SELECTION, "multiple": True, "metavar": "NAME"}

_UNTIL = option("--until", type=MomentType(), help_group=SELECTION, help="Published before this date (UTC).")

_FILTERS = (
    option("--source", shell_complete=names_of("source"), help="Source name; repeatable.", **_REPEATABLE),
    option(
        "--collection",
        shell_complete=names_of("collection"),
        help="Collection, with those below it (news, learning); repeatable.",
        **_REPEATABLE,
    ),
    option(
        "--type",
        "type_",
        shell_complete=names_of("type"),
        help="Type (article, video, course); repeatable.",
        **_REPEATABLE,
    ),
    option("--category", shell_complete=names_of("category"), help="Category; repeatable.", **_REPEATABLE),
    option("--topic", shell_complete=names_of("topic"), help="Exact topic name; repeatable.", **_REPEATABLE),
    option("--provider", shell_complete=names_of("provider"), help="Provider; repeatable.", **_REPEATABLE),
    option("--domain", shell_complete=names_of("domain"), help="Provider domain; repeatable.", **_REPEATABLE),
    option("--since", type=MomentType(), help_group=SELECTION, help="Published at or after this date (UTC)."),
    _UNTIL,
    option("--overridden", is_flag=True, help_group=SELECTION, help="With an editor's override."),
    option("--missing", is_flag=True, help_group=SELECTION, help="Whose file is missing from its source."),
    option(
        "--search",
        metavar="QUERY",
        help_group=SELECTION,
        help='Matching all words, "phrases" and prefixes*; see `curation search`.',
    ),
)

_FLAG_FILTERS = (
    option(
        "--quality",
        type=RangeType(),
        metavar="RANGE",
        help_group=SELECTION,
        help="Quality range, for example 30..60 or ..30 or 42.",
    ),
    option(
        "--heat",
        type=RangeType(),
        metavar="RANGE",
        help_group=SELECTION,
        help="Heat range, for example 10.. or ..10 or 5..20.",
    ),
    option(
        "--published/--unpublished", "published", default=None, help_group=SELECTION,
        help="Published, or not published.",
    ),
    option(
        "--removed", is_flag=True, default=None, help_group=SELECTION, help="Removed by an editor."
    ),
)  # fmt: skip


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add all filters. `chosen_filters` collects them from the command's keyword arguments."""
    return add_options(_FILTERS + _FLAG_FILTERS, command)


def filter_options_without_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filters except those on flags, for a command where --quality and the like are changes."""
    return add_options(_FILTERS, command)


def filter_options_without_until(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the filters except --until, for a command where it has another meaning."""
    rest = tuple(add for add in _FILTERS if add is not _UNTIL)
    return add_options(rest + _FLAG_FILTERS, command)


def add_options(options: Sequence[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a command with options, in the order in which its help lists them."""
    for decorate in reversed(options):
        command = decorate(command)
    return command


def chosen_filters(options: dict[str, Any]) -> Filters:
    """Return the filters among a command's keyword arguments."""
    from dataclasses import fields

    from ..articles.selecting import Filters

    values = {name.rstrip("_"): value for name, value in options.items()}
    return Filters(**{field.name: values[field.name] for field in fields(Filters) if field.name in values})


def article_argument(name: str, **settings: Any) -> Callable[..., Any]:
    """Return a decorator that adds an argument for articles, with completion of paths."""
    return click.argument(name, shell_complete=article_paths, **settings)


def prepare_search(store: Store, filters: Filters) -> None:
    """Bring the full-text index up to date if the filters contain a search, and commit."""
    if filters.search is None:
        return
    from ..articles.searching import index_queued, parse_query

    parse_query(filters.search)  # reject an invalid query before the work starts
    from ..errors import StoreReadOnly

    try:
        with showing_progress("indexing", verbose=False) as progress:
            index_queued(store, progress)
    except StoreReadOnly:
        click.echo("warning: the store is read-only: changes since the last search are not indexed", err=True)


def to_path(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    """Convert an argument to a path.

    An empty argument, such as an unset shell variable, is an error: `Path("")` is the current folder.
    """
    if not value:
        raise click.BadParameter("empty path; use . for the current folder", ctx, param)
    return Path(value)


def actor_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --actor: the name that is recorded with a changeset."""
    return option(
        "--actor", envvar="CURATION_ACTOR", show_envvar=True, metavar="NAME",
        default=_login_name, callback=_check_actor, help_group=GENERAL,
        help="Who makes the change (not authenticated); by default the login name.",
    )(command)  # fmt: skip


def _check_actor(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("--actor must not be empty", ctx, param)
    return value


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # the user id has no name, as in some containers
        return f"uid {os.getuid()}"


def reason_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --reason: a text that is recorded with a changeset."""
    return option("--reason", metavar="TEXT", help_group=GENERAL, help="Why; recorded in the log.")(command)


def verbose_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --verbose, for a command that shows its progress."""
    return option(
        "--verbose", is_flag=True, help_group=OUTPUT, help="Print progress even without a terminal.",
    )(command)  # fmt: skip


def parameters_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -p KEY=VALUE, passed to the command as `parameters`, a dict."""
    return option(
        "-p", "parameters", multiple=True, metavar="KEY=VALUE", callback=_to_parameters, help_group=SELECTION,
        help="Query parameter; repeatable.",
    )(command)  # fmt: skip


def reports_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --reports, passed to the command as `folder`."""
    return option(
        "--reports", "folder", envvar="CURATION_REPORTS", show_envvar=True, metavar="DIR",
        type=click.Path(path_type=Path), help_group=SELECTION, help="Folder of your own reports.",
    )(command)  # fmt: skip


@contextmanager
def all_reports(folder: Path | None) -> Iterator[list[Report]]:
    """Yield all reports, those of a folder included.

    At the end, names the files that are not valid reports. If there are any, the command exits with 3.
    """
    from ..queries.reports import find_reports
    from .output import escape

    issues: list[str] = []
    yield find_reports(folder, issues)
    for issue in issues:
        click.echo(escape(f"left out: {issue}"), err=True)
    if issues:
        sys.exit(PARTLY_DONE)


def timeout_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --timeout, in seconds."""
    return option(
        "--timeout", type=click.FloatRange(min=0.001), default=60.0, show_default=True,
        metavar="SECONDS", help_group=GENERAL, help="Time limit of the query.",
    )(command)  # fmt: skip


def _to_parameters(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [key for key, sign, _ in pairs if not sign or not key.isidentifier()]:
        raise click.BadParameter(f"{wrong[0]!r}: write KEY=VALUE", ctx, param)
    return {key: value for key, _, value in pairs}


def is_interactive() -> bool:
    """Return whether a user can answer a prompt."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def read_selection(arguments: Sequence[str], filters: Filters) -> Selection:
    """Return the selection by arguments and filters; `-` reads references from standard input, one per line.

    Raises SelectionError if `-` was given and standard input is empty. Otherwise a query without results
    would leave the selection to the filters alone.
    """
    from ..articles.selecting import Selection

    listed = _read_references() if "-" in arguments else []
    return Selection([argument for argument in arguments if argument != "-"], filters, listed)


def _read_references() -> list[str]:
    from ..errors import SelectionError

    try:
        read = [reference for line in sys.stdin if (reference := _parse_reference(line.strip()))]
    except UnicodeError as error:
        raise SelectionError(f"standard input is not in the encoding of the terminal: {error}") from error
    if not read:
        raise SelectionError("nothing on standard input: `-` needs references, one per line")
    if wrong := [reference for reference in read if "\0" in reference]:
        raise SelectionError(f"a NUL on standard input, in {wrong[0]!r}: references are text, one per line")
    return read


def _parse_reference(line: str) -> str:
    """Return the reference in a line: the whole line, or the first cell of CSV or TSV.

    Our commands quote a text with a comma in CSV.
    """
    cell = re.match(r'"((?:[^"]|"")*)"|(\d+)(?=,)|([^\t]*)(?=\t)', line)
    if cell is None:
        return line
    quoted, number, tabbed = cell.groups()
    return quoted.replace('""', '"') if quoted is not None else number or tabbed
