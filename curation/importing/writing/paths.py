"""Free the paths that moved articles leave or take, before their documents are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from ...backends import backend_of
from ...paths import MAX_PATH
from ...store.schema import articles
from ..records.files import delete_file_states
from ..records.import_records import ImportRecords
from .missing import set_missing_since
from .orphans import refresh_images_of


def free_paths(
    connection: sa.Connection,
    records: ImportRecords,
    movers: Sequence[int],
    vacated: Sequence[str],
    evicted: Mapping[str, int],
    moment: dt.datetime,
) -> int:
    """Free paths in the transaction that writes the moved articles next. The caller commits.

    Args:
        movers: Ids of the articles that are about to get another path.
        vacated: Their old paths that have no document now.
        evicted: Ids of the articles whose path a moved article takes, by that path. They become missing,
            and keep their overrides under a path that no file has.
        moment: The time since when evicted articles are missing, UTC.

    Returns:
        The number of articles that became missing.
    """
    # The files are not forgotten, because the paths of evicted articles still have files.
    missing = set_missing_since(connection, records, list(evicted), moment) if evicted else 0
    delete_file_states(connection, records.source_id, vacated)
    moves = [
        (article_id, path, make_placeholder_path(path, article_id)) for path, article_id in evicted.items()
    ]
    for move in moves:
        records.audit.add_move(*move)
    # Paths are unique within a source at any time, and two articles may exchange theirs.
    rows = [(article_id, new) for article_id, _, new in moves]
    rows += [(article_id, f"~{article_id}") for article_id in movers]
    backend_of(connection).bulk_update(connection, articles, ("id", "path"), rows)
    # The first use of an image depends on paths. The movers are written after this.
    refresh_images_of(connection, list(evicted.values()))
    return missing


def make_placeholder_path(path: str, article_id: int) -> str:
    """Return the new path of an article whose path was taken. It has a suffix that no content file has."""
    suffix = f"~{article_id}"
    return path[: MAX_PATH - len(suffix)] + suffix
