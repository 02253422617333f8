"""Charts of reports, drawn as real files and read back.

Bars are as long as their values, and texts fit.
"""

from __future__ import annotations

import io
import re
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from hypothesis import given, settings, strategies as st
from rich.cells import cell_len

from curation.charts import render
from curation.charts.data import MAX_ROWS, ChartData, build_chart, make_tick_labels
from curation.charts.sheet import chart_style, measure_text, truncate
from curation.charts.terminal import print_chart
from curation.errors import ChartRefused, QueryRefused
from curation.queries.reports import Chart, Report, find_report, find_reports
from curation.store.database import Store

from ..support.importing_helpers import import_folder
from ..support.places import SITE

SVG = "{http://www.w3.org/2000/svg}"
WITH_CHART = [report.name for report in find_reports() if report.chart]
NAMES = (
    "المنارة اليوم",
    "灯塔新闻",
    "😀👨‍👩‍👧‍👦",
    "x" * 200,
    "W" * 200,
    "<b>&\"'",
    "$x_1^2$",
    "a\x1b[31m\u202eb",
    "",
)


def make_chart(chart: str, rows: Sequence[Sequence[Any]], **parameters: object) -> ChartData:
    """Return the chart of rows of a report with the header `-- chart: KIND COLUMN VALUE... [by COLUMN...]`."""
    kind, *columns = chart.split()
    cut = columns.index("by") if "by" in columns else len(columns)
    definition = Chart(kind, columns[0], columns[1:cut], columns[cut + 1 :])
    report = Report("own", "Own <title>", "What it is & for.", [], "", definition)
    return build_chart(report, definition, rows, definition.columns, parameters)


def svg_of(drawn: ChartData) -> ET.Element:
    return ET.fromstring(render(drawn, ".svg")[0])


def shape_boxes(svg: ET.Element, kind: str = "bar") -> dict[str, tuple[float, float, float, float]]:
    """Return the left, top, right and bottom of each shape of a kind, by its id."""
    found = {}
    for group in svg.iter(f"{SVG}g"):
        if re.fullmatch(rf"{kind}(-\d+)*", group.get("id", "")):
            points = re.findall(r"(-?[\d.]+) (-?[\d.]+)", group.find(f".//{SVG}path").get("d"))  # type: ignore[union-attr,arg-type]
            xs, ys = ([float(point[i]) for point in points] for i in (0, 1))
            found[group.get("id", "")] = (min(xs), min(ys), max(xs), max(ys))
    return found


def text_elements(svg: ET.Element) -> list[str]:
    return [text.text or "" for text in svg.iter(f"{SVG}text")]


def in_terminal(drawn: ChartData, width: int, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(width))
    stream = io.StringIO()
    print_chart(drawn, stream)
    return stream.getvalue().splitlines()


# --- the command -------------------------------------------------------------------------------------


def test_every_report_that_has_a_chart_is_drawn(
    edited: Store, curation: Callable[..., Result], tmp_path: Path
) -> None:
    assert {"activity", "heat", "imports", "months", "providers", "topics"} == set(WITH_CHART)
    for name, suffix in [*((name, "svg") for name in WITH_CHART), ("imports", "png"), ("months", "html")]:
        file = tmp_path / f"{name}.{suffix}"
        result = curation("report", name, "--chart", str(file))
        assert (result.exit_code, result.stdout) == (0, ""), result.output
        assert file.stat().st_size > 2000
        assert file.stat().st_mode & 0o777 == 0o644
    assert sorted(tmp_path.glob(".*")) == []


