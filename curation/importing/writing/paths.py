"""Free the paths that moved articles leave or take, before their documents are written."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from ...backends import backend_of
from ...paths import MAX_PATH
from ...store.schema import articles
from ..records.files import forget
from ..records.import_records import ImportRecords
from .missing import set_missing_since
from .orphans import settle_images_of


def free_paths(
    connection: sa.Connection,
    records: ImportRecords,
    movers: Sequence[int],
    left: Sequence[str],
    displaced: Mapping[str, int],
    moment: dt.datetime,
) -> int:
    """Free paths within a transaction that then writes the moved articles; returns how many went missing.

    Args:
        movers: ids of articles that are about to get another path.
        left: paths where they were, and where no document lies now.
        pushed_out: articles that a moved one pushes out of its path, by that path. They are missing from
            now on, and keep their overrides under a path that no file has.
    """
    # At the paths of those that are pushed out there are files all the same.
    missing = set_missing_since(connection, records, list(displaced), moment) if displaced else 0
    forget(connection, records.source_id, left)
    moves = [
        (article_id, path, path_of_displaced(path, article_id)) for path, article_id in displaced.items()
    ]
    for move in moves:
        records.audit.add_move(*move)
    # No two articles of a source have the same path at any moment, and two may exchange theirs.
    rows = [(article_id, new) for article_id, _, new in moves]
    rows += [(article_id, f"~{article_id}") for article_id in movers]
    backend_of(connection).bulk_update(connection, articles, ("id", "path"), rows)
    # Which use of an image is the first depends on paths too; the movers are written anew after this.
    settle_images_of(connection, list(displaced.values()))
    return missing


def path_of_displaced(path: str, article_id: int) -> str:
    """Return the path of an article that was pushed out of its own: no content file ends so."""
    suffix = f"~{article_id}"
    return path[: MAX_PATH - len(suffix)] + suffix
