"""Shell completion of names. Errors are not shown while the user types."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import sqlalchemy as sa

#: The function that click calls to complete a value.
Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def names_of(kind: str) -> Completer:
    """Return a completer for names of a kind in the store: source, topic, provider, and so on."""

    def find(connection: sa.Connection, prefix: str) -> list[str]:
        from ..articles.completing import complete

        return complete(connection, kind, prefix)

    return _completer(find)


def _completer(find: Callable[[sa.Connection, str], list[str]]) -> Completer:
    def complete(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
        from ..errors import CurationError
        from ..store.database import Store

        try:
            store = Store(ctx.find_root().params["database"])
            store.check()
            with store.reading() as connection:
                return find(connection, incomplete)
        except CurationError:
            return []

    return complete


def _find_articles(connection: sa.Connection, prefix: str) -> list[str]:
    from ..articles.completing import complete_article

    return complete_article(connection, prefix)


def complete_report_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Complete the names of reports, those of the user's own folder included."""
    from ..errors import CurationError
    from ..queries.reports import find_reports

    with suppress(CurationError):
        reports = find_reports(ctx.params.get("folder"))
        return [report.name for report in reports if report.name.startswith(incomplete)]
    return []


#: Completes the paths of articles.
article_paths = _completer(_find_articles)
