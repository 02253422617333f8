"""Rows as CSV and TSV, one line at a time, so that memory does not grow with the rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

from ...cell_text import escape_surrogates, format_spreadsheet_cell, to_text
from .options import Output

Row = Sequence[Any]

#: Types that the csv module formats as we need.
_PLAIN_TYPES = frozenset((int, float, NoneType))


class _Echo:
    """A file whose `write` returns the line, so that `writerow` returns it too.

    The writer ends lines with CR LF. Otherwise Python 3.11 writes a CR in a cell without quotes, and other
    readers take it for the end of the line.
    """

    @staticmethod
    def write(line: str) -> str:
        return line[:-2] + "\n"


def format_csv(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    return _separated(columns, rows, output, ",")


def format_tsv(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    return _separated(columns, rows, output, "\t")


def _separated(columns: Sequence[str], rows: Iterator[Row], output: Output, separator: str) -> Iterator[str]:
    writer = csv.writer(_Echo(), delimiter=separator, lineterminator="\r\n")
    writerow: Callable[[Row], str] = writer.writerow
    cell = _raw_cell if output.raw else format_spreadsheet_cell
    if output.headers:
        yield writerow([cell(column) for column in columns])
    for row in rows:
        yield writerow([value if type(value) in _PLAIN_TYPES else cell(value) for value in row])


def _raw_cell(value: Any) -> str:
    return escape_surrogates(to_text(value))
