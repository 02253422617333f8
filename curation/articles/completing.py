"""Names for a shell's completion: what the store knows that begins with the typed text."""

from __future__ import annotations

import sqlalchemy as sa

from ..store.names import KINDS
from ..store.schema import articles

#: Maximum number of names that are offered.
MAX_NAMES = 200


def complete(connection: sa.Connection, kind: str, prefix: str) -> list[str]:
    """Return the names of a kind that begin with a prefix, in order.

    Case matters if a name matches exactly; otherwise it is ignored.

    A shell continues with what all the names have in common. Names that spell the prefix differently would
    delete letters that were typed, so they are not offered together.
    """
    column = KINDS[kind]
    matches = sa.func.substr(column, 1, len(prefix)) == prefix
    if found := _names(connection, column, matches):
        return found
    found = _names(connection, column, sa.func.lower(column).startswith(prefix.lower(), autoescape=True))
    return found if len({name[: len(prefix)] for name in found}) == 1 else []


def _names(connection: sa.Connection, column: sa.Column[str], wanted: sa.ColumnElement[bool]) -> list[str]:
    query = sa.select(column).where(wanted).distinct().order_by(column).limit(MAX_NAMES)
    return [name for name in connection.scalars(query) if name.isprintable()]


def complete_article(connection: sa.Connection, prefix: str) -> list[str]:
    """Return paths that begin with a prefix, then file names that do.

    A file name is offered without its folder, because the end of a path is a reference to an article too.
    """
    path = articles.c.path
    matches = sa.func.substr(path, 1, len(prefix)) == prefix
    found = list(connection.scalars(sa.select(path).where(matches).order_by(path).limit(MAX_NAMES)))
    if not prefix or "/" in prefix:
        return found
    in_folder = path.contains(f"/{prefix}", autoescape=True)
    others = connection.scalars(
        sa.select(path).where(~matches, in_folder).order_by(path).limit(10 * MAX_NAMES)
    )
    names = (other.rpartition("/")[2] for other in others)
    file_names = (name for name in names if name.startswith(prefix) and name.isprintable())
    return [*found, *dict.fromkeys(file_names)][:MAX_NAMES]
