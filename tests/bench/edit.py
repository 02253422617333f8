"""Measure bulk edits and the same in hand-written SQL: `python -m tests.bench.edit FOLDER [DATABASE]`.

FOLDER is a dump that is imported first. Each round edits all articles and reverts that. Then it does both
with the fewest statements that write the same rows (changes, overrides, effective values) to the same tables.

It prints a JSON line for each flag: median seconds, and medians of the ratios of each round. This is not a
test, because only figures of one run can be compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from curation.articles.selecting import Filters, Selection
from curation.editing.flags import set_flags
from curation.editing.reverting import revert_changeset
from curation.store import migrate
from curation.store.database import Store

from ..support.importing_helpers import import_folder

#: Statements that set a flag of all articles. For published and removed, which affect each other, they assume
#: that there are no overrides before.
SET = """
INSERT INTO changesets (id, kind, actor, created_at) VALUES (:id, 'edit', 'hand', '2026-01-01 00:00:00');
INSERT INTO changes (changeset_id, article_id, field, old_value, new_value, old_override, new_override,
    old_decision_id, new_decision_id)
  SELECT :id, a.id, '{flag}', {number}, :value, o.value, :value, o.changeset_id, :id
  FROM articles a LEFT JOIN overrides o ON o.article_id = a.id AND o.field = '{flag}';
INSERT INTO overrides (article_id, field, value, changeset_id)
  SELECT id, '{flag}', :value, :id FROM articles WHERE true
  ON CONFLICT (article_id, field) DO UPDATE SET value = excluded.value, changeset_id = excluded.changeset_id;
UPDATE articles SET {flag} = {new}"""

#: Statements that revert it.
REVERT = """
INSERT INTO changesets (id, kind, actor, created_at, reverts_id)
  VALUES (:id, 'revert', 'hand', '2026-01-01 00:00:00', :reverts);
INSERT INTO changes (changeset_id, article_id, field, old_value, new_value, old_override, old_decision_id)
  SELECT :id, article_id, field, new_value, old_value, new_override, new_decision_id
  FROM changes WHERE changeset_id = :reverts;
DELETE FROM overrides
  WHERE field = '{flag}' AND article_id IN (SELECT article_id FROM changes WHERE changeset_id = :reverts);
UPDATE articles SET {flag} = {old}
  FROM changes c WHERE c.changeset_id = :reverts AND c.article_id = articles.id AND c.field = '{flag}'"""

#: Statements for published, which changes with removed, and their reversal.
VETO = """
INSERT INTO changes (changeset_id, article_id, field, old_value, new_value)
  SELECT :id, a.id, 'published', 1, 0 FROM articles a WHERE a.published;
UPDATE articles SET published = (1 = 0) WHERE published"""
UNVETO = """
UPDATE articles SET published = (c.old_value = 1)
  FROM changes c WHERE c.changeset_id = :reverts AND c.article_id = articles.id AND c.field = 'published'"""


def build_statements(flag: str) -> tuple[str, str]:
    """Return the statements that set a flag, and those that revert it."""
    if flag == "quality":
        words = {"flag": flag, "number": "a.quality", "new": ":value", "old": "c.old_value"}
        return SET.format(**words), REVERT.format(**words)
    number = f"CASE WHEN a.{flag} THEN 1 ELSE 0 END"
    words = {"flag": flag, "number": number, "new": "(:value = 1)", "old": "(c.old_value = 1)"}
    also, back = (f";{VETO}", f";{UNVETO}") if flag == "removed" else ("", "")
    return SET.format(**words) + also, REVERT.format(**words) + back


def run_by_hand(store: Store, statements: str, **values: int) -> None:
    with store.writing() as connection:
        for statement in statements.split(";"):
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(sa.text(statement), wanted)


def seconds(store: Store, action: Callable[[], object]) -> float:
    if store.backend.name == "postgresql":  # autovacuum would have done this, given time
        with store.writing() as connection:
            connection.execute(sa.text("ANALYZE articles, overrides, changes"))
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def measure(store: Store, flag: str, rounds: int = 3) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"set": [], "set by hand": [], "revert": [], "revert by hand": []}
    changeset_id, (by_set, by_revert) = 0, build_statements(flag)

    def edit_all() -> None:
        nonlocal changeset_id
        with store.writing() as connection:
            everything = Selection((), Filters(source=("bench",)))
            edit = set_flags(connection, everything, {flag: value}, actor="bench", reason=None)
            changeset_id = edit.changeset_id or 0

    def revert() -> None:
        with store.writing() as connection:
            revert_changeset(connection, changeset_id, actor="bench")

    for number in range(rounds):
        value = {"quality": 41 + number, "published": 0, "removed": 1}[flag]
        found["set"].append(seconds(store, edit_all))
        found["revert"].append(seconds(store, revert))
        with store.reading() as connection:
            first = (connection.scalar(sa.text("SELECT max(id) FROM changesets")) or 0) + 10_000
        values = {"id": first, "value": value}
        found["set by hand"].append(seconds(store, partial(run_by_hand, store, by_set, **values)))
        parameters = {"id": first + 1, "reverts": first}
        found["revert by hand"].append(seconds(store, partial(run_by_hand, store, by_revert, **parameters)))
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(sys.argv[2] if len(sys.argv) > 2 else f"{folder}/bench.db")
        migrate.upgrade(store)
        import_folder(store, Path(sys.argv[1]), source="bench", jobs=None)
        for flag in ("quality", "published", "removed"):
            print_result(flag, measure(store, flag))


def print_result(flag: str, found: dict[str, list[float]]) -> None:
    result: dict[str, float | str] = {"flag": flag}
    result |= {what: round(statistics.median(times), 3) for what, times in found.items()}
    for what in ("set", "revert"):
        ratios = (ours / theirs for ours, theirs in zip(found[what], found[f"{what} by hand"], strict=True))
        result[f"{what}, ratio"] = round(statistics.median(ratios), 2)
    print(json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
