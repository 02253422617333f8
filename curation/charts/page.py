"""A self-contained HTML page: a chart, its title and purpose, and its rows as a table."""

from __future__ import annotations

from html import escape

from ..wording import counted
from .data import ChartData

_STYLE = """
:root { color-scheme: light; }
body { font: 16px/1.5 system-ui, "Segoe UI", Roboto, "Noto Sans", Arial, sans-serif; color: #222;
  background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin: 0 0 .25rem; }
main { overflow-x: clip; }
figure { margin: -1rem -4.8% 0; }
figure svg { display: block; width: 100%; height: auto; }
.rows { overflow-x: auto; }
table { border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums; }
caption { text-align: left; color: #555; padding: .25rem 0; }
th, td { padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #e4e4e4; text-align: left;
  vertical-align: top; overflow-wrap: anywhere; }
th { white-space: nowrap; }
td.number, th.number { text-align: right; }
summary { cursor: pointer; }
@media print { body { margin: 0; max-width: none; } }
"""


def build_page(chart: ChartData, svg: str) -> str:
    """Return the HTML of the page. It loads nothing and runs no script.

    Args:
        svg: The chart as an SVG file, without a heading.
    """
    svg_element = svg[svg.index("<svg ") :]
    title = escape(chart.title)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="curation">
<title>{title}</title>
<style>{_STYLE}</style>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{escape(chart.purpose)}</p>
<figure>
{svg_element.rstrip()}
</figure>
<details open>
<summary>Rows</summary>
<div class="rows" tabindex="0" role="region" aria-label="Rows">
{_build_table(chart)}
</div>
</details>
</main>
</body>
</html>
"""


def _build_table(chart: ChartData) -> str:
    numeric = [
        bool(chart.rows) and all(_is_number(row[i]) for row in chart.rows) for i in range(len(chart.columns))
    ]
    classes = [' class="number"' if is_number else "" for is_number in numeric]
    head = "".join(
        f'<th scope="col"{kind}>{escape(name)}</th>'
        for name, kind in zip(chart.columns, classes, strict=True)
    )
    body = "\n".join(
        "<tr>"
        + "".join(
            f'<td{kind} dir="auto">{escape(cell)}</td>' for cell, kind in zip(row, classes, strict=True)
        )
        + "</tr>"
        for row in chart.rows
    )
    count = len(chart.rows)
    caption = counted(count, "row") + (f" · {chart.context}" if chart.context else "")
    return (
        f"<table>\n<caption>{escape(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n"
        f"<tbody>\n{body}\n</tbody>\n</table>"
    )


def _is_number(cell: str) -> bool:
    if cell == "(none)":
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
