"""What a shell may offer while a command is being typed: names that the store knows."""

from __future__ import annotations

import sqlalchemy as sa

from ..store.names import KINDS
from ..store.schema import articles

#: At most so many are offered.
MOST = 200


def complete(connection: sa.Connection, kind: str, begun: str) -> list[str]:
    """The names of a kind that begin so, in order: letter for letter, or, where none does, in any case.

    A shell goes on from what all that is offered have in common: names that differ in what was typed already
    would take letters away again.
    """
    column = KINDS[kind]
    begins = sa.func.substr(column, 1, len(begun)) == begun
    if found := _names(connection, column, begins):
        return found
    found = _names(connection, column, sa.func.lower(column).startswith(begun.lower(), autoescape=True))
    return found if len({name[: len(begun)] for name in found}) == 1 else []


def _names(connection: sa.Connection, column: sa.Column[str], wanted: sa.ColumnElement[bool]) -> list[str]:
    query = sa.select(column).where(wanted).distinct().order_by(column).limit(MOST)
    return [name for name in connection.scalars(query) if name.isprintable()]


def complete_article(connection: sa.Connection, begun: str) -> list[str]:
    """Paths that begin so; and of the others the name of the file, if that does: an end of a path names an
    article too."""
    path = articles.c.path
    begins = sa.func.substr(path, 1, len(begun)) == begun
    found = list(connection.scalars(sa.select(path).where(begins).order_by(path).limit(MOST)))
    if not begun or "/" in begun:
        return found
    holds = path.contains(f"/{begun}", autoescape=True)
    others = connection.scalars(sa.select(path).where(~begins, holds).order_by(path).limit(10 * MOST))
    names = (other.rpartition("/")[2] for other in others)
    ends = (name for name in names if name.startswith(begun) and name.isprintable())
    return [*found, *dict.fromkeys(ends)][:MOST]
