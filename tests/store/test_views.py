"""The views on every engine: their descriptions, and their figures compared with the files."""

from __future__ import annotations

import datetime as dt
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import yaml
from click.testing import Result

from curation.store import migrate
from curation.store.database import PACKAGE, Store
from curation.store.descriptions import find_views

from ..support.importing_helpers import import_folder
from ..support.rejoined_documents import parsed
from ..support.views_helpers import moment

CONTRACT = {
    "article_overview", "published_articles", "review_queue", "provider_stats", "topic_stats", "monthly_stats",
    "related_graph", "duplicate_stories", "image_usage", "editor_activity", "flag_history", "import_history",
    "open_issues",
}  # fmt: skip

#: A document's path and its front matter.
Documents = dict[str, dict[str, Any]]


@pytest.fixture(scope="module")
def documents(root: Path) -> Documents:
    files = [
        f
        for f in root.glob("_*/**/*")
        if f.suffix in (".md", ".html") and f.relative_to(root).parts[0] != "_data"
    ]
    return {str(f.relative_to(root)): parsed(f) for f in files}


@pytest.fixture
def filled(store: Store, root: Path) -> Store:
    import_folder(store, root, source="dump")
    return store


def view(store: Store, name: str, more: str = "") -> list[dict[str, Any]]:
    with store.reading() as connection:
        return [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {name} {more}")).mappings()]


def is_published(fm: dict[str, Any]) -> bool:
    return fm.get("published") is not False and fm.get("removed") is not True


def mean(values: list[int]) -> object:
    return pytest.approx(statistics.mean(values)) if values else None


def figures(fms: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the figures of some articles together."""
    shown = sum(map(is_published, fms))
    return {
        "articles": len(fms),
        "published": shown,
        "share_published": pytest.approx(shown / len(fms)),
        "mean_quality": mean([fm["quality"] for fm in fms if fm.get("quality") is not None]),
        "mean_heat": mean([fm["heat"] for fm in fms if fm.get("heat") is not None]),
    }


# --- descriptions ----------------------------------------------------------------------------------------


def test_every_view_of_the_contract_and_its_columns_have_descriptions(store: Store) -> None:
    described = {view.name: view for view in find_views()}
    assert described.keys() == CONTRACT
    with store.reading() as connection:
        inspector = sa.inspect(connection)
        assert set(inspector.get_view_names()) == CONTRACT
        for name, found in described.items():
            assert [c["name"] for c in inspector.get_columns(name)] == list(found.columns), name
            assert found.purpose.endswith("."), name
            assert all(found.columns.values()), name


def test_postgresql_has_the_descriptions_as_comments(postgresql_url: str, postgresql_template: str) -> None:
    store = Store(f"{postgresql_url}/{postgresql_template}")
    query = sa.text(
        "SELECT col_description('review_queue'::regclass, 1), obj_description('review_queue'::regclass)"
    )
    with store.reading() as connection:
        first, whole = connection.execute(query).one()
    store.engine.dispose()
    described = {view.name: view for view in find_views()}["review_queue"]
    assert (first, whole) == (described.columns["id"], described.purpose)


#: What each engine stores of the texts of views.
STORED_TEXTS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'view'",
    "postgresql": "SELECT concat_ws('.', c.relname, a.attname), d.description FROM pg_class c"
    " JOIN pg_description d ON d.objoid = c.oid AND d.classoid = 'pg_class'::regclass"
    " LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = d.objsubid AND d.objsubid > 0"
    " WHERE c.relkind = 'v'",
}


def stored_texts(store: Store) -> dict[str, str]:
    """Return the comments of views and columns on PostgreSQL, and the statements of views on SQLite."""
    with store.reading() as connection:
        query = sa.text(STORED_TEXTS[connection.dialect.name])
        return {row[0]: row[1] for row in connection.execute(query)}


def test_each_revision_has_its_texts_of_views(store: Store) -> None:
    newest = stored_texts(store)
    assert len(newest) >= len(CONTRACT)
    migrate.downgrade(store, "0029")
    earlier = stored_texts(store)
    assert earlier.keys() | {"review_queue.flag"} >= newest.keys() >= earlier.keys()
    assert earlier != newest
    migrate.downgrade(store, "0011")
    migrate.upgrade(store, "0029")
    assert stored_texts(store) == earlier
    migrate.upgrade(store)
    assert stored_texts(store) == newest


def test_views_of_users_that_depend_on_ours_stay(store: Store) -> None:
    migrate.downgrade(store, "0029")
    with store.writing() as connection:
        connection.execute(sa.text("CREATE VIEW mine AS SELECT path FROM open_issues"))
    for change, revision in ((migrate.upgrade, "0030"), (migrate.downgrade, "0029")):
        change(store, revision)
        assert view(store, "mine") == []


def test_no_view_shows_documents() -> None:
    for file in (PACKAGE / "sql" / "views").glob("*/*.sql"):
        assert "documents" not in file.read_text(), file


def test_the_newest_views_differ_from_earlier_ones_only_in_comments() -> None:
    """Revision 0030 replaces views in place on PostgreSQL, which requires the same columns."""
    folder = PACKAGE / "sql" / "views"
    for file in (folder / "0030").glob("*.sql"):
        earlier = max(path for path in folder.glob(f"*/{file.name}") if path.parent.name < "0030")
        assert without_comments(file) == without_comments(earlier), file.name


def without_comments(file: Path) -> list[str]:
    lines = (line.partition("--")[0].rstrip() for line in file.read_text(encoding="utf-8").splitlines())
    return [line for line in lines if line]


def test_the_command_shows_the_descriptions(curation: Callable[..., Result]) -> None:
    views = json.loads(curation("db", "views", "--format", "json").stdout)
    assert {row["view"] for row in views} == CONTRACT
    columns = json.loads(curation("db", "views", "open_issues", "--format", "json").stdout)
    assert columns[0] == {"column": "issue_id", "meaning": "the issue's id"}
    assert curation("db", "views", "x").exit_code == 1


# --- articles and their figures --------------------------------------------------------------------------


def test_the_overview_has_the_values_of_the_files(filled: Store, documents: Documents) -> None:
    found = {row["path"]: row for row in view(filled, "article_overview")}
    assert found.keys() == documents.keys()
    for path, fm in documents.items():
        row, provider = found[path], fm.get("provider") or {}
        assert row["topics"] == (", ".join(t for t in fm.get("topics") or [] if t) or None)
        assert (row["provider"], row["domain"]) == (provider.get("name"), provider.get("domain"))
        assert (row["related"], row["images"]) == (len(fm.get("related") or []), len(fm.get("images") or []))
        assert bool(row["published"]) == is_published(fm)
        assert (row["upstream_quality"], row["heat"]) == (fm.get("quality"), fm.get("heat"))
        assert row["url"] == (fm["originalUrl"] if fm.get("originalUrl") is not None else fm.get("webUrl"))


def test_providers_are_counted(filled: Store, documents: Documents) -> None:
    groups = defaultdict(list)
    for fm in documents.values():
        if fm.get("provider"):
            groups[fm["provider"].get("name"), fm["provider"].get("domain")].append(fm)
    found = {(row["provider"], row["domain"]): row for row in view(filled, "provider_stats")}
    assert found.keys() == groups.keys()
    for key, fms in groups.items():
        qualities = [fm["quality"] for fm in fms if fm.get("quality") is not None]
        expected = figures(fms) | {
            "median_quality": pytest.approx(statistics.median(qualities)) if qualities else None
        }
        assert {name: found[key][name] for name in expected} == expected, key
        moments = sorted(m for fm in fms if (m := moment(fm.get("publishedDateTime"))))
        ends = [moment(found[key][name]) for name in ("first_published_at", "last_published_at")]
        assert ends == ([moments[0], moments[-1]] if moments else [None, None])


def test_topics_are_counted_with_those_below(filled: Store, root: Path, documents: Documents) -> None:
    groups = defaultdict(list)
    for path, fm in documents.items():
        for topic in {t for t in fm.get("topics") or [] if t}:
            groups[topic].append(path)
    notes = [
        yaml.safe_load(f.read_text(encoding="utf-8-sig")) for f in (root / "_data/topics").glob("*.y*ml")
    ]
    above = {note["name"]: note.get("parent") for note in notes}

    def is_below(topic: str | None, top: str) -> bool:
        return topic == top or (topic is not None and is_below(above.get(topic), top))

    for row in view(filled, "topic_stats"):
        paths = groups.get(row["topic"], [])
        below = {path for topic, some in groups.items() if is_below(topic, row["topic"]) for path in some}
        assert (row["articles"], row["articles_below"], row["parent"]) == (
            len(paths), len(below), above.get(row["topic"]),
        )  # fmt: skip
        if paths:
            expected = figures([documents[path] for path in paths])
            assert {name: row[name] for name in expected} == expected
    assert {row["topic"] for row in view(filled, "topic_stats")} >= groups.keys()


def test_months_are_counted_in_utc(filled: Store, documents: Documents) -> None:
    groups = defaultdict(list)
    for fm in documents.values():
        if at := moment(fm.get("publishedDateTime")):
            groups[at[:7]].append(fm)
    found = {row["month"]: row for row in view(filled, "monthly_stats")}
    assert found.keys() == groups.keys()
    for month, fms in groups.items():
        expected = figures(fms)
        assert {name: found[month][name] for name in expected} == expected


def test_related_articles_are_named(filled: Store, documents: Documents) -> None:
    by_story = {
        (fm.get("title"), moment(fm.get("publishedDateTime"))): path for path, fm in documents.items()
    }
    expected = {
        (path, i): (
            r["title"],
            r.get("quality"),
            by_story.get((r["title"], moment(r.get("publishedDateTime")))),
        )
        for path, fm in documents.items()
        for i, r in enumerate(fm.get("related") or [])
    }
    found = {(row["path"], row["position"]): row for row in view(filled, "related_graph")}
    assert found.keys() == expected.keys()
    for key, (title, stated, target) in expected.items():
        row = found[key]
        assert (row["related_title"], row["stated_quality"]) == (title, stated)
        if target is not None:
            assert row["related_path"] == target
            mine, theirs = documents[key[0]], documents[target]
            at = (moment(theirs["publishedDateTime"]), moment(mine["publishedDateTime"]))
            quality = stated if theirs.get("quality") is None else theirs["quality"]
            known = quality is not None and mine.get("quality") is not None
            assert row["outranks"] == int(known and (quality, at[1]) > (mine["quality"], at[0])), key


def test_stories_at_two_paths_are_found(filled: Store, documents: Documents) -> None:
    titles = Counter(fm.get("title") or fm.get("name") for fm in documents.values())
    expected = {title: n for title, n in titles.items() if title and n > 1}
    rows = view(filled, "duplicate_stories")
    assert {row["story"]: row["copies"] for row in rows if row["same"] == "title"} == expected
    for url, n in Counter(row["story"] for row in rows if row["same"] == "url").items():
        assert n == next(row["copies"] for row in rows if row["story"] == url) > 1


def test_images_are_counted(filled: Store, documents: Documents) -> None:
    used: defaultdict[str, set[str]] = defaultdict(set)
    for path, fm in documents.items():
        for image in fm.get("images") or []:
            used[image["url"]].add(path)
    found = {row["url"]: row["articles"] for row in view(filled, "image_usage")}
    assert {url: n for url, n in found.items() if n} == {url: len(paths) for url, paths in used.items()}


@pytest.mark.slow
@pytest.mark.parametrize("root", ["powerapps", "diablo4"], indirect=True)
def test_what_is_published_is_what_the_site_shows(filled: Store, root: Path) -> None:
    """A real dump contains the pages that its site generated."""
    pages = root / "api" / "news"
    slugs = {
        t["_id"]: t["name"]
        for t in map(yaml.safe_load, (f.read_text() for f in (root / "_data/topics").iterdir()))
    }
    checked = 0
    for folder in (pages, *(p for p in pages.iterdir() if p.name in slugs and list(p.glob("page/*")))):
        shown = []
        for number in range(1, 1 + len(list(folder.glob("page/*")))):
            shown += json.loads((folder / "page" / str(number) / "index.json").read_text())["value"]
        only = (
            f"AND id IN (SELECT article_id FROM article_topics u JOIN topics t ON t.id = u.topic_id WHERE t.name = '{slugs[folder.name]}')"
            if folder != pages
            else ""
        )
        rows = view(
            filled, "published_articles", f"WHERE collection = 'news' {only} ORDER BY published_at DESC, path"
        )
        assert [row["title"] for row in rows] == [item["title"] for item in shown], folder
        checked += len(shown)
    assert checked


# --- changes and imports ---------------------------------------------------------------------------------


def test_each_change_is_in_the_history_and_counted_for_its_actor(edited: Store) -> None:
    history = view(edited, "flag_history", "ORDER BY change_id")
    heat = [row for row in history if row["flag"] == "heat"]
    assert len(heat) == 22
    assert {(row["actor"], row["reason"], row["new_value"], row["new_override"]) for row in heat} == {
        ("ann", "calm", 7, 7)
    }
    activity = {(row["actor"], row["kind"]): row for row in view(edited, "editor_activity")}
    counts = {key: (row["changesets"], row["changes"], row["articles"]) for key, row in activity.items()}
    assert counts == {("ann", "edit"): (1, 22, 22), ("bob", "edit"): (1, 2, 1), ("bot", "import"): (2, 0, 0)}
    today = dt.datetime.now(dt.UTC)
    assert {row["day"] for row in activity.values()} <= {
        f"{today - dt.timedelta(days=d):%Y-%m-%d}" for d in (0, 1)
    }


def test_imports_and_their_issues_are_listed(edited: Store) -> None:
    first, second = view(edited, "import_history", "ORDER BY import_id")
    assert (first["added"], first["status"], first["changeset_id"]) == (50, "succeeded", 1)
    assert (second["updated"], second["quarantined"], second["status"]) == (1, 1, "partial")
    assert second["open_issues"] == second["issues"] == 2  # the broken file, and a conflict
    issues = {row["code"]: row for row in view(edited, "open_issues")}
    assert (issues["yaml_syntax"]["path"], issues["yaml_syntax"]["severity"]) == (
        "_news/2020-01-01-broken.md",
        "error",
    )
    assert issues["upstream_changed"]["field"] == "quality"


def test_articles_are_in_the_review_queue_with_a_reason(edited: Store) -> None:
    waiting = view(edited, "review_queue", "ORDER BY priority, quality DESC, path")
    leader = "_news/2021-05-28-needle-rock-goes-led.md"
    assert leader in {row["path"] for row in waiting if row["priority"] == 1}
    assert {row["priority"]: row["why"] for row in waiting} == {
        1: "conflict with upstream", 2: "good, but not published", 3: "published, never judged",
    }  # fmt: skip
    assert all(not row["published"] and row["quality"] >= 60 for row in waiting if row["priority"] == 2)
    assert leader not in {row["path"] for row in waiting if row["priority"] == 2}  # it has an override
