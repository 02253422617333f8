"""The commands that decide, look back and take back, as editors and scripts type them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import pytest
from click.shell_completion import ShellComplete
from click.testing import Result

from curation.cli import cli
from curation.database import Store

from .conftest import SITE
from .digest import digests

Curation = Callable[..., Result]
LEADER = "_news/2021-05-28-needle-rock-goes-led.md"


@pytest.fixture
def filled(curation: Curation) -> Curation:
    assert curation("import", str(SITE)).exit_code == 0
    return curation


def read(result: Result) -> Any:
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


def flags(run: Curation, article: str) -> dict[str, Any]:
    return {flag["flag"]: flag for flag in read(run("show", article, "--format", "json"))["flags"]}


@pytest.mark.parametrize(
    ("given", "becomes"), [("80", 80), ("=80", 80), ("=-1", -1), ("+10", 72), ("-5", 57), ("0", 0)]
)
def test_a_number_sets_and_a_sign_moves(filled: Curation, given: str, becomes: int) -> None:
    assert filled("set", LEADER, "--quality", given).exit_code == 0
    assert flags(filled, LEADER)["quality"]["value"] == becomes


@pytest.mark.parametrize("given", ["x", "", "1.5", "--", "=+3", str(2**63), f"-{2**63 + 1}"])
def test_what_is_no_change_is_wrong_usage(filled: Curation, given: str) -> None:
    assert filled("set", LEADER, "--quality", given).exit_code == 2


def test_a_dry_run_shows_each_change_and_keeps_nothing(filled: Curation, store: Store) -> None:
    before = digests(store)
    result = filled("set", LEADER, "--quality", "+1", "--unpublished", "--dry-run", "--format", "json")
    told = [(row["path"], row["flag"], row["old"], row["new"]) for row in read(result)]
    assert told == [(LEADER, "published", True, False), (LEADER, "quality", 62, 63)]
    assert "1 of 1 articles would change; nothing was kept" in result.stderr
    assert digests(store) == before
    for command in (["reset", "--collection", "news"], ["publish", "--collection", "learning"]):
        assert filled(*command, "--dry-run").exit_code == 0
        assert digests(store) == before


def test_a_reset_gives_flags_back(filled: Curation) -> None:
    filled("set", LEADER, "--quality", "1", "--heat", "2")
    assert "reset 1 of 1" in filled("reset", LEADER, "--heat").stdout
    assert (flags(filled, LEADER)["heat"]["override"], flags(filled, LEADER)["quality"]["override"]) == (
        None,
        1,
    )
    assert "reset 1 of 1" in filled("reset", "--overridden").stdout
    assert "so it is decided already" in filled("reset", LEADER).stdout


def test_several_changesets_are_taken_back_the_newest_first(filled: Curation) -> None:
    made = []
    for quality in ("70", "80", "90"):
        told = filled("set", LEADER, "--quality", quality).stdout
        made.append(re.findall(r"changeset (\d+)", told)[0])
    dry = filled("revert", made[-1], "--dry-run")
    assert "a dry run, nothing was kept" in dry.stderr
    assert flags(filled, LEADER)["quality"]["value"] == 90
    assert filled("revert", *made).exit_code == 0
    assert flags(filled, LEADER)["quality"]["value"] == 62
    log = read(filled("log", "--kind", "revert", "--format", "json"))
    assert [str(line["reverts"]) for line in log] == made


def test_what_is_left_alone_is_named_and_counts_as_partly_done(filled: Curation) -> None:
    filled("set", LEADER, "the-bollard-column-again", "--quality", "70")
    filled("set", LEADER, "--quality", "80")
    result = filled("revert", "2", "--format", "json")
    assert result.exit_code == 3
    assert read(result) == [
        {"changeset": 2, "path": LEADER, "why": "quality was decided since, by changeset 3"}
    ]
    assert filled("revert", "2").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["revert", "99"], "no changeset 99"),
        (["log", "99"], "no changeset 99"),
        (["set", LEADER, "--heat", "1", "--if-unchanged-since", "0"], "changed since version 0"),
        (["set", "--topic", "Nothing of the kind", "--heat", "1"], "no article matches"),
        (["search", "***"], "no word to search for"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    filled: Curation, arguments: list[str], said: str
) -> None:
    filled("set", LEADER, "--quality", "1")
    result = filled(*arguments)
    assert (result.exit_code, said in result.stderr) == (1, True), result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert "`curation " in result.stderr or "give words" in result.stderr


def test_an_undone_import_is_not_taken_back_but_imported_again(filled: Curation) -> None:
    assert filled("revert", "1").exit_code == 0
    result = filled("revert", "2")
    assert (result.exit_code, "import the dump again" in result.stderr) == (1, True)


def test_the_version_that_show_tells_is_the_one_to_give(filled: Curation) -> None:
    filled("set", LEADER, "--quality", "1")
    version = str(read(filled("show", LEADER, "--format", "json"))["version"])
    listed = read(filled("list", "--overridden", "--columns", "path,version", "--format", "json"))
    assert listed == [{"path": LEADER, "version": int(version)}]
    assert filled("set", LEADER, "--quality", "2", "--if-unchanged-since", version).exit_code == 0
    assert filled("set", LEADER, "--quality", "3", "--if-unchanged-since", version).exit_code == 1
    assert flags(filled, LEADER)["quality"]["value"] == 2


def test_the_log_is_filtered(filled: Curation) -> None:
    filled("set", LEADER, "--quality", "1", "--actor", "ann", "--reason", "weak")
    filled("unpublish", "the-bollard-column-again", LEADER, "--actor", "bob")

    def found(*arguments: str) -> list[tuple[str, str]]:
        rows = read(filled("log", *arguments, "--format", "json"))
        return [(row["actor"], row["changed"] if "changed" in row else row["flag"]) for row in rows]

    assert found("--actor", "ann") == [("ann", "quality 1")]
    assert found("--flag", "published", "--kind", "edit") == [("bob", "published 2")]
    assert found("--kind", "score") == []
    assert found("--until", "2001-01-01") == []
    assert len(found("--since", "2001-01-01")) == 3
    assert found(LEADER) == [("bob", "published"), ("ann", "quality")]
    assert found(LEADER, "--flag", "quality") == [("ann", "quality")]
    number = str(read(filled("show", LEADER, "--format", "json"))["id"])
    assert found("--article", number) == found(LEADER)
    assert LEADER in [row["path"] for row in read(filled("log", "3", "--format", "json"))]


def test_many_articles_are_shown_and_asked_about(filled: Curation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.cli.set_.is_interactive", lambda: True)
    refused = filled("unpublish", "--source", "site", stdin="n\n")
    assert refused.exit_code == 1
    assert "_archive/_news/2019-03-02" in refused.stderr
    assert "and 45 more" in refused.stderr
    assert "This decides 50 articles. Go on?" in refused.stderr
    assert read(filled("log", "--kind", "edit", "--format", "json")) == []
    assert filled("unpublish", "--source", "site", stdin="y\n").exit_code == 0
    few = filled("unpublish", "--collection", "archive")
    assert "Go on" not in few.stderr


# --- completion ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "begun", "offered"),
    [
        (["list", "--topic"], "Ti", ["Tides"]),
        (["set", "--domain"], "keep", ["keeperslog.example"]),
        (["show"], "2021-05-28-needle", [LEADER]),
        (["set"], "_samples/flash", ["_samples/flash-pattern-simulator.md"]),
        (["report"], "re", ["review"]),
        (["source", "infer"], "s", ["site"]),
        (["publish", "--collection"], "learning/b", ["learning/books"]),
        ([], "sco", ["score"]),
        (["log", "--kind"], "s", ["score"]),
    ],
)
def test_the_shell_completes_names(
    filled: Curation, store: Store, typed: list[str], begun: str, offered: list[str]
) -> None:
    database = store.backend.url.render_as_string(hide_password=False)
    complete = ShellComplete(cli, {}, "curation", "_CURATION_COMPLETE")
    found = complete.get_completions(["--database", database, *typed], begun)
    assert [item.value for item in found] == offered


def test_without_a_store_nothing_is_completed_and_nothing_said() -> None:
    complete = ShellComplete(cli, {}, "curation", "_CURATION_COMPLETE")
    assert complete.get_completions(["--database", "/nowhere/at/all.db", "list", "--topic"], "T") == []
