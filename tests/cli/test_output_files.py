"""Pages, workbooks, Parquet and compressed files, each read by an independent library."""

from __future__ import annotations

import csv
import datetime as dt
import gc
import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from html.parser import HTMLParser
from itertools import chain
from pathlib import Path
from typing import IO, Any

import click
import openpyxl
import pyarrow as pa
import pytest
from click.testing import Result
from hypothesis import given, settings, strategies as st
from openpyxl.utils.escape import unescape
from pyarrow import parquet

from curation.cli.output import BINARY_FORMATS, FORMATS, escape, parquet as our_parquet, xlsx as our_xlsx
from curation.cli.output.options import Output

from ..support.cli_helpers import printed

CEST = dt.timezone(dt.timedelta(hours=2))
NOON = dt.datetime(2021, 5, 28, 12, 30, tzinfo=CEST)
NAIVE = NOON.replace(tzinfo=None)


def sheets(*rows: Any, options: tuple[str, ...] = (), columns: tuple[str, ...] = ("a",)) -> Any:
    result = printed(rows, "--format", "xlsx", *options, columns=columns)
    assert result.exit_code == 0, (result.exception, result.stderr)
    return openpyxl.load_workbook(io.BytesIO(result.stdout_bytes))


def cells(*values: Any, options: tuple[str, ...] = ()) -> list[Any]:
    return [row[0] for row in sheets(*[(value,) for value in values], options=options).active.iter_rows(2)]


def table(*rows: Any, columns: tuple[str, ...] = ("a",)) -> pa.Table:
    result = printed(rows, "--format", "parquet", columns=columns)
    assert result.exit_code == 0, (result.exception, result.stderr)
    return parquet.read_table(io.BytesIO(result.stdout_bytes))


# --- texts go and come back --------------------------------------------------------------------------

#: Texts that a store may contain: all characters except surrogates, and those with a meaning in some format.
nasty = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.lists(
        st.sampled_from(
            ["=1+1", "+", "-1", "@a", "\t", "\r", "\n", "\r\n", '"', "'", ",", "a", " ", "\0", "\x1b", "\x85", "\u202e",
             "_x0041_", "<r>", "</r>", "<b>", "&amp;", "]]>", "\ufeff", "\ufffe", "😀", "http://a.example", "%s", "{0}"]
        ),
        max_size=5,
    ).map("".join),
)  # fmt: skip
rows_of_texts = st.lists(st.tuples(nasty, nasty), min_size=1, max_size=5)


@settings(max_examples=150)
@given(rows_of_texts)
def test_raw_csv_gives_texts_back(rows: list[tuple[str, str]]) -> None:
    text = printed(rows, "--format", "csv", "--raw", "--no-headers").stdout_bytes.decode()
    assert [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))] == rows


@settings(max_examples=150)
@given(rows_of_texts)
def test_csv_gives_back_what_it_shows(rows: list[tuple[str, str]]) -> None:
    text = printed(rows, "--format", "csv", "--no-headers").stdout_bytes.decode()
    assert "\r" not in text  # neither in a cell nor at the end of a line
    for row, read in zip(rows, csv.reader(io.StringIO(text, newline="")), strict=True):
        assert [cell.removeprefix("'") for cell in read] == [escape(cell).removeprefix("'") for cell in row]
        assert not [cell for cell in read if cell.strip()[:1] in set("=+-@")]


@settings(max_examples=150)
@given(rows_of_texts)
def test_jsonl_gives_texts_back(rows: list[tuple[str, str]]) -> None:
    lines = printed(rows, "--format", "jsonl").stdout_bytes.decode().split("\n")
    assert [tuple(json.loads(line).values()) for line in lines[:-1]] == rows


@settings(max_examples=50)
@given(rows_of_texts)
def test_a_workbook_gives_texts_back(rows: list[tuple[str, str]]) -> None:
    read = list(sheets(*rows, options=("--raw",), columns=("a", "b")).active.iter_rows(2))
    assert {cell.data_type for row in read for cell in row} == {"s"}
    # XML reads a carriage return as a line feed, unless it is written as Excel does: `_x000D_`.
    wanted = [tuple(map(without_controls_if_marked_up, row)) for row in rows]
    assert [tuple(unescape(cell.value) for cell in row) for row in read] == wanted


