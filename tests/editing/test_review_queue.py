"""The review queue drains: what is decided or kept leaves it, and returns only when something new happens.

`CURATION_EXAMPLES` is the number of random histories on both engines together.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import random
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.store.database import Store
from curation.store.schema import articles, review_items, reviews

from ..support.cases import share
from ..support.importing_helpers import import_folder, write_story
from ..support.places import DATA, DOCS
from ..support.real_dumps import needs_dumps
from ..support.review_sessions import Sessions

EXAMPLES = int(os.environ.get("CURATION_EXAMPLES", "6"))


def change_upstream(root: Path, rng: random.Random) -> None:
    """Change, remove and add flags in a third of the documents of a site, and replace a story."""
    files = sorted((root / "_news").glob("*.md"))
    for file in rng.sample(files, len(files) // 3):
        text = file.read_text()
        flag, values = rng.choice(
            (("quality", (10, 61, 80)), ("heat", (-1, 9, 70)), ("published", ("true", "false")))
        )
        line = f"{flag}: {rng.choice(values)}\n"
        kept = re.sub(rf"(?m)^{flag}: .*\n", "", text)
        file.write_text(kept.replace("\n---\n", f"\n{line}---\n", 1) if rng.random() < 0.8 else kept)
    if rng.random() < 0.5:
        title = f"Another story {rng.random()}"
        rng.choice(files).write_text(
            f"---\ntitle: {title}\noriginalUrl: https://else.example/{rng.random()}\nquality: 70\n"
            f"published: {rng.choice(('true', 'false'))}\n---\n{title}\n"
        )


CASES = [
    pytest.param(engine, number, id=f"{engine}-{number}")
    for engine in ("sqlite", "postgresql")
    for number in share(EXAMPLES, engine)
]


@pytest.mark.parametrize(("store", "number"), CASES, indirect=["store"])
def test_the_queue_is_that_of_the_model_over_any_history(store: Store, site: Path, number: int) -> None:
    sessions = Sessions(store, number)
    rng = random.Random(number)
    sessions.import_and_check(site)
    for _ in range(6):
        sessions.decide_at_random(8)
        sessions.check()
        change_upstream(site, rng)
        sessions.import_and_check(site)
        if rng.random() < 0.3:
            sessions.set_settings(
                approval=rng.choice(("none", "new", "all")), review_quality=rng.choice((30, 60))
            )
            sessions.check()
        if rng.random() < 0.6:
            sessions.drain()
            assert sessions.import_and_check(site) == set()
        for _ in range(3):
            sessions.revert_one()
            sessions.check()
    sessions.verify()


@pytest.fixture(scope="session")
def snapshots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The snapshots of two real dumps, unpacked."""
    folder = tmp_path_factory.mktemp("snapshots")
    for name in ("powerapps", "diablo4"):
        with tarfile.open(DATA / f"{name}-snapshots.tar.gz") as archive:
            archive.extractall(folder / name, filter="data")
    return folder


@needs_dumps
@pytest.mark.slow
@pytest.mark.parametrize("dump", ["powerapps", "diablo4"])
def test_the_queue_of_real_dumps_drains_and_gets_what_is_new(
    store: Store, snapshots: Path, dump: str
) -> None:
    sessions = Sessions(store, len(dump))
    first, *later = sorted(path for path in (snapshots / dump).iterdir() if path.is_dir())
    sessions.import_and_check(first)
    sessions.drain()
    assert sessions.import_and_check(first) == set()
    sessions.set_settings(approval="new")
    waited = 0
    for number, snapshot in enumerate(later):
        sessions.decide_at_random(10)
        waiting = sessions.import_and_check(snapshot)
        waited += len(waiting)
        for _ in range(3):
            sessions.revert_one()
            sessions.check()
        sessions.drain()
        assert sessions.import_and_check(snapshot) == set(), number
    assert waited
    sessions.verify()


