"""The one source that an export is of, and whether a folder is its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from ..errors import SelectionError
from ..scanning import printable
from ..store.schema import articles, files, imports, sources, taxonomy_documents
from ..wording import counted
from .rule_settings import source_id_of


class Source(NamedTuple):
    """A source, and where it was last imported from."""

    id: int
    name: str
    location: str


def find_source(connection: sa.Connection, names: Sequence[str]) -> Source:
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


#: Names that are told of what lies in a folder.
_TOLD = 3


def was_imported(connection: sa.Connection, place: Path) -> bool:
    """Whether a file is what an import read: it may hold more than is exported."""
    location = printable(str(place.resolve()))
    of_import = sa.select(imports.c.id).where(imports.c.location == location)
    of_source = sa.select(sources.c.id).where(sources.c.location == location)
    return connection.scalar(sa.union_all(of_import, of_source).limit(1)) is not None


def check_own_folder(
    connection: sa.Connection, source: Source, root: Path, names: Sequence[str], paths: Collection[str]
) -> None:
    """Raises SelectionError unless a folder is a tree of a source: the one that it was imported from, or one
    in which its files lie at their paths. That is so if half of the content in the folder does, or half of
    the source's files are there: what was left out, added or removed since does not matter.

    Args:
        names: what lies in the folder.
        paths: the content in the folder and below, by its path from there.
    """
    if printable(str(root.resolve())) == source.location:
        return
    known = _paths_of(connection, source.id) if paths else set()
    shared = len(known.intersection(paths))
    if shared and 2 * shared >= min(len(known), len(paths)):
        return
    if paths:
        content = counted(len(paths), "content file")
        held = f"{content}, {shared:,} of them at a path of source {source.name!r}"
    else:
        more = f" and {len(names) - _TOLD:,} more" if len(names) > _TOLD else ""
        held = f"{', '.join(names[:_TOLD])}{more}, and no document of source {source.name!r}"
    own = Path(source.location)
    where = f" ({own})" if own.is_dir() else ""
    raise SelectionError(
        f"nothing was written: {root} holds {held}; name an empty or new folder, or the source's own{where}"
    )


def _paths_of(connection: sa.Connection, source_id: int) -> set[str]:
    """The paths of all files that a source has or had, as far as they are known."""
    tables = (articles, taxonomy_documents, files)
    selects = (sa.select(table.c.path).where(table.c.source_id == source_id) for table in tables)
    return set(connection.scalars(sa.union_all(*selects)))
