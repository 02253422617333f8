"""The command line, on every engine: effects, output and exit status of each command."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from curation import __version__
from curation.cli import COMMANDS, cli
from curation.cli.output import FORMATS, TEXT_FORMATS
from curation.store.database import Store, find_head_revision

from ..support.cases import some
from ..support.places import SITE

Curation = Callable[..., Result]

LEADER = "_news/2021-05-28-needle-rock-goes-led.md"


@pytest.fixture
def filled(imported: Store, curation: Curation) -> Curation:
    return curation


def every_command() -> list[tuple[str, click.Command]]:
    found = []
    context = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None
        subcommands = command.commands.items() if isinstance(command, click.Group) else []
        found += [(f"{name} {sub}", c) for sub, c in subcommands] or [(name, command)]
    return found


def test_version() -> None:
    assert __version__ in CliRunner().invoke(cli, ["--version"]).output


def test_import_prints_a_summary(curation: Curation) -> None:
    result = curation("import", str(SITE))
    assert result.stdout.startswith(
        "site: 50 added, 0 updated, 0 unchanged, 0 missing, 6 skipped, 0 quarantined ("
    )
    other = ("import", str(SITE), "--source", "other")
    assert curation(*other).exit_code == 1  # it looks like the first
    assert curation(*other, "--new-source").stdout.startswith("other: 50 added")


def test_a_broken_file_makes_the_status_3_and_is_named(curation: Curation, site: Path) -> None:
    (site / "_news" / "bad.md").write_text("---\ntitle: [unclosed\n---\n")
    result = curation("import", str(site))
    assert result.exit_code == 3
    assert "50 added" in result.stdout
    assert "see `curation issues`" in result.stderr
    [issue] = json.loads(curation("issues", "--format", "json").stdout)
    assert (issue["path"], issue["code"], issue["line"], issue["column"]) == (
        "_news/bad.md",
        "yaml_syntax",
        2,
        8,
    )


def test_notices_are_shown_when_asked_for(filled: Curation) -> None:
    assert json.loads(filled("issues", "--format", "json").stdout) == []
    codes = [issue["code"] for issue in json.loads(filled("issues", "--all", "--format", "json").stdout)]
    assert sorted(codes) == ["byte_order_mark", "line_ends"]


def test_status_counts_articles_and_overrides(filled: Curation) -> None:
    filled("set", "needle-rock-goes-led", "--quality", "1")
    [line] = json.loads(filled("status", "--format", "json").stdout)
    counts = {
        k: line[k]
        for k in ("source", "articles", "published", "overridden", "conflicts", "issues", "last_import")
    }
    assert counts == {
        "source": "site",
        "articles": 50,
        "published": 37,
        "overridden": 1,
        "conflicts": 0,
        "issues": 0,
        "last_import": "succeeded",
    }


def test_list_filters_sorts_and_limits(filled: Curation) -> None:
    result = filled(
        "list", "--topic", "Tides", "--published", "--sort", "-heat", "--limit", "2", "--format", "jsonl"
    )
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(rows) == 2
    assert rows[0]["heat"] >= rows[1]["heat"]
    assert all(row["published"] is True for row in rows)
    assert "2 of 11" in result.stderr
    assert len(filled("list", "--format", "jsonl").stdout.splitlines()) == 50


def test_list_shows_the_columns_asked_for(filled: Curation) -> None:
    result = filled("list", "--columns", "path,topics", "--search", "moths complaint", "--format", "csv")
    assert result.stdout == f'path,topics\n{LEADER},"Fresnel Lenses, Lighthouses"\n'
    assert "canonical_url" in filled("list", "--columns", "help").stdout.split()
    wrong = filled("list", "--columns", "nope")
    assert (wrong.exit_code, "no column 'nope'" in wrong.stderr) == (1, True)


def test_overrides_are_in_show_and_log_and_survive_an_import(filled: Curation) -> None:
    assert (
        filled("set", LEADER, "--quality", "80", "--reason", "well sourced", "--actor", "ann").exit_code == 0
    )
    assert filled("unpublish", "needle-rock-goes-led", "--actor", "bob").exit_code == 0
    assert filled("publish", "the-bollard-column-again", "--actor", "bob").exit_code == 0
    for _ in range(2):
        flags = {f["flag"]: f for f in json.loads(filled("show", LEADER, "--format", "json").stdout)["flags"]}
        assert (flags["quality"]["value"], flags["quality"]["upstream"], flags["quality"]["actor"]) == (
            80,
            62,
            "ann",
        )
        assert flags["quality"]["reason"] == "well sourced"
        assert (flags["published"]["value"], flags["published"]["override"]) == (False, False)
        assert filled("import", str(SITE)).exit_code == 0
    log = [
        json.loads(line) for line in filled("log", "--kind", "edit", "--format", "jsonl").stdout.splitlines()
    ]
    assert [(c["actor"], c["articles"], c["changed"], c["reason"]) for c in log] == [
        ("bob", 1, "published 1", None),
        ("bob", 1, "published 1", None),
        ("ann", 1, "quality 1", "well sourced"),
    ]
    in_full = json.loads(filled("log", str(log[2]["changeset"]), "--format", "json").stdout)
    assert [(c["path"], c["flag"], c["old"], c["new"]) for c in in_full] == [(LEADER, "quality", 62, 80)]
    of_one = [
        json.loads(line)
        for line in filled("log", "the-bollard-column-again", "--format", "jsonl").stdout.splitlines()
    ]
    assert len(of_one) == 1
    changes = filled("sql", "SELECT count(*) AS n FROM changes", "--format", "json")
    assert json.loads(changes.stdout) == [{"n": 3}]


def test_ids_travel_from_sql_into_publish(filled: Curation) -> None:
    found = filled("sql", "SELECT id FROM articles WHERE heat = -1", "--format", "csv", "--no-headers")
    result = filled("publish", "-", stdin=found.stdout)
    assert result.exit_code == 0
    assert "changed 6 of 6 articles" in result.stdout


@pytest.mark.parametrize("stdin", ["", "\n \n"])
def test_an_empty_input_chooses_nothing_whatever_the_filters(filled: Curation, stdin: str) -> None:
    for more in ([], ["--collection", "news"]):
        result = filled("unpublish", "-", *more, stdin=stdin)
        assert (result.exit_code, "nothing on standard input" in result.stderr) == (1, True)
    assert json.loads(filled("log", "--kind", "edit", "--format", "json").stdout) == []


@pytest.mark.parametrize("arguments", [["--search", ""], ["--search", "  "], [""]])
def test_an_empty_filter_or_name_chooses_nothing(filled: Curation, arguments: list[str]) -> None:
    assert filled("unpublish", *arguments).exit_code in (1, 2)
    assert json.loads(filled("log", "--kind", "edit", "--format", "json").stdout) == []


def test_a_source_distinguishes_articles_with_the_same_path(filled: Curation) -> None:
    assert filled("import", str(SITE), "--source", "copy", "--new-source").exit_code == 0
    assert filled("set", LEADER, "--heat", "1").exit_code == 1
    assert filled("set", LEADER, "--source", "copy", "--heat", "1").exit_code == 0
    assert json.loads(filled("list", "--overridden", "--columns", "source", "--format", "json").stdout) == [
        {"source": "copy"}
    ]


def test_references_are_read_from_lines_csv_and_tsv(filled: Curation) -> None:
    lines = f'{LEADER}\n"_news/2022-10-10-the-bollard-column-again.md",x\n1,Some title\n2\ttitle\n'
    assert "changed 4 of 4" in filled("publish", "-", stdin=lines).stdout


def test_columns_of_one_name_are_all_kept(filled: Curation) -> None:
    result = filled("sql", "SELECT 1 AS a, 2 AS a", "--format", "jsonl")
    assert json.loads(result.stdout) == {"a": 1, "a_2": 2}


def test_numbers_given_to_sql_are_numbers(filled: Curation) -> None:
    sql = "SELECT count(*) AS n FROM articles HAVING count(*) > :n"
    assert json.loads(filled("sql", sql, "-p", "n=49", "--format", "json").stdout) == [{"n": 50}]
    assert json.loads(filled("sql", sql, "-p", "n=50", "--format", "json").stdout) == []


def test_the_suffix_of_an_output_file_sets_the_format_or_is_refused(filled: Curation, tmp_path: Path) -> None:
    assert filled("status", "--output", str(tmp_path / "x.json")).exit_code == 0
    assert json.loads((tmp_path / "x.json").read_text())[0]["source"] == "site"
    assert filled("status", "--output", str(tmp_path / "x.xls")).exit_code == 2
    assert filled("status", "--output", str(tmp_path / "no" / "x.csv")).exit_code == 2
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(("x", ".x"))) == ["x.json"]


def test_a_removed_article_is_refused_by_name(filled: Curation) -> None:
    veto = "2021-11-07-local-man-predicts-tide-using-tide-table"
    alone = filled("publish", veto)
    assert (alone.exit_code, "--restored" in alone.stderr) == (1, True)
    beside = filled("publish", veto, "needle-rock-goes-led")
    assert beside.exit_code == 3
    assert veto in beside.stderr


def test_the_actor_is_named_by_the_environment(filled: Curation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CURATION_ACTOR", "desk")
    filled("set", LEADER, "--heat", "3")
    assert json.loads(filled("log", "--format", "json").stdout)[0]["actor"] == "desk"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set", LEADER], "nothing to set"),
        (["set", "--heat", "3"], "no articles selected"),
        (["publish"], "no articles selected"),
        (["list", "--quality", "a..b"], "is not a range"),
        (["list", "--since", "yesterday"], "is not a date"),
        (["sql", "SELECT 1", "-p", "x"], "write KEY=VALUE"),
        (["nothing"], "No such command"),
    ],
)
def test_wrong_usage_is_status_2(filled: Curation, arguments: list[str], message: str) -> None:
    result = filled(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["show", "no-such"], "no article matches 'no-such'"),
        (["set", "no-such", "--heat", "1"], "no article matches 'no-such'"),
        (["publish", "--since", "2999-01-01"], "no article matches"),
        (["report", "no-such"], "there are activity, clusters"),
        (["sql", "DELETE FROM articles"], "only reading is allowed"),
        (["import", "no-such-folder"], "is not a folder"),
        (["db", "downgrade", "7777"], "`curation db history`"),
    ],
)
def test_an_error_is_one_line_and_status_1(filled: Curation, arguments: list[str], message: str) -> None:
    result = filled(*arguments)
    assert result.exit_code == 1, result.output
    error = [line for line in result.stderr.splitlines() if not line.startswith("warning")]
    assert len(error) == 1
    assert error[0].startswith("Error: ")
    assert message in error[0]


def test_reports_are_listed_run_and_explained(filled: Curation) -> None:
    listed = [row["report"] for row in json.loads(filled("report", "--format", "json").stdout)]
    assert listed == sorted(listed)
    assert {"providers", "review", "topics"} <= set(listed)
    rows = list(
        csv.DictReader(io.StringIO(filled("report", "topics", "-p", "limit=1", "--format", "csv").stdout))
    )
    assert [(row["topic"], row["articles"]) for row in rows] == [("Lighthouses", "16")]
    assert filled("report", "topics", "--explain").stdout.startswith("-- title: Topics")


@pytest.mark.any_engine
@pytest.mark.parametrize("form", some(FORMATS))
def test_every_printing_command_takes_every_form(filled: Curation, form: str, tmp_path: Path) -> None:
    filled("set", LEADER, "--heat", "3")
    commands = (["status"], ["list"], ["show", LEADER], ["log"], ["issues", "--all"], ["report"], ["report", "topics"],
                ["sql", "SELECT id, title FROM articles"], ["db", "history"])  # fmt: skip
    for command in commands:
        printed = filled(*command, "--format", form)
        assert printed.exit_code == 0, (command, printed.stderr)
        assert printed.stdout_bytes.strip()
        file = tmp_path / "out"
        written = filled(*command, "--format", form, "--output", str(file))
        assert (written.exit_code, written.stdout) == (0, "")
        if form in TEXT_FORMATS:
            assert without_minute(file.read_text()) == without_minute(printed.stdout)
        else:
            assert file.read_bytes()[:4] == printed.stdout_bytes[:4]


def without_minute(text: str) -> str:
    """Return a page without the time when it was created."""
    return re.sub("<time.*?</time>", "", text)


def test_schema_commands(filled: Curation) -> None:
    assert (
        filled("db", "current").stdout == f"{find_head_revision()} (this release: {find_head_revision()})\n"
    )
    assert filled("db", "check").stdout == "the schema matches this release\n"
    assert filled("db", "downgrade", "base", "--yes").stdout == "the schema is at base: no tables\n"
    assert filled("status").exit_code == 1
    assert "run `curation db upgrade`" in filled("status").stderr
    assert filled("db", "upgrade").stdout == f"the schema is at {find_head_revision()}\n"
    assert filled("status").exit_code == 0


def test_an_absent_store_is_made_by_import_and_by_nothing_else(tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    for command in (["status"], ["list"], ["sql", "SELECT 1"], ["db", "current"]):
        result = CliRunner().invoke(cli, ["--database", str(database), *command])
        assert (result.exit_code, "curation import" in result.stderr) == (1, True), command
        assert not database.exists()
    result = CliRunner().invoke(cli, ["--database", str(database), "import", str(SITE)])
    assert result.exit_code == 0
    assert database.exists()


def test_a_path_that_is_no_dump_makes_no_store(tmp_path: Path) -> None:
    database = tmp_path / "new.db"
    (tmp_path / "empty").mkdir()
    for path in ("no-such", "empty"):
        assert (
            CliRunner().invoke(cli, ["--database", str(database), "import", str(tmp_path / path)]).exit_code
            == 1
        )
    assert not database.exists()


@pytest.mark.parametrize("database", ["", "sqlite://", "sqlite:///:memory:", "oracle://x", "mysql://x/y"])
def test_a_database_that_cannot_be_says_so(database: str) -> None:
    result = CliRunner().invoke(cli, ["--database", database, "status"])
    assert (result.exit_code, "postgresql:// URL" in result.stderr) == (2, True)


def test_a_file_that_is_no_store_says_so(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but long enough to have a header" * 10)
    result = CliRunner().invoke(cli, ["--database", str(file), "status"])
    assert (result.exit_code, "not an SQLite database" in result.stderr) == (1, True)


def test_a_server_that_is_not_there_says_so_without_the_password() -> None:
    url = "postgresql://ann:secret@127.0.0.1:9/news"
    result = CliRunner().invoke(cli, ["--database", url, "status"])
    assert result.exit_code == 1
    assert "no connection to postgresql://" in result.stderr
    assert "secret" not in result.stderr


def test_help_imports_no_database() -> None:
    script = "import sys; from curation.cli import cli; cli(['--help'], standalone_mode=False); print('sqlalchemy' in sys.modules)"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1] == "False"


def test_a_closed_pipe_is_no_error(filled: Curation, store: object) -> None:
    database = store.backend.url.render_as_string(hide_password=False)  # type: ignore[attr-defined]
    command = f"{sys.executable} -m curation --database '{database}' list --format csv | head -n 1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert "Traceback" not in ended.stderr
    assert ended.stdout.startswith("id,")
