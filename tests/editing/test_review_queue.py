"""The review queue drains: what is decided or kept leaves it, and returns only when something new happens.

`CURATION_EXAMPLES` is the number of random histories on both engines together.
"""

from __future__ import annotations

import json
import os
import random
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from curation.store.database import Store

from ..support.cases import share
from ..support.importing_helpers import import_folder
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
    file = tmp_path / "_news" / "a.md"
    file.parent.mkdir()

    def import_quality(quality: int) -> None:
        file.write_text(f"---\ntitle: a\nquality: {quality}\n---\nBody.\n")
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
    assert curation("keep", second, "--until", "2020-01-01").exit_code == 0  # the date has come
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