def test_bars_are_the_rows(store: Store, curation: Callable[..., Result], tmp_path: Path) -> None:
    import_folder(store, SITE, actor="tester")
    curation("report", "topics", "--chart", str(tmp_path / "t.svg"), "--output", str(tmp_path / "t.csv"))
    header, *rows = (tmp_path / "t.csv").read_text().splitlines()
    columns = header.split(",")
    at = columns.index("articles"), columns.index("published")
    svg = ET.parse(tmp_path / "t.svg").getroot()
    bars = shape_boxes(svg)
    assert len(bars) == 2 * len(
        rows
    )  # for each topic a bar of all articles, and within it one of the published ones
    unit = (bars["bar-0-0-0"][2] - bars["bar-0-0-0"][0]) / int(rows[0].split(",")[at[0]])
    for row, line in enumerate(rows):
        for value in (0, 1):
            left, _, right, _ = bars[f"bar-0-{row}-{value}"]
            assert (right - left) / unit == pytest.approx(int(line.split(",")[at[value]]), abs=0.01)
    assert {line.split(",")[0] for line in rows} <= set(text_elements(svg))


def test_a_chart_in_the_terminal(store: Store, curation: Callable[..., Result]) -> None:
    import_folder(store, SITE, actor="tester")
    result = curation("report", "topics", "--chart", "-")
    lines = result.stdout.splitlines()
    assert lines[0] == "Topics"
    assert re.fullmatch(r"Lighthouses +█+░+ 12 of 16", next(x for x in lines if x.startswith("Lighthouses")))
    assert "\x1b" not in result.stdout


def test_rows_and_chart_together(store: Store, curation: Callable[..., Result], tmp_path: Path) -> None:
    import_folder(store, SITE, actor="tester")
    file = tmp_path / "topics.svg"
    assert curation("report", "topics", "--chart", str(file)).stdout == ""
    both = curation("report", "topics", "-p", "limit=1", "--chart", str(file), "--format", "csv")
    assert both.stdout.splitlines()[0].startswith("topic,parent")
    mixed = curation("report", "topics", "--chart", "-", "--format", "csv")
    assert (mixed.exit_code, "use --output FILE" in mixed.stderr) == (2, True)
    separate = curation("report", "topics", "--chart", "-", "--output", str(tmp_path / "rows.csv"))
    assert separate.stdout.startswith("Topics\n")
    assert (tmp_path / "rows.csv").read_text().startswith("topic,parent")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (
            ["review", "--chart", "x.svg"],
            1,
            "has no chart: reports with a chart are activity, heat, imports, months",
        ),
        (["topics", "--chart", "x.jpg"], 2, "does not end in .svg, .png, .html"),
        (["topics", "--chart", "no-such/x.svg"], 2, "folder 'no-such' does not exist"),
        (["--chart", "x.svg"], 2, "needs the NAME"),
    ],
)
def test_what_cannot_be_drawn_is_reported_in_one_line(
    curation: Callable[..., Result], arguments: list[str], status: int, said: str
) -> None:
    result = curation("report", *arguments)
    assert (result.exit_code, said in result.stderr) == (status, True), result.stderr


@pytest.mark.parametrize(
    ("chart", "said"),
    [
        ("pie a n", "where KIND is bars, shares, stacks, lines, steps"),
        ("bars a", "KIND COLUMN VALUE"),
        ("", "KIND COLUMN VALUE"),
        ("bars a n by", "KIND COLUMN VALUE"),
        ("shares a n", "a chart of shares has 2 value columns, not 1"),
        ("steps a n n", "a chart of steps has 1 value column, not 2"),
        ("bars a n n n n n n n n", "a chart of bars has at most 7 value columns, not 8"),
    ],
)
def test_an_invalid_header_is_reported(tmp_path: Path, chart: str, said: str) -> None:
    (tmp_path / "own.sql").write_text(f"-- title: t\n-- purpose: p\n-- chart: {chart}\nSELECT 1")
    with pytest.raises(QueryRefused, match=re.escape(said)):
        find_report("own", tmp_path)


