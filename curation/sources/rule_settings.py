"""The settings of a source by which its heat and published are made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from ..store.names import check_names
from ..store.schema import sources

#: The greatest bonus: so far beyond any that is meant, and sums stay within 64 bits.
MOST_BONUS = 10**9


class Settings(NamedTuple):
    """Heat for each related article, and the least heat that is published; None where it is not known."""

    related_bonus: int | None
    publish_threshold: int | None


def source_id_of(connection: sa.Connection, name: str) -> int:
    """The id of a source; raises SelectionError, naming those there are, if there is none."""
    check_names(connection, {"source": [name]})
    query = sa.select(sources.c.id).where(sources.c.name == name)
    source_id: int = connection.execute(query).scalar_one()
    return source_id


def lock_source(connection: sa.Connection, name: str) -> int:
    """The id of a source whose settings nobody else changes until commit. Raises SelectionError."""
    source_id = source_id_of(connection, name)
    row = sa.select(sources.c.id).where(sources.c.id == source_id)
    connection.execute(row.with_for_update(key_share=True))  # rows that refer to it can be added meanwhile
    return source_id


def set_settings(connection: sa.Connection, name: str, given: Mapping[str, int]) -> None:
    """Sets some of a source's settings, by the names of `Settings`; the caller commits."""
    row = sources.c.id == source_id_of(connection, name)
    connection.execute(sa.update(sources).where(row).values(**given))


def read_settings(connection: sa.Connection, source_id: int) -> Settings:
    """What is known of a source's rule."""
    row = sa.select(sources.c.related_bonus, sources.c.publish_threshold).where(sources.c.id == source_id)
    return Settings(*connection.execute(row).one())