def without_controls_if_marked_up(text: str) -> str:
    """Escape the control characters of a text that XlsxWriter would write as raw XML, even with --raw."""
    return escape(text) if text.startswith("<r>") and text.endswith("</r>") else text


@settings(max_examples=100)
@given(rows_of_texts)
def test_parquet_gives_texts_back(rows: list[tuple[str, str]]) -> None:
    read = table(*rows, columns=("a", "b"))
    assert list(zip(*(column.to_pylist() for column in read.columns), strict=True)) == rows


@settings(max_examples=100)
@given(rows_of_texts)
def test_a_page_gives_texts_back(rows: list[tuple[str, str]]) -> None:
    page = Page(printed(rows, "--format", "html").stdout_bytes.decode())
    assert [tuple(row) for row in page.rows[1:]] == [tuple(map(escape, row)) for row in rows]


# --- pages -------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """The cells of a page's table, and its elements."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, str] = {}
        self._open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag not in ("meta", "wbr"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "td" in self._open or "th" in self._open:
            self.rows[-1][-1] += data
        elif self._open:
            self.texts[self._open[-1]] = self.texts.get(self._open[-1], "") + data

    def close(self) -> None:
        super().close()
        assert self._open == []


def page(*rows: Any, columns: tuple[str, ...] = ("id", "title")) -> Page:
    return Page(printed(rows, "--format", "html", columns=columns).stdout)


def test_a_page_says_what_it_is() -> None:
    made = page((1, "a"), (-2, None), columns=("id", "<b>"))
    assert made.rows == [["id", "<b>"], ["1", "a"], ["-2", ""]]
    assert ("meta", {"charset": "utf-8"}) in made.elements
    assert ("html", {"lang": "en"}) in made.elements
    assert [attributes for tag, attributes in made.elements if tag == "th"] == [{"scope": "col"}] * 2
    assert made.texts["title"] == made.texts["h1"] == "command"
    assert made.texts["footer"].startswith("2 rows")


def test_a_page_fetches_nothing_and_runs_nothing() -> None:
    made = page((1, "<script>alert(1)</script><img src=x onerror=alert(1)>"))
    tags = {tag for tag, _ in made.elements}
    assert (
        " ".join(sorted(tags))
        == "body footer h1 head html main meta style table tbody td th thead time title tr"
    )
    [policy] = [a["content"] for _, a in made.elements if "http-equiv" in a]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'"


def test_numbers_stand_right_in_a_page() -> None:
    style = page((1, "a", None), (None, "1", 2.5), columns=("n", "t", "x")).texts["style"]
    right = [
        line.split("(")[2].split(")")[0]
        for line in style.splitlines()
        if line.endswith("text-align: right }")
    ]
    assert right == ["1", "3"]


@pytest.mark.parametrize(
    ("text", "is_link"),
    [
        ("https://a.example/x?a=1&b=2", True),
        ("HTTP://a.example", True),
        ("javascript:alert(1)", False),
        ("data:text/html,x", False),
        ("httpx://a.example", False),
        ("https://a.example/ and more", False),
        ("https://a.example/\u202egpj.exe", False),
        ('https://a.example/"onmouseover="alert(1)', False),
        ("see https://a.example", False),
    ],
)
def test_only_an_address_alone_is_a_link(text: str, is_link: bool) -> None:
    made = page((1, text))
    links = [attributes for tag, attributes in made.elements if tag == "a"]
    assert [link["href"] for link in links] == ([text] if is_link else [])
    assert made.rows[1][1] == escape(text)


# --- workbooks ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "kind", "read"),
    [
        (7, "n", 7),
        (-1.5, "n", -1.5),
        (Decimal("2.50"), "n", 2.5),
        (10**15 - 1, "n", 10**15 - 1),
        (10**15, "s", "1000000000000000"),
        (float("inf"), "s", "inf"),
        (Decimal("NaN"), "s", "NaN"),
        (True, "b", True),
        (NOON, "d", NAIVE - dt.timedelta(hours=2)),
        (NAIVE, "d", NAIVE),
        (dt.datetime(1899, 1, 1, tzinfo=dt.UTC), "s", "1899-01-01T00:00:00Z"),
        (dt.date(2021, 5, 28), "d", NAIVE.replace(hour=0, minute=0)),
        (dt.time(3, 4), "d", dt.time(3, 4)),
        ([1, "é"], "s", '[1, "é"]'),
        (b"\x00\xff", "s", "00ff"),
        ("=1+1", "s", "=1+1"),
        ("https://a.example", "s", "https://a.example"),
        ("12", "s", "12"),
        ("\x1b\u202e", "s", "\\x1b\\u202e"),
        ("\ud800", "s", "\\ud800"),
    ],
)
def test_a_value_is_a_cell_of_its_kind(value: Any, kind: str, read: Any) -> None:
    [cell] = cells(value)
    assert (cell.data_type, cell.value, cell.hyperlink) == (kind, read, None)