def test_rows_that_cannot_be_drawn_are_reported_and_leave_the_file(
    curation: Callable[..., Result], tmp_path: Path
) -> None:
    folder = tmp_path / "reports"
    folder.mkdir()
    file = tmp_path / "own.svg"
    file.write_text("as it was")
    for chart, message in (
        ("bars a other", "report 'own' has no column 'other' for its chart: its columns are a, n"),
        ("bars n a", "a chart needs numbers in a, which has 'x\\x1b'"),
        ("lines a n", "a chart of lines needs dates or numbers in a, which has 'x\\x1b'"),
    ):
        (folder / "own.sql").write_text(
            f"-- title: t\n-- purpose: p\n-- chart: {chart}\nSELECT 'x\x1b' AS a, 1 AS n"
        )
        result = curation("report", "own", "--reports", str(folder), "--chart", str(file))
        lines = [line for line in result.stderr.splitlines() if not line.startswith("warning: ")]
        assert (result.exit_code, lines) == (1, [f"Error: {message}"])
        assert file.read_text() == "as it was"
    assert list(tmp_path.glob("*own*")) == [file]


def test_without_matplotlib_the_message_has_the_install_command(
    curation: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    result = curation("report", "topics", "--chart", "x.svg")
    assert (result.exit_code, "pip install 'curation[charts]'" in result.stderr) == (1, True)
    assert curation("report", "topics", "--chart", "-").exit_code == 0


def test_the_list_shows_which_reports_have_a_chart(curation: Callable[..., Result]) -> None:
    lines = curation("report", "--format", "csv").stdout.splitlines()
    assert {line.split(",")[0] for line in lines[1:] if not line.endswith(",")} == set(WITH_CHART)


# --- bars --------------------------------------------------------------------------------------------


def test_bars_begin_at_zero_and_the_largest_is_first() -> None:
    rows = [("small", 1), ("down", -30), ("great", 1_000_000_123), ("none", None), ("half", 500_000_000.5)]
    svg = svg_of(make_chart("bars name n", rows))
    bars = shape_boxes(svg)
    zero = shape_boxes(svg, "zero")["zero"][0]
    assert list(bars) == ["bar-0-0-0", "bar-0-1-0", "bar-0-2-0", "bar-0-3-0"]
    tops = [bars[name][1] for name in bars]
    assert tops == sorted(tops)
    great, half, _, down = bars.values()
    assert great[0] == half[0] == zero == down[2]
    assert (half[2] - zero) / (great[2] - zero) == pytest.approx(0.5, abs=0.001)
    shown = text_elements(svg)
    assert [t for t in shown if t in ("great", "half", "small", "down", "none")][:4] == [
        "great", "half", "small", "down",
    ]  # fmt: skip
    assert {"1,000,000,123", "500,000,000.5", "−30", "none", "1 bn"} <= set(shown)


def test_nothing_runs_over_the_edge() -> None:
    rows = [(name, -(10**9) if i % 2 else 10**18) for i, name in enumerate(NAMES)]
    with chart_style("svg"):
        svg = svg_of(make_chart("bars name n m", [(*row, row[1]) for row in rows]))
        for text in svg.iter(f"{SVG}text"):
            style = text.get("style", "")
            size = float(re.search(r"font-size: ([\d.]+)px", style)[1])  # type: ignore[index]
            width = measure_text(text.text or "", size) * 72
            left = (
                float(text.get("x", 0)) - width * ("anchor: end" in style) - width / 2 * ("middle" in style)
            )
            assert left >= -0.5
            assert left + width <= 576.5, text.text


@settings(max_examples=40)
@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=80), st.floats(0.3, 3))
def test_a_text_is_truncated_to_its_width(text: str, room: float) -> None:
    with chart_style("svg"):
        cut = truncate(text, room)
        assert measure_text(cut, 9.5) <= max(room, 0.45)
        assert cut == text or (cut.endswith("…") and measure_text(text, 9.5) > room)


