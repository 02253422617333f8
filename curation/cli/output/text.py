"""CSV, TSV, JSON and JSON Lines: a line at a time, so that a million rows need no memory."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from types import NoneType
from typing import Any

from ...values import escape_surrogates, json_cell, spreadsheet_cell, to_text, unique_names
from .options import Output

Row = Sequence[Any]

#: What the csv module writes as we would.
_AS_THEY_ARE = frozenset((int, float, NoneType))


class _Echo:
    """A file whose `write` gives back the line, as then does `writerow`.

    The writer is told that a line ends in CR LF, or Python 3.11 leaves a CR in a cell without quotes, which
    other readers take for the end of the line.
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
        yield writerow([value if type(value) in _AS_THEY_ARE else cell(value) for value in row])


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
    """Each row as an object; the names are made JSON once, a third quicker than a dict a row."""
    names = [json_cell(name).replace("%", "%%") for name in unique_names(columns)]
    template = "{" + ", ".join(f"{name}: %s" for name in names) + "}"
    for row in rows:
        yield template % tuple(map(json_cell, row))