INJECTED = (
    '<r><t>a</t></r></is></c><c r="B2"><f>1+1</f><v>2</v></c><c r="C2" t="inlineStr"><is><r><t>b</t></r>'
)


@pytest.mark.parametrize(
    "text", ["<r></r>", INJECTED, INJECTED + "x" * (32767 - len(INJECTED) - 4) + "</r>tail"]
)
def test_a_text_is_no_part_of_the_workbooks_own_xml(text: str) -> None:
    [[cell]] = sheets((text,)).active.iter_rows(2)
    assert cell.value == text[:32767]


def test_a_formula_stays_a_text_when_it_is_edited() -> None:
    assert [cell.quotePrefix for cell in cells("=1+1", " -2", "a=1")] == [True, True, False]


def test_a_workbook_can_be_read_and_filtered() -> None:
    sheet = sheets((1, "x" * 80), (2, None), columns=("id", "=title")).active
    assert sheet.freeze_panes == "A2"
    assert sheet.auto_filter.ref == "A1:B3"
    assert sheet["B1"].value == "=title"
    assert sheet["A1"].font.bold
    assert [sheet.column_dimensions[name].width > 50 for name in "AB"] == [False, True]


def test_a_text_too_long_for_a_cell_is_cut_with_a_warning() -> None:
    result = printed([("😀" * 20000,), ("a" * 32767,)], "--format", "xlsx", columns=("a",))
    assert result.stderr.startswith("warning: 1 text cut at 32,767 characters")
    [[cut], [whole]] = openpyxl.load_workbook(io.BytesIO(result.stdout_bytes)).active.iter_rows(2)
    assert (cut.value, whole.value) == ("😀" * 16383, "a" * 32767)


def test_a_full_disk_ends_a_workbook_with_its_own_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """No finalizer of the library prints a traceback afterwards."""
    lost: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lost.append)
    monkeypatch.setattr(our_xlsx, "open_unnamed_file", _full_disk)
    with click.Context(click.Command("report")), pytest.raises(OSError, match="No space left"):
        our_xlsx.write_xlsx(io.BytesIO(), ["a"], iter([(1,)]), Output())
    gc.collect()
    assert lost == []


def _full_disk() -> IO[bytes]:
    return Path("/dev/full").open("w+b", buffering=0)


@pytest.mark.parametrize(
    ("count", "sheet_rows"), [(0, [0]), (9, [9]), (10, [9, 1]), (18, [9, 9]), (19, [9, 9, 1])]
)
def test_more_rows_than_a_sheet_has_go_on_in_the_next(
    monkeypatch: pytest.MonkeyPatch, count: int, sheet_rows: list[int]
) -> None:
    monkeypatch.setattr(our_xlsx, "SHEET_ROWS", 10)
    book = sheets(*[(i,) for i in range(count)])
    assert [sheet["A1"].value for sheet in book] == ["a"] * len(sheet_rows)
    read = [[row[0].value for row in sheet.iter_rows(2)] for sheet in book]
    assert [len(rows) for rows in read] == sheet_rows
    assert [*chain.from_iterable(read)] == list(range(count))


# --- Parquet -----------------------------------------------------------------------------------------

INSTANT = pa.timestamp("us", tz="UTC")