def test_names_are_drawn_as_plain_text() -> None:
    drawn = make_chart("bars name n", [(name, 1) for name in NAMES])
    svg = svg_of(drawn)
    assert {"灯塔新闻", "المنارة اليوم", "<b>&\"'", "$x_1^2$", "a\\x1b[31m\\u202eb", "(empty)"} <= set(
        text_elements(svg)
    )
    tooltips = [title.text or "" for title in svg.iter(f"{SVG}title")]
    assert tooltips[0] == "Own <title>"
    assert f"{'x' * 200}: 1 n" in tooltips  # in full, where the label is cut
    assert not any("DejaVu" not in text.get("style", "") for text in svg.iter(f"{SVG}text"))


def test_bars_and_panels_that_are_left_out_are_noted() -> None:
    drawn = make_chart("bars name n", [(f"name {n}", n) for n in range(142)])
    svg = svg_of(drawn)
    assert len(shape_boxes(svg)) == 30
    assert "112 more not shown" in text_elements(svg)
    by_number = make_chart("bars import n", [(n, 1) for n in range(100)])
    assert [mark.label for mark in by_number.panels[0].marks][::29] == ["import 70", "import 99"]
    assert by_number.notes == ["70 with a lower import not shown"]
    many = make_chart("bars name n by source", [("a", n, f"s{n}") for n in range(9)])
    assert ([panel.name for panel in many.panels], many.notes) == (
        ["s8", "s7", "s6", "s5", "s4", "s3"], ["3 more by source not shown"],
    )  # fmt: skip


def test_a_limit_that_was_reached_is_noted() -> None:
    assert make_chart("bars a n", [("x", 1)], limit=1).notes == ["limited to 1 row: use -p limit=N for more"]
    assert make_chart("bars a n", [("x", 1)], limit=2).notes == []


def test_stacks_grow_from_zero_to_both_sides() -> None:
    svg = svg_of(make_chart("stacks name a b c", [("x", 5, -3, 2), ("y", 0, None, 4)]))
    bars, zero = shape_boxes(svg), shape_boxes(svg, "zero")["zero"][0]
    assert set(bars) == {"bar-0-0-0", "bar-0-0-1", "bar-0-0-2", "bar-0-1-2"}
    assert bars["bar-0-0-0"][2] == bars["bar-0-0-2"][0]
    assert bars["bar-0-0-1"][2] == zero == bars["bar-0-1-2"][0]