def _conflict_cases() -> list[tuple[str, str, str]]:
    """Return the rows of the table of conflicts in the documentation."""
    page = (DOCS / "explanation" / "overrides.md").read_text(encoding="utf-8")
    section = page.partition("\n## Conflicts\n")[2].partition("\n## ")[0]
    rows = [line.strip("| ").split(" | ") for line in section.splitlines() if line.startswith("| ")]
    return [(flag, events, result) for flag, events, result in rows[1:]]


@pytest.mark.parametrize(("flag", "events", "result"), _conflict_cases())
def test_the_table_of_conflicts_is_true(
    store: Store, curation: Callable[..., Result], tmp_path: Path, flag: str, events: str, result: str
) -> None:
    file = tmp_path / "_news" / "a.md"
    file.parent.mkdir()
    options = {
        "true": f"--{flag}",
        "false": {"published": "--unpublished", "removed": "--restored"}.get(flag),
    }
    for event in events.split(", "):
        what, _, value = event.partition(" ")
        if what == "upstream":
            line = "" if value == "none" else f"{flag}: {value}\n"
            file.write_text(f"---\ntitle: a\n{line}---\nBody.\n")
            import_folder(store, tmp_path, source="s")
        elif what == "override":
            option = options.get(value)
            ended = curation("set", "a.md", *([option] if option else [f"--{flag}", value]))
            assert ended.exit_code == 0, ended.output
        else:
            assert curation(what, "a.md").exit_code == 0
    [status] = json.loads(curation("status", "--format", "json").stdout)
    conflicts = json.loads(curation("conflicts", "--format", "json").stdout)
    is_conflict = result.startswith("conflict")
    assert is_conflict != result.startswith("no conflict")
    assert (status["conflicts"], [row["flag"] for row in conflicts]) == (
        (1, [flag]) if is_conflict else (0, [])
    )
    assert status["adopted"] == int("adopted" in result)
    queue = json.loads(curation("report", "review", "--format", "json").stdout)
    assert is_conflict == ("conflict with upstream" in {row["why"] for row in queue})
    import_folder(store, tmp_path, source="s")
    issues = json.loads(curation("issues", "--all", "--format", "json").stdout)
    opened = [issue["field"] for issue in issues if issue["resolved"] is None]
    assert opened == ([flag] if is_conflict else [])
    assert json.loads(curation("report", "conflicts", "--format", "json").stdout) == [
        {**row, "yours": as_stored(row["yours"]), "upstream_then": as_stored(row["upstream_then"]),
         "upstream_now": as_stored(row["upstream_now"]), "at": row["at"].replace("T", " ").rstrip("Z")}
        for row in conflicts
    ]  # fmt: skip


def as_stored(value: Any) -> Any:
    """Return a value as reports show it: a boolean is a number."""
    return int(value) if isinstance(value, bool) else value


def test_show_says_why_an_article_waits_and_who_kept_it(
    curation: Callable[..., Result], tmp_path: Path
) -> None:
    def import_quality(quality: int) -> None:
        write_story(tmp_path, "a.md", quality=quality)
        assert curation("import", str(tmp_path), "--source", "s").exit_code == 0

    def show() -> tuple[list[tuple[str, str]], Any, bool, int | None]:
        shown = json.loads(curation("show", "a.md", "--format", "json").stdout)
        flag = shown["flags"][0]
        reasons = [(reason["why"], reason["flag"]) for reason in shown["review"]]
        kept = shown["kept"] and (shown["kept"]["actor"], shown["kept"]["reason"], shown["kept"]["until"])
        return reasons, kept, flag["conflict"], flag["upstream_then"]

    import_quality(50)
    curation("set", "a.md", "--quality", "80", "--actor", "ann")
    assert show() == ([], None, False, 50)
    import_quality(60)
    waiting = [("conflict with upstream", "quality")]
    assert show() == (waiting, None, True, 50)
    assert "upstream: 60, then: 50, conflict" in curation("show", "a.md").stdout
    curation("keep", "a.md", "--until", "2999-01-02", "--actor", "bob", "--reason", "later")
    assert show() == (waiting, ("bob", "later", "2999-01-02T00:00:00Z"), True, 50)
    assert json.loads(curation("report", "review", "--format", "json").stdout) == []
    curation("keep", "a.md", "--actor", "cleo")
    assert show() == ([], ("cleo", None, None), False, 60)


