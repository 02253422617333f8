"""The one source that an export is of."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from ..errors import SelectionError
from ..schema import sources


def the_source(connection: sa.Connection, names: Sequence[str]) -> int:
    """The id of the source that is named, or of the only one there is. Raises SelectionError otherwise."""
    known: dict[str, int] = dict(
        map(tuple, connection.execute(sa.select(sources.c.name, sources.c.id).order_by(sources.c.name)))
    )
    if not known:
        raise SelectionError("nothing to export: `curation import FOLDER` takes a dump in")
    wanted = list(dict.fromkeys(names)) or list(known)
    if len(wanted) > 1:
        raise SelectionError(f"an export is of one source: say which by --source, {', '.join(wanted)}")
    if wanted[0] not in known:
        raise SelectionError(f"no source {wanted[0]!r}: there are {', '.join(known)}")
    return known[wanted[0]]
