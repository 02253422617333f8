"""`curation sql`: sources of a query, parameters, and error messages."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result
from hypothesis import given, strategies as st

from curation.backends import postgresql_queries
from curation.backends.queries import MAX_SQL
from curation.backends.sql_text import (
    number_parameters,
    point_at_error,
    quote_identifiers_strictly,
    split_tokens,
    without_semicolons,
)
from curation.cli import queries
from curation.store.database import Store

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.stores import ON_POSTGRESQL, ON_SQLITE


@pytest.fixture
def run_query(imported: Store, curation: Callable[..., Result]) -> Callable[..., str]:
    """Return a function that queries the sample site and returns CSV, or the error."""
    with imported.writing() as connection:
        connection.execute(sa.text("UPDATE sources SET name = '2024'"))

    def run(*arguments: str, stdin: str | None = None) -> str:
        ended = curation("sql", *arguments, "--format", "csv", "--no-headers", stdin=stdin)
        errors = "".join(line for line in ended.stderr.splitlines(True) if not line.startswith("warning: "))
        assert (ended.exit_code == 0) == (not errors), ended.output
        return (ended.stdout + errors).rstrip("\n")

    return run


# --- sources of a query ----------------------------------------------------------------------------------


def test_a_query_comes_from_an_argument_a_file_or_standard_input(
    run_query: Callable[..., str], tmp_path: Path
) -> None:
    file = tmp_path / "question.sql"
    file.write_bytes(b"\xef\xbb\xbf-- how many\r\nSELECT count(*) FROM sources;\r\n")
    assert run_query("SELECT count(*) FROM sources") == "1"
    assert run_query(str(file)) == "1"
    assert run_query("--file", str(file)) == "1"
    assert run_query("-f", "-", stdin=file.read_text()) == "1"
    assert run_query("-", stdin=file.read_text()) == "1"


def test_an_invalid_query_source_gives_one_error_line(
    run_query: Callable[..., str], curation: Callable[..., Result], tmp_path: Path
) -> None:
    file = tmp_path / "question.sql"
    assert run_query(str(file)) == f"Error: No such file or directory: {file}"
    file.write_bytes(b"SELECT '\xe9'")
    assert run_query(str(file)) == f"Error: {file} is not UTF-8 (byte 9): save it as UTF-8"
    file.write_bytes(b" " * (4 * MAX_SQL + 1))
    assert "is too long" in run_query(str(file))
    for wrong in ([], ["SELECT 1", "--file", str(file)]):
        ended = curation("sql", *wrong)
        assert (ended.exit_code, ended.stderr.splitlines()[-1]) == (
            2, "Error: give one query: QUERY or --file",
        )  # fmt: skip


# --- parameters -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "value", "is_found"),
    [
        ("heat = :v", "77", True),
        ("heat > :v", "99.5", True),
        ("100 > :v", "100.5", False),
        ("heat < :v", "99999999999999999999", True),
        ("(SELECT count(*) FROM sources) > :v", "0", True),
        ("(SELECT count(*) FROM sources) < :v", "1.50", True),
        ("(SELECT avg(1.5) FROM sources) > :v", "1.25", True),
        ("slug = :v", "needle-rock-goes-led", True),
        ("source_id = (SELECT id FROM sources WHERE name = :v)", "2024", True),
        ("'007' = :v", "007", True),
        ("'1.10' = :v", "'1.10'", True),
        ("'it''s' = :v", "'it''s'", True),
        ("CAST(id AS text) = :v", "0", False),
        ("published_at > :v", "2000-01-01", True),
    ],
)  # fmt: skip
def test_a_parameter_is_compared_as_what_it_meets(
    run_query: Callable[..., str], where: str, value: str, is_found: bool
) -> None:
    assert (run_query(f"SELECT count(*) FROM articles WHERE {where}", "-p", f"v={value}") != "0") is is_found


def test_a_reports_text_stays_text(curation: Callable[..., Result], store: Store, tmp_path: Path) -> None:
    import_folder(store, SITE)
    report = "-- title: x\n-- purpose: x\n-- parameter: t text 007 x\nSELECT CASE WHEN '007' = :t THEN 'same' END AS n\n"
    (tmp_path / "own.sql").write_text(report)
    ended = curation("report", "own", "--reports", str(tmp_path), "--format", "csv", "--no-headers")
    assert ended.stdout == "same\n"


def test_a_users_own_report_gives_the_same_warning_as_sql(
    curation: Callable[..., Result], store: Store, tmp_path: Path
) -> None:
    (tmp_path / "own.sql").write_text("-- title: x\n-- purpose: x\nSELECT 1 AS n\n")
    is_contained = store.backend.name == "sqlite"
    for arguments in (["report", "own", "--reports", str(tmp_path)], ["sql", "SELECT 1 AS n"]):
        assert (
            curation(*arguments).stderr.startswith("warning: 'curation' is a superuser") is not is_contained
        )
    assert curation("report", "topics", "--reports", str(tmp_path)).stderr == ""


def test_semicolons_and_comments_around_a_query_change_nothing(run_query: Callable[..., str]) -> None:
    for sql in (
        "SELECT 1;;",
        ";;SELECT 1",
        " ; ; SELECT 1 ; -- ;\n ; /* ; */",
        "SELECT 1 /* ;; */ ;\n;\n",
        "SELECT 1;--",
    ):
        assert run_query(sql) == "1", sql
    assert run_query("SELECT ';;' AS a;;") == ";;"
    assert "one statement at a time" in run_query("SELECT 1;; SELECT 2;;")
    assert run_query(";;").startswith("Error: ")


def test_the_current_time_is_available_on_every_engine(run_query: Callable[..., str]) -> None:
    today = dt.datetime.now(dt.UTC).date()
    values = run_query("SELECT current_date, CURRENT_TIMESTAMP, current_time").split(",")
    assert dt.date.fromisoformat(values[0]) - today in (dt.timedelta(0), dt.timedelta(1))
    assert dt.datetime.fromisoformat(values[1]).date() - today in (dt.timedelta(0), dt.timedelta(1))
    assert values[2][2] == ":"


def test_flags_are_queried_alike_on_every_engine(run_query: Callable[..., str], store: Store) -> None:
    shown = run_query("SELECT count(*) FROM articles WHERE published")
    assert int(shown) + int(run_query("SELECT count(*) FROM articles WHERE NOT published")) == 50
    assert (
        run_query("SELECT sum(CAST(published AS integer)) FROM articles WHERE CAST(published AS integer) = 1")
        == shown
    )
    messages = [
        run_query(f"SELECT {what} FROM articles")
        for what in ("sum(published)", "count(*) FILTER (WHERE published = 1)")
    ]
    has_hint = ["CAST(published AS integer)" in line for line in messages]
    assert has_hint == [store.backend.name == "postgresql"] * 2


@pytest.mark.parametrize(
    ("sql", "message"),
    [('SELECT count(*) FROM articles WHERE "titel" = \'x\'', "did you mean title?"),
     ('SELECT "titel" FROM articles', "did you mean title?"),
     ('SELECT id FROM articles ORDER BY "titel"', "did you mean title?"),
     ('SELECT a."titel" FROM articles a', "did you mean title?"),
     ('SELECT count(*) FROM articles WHERE title LIKE "%tide%"', "%tide%"),
     ('SELECT title || "$.a" FROM articles', "$.a"), ('SELECT title || "" FROM articles', '""'),
     ('SELECT count(*) FROM articles WHERE "title" <> "heat`[]"', "")],
)  # fmt: skip
def test_a_name_in_double_quotes_is_never_a_text(
    run_query: Callable[..., str], sql: str, message: str
) -> None:
    assert run_query(sql).startswith("Error: line 1, column ") or not message
    assert message in run_query(sql)


@pytest.mark.parametrize(
    ("sql", "value"),
    [('SELECT count("title") FROM "articles" AS "a" WHERE "a"."title" IS NOT NULL', "50"),
     ("""SELECT '"titel"' AS "wo""rds" """, '"""titel"""'),
     ('SELECT 1 AS "titel"', "1"),
     ('WITH "t`x" AS (SELECT 1 AS "y]z") SELECT "y]z" FROM "t`x"', "1"),
     ('SELECT "heat" + 1 FROM articles WHERE "heat" = 77 LIMIT 1 -- "no name"', "78"),
     ("""SELECT ' "' || 'x' || '" '""", '" ""x"" "')],
)  # fmt: skip
def test_right_sql_with_double_quotes_is_answered(
    run_query: Callable[..., str], sql: str, value: str
) -> None:
    assert run_query(sql) == value


@ON_SQLITE
def test_a_column_without_a_name_is_called_as_it_was_written(
    imported: Store, curation: Callable[..., Result]
) -> None:
    ended = curation(
        "sql", 'SELECT "id" + 1, "title", \'`\' || "id" FROM articles LIMIT 1', "--format", "csv"
    )
    assert ended.stdout.splitlines()[0] == '"""id"" + 1",title,"\'`\' || ""id"""'


