"""`curation score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .completion import names_of
from .edits import apply_edit
from .options import actor_option, open_store
from .output import output_options

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..editing.flags import Edit


@click.command("score")
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", shell_complete=names_of("source"))
@click.option("--reason", metavar="TEXT", help="Why; kept with the changeset.")
@click.option("--dry-run", is_flag=True, help="Keep nothing; show each change.")
@actor_option
@output_options
def score_command(sources: tuple[str, ...], reason: str | None, dry_run: bool, **options: Any) -> None:
    """Recomputes heat and published, where an editor changed a quality, or an article gained or lost a
    related one: one changeset. By the rule that `curation explain` tells; what editors decided stands.

    Of these sources, or of all that have a rule (`curation source infer NAME --apply`).

    \b
    Examples:
      curation score --dry-run
      curation score powerapps --reason "after the morning's review"
    """
    from ..scoring.applying import score_articles

    def score(connection: sa.Connection) -> Edit:
        return score_articles(connection, sources, actor=options["actor"], reason=reason)

    apply_edit(open_store(), score, "scored", is_dry=dry_run)
