"""The named reports beside what the files and the decisions say, on every engine."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from curation.backends import Query
from curation.database import Store
from curation.reports import ask, find_report, report_query

from .conftest import SITE
from .test_selecting import front_matters
from .test_views import edited, is_published, moment

__all__ = ["edited"]

LEADER = "_news/2021-05-28-needle-rock-goes-led.md"


def report(store: Store, name: str, **parameters: str) -> list[dict[str, Any]]:
    with ask(store, report_query(find_report(name), parameters, 10.0)) as found:
        return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def changed() -> dict[str, dict[str, Any]]:
    """The sample site as it is after the decisions and the second import of `edited`."""
    documents = front_matters()
    documents[LEADER]["published"] = False
    return documents


OWN = """-- title: Own
-- purpose: How many are at least so hot.
-- parameter: heat integer 100 the least heat
SELECT count(*) AS n FROM articles WHERE heat >= :heat
"""


def test_a_report_of_ones_own_joins_the_list(
    edited: Store, tmp_path: Path, curation: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hot.sql").write_text(OWN)
    (tmp_path / "topics.sql").write_text(OWN)
    listed = json.loads(curation("report", "--reports", str(tmp_path), "--format", "json").stdout)
    told = {row["report"]: row["what for"] for row in listed}
    assert told.keys() >= {"hot", "review"}
    assert told["topics"] == "How many are at least so hot."  # in place of ours
    monkeypatch.setenv("CURATION_REPORTS", str(tmp_path))
    assert json.loads(curation("report", "hot", "-p", "heat=7", "--format", "json").stdout) != [{"n": 0}]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1", "does not say its title"),
        ("-- title: x\nSELECT 1", "does not say its purpose"),
        ("-- title: x\n-- purpose: y\n-- parameter: z\nSELECT 1", "NAME TYPE DEFAULT MEANING"),
        ("-- title: x\n-- purpose: y\n-- parameter: z float 1 m\nSELECT 1", "of type integer, text, date"),
    ],
)
def test_a_file_that_is_no_report_is_told_in_a_line(
    curation: Callable[..., Result], tmp_path: Path, text: str, said: str
) -> None:
    (tmp_path / "wrong.sql").write_text(text)
    result = curation("report", "wrong", "--reports", str(tmp_path))
    assert (result.exit_code, said in result.stderr, "wrong.sql" in result.stderr) == (1, True, True)
    assert "is no folder" in curation("report", "--reports", str(tmp_path / "wrong.sql")).stderr


def test_published_now_is_the_site_in_its_order(edited: Store) -> None:
    shown = [
        (moment(fm["publishedDateTime"]), path)
        for path, fm in changed().items()
        if path.startswith("_news/") and is_published(fm)
    ]
    due = [path for _, path in sorted(shown, key=lambda one: one[1])]
    due.sort(key={p: m for m, p in shown}.__getitem__, reverse=True)
    assert [row["path"] for row in report(edited, "published", collection="news", limit="1000")] == due


def test_months_are_those_of_the_files(edited: Store) -> None:
    due = Counter(told[:7] for fm in changed().values() if (told := moment(fm.get("publishedDateTime"))))
    rows = report(edited, "months", limit="1000")
    assert {row["month"]: row["articles"] for row in rows} == due
    assert [row["month"] for row in rows] == sorted(due, reverse=True)
    may = next(row for row in rows if row["month"] == "2021-05")
    of_may = [
        fm for fm in changed().values() if (moment(fm.get("publishedDateTime")) or "").startswith("2021-05")
    ]
    shown = sum(map(is_published, of_may))
    assert (may["published"], float(may["share_published"])) == (shown, round(100 * shown / len(of_may), 1))


def test_heat_over_time_is_what_was_decided(edited: Store) -> None:
    with ask(edited, Query("SELECT id FROM articles WHERE path = :path", {"path": LEADER})) as found:
        ((article,),) = found.rows
    (row,) = report(edited, "heat", article=str(article))
    assert (row["old"], row["new"], row["actor"], row["reason"]) == (122, 7, "ann", "calm")


def test_a_cluster_has_a_leader_that_nothing_outranks(edited: Store) -> None:
    clusters = defaultdict(list)
    for row in report(edited, "clusters", limit="1000"):
        clusters[row["leader_title"]].append(row)
        assert row["outranked_quality"] is None or row["outranked_quality"] <= row["leader_quality"]
    due = set()
    for path, fm in changed().items():
        mine = 80 if path == LEADER else fm.get("quality")
        if fm.get("related") and mine is not None and path != LEADER:
            qualities = [80 if "LED" in r["title"] else r["quality"] for r in fm["related"]]
            due |= {fm["title"]} if max(qualities) < mine else set()
    assert due <= clusters.keys()


def test_duplicates_are_found_by_address_and_by_title(edited: Store) -> None:
    titles = Counter(fm.get("title") or fm.get("name") for fm in changed().values())
    twice = {title for title, n in titles.items() if n > 1}
    assert twice
    assert {row["story"] for row in report(edited, "duplicates", same="title")} == twice
    assert {row["same"] for row in report(edited, "duplicates", same="url")} <= {"url"}


def test_images_that_want_a_look_are_named_with_why(edited: Store) -> None:
    sizes: dict[str, tuple[Any, Any]] = {}
    used = Counter[str]()
    for fm in changed().values():
        for url in {image["url"] for image in fm.get("images") or []}:
            used[url] += 1
        for image in fm.get("images") or []:
            sizes.setdefault(image["url"], (image.get("width"), image.get("height")))
    rows = report(edited, "images", used="2", limit="1000")
    assert {row["url"] for row in rows if row["why"] == "much used"} == {
        url for url, n in used.items() if n >= 2
    }
    without = {url for url, size in sizes.items() if None in size}
    assert without <= {row["url"] for row in rows if row["why"] == "no size"}
    odd = {u for u, (w, h) in sizes.items() if w and h and (min(w, h) < 50 or max(w, h) > 5 * min(w, h))}
    assert odd <= {row["url"] for row in rows if row["why"] == "odd size"}


def test_upstream_against_editor_names_each_flag(edited: Store) -> None:
    rows = report(edited, "parted", limit="1000")
    heats = {
        p: fm["heat"]
        for p, fm in changed().items()
        if p.startswith("_news/") and fm.get("heat") not in (None, 7)
    }
    assert {row["path"]: row["upstream"] for row in rows if row["flag"] == "heat"} == heats
    mine = {
        row["flag"]: (row["upstream"], row["editor"], row["actor"]) for row in rows if row["path"] == LEADER
    }
    assert (mine["quality"], mine["published"]) == ((99, 80, "bob"), (1, 0, "bob"))


def test_activity_counts_what_editors_did(edited: Store) -> None:
    rows = report(edited, "activity")
    assert {(row["actor"], row["changes"]) for row in rows} == {("ann", 22), ("bob", 2)}
    assert {row["actor"] for row in report(edited, "activity", kind="%")} == {"ann", "bob", "bot"}


def test_imports_and_stale_sources_are_told(edited: Store) -> None:
    last, first = report(edited, "imports")
    assert (first["added"], last["updated"], last["quarantined"], last["open_issues"]) == (50, 1, 1, 2)
    (row,) = report(edited, "stale")
    assert (row["source"], row["failed"]) == ("site", 0)
    assert row["last_import"] == row["last_change"] == last["started_at"]


def test_collections_name_items_that_are_not_there(edited: Store) -> None:
    known = {path.rpartition(".")[0] for path, fm in changed().items() if is_published(fm)}
    due = {
        (path, item)
        for path, fm in changed().items()
        for item in fm.get("items") or []
        if f"_learning/{item}" not in known
    }
    assert (SITE / "_learning" / "collections").is_dir()
    assert {(row["path"], row["item"]) for row in report(edited, "collections", limit="1000")} == due