def test_a_snoozed_article_returns_at_its_date_or_when_upstream_changes(
    curation: Callable[..., Result], store: Store, site: Path
) -> None:
    import_folder(store, site, source="site")

    def waiting() -> list[str]:
        return [row["path"] for row in json.loads(curation("report", "review", "--format", "json").stdout)]

    first, second = waiting()[:2]
    assert curation("keep", first, "--until", "2999-01-01").exit_code == 0
    assert curation("keep", second, "--until", "2999-01-01").exit_code == 0
    refused = curation("keep", second, "--until", "2020-01-01")
    assert (refused.exit_code, "must be in the future" in refused.output) == (2, True)
    assert second not in waiting()
    with store.writing() as connection:  # the date has come
        for table in (reviews, review_items):
            of_second = sa.select(articles.c.id).where(articles.c.path == second).scalar_subquery()
            past = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
            update = sa.update(table).where(table.c.article_id == of_second)
            connection.execute(update.values(snoozed_until=past))
    assert waiting()[0] == second
    file = site / first
    file.write_text(re.sub(r"(?m)^quality: .*$", "quality: 77", file.read_text()))
    import_folder(store, site, source="site")
    assert waiting()[:2] == [first, second]


def test_keep_does_nothing_twice_and_reads_ids(
    curation: Callable[..., Result], store: Store, site: Path
) -> None:
    import_folder(store, site, source="site")
    ids = curation("sql", "SELECT DISTINCT id FROM review_queue", "--format", "csv", "--no-headers").stdout
    count = len(ids.split())
    kept = curation("keep", "-", "--reason", "all seen", stdin=ids)
    assert kept.output == f"changeset 2: kept {count} of {count} articles\n"
    assert curation("status").exit_code == 0
    again = curation("keep", "-", stdin=ids)
    assert again.output == "nothing to change: kept already, and nothing new has happened since\n"
    [_, line] = curation("log", "--format", "csv", "--limit", "1").stdout.splitlines()
    assert line.split(",")[0] == "2"
    assert f"kept {count}" in line
    reverted = curation("revert", "2")
    assert f"changeset 2 reverted, {count} articles restored" in reverted.output
    assert (
        len(json.loads(curation("report", "review", "-p", "limit=100", "--format", "json").stdout)) == count
    )
    assert curation("revert", "3").exit_code == 0
    assert json.loads(curation("report", "review", "--format", "json").stdout) == []
    refused = curation("keep", "1", "--until", "2999-01-01", "--upstream")
    assert (refused.exit_code, "not both" in refused.output) == (2, True)


def flags_of(run: Callable[..., Result], *names: str) -> dict[str, tuple[bool, bool]]:
    """Return published and removed of articles, by the names of their files."""
    columns = "path,published,removed"
    rows = json.loads(run("list", "--columns", columns, "--format", "json").stdout)
    found = {row["path"].rpartition("/")[2]: (row["published"], row["removed"]) for row in rows}
    return {name: found[name] for name in names}