# --- errors -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sql", "place", "message"),
    [
        ("SELECT titel FROM articles", (1, 8), "did you mean title?"),
        ("SELECT id\nFROM articles\nWHERE titel = 'x'", (3, 7), "did you mean title?"),
        ("SELECT id\r\nFROM articles\r\nWHERE titel = 'x'", (3, 7), "did you mean title?"),
        ("SELECT 'titel', /* titel */ titel FROM articles", (1, 29), "did you mean title?"),
        ("SELECT title AS titel FROM articles WHERE 1 = titels", (1, 47), "did you mean title?"),
        ("SELECT '日本 é', titel FROM articles", (1, 16), "did you mean title?"),
        ("SELECT :heat, :heat, titel FROM articles WHERE heat > :heat", (1, 22), "did you mean title?"),
        ("SELECT * FROM artikles", (1, 15), "did you mean articles?"),
        ("SELECT * FROM artcle_overview", (1, 15), "did you mean article_overview?"),
        ("SELECT * FROM zzz", (1, 15), "`curation db views` lists what can be queried"),
        ("SELECT zzz FROM sources", (1, 8), "sources has id, name, location, related_bonus, publish_threshold"),
        ("SELECT zzz FROM open_issues", (1, 8), "`curation db views open_issues` lists its columns"),
        ("SELECT heat FROM provider_stats", (1, 8), "did you mean mean_heat?"),
        ("SELECT id, FROM articles", (1, 12), 'near "FROM"'),
        ("SELECT id FROM articles WHERE id IN (1, 2 3)", (1, 43), 'near "3"'),
        ("SELECT (1 + 2", (1, 14), "in"),
        ("SELECT 1 + 'x", (1, 12), "'x"),
        ("SELECT nofunction(1)", (1, 8), "function"),
        ("SELECT id FROM articles a, sources b", (1, 8), "ambiguous"),
        ("SELECT id FROM articles WHERE heat > :nothing", (1, 38), "no value for :nothing: add `-p nothing=VALUE`"),
        ("SELECT 1; SELECT 2", (1, 11), "one statement at a time"),
    ],
)  # fmt: skip
def test_an_error_shows_its_place(
    run_query: Callable[..., str], sql: str, place: tuple[int, int], message: str
) -> None:
    assert_shown(run_query, sql, place, message)