@pytest.mark.parametrize("suffix", [".svg", ".png", ".html"])
@pytest.mark.parametrize("chart", ["bars name n", "lines month n", "steps at n by who"])
def test_a_chart_without_rows_shows_no_rows(chart: str, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = make_chart(chart, [])
    assert len(render(drawn, suffix)[0]) > 2000
    assert "no rows" in text_elements(svg_of(drawn))
    assert in_terminal(drawn, 80, monkeypatch)[-1] == "no rows"


# --- times -------------------------------------------------------------------------------------------


def test_months_are_drawn_in_proportion_with_gaps() -> None:
    svg = svg_of(make_chart("bars month n", [("2021-06", 3), ("2021-01", 1), ("2021-02", 2)]))
    bars = shape_boxes(svg)
    middles = [(left + right) / 2 for left, _, right, _ in bars.values()]
    assert (middles[2] - middles[0]) / (middles[1] - middles[0]) == pytest.approx(5.1, abs=0.2)
    assert len({round(bottom, 3) for *_, bottom in bars.values()}) == 1
    heights = [bottom - top for _, top, _, bottom in bars.values()]
    assert [h / heights[0] for h in heights] == pytest.approx([1, 2, 3], abs=0.01)
    assert {"2021-01 to 2021-06", "2021-01", "2021-02", "2021-06"} <= set(text_elements(svg))


def test_a_line_ends_where_a_month_or_a_value_is_missing() -> None:
    months = [("2021-01", 1), ("2021-02", 2), ("2021-04", 3), ("2021-05", None), ("2021-06", 4)]
    assert len(shape_boxes(svg_of(make_chart("lines month n", months)), "line")) == 3
    assert (
        len(shape_boxes(svg_of(make_chart("lines day n", [("2021-01-31", 1), ("2021-02-01", 2)])), "line"))
        == 1
    )
    assert len(shape_boxes(svg_of(make_chart("lines size n", [(1, 1), (2, None), (30, 2)])), "line")) == 2


def test_a_step_holds_until_it_changes() -> None:
    rows = [("2021-05-28 16:00:00", 5), ("2021-05-28T18:00:00Z", 7), ("2021-05-29 00:00:00", -1)]
    svg = svg_of(make_chart("steps at n", rows))
    assert "2021-05-28 16:00:00 to 2021-05-29 00:00:00 UTC" in text_elements(svg)
    (line,) = (g for g in svg.iter(f"{SVG}g") if g.get("id") == "line-0-0-0")
    points = re.findall(r"([\d.]+) ([\d.]+)", line.find(f"{SVG}path").get("d"))  # type: ignore[union-attr,arg-type]
    assert all(one[0] == other[0] or one[1] == other[1] for one, other in pairwise(points))


@pytest.mark.parametrize("years", [("0001", "9999"), ("9999",), ("0001",)])
def test_the_ends_of_the_calendar_are_drawn(years: tuple[str, ...]) -> None:
    for kind in ("bars", "lines"):
        assert render(make_chart(f"{kind} year n", [(year, 7) for year in years]), ".svg")[0]
        assert render(make_chart(f"{kind} day n", [(f"{year}-12-31", 7) for year in years]), ".svg")[0]


def test_panels_share_their_scale() -> None:
    rows = [("2021-01", 60, "big"), ("2021-02", 1, "big"), ("2021-02", 6, "small")]
    bars = shape_boxes(svg_of(make_chart("bars month n by source", rows)))
    big, small = bars["bar-0-0-0"], bars["bar-1-0-0"]
    assert (small[3] - small[1]) / (big[3] - big[1]) == pytest.approx(0.1, abs=0.001)
    assert small[0] == bars["bar-0-1-0"][0]  # both are of February


def test_several_rows_of_one_time_are_refused() -> None:
    with pytest.raises(ChartRefused, match="several rows have month 2021-01"):
        make_chart("bars month n", [("2021-01", 1), ("2021-01", 2)])


def test_rows_without_a_time_are_noted() -> None:
    drawn = make_chart("lines month n", [("2021-01", 1), (None, 2)])
    assert drawn.notes == ["1 row without month not shown"]


def test_labels_of_an_axis_are_distinct() -> None:
    assert make_tick_labels([0.0, 500.0, 20_000.0]) == ["0", "500", "20,000"]
    assert make_tick_labels([-1e6, 0.0, 1.5e6, 2e9]) == ["−1 M", "0", "1.5 M", "2 bn"]
    assert make_tick_labels([1e9, 1e9 + 1]) == ["1,000,000,000", "1,000,000,001"]


# --- files -------------------------------------------------------------------------------------------


def test_the_same_rows_give_the_same_bytes() -> None:
    rows = [("2021-01", 1, "a"), ("2021-03", 2, "b")]
    for suffix in (".svg", ".png", ".html"):
        first, second = (render(make_chart("lines month n by who", rows), suffix)[0] for _ in range(2))
        assert first == second
        assert not re.search(rb"<dc:date>|Creation Time|matplotlib\.org/|Matplotlib v", first)


def test_a_png_has_the_documented_width() -> None:
    png, missing = render(make_chart("bars name n", [("x", 1), ("𒀀", 2)]), ".png")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    assert (width, 200 < height < 600) == (1280, True)
    assert missing == "𒀀"  # cuneiform, which no font of the list has


class _Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.fetched: list[object] = []
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.fetched += [value for key, value in attrs if key in ("src", "href", "xlink:href", "onload")]

    def handle_data(self, data: str) -> None:
        if self.tags[-1:] == ["td"] and data.strip():
            self.cells.append(data)


def test_a_page_is_self_contained_and_has_the_rows() -> None:
    rows = [("<script>alert(1)</script>", 2), ("b", 1)]
    page = render(make_chart("bars name n", rows), ".html")[0].decode()
    parsed = _Page()
    parsed.feed(page)
    assert parsed.cells == ["<script>alert(1)</script>", "2", "b", "1"]
    assert "script" not in parsed.tags
    assert not [url for url in parsed.fetched if not str(url).startswith("#")]
    assert {"h1", "svg", "table", "caption", "desc"} <= set(parsed.tags)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">')
    assert "What it is &amp; for." in page


# --- terminal ----------------------------------------------------------------------------------------

CHARTS = ("bars name a b by c", "shares name a b", "stacks name a b", "bars name a")


@settings(max_examples=50)
@given(
    st.sampled_from(CHARTS),
    st.lists(
        st.tuples(
            st.text(max_size=60),
            st.integers(-(10**9), 10**9),
            st.none() | st.floats(-1e6, 1e6),
            st.text(max_size=30),
        ),
        max_size=6,
    ),
    st.integers(24, 200),
)
def test_no_line_is_wider_than_the_terminal(chart: str, rows: list[Any], width: int) -> None:
    columns = chart.replace(" by", "").split()[1:]
    places = ["name", "a", "b", "c"]
    drawn = make_chart(chart, [[row[places.index(column)] for column in columns] for row in rows])
    with pytest.MonkeyPatch.context() as patch:
        lines = in_terminal(drawn, width, patch)
    assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_a_long_name_leaves_room_for_bar_and_value(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [(name * 20, 1_000_000) for name in NAMES if name]
    lines = in_terminal(make_chart("bars name n", rows), width, monkeypatch)[4:]
    assert len(lines) == len(rows)
    for line in lines:
        assert re.fullmatch(r".+… +█{2,} 1,000,000", line)


def test_bars_of_the_terminal_are_as_long_as_their_values(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = in_terminal(
        make_chart("bars name n", [("a", 10), ("b", 40), ("c", 1e-9), ("d", -20)]), 70, monkeypatch
    )
    lengths = {line[0]: line.count("█") for line in lines[4:]}
    assert lengths["b"] == pytest.approx(4 * lengths["a"], abs=2)
    assert lengths["d"] == pytest.approx(2 * lengths["a"], abs=2)
    assert "▏" in next(
        line for line in lines if line.startswith("c")
    )  # visible, although shorter than a cell


def test_gaps_are_noted_in_the_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [("2021-01", 1), ("2021-02", 1), ("2021-05", 1), ("2022-05", 1)]
    lines = in_terminal(make_chart("bars month n", rows), 40, monkeypatch)
    assert [line for line in lines if line.startswith("⋮")] == [
        "⋮ 2 months without rows",
        "⋮ 11 months without rows",
    ]


@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colour_is_used_only_on_terminals_without_no_color(
    monkeypatch: pytest.MonkeyPatch, no_color: str, coloured: bool
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("NO_COLOR", no_color)
    monkeypatch.setenv("TERM", "xterm-256color")
    stream = Terminal()
    print_chart(make_chart("bars name n", [("a", 1)]), stream)
    assert ("\x1b[" in stream.getvalue()) == coloured


def test_too_many_rows_are_refused(curation: Callable[..., Result], tmp_path: Path) -> None:
    (tmp_path / "many.sql").write_text(
        "-- title: t\n-- purpose: p\n-- chart: bars n n\n"
        f"WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n <= {MAX_ROWS}) SELECT n FROM t"
    )
    result = curation("report", "many", "--reports", str(tmp_path), "--chart", "-")
    assert (result.exit_code, "more than 20,000 rows" in result.stderr) == (1, True)
