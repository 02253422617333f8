"""Times bulk decisions beside the same in hand-written SQL: `python -m tests.bench_edit FOLDER [DATABASE]`.

FOLDER is a dump that is imported first. Each round decides all articles, and takes it back; then does both by
the fewest statements that write the same rows (changes, overrides, effective values) into the same tables.
Prints one JSON line: medians in seconds and of the ratios, round by round. No test: only figures of one run
compare.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa

from curation import migrate
from curation.database import Store
from curation.editing.flags import set_flags
from curation.editing.undo import revert_changeset
from curation.selecting import Filters, Selection

from .taking import import_folder

#: Sets the quality of all articles, as hand-written SQL would.
SET = """
INSERT INTO changesets (id, kind, actor, created_at) VALUES (:id, 'edit', 'hand', '2026-01-01 00:00:00');
INSERT INTO changes (changeset_id, article_id, field, old_value, new_value, old_override, new_override,
    old_decision_id, new_decision_id)
  SELECT :id, a.id, 'quality', a.quality, :value, o.value, :value, o.changeset_id, :id
  FROM articles a LEFT JOIN overrides o ON o.article_id = a.id AND o.field = 'quality';
INSERT INTO overrides (article_id, field, value, changeset_id)
  SELECT id, 'quality', :value, :id FROM articles WHERE true
  ON CONFLICT (article_id, field) DO UPDATE SET value = excluded.value, changeset_id = excluded.changeset_id;
UPDATE articles SET quality = :value"""

#: Takes it back.
REVERT = """
INSERT INTO changesets (id, kind, actor, created_at, reverts_id)
  VALUES (:id, 'revert', 'hand', '2026-01-01 00:00:00', :reverts);
INSERT INTO changes (changeset_id, article_id, field, old_value, new_value, old_override, old_decision_id)
  SELECT :id, article_id, field, new_value, old_value, new_override, new_decision_id
  FROM changes WHERE changeset_id = :reverts;
DELETE FROM overrides
  WHERE field = 'quality' AND article_id IN (SELECT article_id FROM changes WHERE changeset_id = :reverts);
UPDATE articles SET quality = c.old_value
  FROM changes c WHERE c.changeset_id = :reverts AND c.article_id = articles.id"""


def by_hand(store: Store, statements: str, **values: int) -> None:
    with store.writing() as connection:
        for statement in statements.split(";"):
            wanted = {name: value for name, value in values.items() if f":{name}" in statement}
            connection.execute(sa.text(statement), wanted)


def seconds(do: Callable[[], object]) -> float:
    began = time.perf_counter()
    do()
    return time.perf_counter() - began


def measure(store: Store, rounds: int = 5) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"set": [], "set by hand": [], "revert": [], "revert by hand": []}
    made = 0

    def decide() -> None:
        nonlocal made
        with store.writing() as connection:
            everything = Selection((), Filters(source=("bench",)))
            edit = set_flags(connection, everything, {"quality": 41 + number}, actor="bench", reason=None)
            made = edit.changeset_id or 0

    def take_back() -> None:
        with store.writing() as connection:
            revert_changeset(connection, made, actor="bench")

    for number in range(rounds):
        found["set"].append(seconds(decide))
        found["revert"].append(seconds(take_back))
        first = 10_000 * (number + 1)
        values = {"id": first, "value": 41 + number}
        found["set by hand"].append(seconds(lambda values=values: by_hand(store, SET, **values)))
        undo = {"id": first + 1, "reverts": first}
        found["revert by hand"].append(seconds(lambda undo=undo: by_hand(store, REVERT, **undo)))
    return found


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = Store(sys.argv[2] if len(sys.argv) > 2 else f"{folder}/bench.db")
        migrate.upgrade(store)
        import_folder(store, Path(sys.argv[1]), source="bench", jobs=None)
        found = measure(store)
    told: dict[str, float] = {what: round(statistics.median(times), 3) for what, times in found.items()}
    for what in ("set", "revert"):
        ratios = (ours / theirs for ours, theirs in zip(found[what], found[f"{what} by hand"], strict=True))
        told[f"{what}, ratio"] = round(statistics.median(ratios), 2)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