@ON_POSTGRESQL
def test_an_error_behind_an_escape_string_shows_its_place(
    run_query: Callable[..., str], store: Store
) -> None:
    assert_shown(run_query, "SELECT E'', titel FROM articles", (1, 13), "did you mean title?")


def assert_shown(run_query: Callable[..., str], sql: str, place: tuple[int, int], message: str) -> None:
    error, line, mark = run_query(sql, "-p", "heat=1").split("\n")
    assert error.startswith("Error: line {}, column {}: ".format(*place))
    assert message in error.replace("at or near", "near")
    written = sql.splitlines()[place[0] - 1]
    assert line == f"  {written}"
    wide = sum(character > "ᄀ" for character in written[: place[1] - 1])
    assert mark == " " * (2 + place[1] - 1 + wide) + "^"


def test_a_long_line_is_shown_in_part() -> None:
    _, line, mark = point_at_error("x", f"SELECT {'a, ' * 50}\there, {'b, ' * 50}", 158).split("\n")
    assert line[mark.index("^") :].startswith("here, b")
    assert line.startswith("  …")
    assert line.endswith("…")
    assert len(line) < 110
    assert "\t" not in line


@ON_POSTGRESQL
def test_waiting_for_a_locked_table_has_a_limit(
    run_query: Callable[..., str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_queries, "LOCK_TIMEOUT", 0.2)
    with store.writing() as connection:
        connection.execute(sa.text("LOCK TABLE topics IN ACCESS EXCLUSIVE MODE"))
        assert "the store is busy" in run_query("SELECT count(*) FROM topics")


def test_a_query_takes_no_more_memory_than_it_may(
    run_query: Callable[..., str], store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "MEMORY", 200 * 1024**2)
    big = "printf('%9000000d', 1)" if store.backend.name == "sqlite" else "repeat('x', 9000000)"
    assert "too large" in run_query(f"SELECT {', '.join([big] * 60)}")
    assert run_query("SELECT 1") == "1"


def test_a_value_without_a_python_type_is_text(run_query: Callable[..., str], store: Store) -> None:
    if store.backend.name == "sqlite":
        assert "not valid UTF-8: select its bytes with hex(...)" in run_query("SELECT CAST(x'ff' AS text)")
        return
    assert (
        run_query("SELECT date 'infinity', date '0044-03-15 BC', interval '36 days'")
        == "infinity,0044-03-15 BC,36 days"
    )
    assert len(run_query("SELECT 10::numeric ^ 5000")) > 5000
    assert "too deep" in run_query("SELECT (repeat('[', 3000) || repeat(']', 3000))::json")


# --- tokens of a query -------------------------------------------------------------------------------------

SQL = st.lists(
    st.sampled_from(['"a"', '"', "'", "`", "[", "]", ";", "--", "\n", "/*", "*/", "a", " ", '""', "$$", "E'"])
).map("".join)


@given(SQL)
def test_replacing_quotes_and_semicolons_keeps_all_positions(sql: str) -> None:
    for made in (
        quote_identifiers_strictly(sql),
        without_semicolons(sql, escapes=True),
        without_semicolons(sql, escapes=False),
    ):
        assert len(made) == len(sql)
        assert re.sub('["`\\[\\]; ]', "", made) == re.sub('["`\\[\\]; ]', "", sql)


WORDS = st.sampled_from(
    [":a", ":bb", ":no", "::a", "':a'", '":a"', "E'\\':a'", "-- :a\n", "/* :a /* */ */", "$$:a$$", "$t$:a$t$", "x", "é", " ", "1", "[1:a]", "'"]
)  # fmt: skip


@given(st.lists(WORDS).map("".join))
def test_positions_map_back_after_parameters_are_numbered(sql: str) -> None:
    made = number_parameters(sql, {"a", "bb"})
    inserted = {now for new, _ in made.places for now in new}
    for now, character in enumerate(made.text):
        if now not in inserted:
            assert sql[made.find_original_offset(now)] == character
    for new, old in made.places:
        assert sql[old.start : old.stop].lstrip(":") in made.names
        assert {made.find_original_offset(now) for now in new} == {old.start}
    assert made.find_original_offset(len(made.text)) == len(sql)


@given(st.text("'\"-/*$tE\\[]`:a \n", max_size=40))
def test_tokens_cover_everything_except_spaces(sql: str) -> None:
    for escapes in (True, False):
        end = 0
        for token in split_tokens(sql, escapes=escapes):
            assert token.start >= end
            assert sql[token.start : token.end] == token.text != ""
            end = token.end
