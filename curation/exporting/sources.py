"""The one source that an export is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import sqlalchemy as sa

from ..errors import SelectionError
from ..schema import sources
from ..scoring.settings import source_id_of


class Source(NamedTuple):
    """A source, and where it was last imported from."""

    id: int
    name: str
    location: str


def the_source(connection: sa.Connection, names: Sequence[str]) -> Source:
    """The source that is named, or the only one there is. Raises SelectionError otherwise."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        wanted = list(connection.scalars(sa.select(sources.c.name).order_by(sources.c.name)))
    if not wanted:
        raise SelectionError("nothing to export: `curation import FOLDER` takes a dump in")
    if len(wanted) > 1:
        raise SelectionError(f"an export is of one source: say which by --source, {', '.join(wanted)}")
    row = sources.c.id == source_id_of(connection, wanted[0])
    return Source(
        *connection.execute(sa.select(sources.c.id, sources.c.name, sources.c.location).where(row)).one()
    )
