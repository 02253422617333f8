"""Rows as CSV, TSV, JSON and JSON Lines, one line at a time, so that memory does not grow with the rows."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

from ...values import escape_surrogates, json_cell, spreadsheet_cell, to_text, unique_names
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


def csv_lines(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    return _separated(columns, rows, output, ",")


def tsv_lines(columns: Sequence[str], rows: Iterator[Row], output: Output) -> Iterator[str]:
    return _separated(columns, rows, output, "\t")


def _separated(columns: Sequence[str], rows: Iterator[Row], output: Output, separator: str) -> Iterator[str]:
    writer = csv.writer(_Echo(), delimiter=separator, lineterminator="\r\n")
    writerow: Callable[[Row], str] = writer.writerow
    cell = _raw_cell if output.raw else spreadsheet_cell
    if output.headers:
        yield writerow([cell(column) for column in columns])
    for row in rows:
        yield writerow([value if type(value) in _PLAIN_TYPES else cell(value) for value in row])


def _raw_cell(value: Any) -> str:
    return escape_surrogates(to_text(value))


def json_lines(columns: Sequence[str], rows: Iterator[Row], _output: Output) -> Iterator[str]:
    before = "[\n  "
    for line in _objects(columns, rows):
        yield before + line
        before = ",\n  "
    yield "[]\n" if before == "[\n  " else "\n]\n"


def jsonl_lines(columns: Sequence[str], rows: Iterator[Row], _output: Output) -> Iterator[str]:
    for line in _objects(columns, rows):
        yield line + "\n"


def _objects(columns: Sequence[str], rows: Iterator[Row]) -> Iterator[str]:
    """Yield each row as an object. Names are encoded only once: a third faster than a dict for each row."""
    names = [json_cell(name).replace("%", "%%") for name in unique_names(columns)]
    template = "{" + ", ".join(f"{name}: %s" for name in names) + "}"
    for row in rows:
        yield template % tuple(map(json_cell, row))
