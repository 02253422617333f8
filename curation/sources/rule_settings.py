"""The settings of a source for the rule that computes heat and published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from ..store.names import check_names
from ..store.schema import sources

#: The maximum bonus. It is far above any realistic value, and keeps sums within 64 bits.
MAX_BONUS = 10**9


class RuleSettings(NamedTuple):
    """The bonus of heat for each related article, and the lowest heat that is published.

    None means that the setting is unknown.
    """

    related_bonus: int | None
    publish_threshold: int | None


def find_source_id(connection: sa.Connection, name: str) -> int:
    """Return the id of a source. Raise SelectionError, which lists the sources, if there is none."""
    check_names(connection, {"source": [name]})
    query = sa.select(sources.c.id).where(sources.c.name == name)
    source_id: int = connection.execute(query).scalar_one()
    return source_id


def lock_source(connection: sa.Connection, name: str) -> int:
    """Lock the settings of a source until the transaction ends, and return the source's id.

    Raises:
        SelectionError: There is no such source.
    """
    source_id = find_source_id(connection, name)
    row = sa.select(sources.c.id).where(sources.c.id == source_id)
    # With `key_share`, others can still insert rows that refer to the source.
    connection.execute(row.with_for_update(key_share=True))
    return source_id


def set_rule_settings(connection: sa.Connection, name: str, given: Mapping[str, int]) -> None:
    """Set some of a source's rule settings; the caller commits. Keys are fields of `RuleSettings`."""
    has_id = sources.c.id == find_source_id(connection, name)
    connection.execute(sa.update(sources).where(has_id).values(**given))


def read_rule_settings(connection: sa.Connection, source_id: int) -> RuleSettings:
    """Return the rule settings of a source."""
    row = sa.select(sources.c.related_bonus, sources.c.publish_threshold).where(sources.c.id == source_id)
    return RuleSettings(*connection.execute(row).one())
