"""Completion of names by the shell; what goes wrong while someone types is not said."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    import sqlalchemy as sa

#: What click calls to complete a value.
Completer = Callable[[click.Context, click.Parameter, str], list[str]]


def names_of(kind: str) -> Completer:
    """Completes names of a kind that the store knows: source, topic, provider, and so on."""

    def find(connection: sa.Connection, begun: str) -> list[str]:
        from ..articles.completing import complete

        return complete(connection, kind, begun)

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


def _articles(connection: sa.Connection, begun: str) -> list[str]:
    from ..articles.completing import complete_article

    return complete_article(connection, begun)


def report_names(ctx: click.Context, _: click.Parameter, incomplete: str) -> list[str]:
    """Completes the names of reports, those of a user's own folder too."""
    from ..errors import CurationError
    from ..queries.reports import find_reports

    with suppress(CurationError):
        found = find_reports(ctx.params.get("folder"))
        return [report.name for report in found if report.name.startswith(incomplete)]
    return []


#: Completes articles by their paths.
article_paths = _completer(_articles)
