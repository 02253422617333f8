"""Unknown names in filters, parameters, commands and options."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.articles.selecting import Filters, make_filter_conditions
from curation.store.database import Store
from curation.store.schema import provider_aliases, providers
from curation.suggestions import describe_unknown_name, find_nearest

from ..support.cases import some
from ..support.places import SITE

Curation = Callable[..., Result]

FILTERS = {
    "source": ("siet", "site"),
    "topic": ("tidse", "Tides"),
    "provider": ("Tidal Times", "The Tidal Times"),
    "domain": ("tidaltimes.exampel", "tidaltimes.example"),
    "collection": ("lerning", "learning"),
    "type": ("vidoe", "video"),
    "category": ("stat", "stats"),
}
COMMANDS = [
    ("list",), ("search", "tide"), ("export", "articles"), ("export", "files", "out"), ("set", "--heat", "1"),
    ("publish",), ("unpublish",), ("reset",), ("list", "--format", "csv"), ("publish", "--dry-run"),
    ("set", "1", "--heat", "1"),
]  # fmt: skip


@pytest.mark.parametrize("command", some([(command,) for command in COMMANDS], 3))
@pytest.mark.parametrize("kind", list(FILTERS))
def test_an_unknown_name_is_an_error_with_a_suggestion(
    imported: Store, curation: Curation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str,
    command: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    name, similar = FILTERS[kind]
    result = curation(*command, f"--{kind}", name, f"--{kind}", similar)
    message = f"Error: no {kind} {name!r}: did you mean {similar}?\n"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)
    assert not (tmp_path / "out").exists()


def test_a_known_name_without_matches_is_an_empty_result(imported: Store, curation: Curation) -> None:
    result = curation("list", "--collection", "learning", "--topic", "Tides", "--until", "1970-01-01")
    assert (result.exit_code, result.stderr) == (0, "")
    for collection in ("learning", "learning/videos"):
        assert curation("list", "--collection", collection).exit_code == 0


def test_one_query_looks_for_all_names(imported: Store) -> None:
    statements: list[str] = []
    with imported.reading() as connection:
        sa.event.listen(connection, "before_cursor_execute", lambda *event: statements.append(event[2]))
        make_filter_conditions(
            connection, Filters(topic=["Tides"] * 9, provider=["The Tidal Times"], type=["video"])
        )
        assert len(statements) == 1
        make_filter_conditions(connection, Filters(published=True))
        assert len(statements) == 1


def test_an_alias_of_a_provider_suggests_its_name(imported: Store, curation: Curation) -> None:
    with imported.writing() as connection:
        has_name = providers.c.name == "The Tidal Times"
        key = connection.scalar(sa.select(providers.c.id).where(has_name))
        row = {"provider_id": key, "position": 99, "name": "Wave & Ebb"}
        connection.execute(sa.insert(provider_aliases).values(row))
    result = curation("list", "--provider", "wave & ebb")
    assert result.stderr == "Error: no provider 'wave & ebb': did you mean The Tidal Times?\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["log", "--actor", "amn"], "no actor 'amn': did you mean ann?"),
        (["issues", "--import", "99"], "no import 99: `curation report imports` lists them"),
        (["issues", "--import", str(2**70)], "no import"),
        (["list", "--columns", "titel"], "no column 'titel': did you mean title?"),
        (["list", "--sort", "-qality"], "no column 'qality': did you mean quality?"),
        (["source", "show", "siet"], "no source 'siet': did you mean site?"),
        (["score", "siet"], "no source 'siet': did you mean site?"),
        (["source", "set", "site", "--unset", "zon"], "no setting 'zon': did you mean zone?"),
        (["db", "tables", "artcles"], "no table 'artcles': did you mean articles?"),
        (["report", "providers", "-p", "minimun=3"], "no parameter of providers 'minimun': did you mean minimum?"),
        (["report", "published", "-p", "collection=newz"], "no collection 'newz': did you mean news?"),
        (["report", "topics", "-p", "parent=Tidse"], "no topic 'Tidse': did you mean Tides?"),
        (["report", "months", "-p", "source=siet", "--chart", "-"], "no source 'siet': did you mean site?"),
        (["report", "activity", "-p", "kind=edti"], "no kind 'edti': did you mean edit?"),
        (["report", "duplicates", "-p", "same=both"], "no same 'both': there are url, title"),
    ],
)  # fmt: skip
def test_other_unknown_names_have_suggestions_too(
    imported: Store, curation: Curation, arguments: list[str], message: str
) -> None:
    assert curation("set", "1", "--heat", "1", "--actor", "ann").exit_code == 0
    result = curation(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith(f"Error: {message}")


@pytest.mark.parametrize("given", ["collection=%", "collection=ne%", "collection=news"])
def test_a_report_accepts_a_pattern(imported: Store, curation: Curation, given: str) -> None:
    assert curation("report", "published", "-p", given).exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["improt", str(SITE)], "No such command 'improt'. Did you mean 'curation import'?"),
        (["db", "updrade"], "No such command 'updrade'. Did you mean 'curation db upgrade'?"),
        (["export", "fils", "x"], "No such command 'fils'. Did you mean 'curation export files'?"),
        (["source", "lsit"], "No such command 'lsit'. Did you mean 'curation source list'?"),
        (["upgrade"], "No such command 'upgrade'. Did you mean 'curation db upgrade'?"),
        (["files", "site"], "No such command 'files'. Did you mean 'curation export files'?"),
        (["xyzzy"], "No such command 'xyzzy'."),
        (["list", "--topik", "x"], "No such option '--topik'. (Did you mean one of: '--topic', '--type'?)"),
        (["list", "--database", "x"], "--database goes before the command: curation --database ... list"),
    ],
)
def test_misspelt_commands_and_options_have_suggestions(
    store: Store, arguments: list[str], message: str
) -> None:
    from click.testing import CliRunner

    from curation.cli import cli

    result = CliRunner().invoke(cli, arguments, prog_name="curation")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (2, f"Error: {message}")


def test_suggestions_ignore_case() -> None:
    assert find_nearest("TIDES", ["Tides", "tide pools"]) == "Tides"
    assert find_nearest("straße", ["STRASSE"]) == "STRASSE"
    assert find_nearest("xyz", []) == ""
    assert describe_unknown_name(
        "topic", "x", [f"topic {n}" for n in range(30)], "curation report topics"
    ).endswith("topic 19 and 10 more (`curation report topics`)")
