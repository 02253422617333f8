"""Reports and ad-hoc SQL, on every engine: correct numbers, and read-only access."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import SupportsFloat

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.backends.queries import MAX_VALUE, Query
from curation.errors import QueryRefused
from curation.queries.reports import find_report, find_reports, make_report_query, run_query
from curation.store.database import Store

from ..support.site_documents import front_matters
from ..support.store_digest import digests


@pytest.fixture
def filled(imported: Store) -> Store:
    return imported


def answer(store: Store, query: Query) -> list[dict[str, object]]:
    with run_query(store, query) as found:
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def report(store: Store, name: str, **parameters: str) -> list[dict[str, object]]:
    return answer(store, make_report_query(find_report(name), parameters, 10.0))


def as_number(value: object) -> float:
    assert isinstance(value, SupportsFloat)
    return float(value)


def is_published(fm: dict[str, object]) -> bool:
    return fm.get("published") is not False and fm.get("removed") is not True


def test_every_report_has_a_description_and_runs(filled: Store) -> None:
    reports = find_reports()
    assert {"review", "providers", "topics"} <= {r.name for r in reports}
    for found in reports:
        assert found.title
        assert found.purpose
        report(filled, found.name)


def test_the_numbers_of_topics(filled: Store) -> None:
    groups: dict[str, list[dict[str, object]]] = defaultdict(list)
    for fm in front_matters().values():
        topics = fm.get("topics") or []
        assert isinstance(topics, list)
        for topic in {t for t in topics if t}:
            groups[topic].append(fm)
    found = {row["topic"]: row for row in report(filled, "topics")}
    assert set(found) == set(groups)
    for topic, articles in groups.items():
        published = sum(map(is_published, articles))
        assert (found[topic]["articles"], found[topic]["published"]) == (len(articles), published)
        qualities = [as_number(fm["quality"]) for fm in articles if "quality" in fm]
        mean = as_number(found[topic]["mean_quality"])
        assert mean == pytest.approx(statistics.mean(qualities), abs=0.051)


def test_the_numbers_of_providers(filled: Store) -> None:
    groups: dict[tuple[object, object], list[dict[str, object]]] = defaultdict(list)
    for fm in front_matters().values():
        if isinstance(provider := fm.get("provider"), dict):
            groups[provider["name"], provider["domain"]].append(fm)
    found = {(row["provider"], row["domain"]): row for row in report(filled, "providers", limit="1000")}
    assert set(found) == set(groups)
    for key, articles in groups.items():
        published = sum(map(is_published, articles))
        assert (found[key]["articles"], found[key]["published"]) == (len(articles), published)
        share = as_number(found[key]["share_published"])
        assert share == pytest.approx(100 * published / len(articles), abs=0.051)
    assert len(report(filled, "providers", minimum="4")) == sum(len(a) >= 4 for a in groups.values())


def test_articles_that_wait_for_review(filled: Store, curation: Callable[..., Result]) -> None:
    waiting = report(filled, "review", limit="1000")
    good = {
        p
        for p, fm in front_matters().items()
        if not is_published(fm) and as_number(fm.get("quality") or 0) >= 60
    }
    good = {
        p
        for p in good
        if front_matters()[p].get("heat") != -1 and front_matters()[p].get("removed") is not True
    }
    assert {row["path"] for row in waiting if row["why"] == "good, but not published"} == good
    without_quality = {
        p for p, fm in front_matters().items() if is_published(fm) and fm.get("quality") is None
    }
    assert {row["path"] for row in waiting if row["why"] == "published, never judged"} == without_quality
    count = len(waiting)
    for command in ("publish", "unpublish", "keep"):
        curation(command, waiting.pop(0)["path"])
        count -= 1
        assert [row["path"] for row in report(filled, "review", limit="1000")] == [
            row["path"] for row in waiting
        ]
    assert count == len(waiting) > 20


def test_unknown_names_and_parameters_are_refused(filled: Store) -> None:
    with pytest.raises(QueryRefused, match="there are activity, clusters"):
        find_report("nothing")
    with pytest.raises(QueryRefused, match="no parameter of topics 'x': there are parent, limit"):
        report(filled, "topics", x="1")
    with pytest.raises(QueryRefused, match="integer expected"):
        report(filled, "topics", limit="many")


def test_sql_parameters_are_replaced_by_name(filled: Store) -> None:
    sql = "SELECT id, ':no' AS kept, '%' AS sign FROM articles WHERE heat > :heat AND title LIKE :like -- :not this"
    found = answer(filled, Query(sql, {"heat": "100", "like": "Needle%"}))
    assert [(row["kept"], row["sign"]) for row in found] == [(":no", "%")]


def test_instants_have_the_same_form_on_every_engine(filled: Store) -> None:
    sql = "SELECT published_at FROM articles WHERE path = '_news/2023-03-01-storm-agatha-meets-the-breakwater.md'"
    assert answer(filled, Query(sql, {})) == [{"published_at": "2023-03-01 14:00:00"}]


def test_flags_and_letters_mean_the_same_on_every_engine(filled: Store) -> None:
    shown = answer(filled, Query("SELECT published FROM articles ORDER BY path LIMIT 20", {}))
    assert {type(row["published"]) for row in shown} == {int}
    assert {row["published"] for row in shown} == {0, 1}
    like = "SELECT count(*) AS n FROM articles WHERE collection LIKE :c"
    assert answer(filled, Query(like, {"c": "news"})) != [{"n": 0}]
    assert answer(filled, Query(like, {"c": "NEWS"})) == [{"n": 0}]


def test_limit_and_timeout(filled: Store) -> None:
    assert len(answer(filled, Query("SELECT id FROM articles", {}, limit=3))) == 3
    endless = "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t) SELECT count(*) FROM t"
    with pytest.raises(QueryRefused, match=r"longer than 0\.3 s"):
        answer(filled, Query(endless, {}, timeout=0.3))


WRITES = [
    "INSERT INTO sources(name, location) VALUES ('x', 'y')",
    "UPDATE articles SET heat = 0",
    "DELETE FROM articles",
    "DROP TABLE changes",
    "CREATE TABLE x(id integer)",
    "CREATE TEMPORARY TABLE x(id integer)",
    "SELECT 1; DELETE FROM changes",
    "COMMIT; DELETE FROM changes",
    "WITH gone AS (DELETE FROM changes RETURNING id) SELECT * FROM gone",
    "ALTER TABLE articles ADD COLUMN x integer",
    "VACUUM",
]


@pytest.mark.parametrize("sql", WRITES)
def test_sql_changes_nothing(filled: Store, sql: str) -> None:
    before = digests(filled)
    with pytest.raises(QueryRefused):
        answer(filled, Query(sql, {}))
    assert digests(filled) == before


ESCAPES = [
    "ATTACH DATABASE '{0}' AS other",
    "ATTACH DATABASE '{0}/new.db' AS other",
    "VACUUM INTO '{0}/copy.db'",
    "PRAGMA writable_schema = ON",
    "PRAGMA query_only = OFF",
    "PRAGMA table_info(articles)",
    "SELECT load_extension('{0}/x.so')",
    "SELECT writefile('{0}/x', 'y')",
    "SELECT readfile('/etc/passwd')",
    "SELECT fts3_tokenizer('x', 'y')",
    "SELECT content FROM documents",
    "SELECT count(*) FROM documents",
    "SELECT d.content FROM articles a JOIN documents d ON d.article_id = a.id",
    "SELECT * FROM (SELECT article_id FROM documents)",
    "SELECT content FROM taxonomy_documents",
    "BEGIN IMMEDIATE",
    "",
    "DETACH DATABASE main",
    "EXPLAIN DELETE FROM articles; SELECT 1",
]


@pytest.mark.parametrize("sql", ESCAPES)
def test_sqlite_refuses_escapes(tmp_path: Path, sql: str) -> None:
    from curation.store import migrate

    store = Store(str(tmp_path / "store.db"))
    migrate.upgrade(store)
    before = sorted(tmp_path.iterdir())
    with pytest.raises(QueryRefused):
        answer(store, Query(sql.format(tmp_path), {}))
    assert sorted(tmp_path.iterdir()) == before


def test_sqlite_builds_no_giant_values(tmp_path: Path) -> None:
    from curation.store import migrate

    store = Store(str(tmp_path / "store.db"))
    migrate.upgrade(store)
    doubled = "replace(hex(printf('%3000000d', 1)), '0', '0123456789')"
    with pytest.raises(QueryRefused, match="too big"):
        answer(store, Query(f"SELECT {doubled}", {}))
    assert MAX_VALUE < 20_000_000


def test_postgresql_runs_only_what_a_cursor_can_run(postgresql_url: str, postgresql_template: str) -> None:
    store = Store(f"{postgresql_url}/{postgresql_template}")
    for sql in (
        "COPY articles TO '/tmp/x'",
        "COPY articles TO PROGRAM 'id'",
        "SET ROLE curation",
        "SET TRANSACTION READ WRITE",
        "DO $$ BEGIN DELETE FROM changes; END $$",
        "CALL x()",
        "LISTEN x",
        "SELECT nextval('articles_id_seq')",
        "SELECT lo_creat(-1)",
        "SELECT 1 INTO x",
        "SELECT * FROM articles FOR UPDATE",
    ):
        with pytest.raises(QueryRefused):
            answer(store, Query(sql, {}))


def test_postgresql_reports_unsafe_privileges(postgresql_url: str, postgresql_template: str) -> None:
    owner = Store(f"{postgresql_url}/{postgresql_template}")
    assert "superuser" in (owner.backend.describe_unsafe_privileges() or "")
    with owner.writing() as connection:
        connection.execute(sa.text("DROP ROLE IF EXISTS reader"))
        connection.execute(sa.text("CREATE ROLE reader LOGIN"))
        connection.execute(sa.text("GRANT SELECT ON articles, curation_version TO reader"))
    try:
        reader = Store(f"{postgresql_url}/{postgresql_template}".replace("curation@", "reader@"))
        assert reader.backend.describe_unsafe_privileges() is None
        assert answer(reader, Query("SELECT count(*) AS n FROM articles", {})) == [{"n": 0}]
        with pytest.raises(QueryRefused, match="documents cannot be queried"):
            answer(reader, Query("SELECT content FROM documents", {}))
    finally:
        with owner.writing() as connection:
            connection.execute(sa.text("DROP OWNED BY reader"))
            connection.execute(sa.text("DROP ROLE reader"))
