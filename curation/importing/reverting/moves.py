"""Move articles back to the paths that they had before an import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...store.schema import article_moves, articles
from ..records.files import delete_file_states
from .context import RevertContext
from .limits import PATH_TAKEN, is_changed_later, is_edited_since


def move_back(context: RevertContext) -> tuple[set[str], set[int]]:
    """Move articles back to their old paths.

    Returns:
        The old paths of the articles that stay where they are, and the ids of the articles that moved back.
    """
    moves = _find_moves(context)
    movable = {move.article_id: move for move in moves if not _must_stay(move)}
    while blocked := _find_blocked(context, movable):
        for article_id in blocked:
            context.record_kept(movable.pop(article_id).path, PATH_TAKEN)
    # None of these is revertible, so this only records them.
    context.select_revertible([move for move in moves if _must_stay(move)])
    _write_paths(context, movable)
    return {move.old_path for move in moves if move.article_id not in movable}, set(movable)


def _must_stay(move: Any) -> bool:
    """Return whether a later import or an editor has changed the moved article."""
    return bool(move.is_later or move.is_edited)


def _find_moves(context: RevertContext) -> list[Any]:
    """Return the moves of the import that were not reverted yet, by path."""
    move, article = article_moves.c, articles.c
    # The earlier version of a moved file has its old path.
    is_later = sa.or_(
        article.path != move.new_path,
        article.last_import_id != context.target.id,
        is_changed_later(context.target, move.old_path),
    )
    query = (
        sa.select(
            move.article_id, move.old_path, move.new_path, article.path,
            is_later.label("is_later"), is_edited_since(context.changeset_id, article.id).label("is_edited"),
        )
        .join(articles, article.id == move.article_id)
        .where(move.changeset_id == context.changeset_id, article.path != move.old_path)
        .order_by(article.path)
    )  # fmt: skip
    return list(context.connection.execute(query).all())


def _find_blocked(context: RevertContext, moves: Mapping[int, Any]) -> list[int]:
    """Return the ids of articles whose old path belongs to another article, which does not move away."""
    wanted = {move.old_path: key for key, move in moves.items()}
    query = sa.select(articles.c.id, articles.c.path).where(articles.c.source_id == context.target.source_id)
    return [
        wanted[path]
        for paths in chunks(list(wanted))
        for key, path in context.connection.execute(query.where(articles.c.path.in_(paths)))
        if key not in moves
    ]


def _write_paths(context: RevertContext, moves: Mapping[int, Any]) -> None:
    """Write the old paths of articles, and forget the files at their new paths."""
    connection, records = context.connection, context.records
    backend = backend_of(connection)
    temporary = [(key, f"~{key}") for key in moves]  # articles may exchange their paths
    for paths in (temporary, [(key, move.old_path) for key, move in moves.items()]):
        backend.bulk_update(connection, articles, ("id", "path"), paths)
    for key, move in moves.items():
        records.audit.add_move(key, move.new_path, move.old_path)
    new_paths = [move.new_path for move in moves.values()]
    delete_file_states(connection, context.target.source_id, new_paths)
    records.issues.load(connection, new_paths)
    for path in new_paths:
        records.issues.set_open(path, (), keep=())
