"""The one source that an export is of."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..errors import SelectionError
from ..schema import sources
from ..scoring.settings import source_id_of


def the_source(connection: sa.Connection, names: Sequence[str]) -> tuple[int, str]:
    """The id and the name of the source that is named, or of the only one there is. Raises SelectionError
    otherwise."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        wanted = list(connection.scalars(sa.select(sources.c.name).order_by(sources.c.name)))
    if not wanted:
        raise SelectionError("nothing to export: `curation import FOLDER` takes a dump in")
    if len(wanted) > 1:
        raise SelectionError(f"an export is of one source: say which by --source, {', '.join(wanted)}")
    return source_id_of(connection, wanted[0]), wanted[0]
