"""Random changes of single values of a store, for `test_mutations`. Engines accept each of them."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, NamedTuple

import sqlalchemy as sa

from curation.backends.types import Flag, Instant, Json
from curation.store.schema import metadata

#: The values of columns with few values.
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
    """A changed value: its table, column and primary key, and the old and new value."""

    table: str
    column: str
    key: tuple[Any, ...]
    old: Any
    new: Any


def mutate(
    connection: sa.Connection, rng: random.Random, table_name: str, column_name: str
) -> Mutation | None:
    """Change one value of a column in a random row. Return None if no value can be changed."""
    table = metadata.tables[table_name]
    column, keys = table.c[column_name], list(table.primary_key.columns)
    rows = connection.execute(sa.select(*keys, column.label("value")).order_by(*keys)).all()
    for row in rng.sample(rows, min(len(rows), 8)):
        *key, old = row
        new = _choose_other(connection, rng, column, old)
        if new is None and (old is None or not column.nullable):
            continue
        has_key = sa.and_(*(part == value for part, value in zip(keys, key, strict=True)))
        try:
            with connection.begin_nested():
                connection.execute(sa.update(table).where(has_key).values({column_name: new}))
        except sa.exc.IntegrityError:  # a key that another row has
            continue
        return Mutation(table_name, column_name, tuple(key), old, new)
    return None


def _choose_other(connection: sa.Connection, rng: random.Random, column: sa.Column[Any], old: Any) -> Any:
    """Return another value for a column; None if there is no other."""
    if column.foreign_keys:
        return _choose_reference(connection, rng, column, old)
    if column.name == "id":
        return (connection.scalar(sa.select(sa.func.max(column))) or 0) + 1000
    if words := _WORDS.get((column.table.name, column.name)):
        return rng.choice([word for word in words if word != old])
    return _change_value(column, old)


def _choose_reference(connection: sa.Connection, rng: random.Random, column: sa.Column[Any], old: Any) -> Any:
    [key] = column.foreign_keys
    others = [row_id for row_id in connection.scalars(sa.select(key.column)) if row_id != old]
    if old is not None and column.nullable and rng.random() < 0.3:
        return None
    return rng.choice(others) if others else None


def _change_value(column: sa.Column[Any], old: Any) -> Any:
    if isinstance(column.type, Flag):
        return not old
    if isinstance(column.type, Instant):
        if column.name == "missing_since" and old is not None:
            return None
        return (old or dt.datetime(2024, 1, 1, tzinfo=dt.UTC)) + dt.timedelta(days=1)
    if isinstance(column.type, Json):
        return '{"mutated":1}'
    if isinstance(column.type, sa.LargeBinary):
        data = bytearray(old or bytes(32))
        data[len(data) // 2] ^= 0x55
        return bytes(data)
    if isinstance(column.type, sa.String):
        length = column.type.length
        is_full = old is not None and length is not None and len(old) >= length
        return f"{old[:-1]}{'y' if old[-1] == 'x' else 'x'}" if is_full else f"{old or ''}x"
    return (old or 0) + 1


#: SQL for changes of the full-text index, by engine.
INDEX = {
    "sqlite": {
        "a row deleted": "DELETE FROM article_search WHERE rowid = (SELECT min(rowid) + {} FROM article_search)",
        "a row without an article": "INSERT INTO article_search (rowid, title) VALUES (4711 + {}, 'x')",
        "another text": "UPDATE article_search SET body = 'x' WHERE rowid = (SELECT min(id) + {} FROM articles)",
        "a text deleted": "DELETE FROM article_search_content WHERE id = (SELECT min(id) + {} FROM articles)",
        "another text for the same words": "UPDATE article_search_content SET c0 = 'x'"
        " WHERE id = (SELECT min(id) + {} FROM articles)",
        "a size deleted": "DELETE FROM article_search_docsize WHERE id = (SELECT min(id) + {} FROM articles)",
        "another size": "UPDATE article_search_docsize SET sz = x'0101010101'"
        " WHERE id = (SELECT min(id) + {} FROM articles)",
        "words deleted": "DELETE FROM article_search_data WHERE id ="
        " (SELECT max(id) - 0 * {} FROM article_search_data)",
        "words overwritten": "UPDATE article_search_data SET block = zeroblob(length(block)) WHERE id ="
        " (SELECT max(id) - 0 * {} FROM article_search_data)",
        "another word": "UPDATE article_search_data SET block ="
        " CAST(replace(CAST(block AS TEXT), 'the', 'thq') AS BLOB) WHERE {} >= 0 AND id > 10",
        "the averages": "DELETE FROM article_search_data WHERE id = 1 + 0 * {}",
        "the structure": "DELETE FROM article_search_data WHERE id = 10 + 0 * {}",
        "the paths to words": "DELETE FROM article_search_idx WHERE {} >= 0",
        "the format": "DELETE FROM article_search_config WHERE {} >= 0",
    },
    "postgresql": {
        "a row deleted": "DELETE FROM article_search WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "a row without an article": "INSERT INTO article_search VALUES (4711 + {}, to_tsvector('simple', 'x'))",
        "another text": "UPDATE article_search SET words = to_tsvector('simple', 'x')"
        " WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "a word deleted": "UPDATE article_search SET words = ts_delete(words, (tsvector_to_array(words))[1])"
        " WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "weights": "UPDATE article_search SET words = setweight(words, 'D')"
        " WHERE article_id = (SELECT min(id) + {} FROM articles)",
        "another article id": "UPDATE article_search SET article_id = 4711 + {0} - {0}"
        " WHERE article_id = (SELECT min(id) + {0} FROM articles)",
    },
}
