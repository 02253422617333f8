"""The commands that change flags, show the history and revert, as editors and scripts use them."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.shell_completion import ShellComplete
from click.testing import Result

from curation.cli import cli
from curation.store.database import Store

from ..support.cases import some
from ..support.cli_helpers import LEADER
from ..support.importing_helpers import write_story
from ..support.store_digest import digests

Curation = Callable[..., Result]


@pytest.fixture
def filled(imported: Store, curation: Curation) -> Curation:
    return curation


def read(result: Result) -> Any:
    assert result.exit_code in (0, 3), result.output
    return json.loads(result.stdout)


def flags(run: Curation, article: str) -> dict[str, Any]:
    return {flag["flag"]: flag for flag in read(run("show", article, "--format", "json"))["flags"]}


NUMBERS = [
    ("80", 80), ("-1", -1), ("+=10", 72), ("-=5", 57), ("+5", 5), ("=80", 80), ("=-1", -1), ("-5", -5), ("0", 0),
    ("+=0", 62), ("-0", 0),
]  # fmt: skip


@pytest.mark.any_engine
@pytest.mark.parametrize(("given", "becomes"), some(NUMBERS, 2))
@pytest.mark.parametrize("form", ["--quality", "--quality="])
def test_a_number_sets_whatever_its_sign_and_a_sign_with_an_equals_sign_moves(
    filled: Curation, form: str, given: str, becomes: int
) -> None:
    option = [form + given] if form.endswith("=") else [form, given]
    assert filled("set", LEADER, *option).exit_code == 0
    assert flags(filled, LEADER)["quality"]["value"] == becomes


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("given", "note"),
    [
        ("+10", "note: +10 sets 10; to add 10, write +=10\n"),
        ("-5", "note: -5 sets -5; to subtract 5, write -=5\n"),
        ("-1", ""),
        ("+=10", ""),
    ],
)
def test_a_signed_number_gives_a_note_about_the_new_form(filled: Curation, given: str, note: str) -> None:
    assert filled("set", LEADER, "--heat", given, "--dry-run").stderr.removesuffix(
        "dry run: 1 of 1 article would change; nothing was saved\n"
    ) == note  # fmt: skip


@pytest.mark.any_engine
@pytest.mark.parametrize(
    "given",
    some(
        ["x", "", "1.5", "--", "+=-3", "=+=3", "+ 5", "+=", "++3", str(2**63), f"-{2**63 + 1}", f"+={2**63}"]
    ),
)
def test_an_invalid_number_is_wrong_usage(filled: Curation, given: str) -> None:
    assert filled("set", LEADER, "--quality", given).exit_code == 2


def test_a_dry_run_shows_each_change_and_saves_nothing(filled: Curation, store: Store) -> None:
    before = digests(store)
    result = filled("set", LEADER, "--quality", "+=1", "--unpublished", "--dry-run", "--format", "json")
    changes = [(row["path"], row["flag"], row["old"], row["new"]) for row in read(result)]
    assert changes == [(LEADER, "published", True, False), (LEADER, "quality", 62, 63)]
    assert "1 of 1 article would change; nothing was saved" in result.stderr
    assert digests(store) == before
    for command in (["reset", "--collection", "news"], ["publish", "--collection", "learning"]):
        assert filled(*command, "--dry-run").exit_code == 0
        assert digests(store) == before


def test_a_reset_removes_overrides(filled: Curation) -> None:
    filled("set", LEADER, "--quality", "1", "--heat", "2")
    assert "reset 1 of 1" in filled("reset", LEADER, "--heat").stdout
    assert (flags(filled, LEADER)["heat"]["override"], flags(filled, LEADER)["quality"]["override"]) == (
        None,
        1,
    )
    assert "reset 1 of 1" in filled("reset", "--overridden").stdout
    assert "nothing to change\n" in filled("reset", LEADER).stdout


def test_several_changesets_are_reverted_newest_first(filled: Curation) -> None:
    made = []
    for quality in ("70", "80", "90"):
        output = filled("set", LEADER, "--quality", quality).stdout
        made.append(re.findall(r"changeset (\d+)", output)[0])
    dry = filled("revert", made[-1], "--dry-run")
    assert "dry run, nothing was saved" in dry.stderr
    assert flags(filled, LEADER)["quality"]["value"] == 90
    assert filled("revert", *made).exit_code == 0
    assert flags(filled, LEADER)["quality"]["value"] == 62
    log = read(filled("log", "--kind", "revert", "--format", "json"))
    assert [str(line["reverts"]) for line in log] == made


def test_a_flag_that_is_left_alone_is_listed_with_status_3(filled: Curation) -> None:
    filled("set", LEADER, "the-bollard-column-again", "--quality", "70")
    filled("set", LEADER, "--quality", "80")
    result = filled("revert", "2", "--format", "json")
    assert result.exit_code == 3
    assert read(result) == [{"changeset": 2, "path": LEADER, "why": "quality was set since, by changeset 3"}]
    assert filled("revert", "2").exit_code == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["revert", "99"], "no changeset 99"),
        (["log", "99"], "no changeset 99"),
        (["set", LEADER, "--heat", "1", "--if-unchanged-since", "0"], "changed since version 0"),
        (["set", "--since", "2999-01-01", "--heat", "1"], "no article matches"),
        (["search", "***"], "no word to search for"),
    ],
)
def test_a_refusal_is_one_line_that_says_what_to_do(
    filled: Curation, arguments: list[str], message: str
) -> None:
    filled("set", LEADER, "--quality", "1")
    result = filled(*arguments)
    assert (result.exit_code, message in result.stderr) == (1, True), result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert "`curation " in result.stderr or "give words" in result.stderr


def test_a_reverted_import_must_be_imported_again(filled: Curation) -> None:
    assert filled("revert", "1").exit_code == 0
    result = filled("revert", "2")
    assert (result.exit_code, "import the dump again" in result.stderr) == (1, True)


def test_if_unchanged_since_takes_the_version_of_show(filled: Curation) -> None:
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


def test_many_articles_are_shown_in_a_prompt(filled: Curation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curation.cli.edits.is_interactive", lambda: True)
    refused = filled("unpublish", "--source", "site", stdin="n\n")
    assert refused.exit_code == 1
    assert "_archive/_news/2019-03-02" in refused.stderr
    assert "and 45 more" in refused.stderr
    assert "Change 50 articles?" in refused.stderr
    assert read(filled("log", "--kind", "edit", "--format", "json")) == []
    assert filled("unpublish", "--source", "site", stdin="y\n").exit_code == 0
    few = filled("unpublish", "--collection", "archive")
    assert "Change " not in few.stderr


def test_several_are_dry_run_as_they_would_be_run(filled: Curation, store: Store) -> None:
    for quality in ("70", "80", "90"):
        filled("set", LEADER, "--quality", quality)
    before = digests(store)
    dry = filled("revert", "4", "3", "2", "--dry-run", "--format", "json")
    assert [(row["old"], row["new"]) for row in read(dry)] == [(90, 80), (80, 70), (70, 62)]
    assert digests(store) == before


def test_one_of_several_that_is_refused_is_named_and_the_others_are_reverted(filled: Curation) -> None:
    filled("set", LEADER, "--quality", "70")
    filled("set", "the-bollard-column-again", "--quality", "70")
    filled("revert", "2")
    result = filled("revert", "2", "3", "--format", "json")
    assert result.exit_code == 3
    assert [row["changeset"] for row in read(result)] == [2]
    assert flags(filled, "the-bollard-column-again")["quality"]["override"] is None


def test_imports_and_decisions_are_reverted_together_and_dry_run_as_they_would_be(
    curation: Curation, tmp_path: Path, store: Store
) -> None:
    write_story(tmp_path, "a.md", quality=10)
    curation("import", str(tmp_path), "--source", "s")  # 1
    write_story(tmp_path, "a.md", quality=20)
    curation("import", str(tmp_path), "--source", "s")  # 2
    curation("set", "a.md", "--quality", "30")  # 3
    before = digests(store)
    alone = curation("revert", "2", "--dry-run")
    assert (alone.exit_code, "1 left alone" in alone.stderr) == (3, True)
    dry = curation("revert", "3", "2", "--dry-run", "--format", "json")
    assert (dry.exit_code, "1 restored" in dry.stderr) == (0, True), dry.output
    assert [(row["old"], row["new"]) for row in read(dry)] == [(30, 20), (20, 10)]
    assert digests(store) == before
    assert curation("revert", "3", "2").exit_code == 0
    assert flags(curation, "a.md")["quality"]["value"] == 10
    made = re.findall(r"changeset (\d+)", curation("set", "a.md", "--quality", "40").stdout)
    again = curation("revert", *made, "2", "--format", "json")
    assert again.exit_code == 3
    assert [row["changeset"] for row in read(again)] == [2]
    assert flags(curation, "a.md")["quality"]["value"] == 10


@pytest.mark.parametrize("times", [1, 30])
def test_a_header_on_standard_input_is_no_end_of_a_path(
    curation: Curation, tmp_path: Path, times: int
) -> None:
    for name in ("national-id.md", "the-critical-path.md"):
        write_story(tmp_path, name)
    curation("import", str(tmp_path), "--source", "s")
    for column in ("id", "path"):
        listed = curation("list", "--columns", column, "--format", "csv").stdout
        result = curation("unpublish", "-", stdin=listed * times)
        assert (result.exit_code, f"no article matches '{column}'" in result.stderr) == (1, True), (
            result.output
        )
        listed = curation("list", "--columns", column, "--format", "csv", "--no-headers").stdout
        assert "2 of 2" in curation("set", "-", "--heat", "1", "--dry-run", stdin=listed * times).output


def test_an_end_of_a_path_is_taken_letter_for_letter(curation: Curation, tmp_path: Path) -> None:
    write_story(tmp_path, "needle-rock.md")
    curation("import", str(tmp_path), "--source", "s")
    assert curation("show", "NEEDLE-ROCK").exit_code == 1
    assert curation("show", "rock").exit_code == 0


def test_the_result_is_a_row_with_a_format(filled: Curation, tmp_path: Path) -> None:
    row = {"changeset": 2, "changed": 1, "selected": 1, "refused": 0}
    assert read(filled("set", LEADER, "--heat", "5", "--format", "json")) == [row]
    filled("set", LEADER, "--heat", "6", "--output", str(tmp_path / "done.json"))
    assert json.loads((tmp_path / "done.json").read_text()) == [row | {"changeset": 3}]


def test_a_dry_run_blocks_nobody_while_it_prints(
    filled: Curation, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    from curation.cli import edits

    def print_slowly(*_: object) -> int:
        with store.writing() as connection:  # as a concurrent command would
            connection.execute(sa.text("UPDATE sources SET location = location"))
        return 0

    monkeypatch.setattr(edits, "print_rows", print_slowly)
    monkeypatch.setattr("curation.backends.sqlite.BUSY_TIMEOUT", 0.1)
    assert filled("set", "--collection", "news", "--heat", "1", "--dry-run").exit_code == 0


@pytest.mark.parametrize("reference", ["lo", "ock-goes-led", "9", "70"])
def test_a_piece_of_a_word_and_a_number_that_is_no_id_name_nothing(
    curation: Curation, tmp_path: Path, reference: str
) -> None:
    (tmp_path / "_news").mkdir()
    for name in ("needle-rock-goes-led", "hello", "top-109", "a70"):
        (tmp_path / "_news" / f"{name}.md").write_text(f"---\ntitle: {name}\n---\n")
    curation("import", str(tmp_path))
    alone = curation("unpublish", reference)
    assert (alone.exit_code, "no article" in alone.stderr) == (1, True)
    assert curation("unpublish", "-", stdin="\n".join([*map(str, range(1, 4)), reference] * 8)).exit_code == 1
    assert curation("unpublish", "goes-led").exit_code == 0


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (["revert", "9" * 20], 2),
        (["log", "9" * 20], 1),
        (["log", "9" * 5000], 1),
        (["log", "--limit", "9" * 20], 2),
        (["list", "--limit", "9" * 20], 2),
        (["set", LEADER, "--heat", "1", "--if-unchanged-since", "9" * 20], 2),
        (["log", "--since", "0001-01-01T00:00:00+14:00"], 2),
        (["set", LEADER, "--heat", "1", "--actor", " "], 2),
        (["set", LEADER, "--heat", "1", "--reason", "\udcff"], 1),
        (["show", "\udcff"], 1),
        (["set", LEADER, "--removed", "--published"], 1),
        (["set", LEADER, "--quality", "9" * 5000], 2),
        (["set", LEADER, "--quality", "\u0663"], 2),
        (["list", "--quality", "9" * 5000 + ".."], 2),
        (["log", LEADER, "--article", LEADER], 2),
    ],
)
def test_impossible_values_are_refused_without_an_internal_error(
    filled: Curation, arguments: list[str], status: int
) -> None:
    result = filled(*arguments)
    assert (result.exit_code, "internal error" in result.stderr) == (status, False), result.output
    assert not re.search("(SQLite|PostgreSQL) error: ", result.stderr)
    assert read(filled("log", "--kind", "edit", "--format", "json")) == []


def test_a_nul_on_standard_input_is_refused(filled: Curation) -> None:
    result = filled("publish", "-", stdin="a\0b\n")
    assert (result.exit_code, "a NUL on standard input" in result.stderr) == (1, True)


def test_a_changeset_without_changes_of_flags_is_described(filled: Curation) -> None:
    result = filled("log", "1", "--format", "json")
    assert {row["flag"] for row in read(result)} == {"document"}
    assert "changeset 1: import by " in result.stderr


# --- completion ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "prefix", "offered"),
    [
        (["list", "--topic"], "Ti", ["Tides"]),
        (["set", "--domain"], "keep", ["keeperslog.example"]),
        (["show"], "2021-05-28-needle", [LEADER.removeprefix("_news/")]),
        (["set"], "_samples/flash", ["_samples/flash-pattern-simulator.md"]),
        (["report"], "re", ["review"]),
        (["source", "infer"], "s", ["site"]),
        (["source", "set", "site", "--zone"], "Europe/Ro", ["Europe/Rome"]),
        (["source", "set", "site", "--page-size"], "n", ["news=25"]),
        (["source", "set", "site", "--unset"], "fe", ["feed-length"]),
        (["export", "api", "--source"], "s", ["site"]),
        (["publish", "--collection"], "learning/b", ["learning/books"]),
        ([], "sco", ["score"]),
        (["log", "--kind"], "s", ["score"]),
    ],
)
def test_the_shell_completes_names(
    filled: Curation, store: Store, typed: list[str], prefix: str, offered: list[str]
) -> None:
    database = store.backend.url.render_as_string(hide_password=False)
    complete = ShellComplete(cli, {}, "curation", "_CURATION_COMPLETE")
    found = complete.get_completions(["--database", database, *typed], prefix)
    assert [item.value for item in found] == offered


def test_completion_is_silent_without_a_store() -> None:
    complete = ShellComplete(cli, {}, "curation", "_CURATION_COMPLETE")
    assert complete.get_completions(["--database", "/nowhere/at/all.db", "list", "--topic"], "T") == []
