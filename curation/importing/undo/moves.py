"""Give articles that an import moved their old paths back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...store.schema import article_moves, articles
from ..records.files import delete_file_states
from .context import UndoContext
from .limits import TAKEN, changed_later, decided_since


def move_back(context: UndoContext) -> tuple[set[str], set[int]]:
    """Move articles back to their old paths.

    Returns:
        The old paths of the articles that stay where they are, and the ids of the articles that moved back.
    """
    moves = _find_moves(context)
    free = {move.article_id: move for move in moves if not (move.is_later or move.is_decided)}
    while blocked := _find_blocked(context, free):
        for article_id in blocked:
            context.keep(free.pop(article_id).path, TAKEN)
    context.free_rows([move for move in moves if move.is_later or move.is_decided])
    _write_paths(context, free)
    return {move.old_path for move in moves if move.article_id not in free}, set(free)


def _find_moves(context: UndoContext) -> list[Any]:
    """Return the moves of the import that were not reverted yet, by path."""
    move, article = article_moves.c, articles.c
    # Earlier versions of a file are kept under the path that it had: the old one.
    is_later = sa.or_(
        article.path != move.new_path,
        article.last_import_id != context.undoing.id,
        changed_later(context.undoing, move.old_path),
    )
    query = (
        sa.select(
            move.article_id, move.old_path, move.new_path, article.path,
            is_later.label("is_later"), decided_since(context.changeset_id, article.id).label("is_decided"),
        )
        .join(articles, article.id == move.article_id)
        .where(move.changeset_id == context.changeset_id, article.path != move.old_path)
        .order_by(article.path)
    )  # fmt: skip
    return list(context.connection.execute(query).all())


def _find_blocked(context: UndoContext, free: Mapping[int, Any]) -> list[int]:
    """Return the articles whose old path belongs to another article that does not move away."""
    wanted = {move.old_path: key for key, move in free.items()}
    query = sa.select(articles.c.id, articles.c.path).where(articles.c.source_id == context.undoing.source_id)
    return [
        wanted[path]
        for paths in chunks(list(wanted))
        for key, path in context.connection.execute(query.where(articles.c.path.in_(paths)))
        if key not in free
    ]


def _write_paths(context: UndoContext, free: Mapping[int, Any]) -> None:
    """Write the old paths. Temporary paths come first, because articles may exchange theirs."""
    connection, records = context.connection, context.records
    backend = backend_of(connection)
    temporary = [(key, f"~{key}") for key in free]
    for paths in (temporary, [(key, move.old_path) for key, move in free.items()]):
        backend.bulk_update(connection, articles, ("id", "path"), paths)
    for key, move in free.items():
        records.audit.add_move(key, move.new_path, move.old_path)
    new_paths = [move.new_path for move in free.values()]
    delete_file_states(connection, context.undoing.source_id, new_paths)
    records.issues.load(connection, new_paths)
    for path in new_paths:
        records.issues.set_open(path, (), keep=())
