"""`curation log`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .completion import names_of
from .help_groups import OUTPUT, SELECTION, Command, option
from .options import ID, MomentType, article_argument, open_store
from .output import escape, get_output, output_options, print_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from ..articles.listing import Table

#: Rows of a table without --limit. Other formats are for programs and have no limit.
TABLE_ROWS = 50


@click.command("log", cls=Command)
@article_argument("what", required=False, metavar="[CHANGESET|ARTICLE]")
@option(
    "--article",
    metavar="ARTICLE",
    help_group=SELECTION,
    help="Changes of this article; also accepts an id.",
)
@option(
    "--actor",
    multiple=True,
    metavar="NAME",
    shell_complete=names_of("actor"),
    help_group=SELECTION,
    help="Actor name; repeatable.",
)
@option(
    "--kind",
    multiple=True,
    type=click.Choice(["edit", "import", "keep", "revert", "score"]),
    help_group=SELECTION,
    help="Kind of changeset; repeatable.",
)
@option(
    "--flag",
    multiple=True,
    type=click.Choice(["quality", "heat", "published", "removed"]),
    help_group=SELECTION,
    help="Changes of this flag; repeatable.",
)
@option("--since", type=MomentType(), help_group=SELECTION, help="Made at or after this date (UTC).")
@option("--until", type=MomentType(), help_group=SELECTION, help="Made before this date (UTC).")
@option(
    "--limit", type=ID, metavar="N", help_group=OUTPUT,
    help=f"Maximum number of rows (0 = all); by default {TABLE_ROWS} in a table, else all.",
)  # fmt: skip
@output_options
def log_command(
    what: str | None,
    article: str | None,
    actor: tuple[str, ...],
    kind: tuple[str, ...],
    flag: tuple[str, ...],
    since: dt.datetime | None,
    until: dt.datetime | None,
    limit: int | None,
) -> None:
    """Show who changed what, when and why.

    Without an argument, this lists changesets, newest first. With a changeset number, it shows each change of
    a flag. For an import, it also shows each document that was added, changed, moved, missing or found again.
    With an article (a path, a unique end of a path, or a URL), it shows every change of its flags. To give an
    article by its id, use --article.

    \b
    Examples:
      curation log --actor ann --since 2026-11-01
      curation log 12
      curation log needle-rock-goes-led --flag quality
      curation log --format jsonl --output changes.jsonl
    """
    if what and article:
        raise click.UsageError("give either an argument or --article, not both")
    changeset_id = _to_changeset_id(what)
    limit = _row_limit(limit, is_changeset=changeset_id is not None)
    filters = {"actor": actor, "kind": kind, "flag": flag, "since": since, "until": until}
    store = open_store()
    with store.reading() as connection:
        if changeset_id is not None and _print_import(connection, changeset_id, limit, filters):
            return
        found = _find(connection, changeset_id, article or what, filters, limit)
        shown = print_rows(found.columns, found.rows)
    if changeset_id is not None:
        click.echo(counted(shown, "change"), err=True)
    else:
        _print_note(shown, limit, is_filtered=bool(what or article or any(filters.values())))


def _to_changeset_id(what: str | None) -> int | None:
    """Return the number of a changeset, or None for an argument that is an article."""
    if what is None or not (what.isascii() and what.isdigit()) or len(what) >= 20:
        return None
    return int(what)


def _row_limit(limit: int | None, *, is_changeset: bool) -> int | None:
    """Return the maximum number of rows for a value of --limit; None for all."""
    if limit is None and get_output().form == "table" and not is_changeset:
        return TABLE_ROWS
    return limit or None


def _print_note(shown: int, limit: int | None, *, is_filtered: bool) -> None:
    """Print that there are no rows, or that there may be more."""
    if not shown:
        click.echo("no matching changes" if is_filtered else "no changes yet", err=True)
    elif shown == limit:
        click.echo(f"the newest {limit:,}; use --limit 0 to show all", err=True)


def _print_import(
    connection: sa.Connection, changeset_id: int, limit: int | None, filters: dict[str, Any]
) -> bool:
    """Print all changes of an import, documents before flags, as the rows are read.

    Returns False, and prints nothing, for a changeset that is not an import or that the filters exclude, and
    with a filter on flags.
    """
    from collections import Counter
    from itertools import chain, islice

    from ..articles.history import (
        CHANGE_COLUMNS,
        HistoryFilters,
        describe_changeset,
        list_changes,
        matches_filters,
    )
    from ..importing.records.log import describe_gaps, find_import, list_documents
    from ..integers import INT64

    if filters["flag"] or changeset_id not in INT64:
        return False
    import_ = find_import(connection, changeset_id)
    if import_ is None or not matches_filters(connection, HistoryFilters(**filters), changeset_id):
        return False
    counts: Counter[tuple[str, bool]] = Counter()
    click.echo(escape(describe_changeset(connection, changeset_id)), err=True)
    documents = list_documents(connection, import_, limit, counts)
    flags = list_changes(connection, HistoryFilters(), changeset_id, limit).rows
    shown = print_rows(CHANGE_COLUMNS, islice(chain(documents, flags), limit))
    summary = ", ".join(f"{n:,} {kind}" for kind, n in _sum_by_kind(counts).items())
    others = shown - counts.total()
    changes = counted(shown, "change")
    click.echo(f"{changes}: {summary or 'no documents'}, {others:,} of flags or paths", err=True)
    if limit is None or shown < limit:
        for line in describe_gaps(import_, counts):
            click.echo(line, err=True)
    return True


def _sum_by_kind(counts: Mapping[tuple[str, bool], int]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (kind, _), count in counts.items():
        sums[kind] = sums.get(kind, 0) + count
    return sums


def _find(
    connection: sa.Connection,
    changeset_id: int | None,
    article: str | None,
    filters: dict[str, Any],
    limit: int | None,
) -> Table:
    """Return the changes of a changeset or of an article, or else the changesets."""
    from ..articles.history import HistoryFilters, describe_changeset, list_changes, list_changesets
    from ..articles.selecting import find_article
    from ..store.names import check_names

    check_names(connection, {"actor": filters["actor"]})
    if changeset_id is not None:
        click.echo(escape(describe_changeset(connection, changeset_id)), err=True)
        return list_changes(connection, HistoryFilters(**filters), changeset_id, limit)
    article_id = find_article(connection, article) if article is not None else None
    history_filters = HistoryFilters(**filters, article_id=article_id)
    if article_id is not None:
        return list_changes(connection, history_filters, limit=limit)
    return list_changesets(connection, history_filters, limit)
