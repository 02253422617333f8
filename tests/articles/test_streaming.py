"""Lists of articles, changes and issues are streamed: their memory does not depend on their length."""

from __future__ import annotations

import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import pytest
import sqlalchemy as sa

from curation.articles.history import HistoryFilters, list_changes, list_changesets
from curation.articles.listing import list_articles
from curation.articles.selecting import Filters
from curation.articles.status import list_issues, list_skipped
from curation.store.database import Store
from curation.store.schema import metadata

from ..support.stores import ON_POSTGRESQL

COUNT = 15_000
ARTICLE = "id source_id path collection slug title published removed upstream_published upstream_removed"
AT = "2024-01-01 00:00:00"

LISTS: dict[str, Callable[[sa.Connection], Iterable[object]]] = {
    "articles": lambda c: list_articles(c, Filters()).rows,
    "changesets": lambda c: list_changesets(c, HistoryFilters()).rows,
    "changes": lambda c: list_changes(c, HistoryFilters()).rows,
    "changes and moves": lambda c: list_changes(c, HistoryFilters(kind=["import", "edit"])).rows,
    "issues": lambda c: list_issues(c).rows,
    "skipped files": lambda c: list_skipped(c).rows,
}


def fill(store: Store) -> None:
    tables: dict[str, tuple[str, Iterable[tuple[object, ...]]]] = {
        "sources": ("id name location", [(1, "s", "/s")]),
        "imports": ("id source_id started_at status location", [(1, 1, AT, "succeeded", "/s")]),
        "articles": (
            f"{ARTICLE} content_hash first_import_id last_import_id extra body",
            ((n, 1, f"_news/{n}.md", "news", str(n), f"{n:0200}", True, False, True, False, "x", 1, 1, "{}", "")
             for n in range(1, COUNT + 1)),
        ),
        "changesets": ("id created_at kind actor reason", ((n, AT, "edit", "ann", f"{n:0200}") for n in range(1, COUNT + 1))),
        "changes": ("id changeset_id article_id field new_value", ((n, n, n, "heat", n) for n in range(1, COUNT + 1))),
        "article_moves": ("changeset_id article_id old_path new_path", ((n, n, f"{n:0200}", "x") for n in range(1, 50))),
        "import_issues": (
            "id source_id import_id severity code path message",
            ((n, 1, 1, "warning", "x", f"_news/{n}.md", f"{n:0200}") for n in range(1, COUNT + 1)),
        ),
        "files": ("source_id path state", ((1, f"{n:0200}.md", "skipped") for n in range(1, COUNT + 1))),
    }  # fmt: skip
    with store.writing() as connection:
        for name, (columns, rows) in tables.items():
            known = metadata.tables[name].columns.keys()
            assert set(columns.split()) <= set(known), (name, known)
            store.backend.bulk_insert(connection, metadata.tables[name], columns.split(), list(rows))


@pytest.mark.slow
def test_lists_are_read_as_they_are_printed(store: Store) -> None:
    fill(store)
    peaks = {}
    for name, rows in LISTS.items():
        with store.reading() as connection:
            next(iter(rows(connection)))  # fills caches that are loaded only once
            tracemalloc.start()
            deque(rows(connection), maxlen=0)
            peaks[name] = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
    assert {name: peak for name, peak in peaks.items() if peak > 2_000_000} == {}


@ON_POSTGRESQL
def test_no_list_searches_a_table_once_for_each_row(store: Store) -> None:
    fill(store)
    plans = []
    with store.reading() as connection:

        def explain(_: sa.Connection, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
            if statement.startswith("SELECT"):
                plan = cursor.connection.execute(f"EXPLAIN {statement}", parameters)
                plans.append("\n".join(line for (line,) in plan))

        sa.event.listen(connection, "before_cursor_execute", explain)
        for rows in LISTS.values():
            deque(rows(connection), maxlen=0)
    assert len(plans) >= len(LISTS)
    of_each_row = [plan.partition("SubPlan")[2] for plan in plans]
    assert [plan for plan in of_each_row if "Seq Scan" in plan or "Scan Backward" in plan] == []


@pytest.mark.parametrize("limit", [1, 60, None])
def test_changes_and_moves_are_in_one_order(store: Store, limit: int | None) -> None:
    fill(store)
    with store.reading() as connection:
        changeset_ids = [row[0] for row in list_changes(connection, HistoryFilters(), limit=limit).rows]
        assert changeset_ids == sorted(changeset_ids, reverse=True)
        assert len(changeset_ids) == (limit or COUNT + 49)
        one = [tuple(row)[6] for row in list_changes(connection, HistoryFilters(), 7).rows]
        assert one == ["heat", "path"]
