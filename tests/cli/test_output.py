"""Rows in every format: safe for terminals and spreadsheets, and in complete files."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from curation.cli.output import FORMATS, TEXT_FORMATS, escape, format_cell, to_json, to_json_value

from ..support.cli_helpers import printed

CEST = dt.timezone(dt.timedelta(hours=2))


# --- values ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\x00b\x07", "a\\x00b\\x07"),
        ("\x7f\x85\x9b", "\\x7f\\x85\\x9b"),
        ("a\rb", "a\\rb"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\u200e\u200f\u2066\u2069\u061c", "\\u200e\\u200f\\u2066\\u2069\\u061c"),
        ("\ud800", "\\ud800"),
        ("a\nb\tc", "a\nb\tc"),
        ("é 日本 😀 \u200d \xa0", "é 日本 😀 \u200d \xa0"),
    ],
)
def test_escape(text: str, escaped: str) -> None:
    assert escape(text) == escaped


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (-1, "-1"),
        (1.5, "1.5"),
        ("\x1b", "\\x1b"),
        (dt.datetime(2021, 5, 28, 16, tzinfo=dt.UTC), "2021-05-28T16:00:00Z"),
        (dt.datetime(2021, 5, 28, 16, tzinfo=CEST), "2021-05-28T14:00:00Z"),
        (dt.datetime(2021, 5, 28, 16), "2021-05-28 16:00:00"),  # noqa: DTZ001 - as some SQL gives them
        (dt.date(2021, 5, 28), "2021-05-28"),
        (Decimal(3), "3"),
        (Decimal("2.50"), "2.5"),
        (b"\x00\xff", "00ff"),
        (memoryview(b"\x0a"), "0a"),
        (["é", None, dt.date(2021, 5, 28)], '["é", null, "2021-05-28"]'),
        ({"a": "\x9b"}, '{"a": "\\u009b"}'),
    ],
)
def test_shown(value: Any, text: str) -> None:
    assert format_cell(value) == text


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (Decimal(3), 3),
        (Decimal("-2.5"), -2.5),
        (Decimal("1E+2"), 100),
        (Decimal("0.0000001"), 1e-07),
        (Decimal(99999999999999999999), 99999999999999999999),
    ],
)
def test_exact_numbers_are_numbers(value: Decimal, number: float) -> None:
    assert to_json_value(value) == number
    assert type(to_json_value(value)) is type(number)


@pytest.mark.parametrize("value", [Decimal("NaN"), Decimal("-Infinity"), float("nan"), float("inf")])
def test_numbers_that_are_not_finite_give_valid_json(value: Any) -> None:
    def refuse(constant: str) -> None:
        pytest.fail(f"{constant} is not JSON")

    json.loads(to_json({"a": value}), parse_constant=refuse)


def test_json_escapes_control_characters() -> None:
    text = to_json({"a": "\x1b\x9b\x7f\u202e\n", "\x1b": "é😀"})
    assert text == '{"a": "\\u001b\\u009b\\u007f\\u202e\\n", "\\u001b": "é😀"}'
    assert json.loads(text) == {"a": "\x1b\x9b\x7f\u202e\n", "\x1b": "é😀"}


# --- formats -----------------------------------------------------------------------------------------

ROWS = [(1, "a|b\\c, d"), (-2, None), (30, 'two\nlines "q"')]


def test_json() -> None:
    assert json.loads(printed(ROWS, "--format", "json").stdout) == [
        {"id": 1, "title": "a|b\\c, d"},
        {"id": -2, "title": None},
        {"id": 30, "title": 'two\nlines "q"'},
    ]


def test_jsonl() -> None:
    result = printed(ROWS, "--format", "jsonl")
    lines = result.stdout.splitlines()
    assert [json.loads(line)["id"] for line in lines] == [1, -2, 30]
    assert result.stderr == "3 rows\n"


def test_csv_reads_back() -> None:
    output = printed(ROWS, "--format", "csv").stdout
    assert list(csv.reader(io.StringIO(output, newline=""))) == [
        ["id", "title"],
        ["1", "a|b\\c, d"],
        ["-2", ""],
        ["30", 'two\nlines "q"'],
    ]


def test_tsv() -> None:
    output = printed([(1, "a\tb"), (2, "c,d")], "--format", "tsv").stdout
    assert output == 'id\ttitle\n1\t"a\tb"\n2\tc,d\n'


@pytest.mark.parametrize("form", ["csv", "tsv"])
@pytest.mark.parametrize(
    ("value", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1", "'+1"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "'\t=1"),
        (-1, "-1"),
        (-1.5, "-1.5"),
        (Decimal(-2), "-2"),
        ("a=1", "a=1"),
        ("", ""),
    ],
)
def test_a_spreadsheet_runs_nothing(form: str, value: Any, cell: str) -> None:
    output = printed([(1, value)], "--format", form, "--no-headers").stdout
    assert next(csv.reader(io.StringIO(output), delimiter="," if form == "csv" else "\t"))[1] == cell


def test_a_cell_that_begins_with_a_carriage_return_is_harmless() -> None:
    # The escaped cell no longer begins with a control character.
    output = printed([("\r=1",)], "--format", "csv", "--no-headers", columns=("a",)).stdout
    assert output in ("\\r=1\n", "'\\r=1\n")


def test_a_column_name_runs_nothing_either() -> None:
    assert printed([(1,)], "--format", "csv", columns=("=1",)).stdout == "'=1\n1\n"


@pytest.mark.parametrize("form", TEXT_FORMATS)
def test_no_format_prints_control_characters(form: str) -> None:
    output = printed([(1, "\x1b[31m\x9b\u202e\r")], "--format", form, columns=("a\x1b", "b")).stdout
    assert "[31m" in output
    assert not set(output) & set("\x1b\x9b\u202e\r")


def test_markdown_escapes_its_own_marks() -> None:
    lines = printed([(1, "a|b\\c"), (2, "two\nlines")], "--format", "markdown").stdout.strip().splitlines()
    assert [line.replace(" ", "") for line in lines] == [
        "|id|title|",
        "|---:|-----------|",
        "|1|a\\|b\\\\c|",
        "|2|twolines|",
    ]


def test_markdown_has_headers_always() -> None:
    assert "title" in printed(ROWS, "--format", "markdown", "--no-headers").stdout


def test_a_table_cuts_long_cells_and_joins_lines() -> None:
    lines = printed([(1, "x" * 300), (2, "y" * 200), (3, "two\n lines")]).stdout.splitlines()
    assert lines[0].split() == ["id", "title"]
    assert lines[2].split() == ["1", "x" * 199 + "…"]
    assert lines[3].split() == ["2", "y" * 200]
    assert lines[4].split("  ")[-1].strip() == "two lines"


def test_a_table_leaves_markup_alone() -> None:
    assert "[bold]x[/bold] :smile:" in printed([(1, "[bold]x[/bold] :smile:")]).stdout


def test_no_headers() -> None:
    assert "title" not in printed(ROWS, "--no-headers").stdout
    assert printed([(1, "a")], "--format", "csv", "--no-headers").stdout == "1,a\n"


@pytest.mark.parametrize(
    ("form", "output"),
    [("csv", "id,title\n"), ("tsv", "id\ttitle\n"), ("json", "[]\n"), ("jsonl", "")],
)
def test_no_rows(form: str, output: str) -> None:
    result = printed([], "--format", form)
    assert (result.stdout, result.stderr) == (output, "0 rows\n")


def test_an_unknown_format() -> None:
    assert printed(ROWS, "--format", "xml").exit_code == 2


# --- files -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("a.csv", "id,title\n"),
        ("a.TSV", "id\ttitle\n"),
        ("a.json", '[\n  {"id": 1'),
        ("a.jsonl", '{"id": 1'),
        ("a.txt", "id   title"),
        ("a", "id   title"),
    ],
)
def test_a_file_has_the_form_of_its_suffix(tmp_path: Path, name: str, start: str) -> None:
    result = printed(ROWS, "--output", str(tmp_path / name))
    assert (result.exit_code, result.stdout) == (0, "")
    assert (tmp_path / name).read_text().startswith(start)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_the_format_asked_for_goes_before_the_suffix(tmp_path: Path) -> None:
    printed([(1, "a")], "--output", str(tmp_path / "a.json"), "--format", "csv")
    assert (tmp_path / "a.json").read_text() == "id,title\n1,a\n"


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_is_complete_or_absent(tmp_path: Path, form: str) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        yield 1, "a"
        raise RuntimeError("the engine went away")

    file = tmp_path / "out"
    assert isinstance(printed(rows(), "--output", str(file), "--format", form).exception, RuntimeError)
    assert list(tmp_path.iterdir()) == []
    file.write_text("before")
    assert isinstance(printed(rows(), "--output", str(file), "--format", form).exception, RuntimeError)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["before"]


def test_a_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    printed(ROWS, "--output", str(tmp_path / "a.csv"))
    (tmp_path / "other").touch()
    assert (tmp_path / "a.csv").stat().st_mode == (tmp_path / "other").stat().st_mode
