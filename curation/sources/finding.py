"""Finds the source of an export, and checks whether a folder belongs to it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from ..errors import SelectionError
from ..scanning import make_printable
from ..store.schema import articles, files, imports, sources, taxonomy_documents
from ..wording import counted
from .rule_settings import find_source_id

#: Maximum number of names of a folder that an error lists.
_MAX_LISTED_NAMES = 3


class Source(NamedTuple):
    """A source, and the location of its last import."""

    id: int
    name: str
    location: str


def find_source(connection: sa.Connection, names: Sequence[str]) -> Source:
    """Return the named source; without a name, the only source of the store.

    Raises:
        SelectionError: There is no such source, or it is unclear which one.
    """
    wanted = list(dict.fromkeys(names))
    if not wanted:
        wanted = list(connection.scalars(sa.select(sources.c.name).order_by(sources.c.name)))
    if not wanted:
        raise SelectionError("nothing to export: import a folder first with `curation import FOLDER`")
    if len(wanted) > 1:
        raise SelectionError(f"there are several sources: select one with --source ({', '.join(wanted)})")
    has_id = sources.c.id == find_source_id(connection, wanted[0])
    return Source(
        *connection.execute(sa.select(sources.c.id, sources.c.name, sources.c.location).where(has_id)).one()
    )


def was_imported(connection: sa.Connection, file: Path) -> bool:
    """Return whether a file was imported. Such a file may contain more than is exported."""
    location = make_printable(str(file.resolve()))
    by_import = sa.select(imports.c.id).where(imports.c.location == location)
    by_source = sa.select(sources.c.id).where(sources.c.location == location)
    return connection.scalar(sa.union_all(by_import, by_source).limit(1)) is not None


def check_own_folder(
    connection: sa.Connection, source: Source, root: Path, names: Sequence[str], paths: Collection[str]
) -> None:
    """Check that a folder belongs to a source, so that an export may write to it.

    It belongs to the source if the source was imported from it. It also does if at least half of the folder's
    content files have a path of the source, or at least half of the source's paths are in the folder. So some
    files may have been left out, added or removed since.

    Args:
        names: The names in the folder.
        paths: The paths of the content files in and below the folder, relative to it.

    Raises:
        SelectionError: The folder does not belong to the source.
    """
    if make_printable(str(root.resolve())) == source.location:
        return
    known = _read_paths(connection, source.id) if paths else set()
    shared = len(known.intersection(paths))
    if shared and 2 * shared >= min(len(known), len(paths)):
        return
    if paths:
        content = counted(len(paths), "content file")
        contents = f"{content}, {shared:,} of them at a path of source {source.name!r}"
    else:
        hidden = len(names) - _MAX_LISTED_NAMES
        more = f" and {hidden:,} more" if hidden > 0 else ""
        contents = f"{', '.join(names[:_MAX_LISTED_NAMES])}{more}, and no document of source {source.name!r}"
    own = Path(source.location)
    where = f" ({own})" if own.is_dir() else ""
    raise SelectionError(
        f"nothing was written: {root} contains {contents};"
        f" use an empty or new folder, or the source's own{where}"
    )


def _read_paths(connection: sa.Connection, source_id: int) -> set[str]:
    """Return all known paths of a source, including those of missing articles."""
    tables = (articles, taxonomy_documents, files)
    selects = (sa.select(table.c.path).where(table.c.source_id == source_id) for table in tables)
    return set(connection.scalars(sa.union_all(*selects)))