@pytest.mark.parametrize(
    ("values", "type_", "read"),
    [
        ([1, None, -(2**63)], pa.int64(), None),
        ([1, 2.5], pa.float64(), [1.0, 2.5]),
        ([2**53 + 1, 2.5], pa.string(), ["9007199254740993", "2.5"]),
        ([2**63], pa.string(), ["9223372036854775808"]),
        ([Decimal(3), Decimal("2.50")], pa.float64(), [3.0, 2.5]),
        ([Decimal(3), 4], pa.int64(), [3, 4]),
        ([True, None], pa.bool_(), None),
        ([True, 1], pa.string(), ["true", "1"]),
        (["=1", "\x1b"], pa.string(), None),
        (["\ud800"], pa.string(), ["\\ud800"]),
        ([None, None], pa.string(), None),
        ([NOON], INSTANT, None),
        ([NAIVE], pa.timestamp("us"), None),
        ([NOON, NAIVE], pa.string(), ["2021-05-28T10:30:00Z", "2021-05-28 12:30:00"]),
        ([dt.date(2021, 5, 28)], pa.date32(), None),
        ([dt.date(2021, 5, 28), NOON], pa.string(), ["2021-05-28", "2021-05-28T10:30:00Z"]),
        ([dt.time(1, 2, 3)], pa.time64("us"), None),
        ([b"\x00", memoryview(b"\xff")], pa.binary(), [b"\x00", b"\xff"]),
        ([["é"], {"a": 1}], pa.string(), ['["é"]', '{"a": 1}']),
        ([1, "a"], pa.string(), ["1", "a"]),
        ([], pa.string(), None),
    ],
)
@pytest.mark.parametrize("size", [1, 2, 20_000])
def test_a_column_has_the_narrowest_type_that_holds_it(
    monkeypatch: pytest.MonkeyPatch, size: int, values: list[Any], type_: pa.DataType, read: list[Any] | None
) -> None:
    # Row by row, where each may not fit what came before, as all at once.
    monkeypatch.setattr(our_parquet, "GROUP_ROWS", size)
    made = table(*[(i, value) for i, value in enumerate(values)], columns=("id", "a"))
    assert made.schema.field("a").type == type_
    assert made["a"].to_pylist() == (values if read is None else read)
    assert made["id"].to_pylist() == list(range(len(values)))


@given(
    st.lists(st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=3), st.booleans()), max_size=9)
)
@settings(max_examples=80)
def test_no_order_of_values_loses_one(values: list[Any]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(our_parquet, "GROUP_ROWS", 2)
        read = table(*[(value,) for value in values])["a"].to_pylist()
    for value, got in zip(values, read, strict=True):
        if isinstance(got, str) and isinstance(value, bool):
            assert got == str(value).lower()
        elif isinstance(got, str) and isinstance(value, int | float):
            assert got in (str(value), str(float(value)))  # 1 beside 2.5 is 1.0
        else:
            assert got == value or (value != value and got != got)


def test_columns_of_one_name_keep_their_values() -> None:
    assert table((1, 2), columns=("a", "a")).to_pylist() == [{"a": 1, "a_2": 2}]


# --- files and streams -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.md", "a.html", "a.txt"])
def test_a_name_that_ends_in_gz_is_compressed(tmp_path: Path, name: str) -> None:
    plain, packed = tmp_path / name, tmp_path / f"{name}.gz"
    for file in (plain, packed):
        assert printed([(1, "é")], "--output", str(file)).exit_code == 0
    assert gzip.decompress(packed.read_bytes())[:300] == plain.read_bytes()[:300]


def test_a_compressed_file_says_its_form_too(tmp_path: Path) -> None:
    assert printed([], "--output", str(tmp_path / "a.tar.gz")).exit_code == 2
    assert printed([(1, "a")], "--output", str(tmp_path / "a.gz"), "--format", "csv").exit_code == 0
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()) == b"id,title\n1,a\n"


@pytest.mark.parametrize("form", BINARY_FORMATS)
def test_output_that_an_error_cuts_off_is_not_valid(form: str) -> None:
    def rows() -> Iterator[tuple[int, str]]:
        yield 1, "a"
        raise RuntimeError("the engine went away")

    assert printed(rows(), "--format", form).stdout_bytes == b""


