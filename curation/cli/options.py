"""Options that several commands share, and how their text becomes what the house works with."""

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
from .progress import showing_progress

if TYPE_CHECKING:
    from ..articles.selecting import Filters, Selection
    from ..queries.reports import Report
    from ..store.database import Store


#: Numbers that an id, a version or a limit can be: those that every engine takes.
ID = click.IntRange(0, 2**63 - 1)

#: The exit status when files were quarantined or articles refused, and the rest was done.
PARTLY_DONE = 3


def open_store(*, check: bool = True) -> Store:
    """The store that --database names; with `check`, only if its schema is this release's."""
    from ..store.database import Store

    store = Store(click.get_current_context().find_root().obj)
    if check:
        store.check()
    return store


class RangeType(click.ParamType[tuple[int | None, int | None]]):
    """`30..60`, `30..`, `..60` or `42`: whole numbers, both ends included."""

    name = "range"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        match = re.fullmatch(r"(-?\d++)?(\.\.)?(-?\d++)?", value.strip())
        if match is None or not (match[1] or match[3]) or (match[1] and match[3] and not match[2]):
            self.fail(f"{value!r} is no range: write 30..60, 30.., ..60 or 42", param, ctx)
        if any(number and (len(number) > 20 or abs(int(number)) >= 2**63) for number in match.group(1, 3)):
            self.fail(f"{value!r} is no range of 64-bit numbers", param, ctx)
        low, dots, high = match[1], match[2], match[3]
        start = int(low) if low else None
        return (start, int(high) if high else None) if dots else (int(low or high), int(low or high))


