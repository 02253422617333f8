"""`curation score`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .completion import names_of
from .edits import apply_edit
from .help_groups import GENERAL, Command, option
from .options import actor_option, open_store, reason_option
from .output import output_options

if TYPE_CHECKING:
    import sqlalchemy as sa

    from ..editing.flags import Edit


@click.command("score", cls=Command)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...", shell_complete=names_of("source"))
@reason_option
@option("--dry-run", is_flag=True, help_group=GENERAL, help="Save nothing; show each change.")
@actor_option
@output_options
def score_command(sources: tuple[str, ...], reason: str | None, dry_run: bool, **options: Any) -> None:
    """Recompute heat and published by the scoring rule.

    The rule is that of `curation explain`. It applies where an editor changed a quality, or where an article
    gained or lost a related one. Overrides stay. Without SOURCE, this covers all sources that have a rule
    (`curation source infer NAME --apply`). All changes are one changeset.

    \b
    Examples:
      curation score --dry-run
      curation score powerapps --reason "after the morning's review"
    """
    from ..scoring.applying import score_articles

    def score(connection: sa.Connection) -> Edit:
        return score_articles(connection, sources, actor=options["actor"], reason=reason)

    apply_edit(open_store(), score, "scored", is_dry=dry_run)