@pytest.mark.parametrize(("form", "library"), [("xlsx", "xlsxwriter"), ("parquet", "pyarrow")])
def test_an_absent_extra_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, form: str, library: str
) -> None:
    for module in (library, f"{library}.parquet"):
        monkeypatch.setitem(sys.modules, module, None)
    result = printed([(1, "a")], "--output", str(tmp_path / f"a.{form}"))
    assert (result.exit_code, list(tmp_path.iterdir())) == (1, [])
    assert result.stderr == f"Error: {form} needs a library: pip install 'curation[{form}]'\n"


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("csv", "tsv", "xlsx")])
def test_raw_is_refused_where_it_has_no_effect(form: str) -> None:
    result = printed([(1, "a")], "--format", form, "--raw")
    assert (result.exit_code, "--raw needs the format csv, tsv or xlsx" in result.stderr) == (2, True)


_MEASURE = """
import re, sys, click
from curation.cli.output import output_options, print_rows

@click.command()
@click.argument("count", type=int)
@output_options
def command(count):
    print_rows(("id", "title", "gap"), ((i, f"title {i} " + "x" * 50, None) for i in range(count)))
    print(re.search(r"VmHWM:[^0-9]+([0-9]+)", open("/proc/self/status").read())[1], file=sys.stderr)

command(standalone_mode=False)
"""


@pytest.mark.slow
# Not `getrusage`, whose peak a process has from the one that started it.
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs /proc, which has the peak memory")
@pytest.mark.parametrize("form", FORMATS)
def test_five_times_the_rows_take_no_more_memory(form: str) -> None:
    def peak(count: int) -> int:
        command = [sys.executable, "-c", _MEASURE, str(count), "--format", form]
        ended = subprocess.run(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=True
        )
        return int(ended.stderr)

    # KiB; the rows alone are 12 MB more as lines of text, and five times as much as Python's objects.
    assert peak(200_000) - peak(40_000) < 12_000


# --- where they go -----------------------------------------------------------------------------------


@pytest.fixture
def report(curation: Callable[..., Result], site: Path) -> Callable[..., Result]:
    """A report of the sample site."""
    curation("import", str(site))
    return lambda *options: curation("report", "published", "-p", "limit=3", *options)


def test_a_link_stays_and_what_it_names_is_written_in_its_mode(
    report: Callable[..., Result], tmp_path: Path
) -> None:
    kept, link = tmp_path / "kept.csv", tmp_path / "link.csv"
    kept.write_text("old")
    kept.chmod(0o640)
    link.symlink_to(kept)
    assert report("--output", str(link)).exit_code == 0
    assert link.is_symlink()
    assert kept.read_text().startswith("id,")
    assert kept.stat().st_mode & 0o777 == 0o640


def test_a_pipe_is_written_to_and_stays_one(report: Callable[..., Result], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor() as executor:
        read = executor.submit(pipe.read_bytes)
        assert report("--format", "xlsx", "--output", str(pipe)).exit_code == 0
        assert read.result(timeout=10).startswith(b"PK")
    assert pipe.is_fifo()


@pytest.mark.parametrize("form", ["xlsx", "parquet"])
def test_instants_of_sql_are_real_ones(report: Callable[..., Result], tmp_path: Path, form: str) -> None:
    assert report("--output", str(tmp_path / f"p.{form}")).exit_code == 0
    listed = json.loads(report("--format", "json").stdout)
    wanted = [dt.datetime.fromisoformat(row["published_at"]) for row in listed]
    if form == "xlsx":
        rows = openpyxl.load_workbook(tmp_path / "p.xlsx").active.iter_rows(min_row=2, values_only=True)
        assert [row[1] for row in rows] == wanted
    else:
        column = parquet.read_table(tmp_path / "p.parquet").column("published_at")
        assert str(column.type) == "timestamp[us, tz=UTC]"
        assert [value.replace(tzinfo=None) for value in column.to_pylist()] == wanted


def test_a_compressed_workbook_is_whole(report: Callable[..., Result], tmp_path: Path) -> None:
    assert report("--output", str(tmp_path / "p.xlsx.gz")).exit_code == 0
    assert gzip.decompress((tmp_path / "p.xlsx.gz").read_bytes()).startswith(b"PK")