class MomentType(click.ParamType[dt.datetime]):
    """A date, or an instant; UTC where no zone is given."""

    name = "date"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            moment = dt.datetime.fromisoformat(value)
            return moment.replace(tzinfo=dt.UTC) if moment.tzinfo is None else moment.astimezone(dt.UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is no date: write 2021-05-28 or 2021-05-28T16:00:00Z", param, ctx)


_SEVERAL: dict[str, Any] = {"multiple": True, "metavar": "NAME"}

_FILTERS = (
    click.option(
        "--source", shell_complete=names_of("source"), help="Of this source; repeat for several.", **_SEVERAL
    ),
    click.option(
        "--collection",
        shell_complete=names_of("collection"),
        help="In this collection or below it (news, learning).",
        **_SEVERAL,
    ),
    click.option(
        "--type",
        "type_",
        shell_complete=names_of("type"),
        help="Of this type (article, video, course).",
        **_SEVERAL,
    ),
    click.option("--category", shell_complete=names_of("category"), help="Of this category.", **_SEVERAL),
    click.option(
        "--topic", shell_complete=names_of("topic"), help="On this topic, by its exact name.", **_SEVERAL
    ),
    click.option(
        "--provider", shell_complete=names_of("provider"), help="From the provider of this name.", **_SEVERAL
    ),
    click.option(
        "--domain", shell_complete=names_of("domain"), help="From the provider of this domain.", **_SEVERAL
    ),
    click.option("--since", type=MomentType(), help="Published at or after this date (UTC)."),
    click.option("--until", type=MomentType(), help="Published before this date (UTC)."),
    click.option("--overridden", is_flag=True, help="With a standing decision of an editor."),
    click.option("--missing", is_flag=True, help="Whose file is not in the dump any more."),
    click.option(
        "--search",
        metavar="QUERY",
        help='Saying all these words, "phrases" and pref*; see `curation search`.',
    ),
)

_FLAG_FILTERS = (
    click.option(
        "--quality", "quality", type=RangeType(), metavar="RANGE", help="Of quality 30..60, ..30 or 42."
    ),
    click.option("--heat", "heat", type=RangeType(), metavar="RANGE", help="Of heat 10.., ..10 or -1."),
    click.option("--published/--unpublished", "published", default=None, help="Shown, or not shown."),
    click.option("--removed", "removed", is_flag=True, default=None, help="Removed by an editor's veto."),
)


def filter_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds all filters; `chosen_filters` gathers them from the command's keywords."""
    return add_options(_FILTERS + _FLAG_FILTERS, command)


def filter_options_but_flags(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the filters but those on flags, for a command whose --quality and the like say what becomes."""
    return add_options(_FILTERS, command)


def add_options(options: Sequence[Callable[..., Any]], command: Callable[..., Any]) -> Callable[..., Any]:
    """Decorates a command with options, so that its help lists them in this order."""
    for option in reversed(options):
        command = option(command)
    return command


def chosen_filters(options: dict[str, Any]) -> Filters:
    """The filters among a command's options."""
    from dataclasses import fields

    from ..articles.selecting import Filters

    given = {name.rstrip("_"): value for name, value in options.items()}
    return Filters(**{field.name: given[field.name] for field in fields(Filters) if field.name in given})


def article_argument(name: str, **settings: Any) -> Callable[..., Any]:
    """An argument that names articles, completed by their paths."""
    return click.argument(name, shell_complete=article_paths, **settings)


def ready_to_search(store: Store, filters: Filters) -> None:
    """Brings the full-text index up to date, if it is to be asked."""
    if filters.search is None:
        return
    from ..articles.searching import index_queued, parse_query

    parse_query(filters.search)  # what is no query is refused before there is anything to do
    from ..errors import StoreReadOnly

    try:
        with showing_progress("indexing", verbose=False) as progress:
            index_queued(store, progress)
    except StoreReadOnly:
        click.echo("the store is read-only: what changed since the last search is not found yet", err=True)


def named_place(ctx: click.Context, param: click.Parameter, value: str) -> Path:
    """The path that an argument names. An empty one, such as a variable that is not set, is not this
    folder."""
    if not value:
        raise click.BadParameter("an empty name is no place: write . for this folder", ctx, param)
    return Path(value)


def actor_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --actor: who does it, by default the login name."""
    return click.option(
        "--actor", envvar="CURATION_ACTOR", show_envvar=True, metavar="NAME",
        default=_login_name, help="Who decides (not authenticated); by default the login name.",
        callback=_named,
    )(command)  # fmt: skip


def _named(ctx: click.Context, param: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("who decides has a name", ctx, param)
    return value


def _login_name() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user id, as in some containers
        return f"uid {os.getuid()}"


def parameters_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds -p KEY=VALUE, given to the command as `parameters`, a dict."""
    return click.option(
        "-p", "parameters", multiple=True, metavar="KEY=VALUE", callback=_parameters,
        help="A parameter of the query; repeat for several.",
    )(command)  # fmt: skip


def reports_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --reports, given to the command as `folder`."""
    return click.option(
        "--reports", "folder", envvar="CURATION_REPORTS", show_envvar=True, metavar="DIR",
        type=click.Path(path_type=Path), help="A folder of reports of your own, which join the list.",
    )(command)  # fmt: skip


@contextmanager
def reports_found(folder: Path | None) -> Iterator[list[Report]]:
    """Every report, for something to be done with them; then it is told which files are none, and the
    command exits with 3 if there are any."""
    from ..queries.reports import find_reports
    from .output import escape

    issues: list[str] = []
    yield find_reports(folder, issues)
    for issue in issues:
        click.echo(escape(f"left out: {issue}"), err=True)
    if issues:
        sys.exit(PARTLY_DONE)


def timeout_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --timeout, in seconds."""
    return click.option(
        "--timeout", type=click.FloatRange(min=0.001), default=60.0, show_default=True,
        metavar="SECONDS", help="Stop after so long.",
    )(command)  # fmt: skip


def _parameters(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    if wrong := [key for key, sign, _ in pairs if not sign or not key.isidentifier()]:
        raise click.BadParameter(f"{wrong[0]!r}: write KEY=VALUE", ctx, param)
    return {key: value for key, _, value in pairs}


def is_interactive() -> bool:
    """Whether someone is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def chosen_articles(arguments: Sequence[str], filters: Filters) -> Selection:
    """The articles that arguments name, with `-` standing for those on standard input, one a line.

    Raises SelectionError if `-` was given and nothing came: a query that found nothing must not leave
    the filters alone to choose.
    """
    from ..articles.selecting import Selection

    listed = _read_references() if "-" in arguments else []
    return Selection([argument for argument in arguments if argument != "-"], filters, listed)


def _read_references() -> list[str]:
    from ..errors import SelectionError

    try:
        read = [reference for line in sys.stdin if (reference := _reference_in(line.strip()))]
    except UnicodeError as error:
        raise SelectionError(f"standard input is no text of this terminal's encoding: {error}") from error
    if not read:
        raise SelectionError("nothing on standard input: what was to be chosen by `-` is empty")
    if wrong := [reference for reference in read if "\0" in reference]:
        raise SelectionError(f"a NUL on standard input, in {wrong[0]!r}: references are text, one a line")
    return read


def _reference_in(line: str) -> str:
    """The reference in a line: all of it, or the first cell of CSV or TSV as our commands write it (a
    text with a comma is quoted there)."""
    cell = re.match(r'"((?:[^"]|"")*)"|(\d+)(?=,)|([^\t]*)(?=\t)', line)
    if cell is None:
        return line
    quoted, number, tabbed = cell.groups()
    return quoted.replace('""', '"') if quoted is not None else number or tabbed
