"""`curation keep`."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import click

from .edits import edit_selection, editing_options
from .help_groups import CHANGES, Command, option
from .options import MomentType, filter_options_without_until

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..articles.selecting import Selection
    from ..editing.flags import Edit


@click.command("keep", cls=Command)
@editing_options
@option(
    "--until",
    type=MomentType(),
    metavar="DATE",
    help_group=CHANGES,
    help="Return the articles to the review queue at this date (UTC).",
)
@option(
    "--upstream",
    is_flag=True,
    help_group=CHANGES,
    help="Settle conflicts by the upstream values: remove these overrides.",
)
@filter_options_without_until
def keep_command(until: dt.datetime | None, upstream: bool, **options: Any) -> None:
    """Keep articles as they are, without further review.

    They leave the review queue until something new happens: upstream changes a flag that matters for the
    reason, or another story takes their path. An override that conflicts with upstream is confirmed.

    With --until nothing is confirmed, and the articles return at that date. With --upstream only articles
    that have a conflict are kept, and the overrides in conflict are removed.

    Each keep is a changeset, which `curation revert` undoes.

    \b
    Examples:
      curation keep needle-rock-goes-led --reason "seen, stays unpublished"
      curation keep --source powerapps --quality 60.. --unpublished
      curation keep 42 43 --until 2027-01-15
      curation keep --overridden --upstream --dry-run
    """  # fmt: skip
    if until is not None and upstream:
        raise click.UsageError("give --until or --upstream, not both")
    if until is not None and until <= dt.datetime.now(dt.UTC):
        raise click.UsageError(
            "--until must be in the future; to select by date of publication, run"
            " `curation list --until DATE --columns id --format csv --no-headers | curation keep -`"
        )
    from ..editing.keeping import keep_articles

    def keep(connection: sa.Connection, selection: Selection, **settings: Any) -> Edit:
        return keep_articles(connection, selection, until=until, takes_upstream=upstream, **settings)

    why_unchanged = "no conflicts" if upstream else "kept already, and nothing new has happened since"
    edit_selection(keep, "kept", options, why_unchanged)
