"""Rows as a self-contained HTML page, without scripts or external files, for screens and for print."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Iterator, Sequence
from itertools import chain, islice
from typing import Any

from ...cell_text import format_cell, is_numeric
from ...wording import counted
from .options import Output, output_title

#: Rows that decide whether a column is styled as numbers, short words or text.
SAMPLE = 1000

#: Characters: cells do not wrap in a column of cells up to _SHORT; a column with a cell over _TEXT is wide.
_SHORT = 30
_TEXT = 60

_SPECIAL = re.compile("[&<>\"']")

#: A whole cell that becomes a link: an http or https URL.
_LINK = re.compile(r"https?://[^\s<>\"'`\\]+", re.IGNORECASE)

_STYLE = """\
:root { color-scheme: light dark; --paper: #fff; --ink: #1c2330; --quiet: #667085; --line: #e4e7ec;
  --band: #f8f9fb; --head: #f1f3f7; --point: #e8f0fe; --link: #1a56b8 }
@media (prefers-color-scheme: dark) { :root { --paper: #14171c; --ink: #dfe3ea; --quiet: #949dac;
  --line: #2b313b; --band: #191d23; --head: #20252d; --point: #223049; --link: #8ab4f8 } }
* { box-sizing: border-box }
body { margin: 0; padding: 2rem 2rem 3rem; width: fit-content; min-width: 100%; background: var(--paper);
  color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif }
h1 { position: sticky; left: 2rem; max-width: min(60rem, 100vw - 4rem); margin: 0 0 1.25rem;
  font-size: 1.35rem; font-weight: 650; line-height: 1.3; overflow-wrap: anywhere }
table { border-collapse: separate; border-spacing: 0; font-variant-numeric: tabular-nums }
th, td { max-width: 40rem; padding: .45rem .75rem; border-bottom: 1px solid var(--line);
  text-align: left; vertical-align: top; overflow-wrap: anywhere }
th { position: sticky; top: 0; background: var(--head); color: var(--quiet); font-size: .8125rem;
  font-weight: 600; white-space: nowrap; vertical-align: bottom }
th:first-child { border-start-start-radius: .4rem } th:last-child { border-start-end-radius: .4rem }
td { white-space: pre-line; unicode-bidi: plaintext }
tbody tr:nth-child(even) { background: var(--band) }
tbody tr:hover { background: var(--point) }
a { color: var(--link); text-decoration: none } a:hover, a:focus { text-decoration: underline }
footer { position: sticky; left: 2rem; width: max-content; margin-top: 1rem; color: var(--quiet);
  font-size: .8125rem }
@media print { @page { margin: 1.2cm; size: landscape }
  :root { color-scheme: light; --paper: #fff; --ink: #000; --quiet: #444; --line: #bbb; --band: #fff;
    --head: #fff; --link: #000 }
  body { width: auto; padding: 0; font-size: 8.5pt } h1, footer { position: static; max-width: none }
  table { width: 100% } th { position: static; border-bottom: 1.5pt solid #000 }
  th, td { padding: .2rem .4rem; min-width: 0 !important; white-space: pre-line !important;
    overflow-wrap: break-word }
  tr { break-inside: avoid } thead { display: table-header-group } }
"""


def format_html(columns: Sequence[str], rows: Iterator[Sequence[Any]], _output: Output) -> Iterator[str]:
    sample = list(islice(rows, SAMPLE))
    title = _text(output_title())
    yield from _head(title, _column_styles(columns, sample))
    names = "".join(f"<th scope=col>{_text(name)}</th>" for name in columns)
    yield f"<table>\n<thead><tr>{names}</tr></thead>\n<tbody>\n"
    count = 0
    for count, row in enumerate(chain(sample, rows), 1):  # noqa: B007 - used after the loop
        yield f"<tr><td>{'</td><td>'.join(map(_cell, row))}</td></tr>\n"
    yield "</tbody>\n</table>\n"
    now = dt.datetime.now(dt.UTC)
    yield f"<footer>{counted(count, 'row')} · "
    yield f"<time datetime={now:%Y-%m-%dT%H:%MZ}>{now:%Y-%m-%d %H:%M} UTC</time></footer>\n"
    yield "</main>\n</body>\n</html>\n"


def _head(title: str, column_styles: str) -> Iterator[str]:
    # The policy is a second defence, should a text ever be interpreted as markup.
    yield f"""<!doctype html>
<html lang=en>
<head>
<meta charset=utf-8>
<meta http-equiv=Content-Security-Policy content="default-src 'none'; style-src 'unsafe-inline'">
<meta name=viewport content="width=device-width">
<meta name=referrer content=no-referrer>
<title>{title}</title>
<style>
{_STYLE}{column_styles}</style>
</head>
<body>
<main>
<h1>{title}</h1>
"""


def _column_styles(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """Return CSS for each column: numbers on the right, short words unwrapped, wide columns for text."""
    styles = ""
    for i, _ in enumerate(columns):
        longest = max((len(format_cell(row[i])) for row in rows), default=0)
        style = "white-space: pre" if longest <= _SHORT else "min-width: 10rem"
        if is_numeric(row[i] for row in rows):
            style = "white-space: pre; text-align: right"
        elif longest > _TEXT:
            style = "min-width: 16rem"
        styles += f":is(th, td):nth-child({i + 1}) {{ {style} }}\n"
    return styles


def _text(text: str) -> str:
    return html.escape(format_cell(text))


def _cell(value: Any) -> str:
    text = format_cell(value)
    if _SPECIAL.search(text):
        text = html.escape(text)
    if text[:1] in "hH" and isinstance(value, str) and _is_link(value):
        return f'<a href="{text}" rel="noopener noreferrer nofollow">{_add_breaks(text)}</a>'
    return text


def _is_link(text: str) -> bool:
    """Return whether the whole text is a URL without invisible characters."""
    return text.isprintable() and _LINK.fullmatch(text) is not None


def _add_breaks(url: str) -> str:
    """Return a URL as HTML that can wrap after each slash."""
    scheme, _, rest = url.partition("//")
    return f"{scheme}//{rest.replace('/', '/<wbr>')}"
