"""Forms that other programs read: pages, workbooks, Parquet, compressed files; each by a reader not ours."""

from __future__ import annotations

import csv
import gzip
import io
import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from curation.cli.output import FORMATS, escape

from .test_output import printed

# --- texts go and come back --------------------------------------------------------------------------

#: Whatever a store may hold: every sign but halves of a pair, and what has a meaning to some form.
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


@pytest.mark.parametrize("form", [form for form in FORMATS if form not in ("csv", "tsv")])
def test_raw_is_refused_where_it_says_nothing(form: str) -> None:
    result = printed([(1, "a")], "--format", form, "--raw")
    assert (result.exit_code, "--raw is for csv, tsv" in result.stderr) == (2, True)


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


# Not `getrusage`, whose peak a process has from the one that started it.
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="Linux tells a process its peak")
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