def test_upstream_settles_only_the_conflicts_that_are_listed(
    curation: Callable[..., Result], store: Store, tmp_path: Path
) -> None:
    """A veto, and an override of an article whose file is missing, stay. Nothing else leaves the queue."""
    folder = tmp_path / "_news"
    folder.mkdir()

    def write(name: str, line: str) -> None:
        (folder / name).write_text(f"---\ntitle: {name}\n{line}\n---\nBody of {name}.\n")

    lines = {
        "veto.md": ("removed: true", "quality: 1"), "missing.md": ("published: false", "quality: 1"),
        "conflict.md": ("quality: 40", "quality: 41"), "good.md": ("quality: 90\npublished: false",) * 2,
    }  # fmt: skip
    for name, (before, _) in lines.items():
        write(name, before)
    import_folder(store, tmp_path, source="s")
    curation("set", "veto.md", "--removed")
    curation("unpublish", "missing.md")
    curation("set", "conflict.md", "--quality", "80")
    for name, (_, after) in lines.items():
        write(name, after)
    import_folder(store, tmp_path, source="s")
    (folder / "missing.md").unlink()
    import_folder(store, tmp_path, source="s")
    hidden = flags_of(curation, "veto.md", "missing.md")
    assert hidden == {"veto.md": (False, True), "missing.md": (False, False)}
    listed = json.loads(curation("conflicts", "--format", "json").stdout)
    assert [(row["path"], row["flag"]) for row in listed] == [("_news/conflict.md", "quality")]
    kept = curation("keep", "--source", "s", "--upstream")
    assert kept.output == "changeset 7: kept 1 of 4 articles\n"
    assert flags_of(curation, "veto.md", "missing.md") == hidden
    changed = json.loads(curation("log", "7", "--format", "json").stdout)
    assert [(row["path"], row["flag"]) for row in changed] == [
        ("_news/conflict.md", "quality"), ("_news/conflict.md", "review"),
    ]  # fmt: skip
    waiting = json.loads(curation("report", "review", "--format", "json").stdout)
    assert [(row["path"], row["why"]) for row in waiting] == [("_news/good.md", "good, but not published")]
    assert curation("keep", "--source", "s", "--upstream").output == "nothing to change: no conflicts\n"


def test_a_snooze_hides_no_conflict_of_a_later_decision(
    curation: Callable[..., Result], tmp_path: Path
) -> None:
    def import_quality(quality: int) -> None:
        write_story(tmp_path, "a.md", quality=quality)
        assert curation("import", str(tmp_path), "--source", "s").exit_code == 0

    import_quality(62)
    curation("set", "a.md", "--quality", "80")
    import_quality(65)
    curation("keep", "a.md", "--until", "2999-01-01")
    import_quality(70)
    curation("set", "a.md", "--quality", "90")
    import_quality(65)
    assert len(json.loads(curation("report", "review", "--format", "json").stdout)) == 1


def test_a_kept_article_stays_when_its_import_is_reverted_and_the_log_has_reverts_of_keeps(
    curation: Callable[..., Result], tmp_path: Path
) -> None:
    for name in ("a.md", "b.md"):
        write_story(tmp_path, name, url=f"https://a.example/{name}")
        curation("import", str(tmp_path), "--source", "s")
    curation("keep", "b.md", "--actor", "ann")
    reverted = curation("revert", "2")
    assert (reverted.exit_code, "an editor has decided on it since" in reverted.output) == (3, True)
    assert curation("show", "b.md").exit_code == 0
    assert curation("revert", "3", "--actor", "bob").exit_code == 0
    entries = json.loads(curation("log", "b.md", "--format", "json").stdout)
    assert [(row["kind"], row["actor"], row["flag"], row["old"], row["new"]) for row in entries] == [
        ("revert", "bob", "review", "kept", None), ("keep", "ann", "review", None, "kept"),
    ]  # fmt: skip
    [_, line] = curation("log", "--format", "csv", "--limit", "1").stdout.splitlines()
    assert ",1,no longer kept 1," in line


def test_keep_closes_the_warning_that_a_story_was_replaced(
    curation: Callable[..., Result], store: Store, tmp_path: Path
) -> None:
    write_story(tmp_path, "a.md", title="One", url="https://a.example/1")
    import_folder(store, tmp_path, source="s")
    curation("set", "a.md", "--quality", "80")
    file = write_story(tmp_path, "a.md", title="Two", url="https://a.example/2")
    file.write_text(file.read_text().replace("Body.", "Other words."))
    import_folder(store, tmp_path, source="s")

    def codes() -> list[str]:
        return [issue["code"] for issue in json.loads(curation("issues", "--format", "json").stdout)]

    assert codes() == ["override_set_aside"]
    curation("keep", "a.md")
    import_folder(store, tmp_path, source="s")
    assert codes() == []
    assert json.loads(curation("report", "review", "--format", "json").stdout) == []
