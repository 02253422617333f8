"""What a shell may offer while a command is being typed: names that the store knows."""

from __future__ import annotations

import sqlalchemy as sa

from .naming import KINDS
from .schema import articles

#: At most so many are offered.
MOST = 200


def complete(connection: sa.Connection, kind: str, begun: str) -> list[str]:
    """The names of a kind that begin so, in order."""
    column = KINDS[kind]
    query = sa.select(column).where(column.startswith(begun, autoescape=True)).distinct()
    return list(connection.scalars(query.order_by(column).limit(MOST)))


def complete_article(connection: sa.Connection, begun: str) -> list[str]:
    """Paths that begin so, or whose file name does."""
    path = articles.c.path
    begins = path.startswith(begun, autoescape=True)
    holds = path.contains(f"/{begun}", autoescape=True)
    return list(connection.scalars(sa.select(path).where(sa.or_(begins, holds)).order_by(path).limit(MOST)))
