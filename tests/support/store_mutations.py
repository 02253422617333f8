"""Random changes of single values of a store, for `test_mutations`: each such as an engine would take."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, NamedTuple

import sqlalchemy as sa

from curation.backends.types import Flag, Instant, Json
from curation.store.schema import metadata

#: What columns of few values may hold.
_WORDS: dict[tuple[str, str], tuple[str | None, ...]] = {
    ("source_settings", "origin"): ("given", "read"),
    ("imports", "status"): ("running", "succeeded", "partial", "failed", "reverted"),
    ("import_issues", "severity"): ("error", "warning", "notice"),
    ("files", "state"): ("imported", "skipped", "quarantined"),
    ("taxonomy_documents", "kind"): ("organization", "topic"),
    ("changesets", "kind"): ("edit", "import", "revert", "score"),
    ("articles", "upstream_status"): (None, "draft", "scheduled"),
    **{
        (table, "field"): ("quality", "heat", "published", "removed")
        for table in ("overrides", "set_aside_overrides", "changes")
    },
}

COLUMNS = [(table.name, column.name) for table in metadata.sorted_tables for column in table.c]


class Mutation(NamedTuple):
    """A value that was changed: where, in which row (by its key), and from what to what."""

    table: str
    column: str
    key: tuple[Any, ...]
    was: Any
    becomes: Any


def mutate(connection: sa.Connection, chance: random.Random, name: str, column_name: str) -> Mutation | None:
    """Change one value of a column in a random row; None where the column has none to change."""
    table = metadata.tables[name]
    column, keys = table.c[column_name], list(table.primary_key.columns)
    rows = connection.execute(sa.select(*keys, column.label("value")).order_by(*keys)).all()
    for row in chance.sample(rows, min(len(rows), 8)):
        *key, was = row
        becomes = _other(connection, chance, column, was)
        if becomes is None and (was is None or not column.nullable):
            continue
        mine = sa.and_(*(part == value for part, value in zip(keys, key, strict=True)))
        try:
            with connection.begin_nested():
                connection.execute(sa.update(table).where(mine).values({column_name: becomes}))
        except sa.exc.IntegrityError:  # a key that another row has
            continue
        return Mutation(name, column_name, tuple(key), was, becomes)
    return None


def _other(connection: sa.Connection, chance: random.Random, column: sa.Column[Any], was: Any) -> Any:
    """Another value for a column; None where there is no other."""
    if column.foreign_keys:
        return _other_reference(connection, chance, column, was)
    if column.name == "id":
        return (connection.scalar(sa.select(sa.func.max(column))) or 0) + 1000
    if words := _WORDS.get((column.table.name, column.name)):
        return chance.choice([word for word in words if word != was])
    return _other_value(column, was)


def _other_reference(
    connection: sa.Connection, chance: random.Random, column: sa.Column[Any], was: Any
) -> Any:
    [key] = column.foreign_keys
    others = [row_id for row_id in connection.scalars(sa.select(key.column)) if row_id != was]
    if was is not None and column.nullable and chance.random() < 0.3:
        return None
    return chance.choice(others) if others else None


def _other_value(column: sa.Column[Any], was: Any) -> Any:
    if isinstance(column.type, Flag):
        return not was
    if isinstance(column.type, Instant):
        if column.name == "missing_since" and was is not None:
            return None
        return (was or dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) + dt.timedelta(days=1)
    if isinstance(column.type, Json):
        return '{"mutated":1}'
    if isinstance(column.type, sa.LargeBinary):
        data = bytearray(was or bytes(32))
        data[len(data) // 2] ^= 0x55
        return bytes(data)
    if isinstance(column.type, sa.String):
        length = column.type.length
        is_full = was is not None and length is not None and len(was) >= length
        return f"{was[:-1]}{'y' if was[-1] == 'x' else 'x'}" if is_full else f"{was or ''}x"
    return (was or 0) + 1


#: Changes of the full-text index, by engine: SQL.
INDEX = {
    "sqlite": {
        "a row deleted": "DELETE FROM article_search WHERE rowid = (SELECT min(rowid) + {} FROM article_search)",
        "a row of no article": "INSERT INTO article_search (rowid, title) VALUES (4711 + {}, 'x')",
        "another text": "UPDATE article_search SET body = 'x' WHERE rowid = (SELECT min(id) + {} FROM articles)",
        "a text deleted": "DELETE FROM article_search_content WHERE id = (SELECT min(id) + {} FROM articles)",
        "another text of old words": "UPDATE article_search_content SET c0 = 'x'"
        " WHERE id = (SELECT min(id) + {} FROM articles)",
        "a size deleted": "DELETE FROM article_search_docsize WHERE id = (SELECT min(id) + {} FROM articles)",
        "another size": "UPDATE article_search_docsize SET sz = x'0101010101'"
        " WHERE id = (SELECT min(id) + {} FROM articles)",
        "words deleted": "DELETE FROM article_search_data WHERE id ="
        " (SELECT max(id) - 0 * {} FROM article_search_data)",
        "words overwritten": "UPDATE article_search_data SET block = zeroblob(length(block)) WHERE id ="
        " (SELECT max(id) - 0 * {} FROM article_search_data)",
        "a word for another": "UPDATE article_search_data SET block ="
        " CAST(replace(CAST(block AS TEXT), 'the', 'thq') AS BLOB) WHERE {} >= 0 AND id > 10",
        "the averages": "DELETE FROM article_search_data WHERE id = 1 + 0 * {}",
        "the structure": "DELETE FROM article_search_data WHERE id = 10 + 0 * {}",
        "the ways to words": "DELETE FROM article_search_idx WHERE {} >= 0",
        "the format": "DELETE FROM article_search_config WHERE {} >= 0",
    },
    "postgresql": {
        "a row deleted": "DELETE FROM article_search WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "a row of no article": "INSERT INTO article_search VALUES (4711 + {}, to_tsvector('simple', 'x'))",
        "another text": "UPDATE article_search SET words = to_tsvector('simple', 'x')"
        " WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "a word deleted": "UPDATE article_search SET words = ts_delete(words, (tsvector_to_array(words))[1])"
        " WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "weights": "UPDATE article_search SET words = setweight(words, 'D')"
        " WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "a row for another": "UPDATE article_search SET article_id = 4711 + {0} - {0}"
        " WHERE article_id = (SELECT min(id) + {0} FROM articles)",
    },
}
