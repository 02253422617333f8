"""`curation log`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from ..wording import counted
from .completion import names_of
from .options import ID, MomentType, article_argument, open_store
from .output import chosen_output, escape, output_options, print_rows

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

    from ..articles.listing import Table

#: Rows of a table where --limit does not say; other forms are read by programs, and have no limit.
TABLE_ROWS = 50


@click.command("log")
@article_argument("what", required=False, metavar="[CHANGESET|ARTICLE]")
@click.option("--article", metavar="ARTICLE", help="Of this article; an id is one here.")
@click.option(
    "--actor",
    "actor",
    multiple=True,
    metavar="NAME",
    shell_complete=names_of("actor"),
    help="By this actor; repeat for several.",
)
@click.option(
    "--kind", multiple=True, type=click.Choice(["edit", "import", "revert", "score"]), help="Of this kind."
)
@click.option(
    "--flag", multiple=True, type=click.Choice(["quality", "heat", "published", "removed"]),
    help="That changed this flag.",
)  # fmt: skip
@click.option("--since", type=MomentType(), help="Made at or after this date (UTC).")
@click.option("--until", type=MomentType(), help="Made before this date (UTC).")
@click.option(
    "--limit",
    type=ID,
    metavar="N",
    help=f"At most N lines, 0 for all; by default {TABLE_ROWS} in a table, else all.",
)
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
    """Shows who changed what and why, the newest first: a line for each changeset.

    A number is a changeset, and shown in full, each change of a flag; of an import also each document that it
    added, changed, moved, lost or found again. An article, by its path, a unique end
    of it, or its URL, is shown with every change of its flags (by its id: --article 42).

    \b
    Examples:
      curation log --actor ann --since 2026-11-01
      curation log 12
      curation log needle-rock-goes-led --flag quality
      curation log --format jsonl --output changes.jsonl
    """
    if what and article:
        raise click.UsageError("give a changeset or an article, or --article, not both")
    is_changeset = what is not None and what.isascii() and what.isdigit() and len(what) < 20
    if limit is None and chosen_output().form == "table" and not is_changeset:
        limit = TABLE_ROWS
    filters = {"actor": actor, "kind": kind, "flag": flag, "since": since, "until": until}
    store = open_store()
    with store.reading() as connection:
        if is_changeset and _print_import(connection, int(what or 0), limit or None, filters):
            return
        found = _find(connection, what, article, filters, limit or None, is_changeset=is_changeset)
        shown = print_rows(found.columns, found.rows)
    if is_changeset:
        click.echo(counted(shown, "change"), err=True)
    elif not shown:
        told = "no changes that match" if what or article or any(filters.values()) else "no changes yet"
        click.echo(told, err=True)
    elif limit and shown == limit:
        click.echo(f"the last {limit:,}; --limit 0 shows all", err=True)


def _print_import(
    connection: sa.Connection, changeset_id: int, limit: int | None, given: dict[str, Any]
) -> bool:
    """Prints an import in full, documents before flags, as the rows come; False for another changeset, one
    that the filters leave out, and where only changes of a flag are wanted."""
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

    if given["flag"] or changeset_id not in INT64:
        return False
    import_ = find_import(connection, changeset_id)
    if import_ is None or not matches_filters(connection, HistoryFilters(**given), changeset_id):
        return False
    numbers: Counter[tuple[str, bool]] = Counter()
    click.echo(escape(describe_changeset(connection, changeset_id)), err=True)
    documents = list_documents(connection, import_, limit, numbers)
    flags = list_changes(connection, HistoryFilters(), changeset_id, limit).rows
    shown = print_rows(CHANGE_COLUMNS, islice(chain(documents, flags), limit))
    summary = ", ".join(f"{n:,} {what}" for what, n in _summed(numbers).items())
    others = shown - numbers.total()
    changes = counted(shown, "change")
    click.echo(f"{changes}: {summary or 'no documents'}, {others:,} of flags or paths", err=True)
    if limit is None or shown < limit:
        for line in describe_gaps(import_, numbers):
            click.echo(line, err=True)
    return True


def _summed(counted: Mapping[tuple[str, bool], int]) -> dict[str, int]:
    summed: dict[str, int] = {}
    for (what, _), count in counted.items():
        summed[what] = summed.get(what, 0) + count
    return summed


def _find(
    connection: sa.Connection,
    what: str | None,
    article: str | None,
    given: dict[str, Any],
    limit: int | None,
    *,
    is_changeset: bool,
) -> Table:
    from ..articles.history import HistoryFilters, describe_changeset, list_changes, list_changesets
    from ..articles.selecting import find_article
    from ..store.names import check_names

    check_names(connection, {"actor": given["actor"]})
    named = article or (None if is_changeset else what)
    article_id = find_article(connection, named) if named is not None else None
    filters = HistoryFilters(**given, article_id=article_id)
    if is_changeset:
        click.echo(escape(describe_changeset(connection, int(what or 0))), err=True)
        return list_changes(connection, filters, int(what or 0), limit)
    if article_id is not None:
        return list_changes(connection, filters, limit=limit)
    return list_changesets(connection, filters, limit)
