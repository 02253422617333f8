"""Excel workbooks, with XlsxWriter (the extra `xlsx`), which keeps only one row in memory.

Numbers are written as numbers, and instants (in UTC), dates and times as such. Texts stay texts, even if they
look like a formula or a URL. Values that a cell cannot store exactly become text: whole numbers of more
than 15 digits, NaN and infinity, instants before 1900. A sheet has 1,048,575 rows; more rows continue on the
next sheet. A cell has at most 32,767 characters: longer texts are cut, and standard error reports how many.
"""

from __future__ import annotations

import datetime as dt
import io
import math
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from itertools import chain, islice
from typing import IO, TYPE_CHECKING, Any

import click

from ...cell_text import escape, escape_surrogates, format_cell, is_formula, parse_instant_text, to_text
from ...temporary import open_unnamed_file, temporary_folder
from ...wording import counted
from .options import Output, output_title

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Row = Sequence[Any]

SHEET_ROWS = 1_048_576

#: Excel keeps fifteen digits of a number.
_MAX_EXACT = 10**15

#: The most characters in a cell.
_CELL = 32_767

#: Rows that decide the widths of columns, and the limits of a width in characters.
SAMPLE = 500
_NARROWEST, _WIDEST = 8, 60

#: Excel counts days from 1900, and wrongly gives that February 29 days.
_FIRST_DAY = dt.date(1900, 3, 1)


def write_xlsx(stream: IO[bytes], columns: Sequence[str], rows: Iterator[Row], output: Output) -> None:
    """Write a workbook.

    Raises:
        ClickException: XlsxWriter is not installed; the message names the extra.
        OSError: a file cannot be written, for example on a full disk.
    """
    try:
        import xlsxwriter
        from xlsxwriter.exceptions import FileCreateError
    except ImportError as error:
        raise click.ClickException("xlsx needs a library: pip install 'curation[xlsx]'") from error

    # It is closed only when complete. After an error, the folder is deleted with what was written.
    with temporary_folder() as folder, open_unnamed_file() as file, _replaced_after_errors(file) as archive:
        workbook = xlsxwriter.Workbook(
            archive, {"constant_memory": True, "tmpdir": str(folder), "use_zip64": True}
        )
        workbook.set_properties({"title": escape(output_title())[:255]})
        cells = _Cells(workbook, output.raw)
        _write_sheets(workbook, cells, columns, rows)
        try:
            workbook.close()
        except FileCreateError as error:
            raise error.args[0] from None  # the OSError
        file.seek(0)
        shutil.copyfileobj(file, stream)  # it may be a pipe, where XlsxWriter cannot seek
    if cells.cut:
        texts = counted(cells.cut, "text")
        click.echo(f"warning: {texts} cut at 32,767 characters, the limit of a cell", err=True)


class _Replaceable:
    """A wrapper of a file that can be replaced by another one."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def _replaced_after_errors(file: IO[bytes]) -> Iterator[_Replaceable]:
    """Give a file to XlsxWriter, which leaves its zip archive open after an error or a signal.

    Python closes the archive when it is garbage-collected, and the archive then writes once more. That write
    goes to memory. The file is already closed, or its disk is full, and Python would print a traceback.
    """
    archive = _Replaceable(file)
    try:
        yield archive
    except BaseException:
        archive.stream = io.BytesIO()
        raise


def _write_sheets(workbook: Any, cells: _Cells, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """Write as many sheets as the rows need, and one if there are no rows."""
    sample = list(islice(rows, SAMPLE))
    widths = [_width([name, *(row[i] for row in sample)]) for i, name in enumerate(columns)]
    remaining: Iterator[Row] | None = chain(sample, rows)
    while remaining is not None:
        sheet = workbook.add_worksheet()
        sheet.freeze_panes(1, 0)
        for i, (name, width) in enumerate(zip(columns, widths, strict=True)):
            cells.write_text(sheet, 0, i, name, cells.heading)
            sheet.set_column(i, i, width)
        last = 0
        for last, row in enumerate(islice(remaining, SHEET_ROWS - 1), 1):
            cells.write_row(sheet, last, row)
        sheet.autofilter(0, 0, last, len(columns) - 1)
        following = next(remaining, None)
        remaining = None if following is None else chain([following], remaining)


def _width(values: Sequence[Any]) -> int:
    longest = max(max(map(len, format_cell(value).split("\n")), default=0) for value in values)
    return min(_WIDEST, max(_NARROWEST, longest + 2))


class _Cells:
    """A writer of values as cells of the right type. Counts the texts that were `cut`."""

    def __init__(self, workbook: Any, raw: bool) -> None:
        self.heading: Format = workbook.add_format({"bold": True, "bg_color": "#E8ECF2", "bottom": 1})
        self._instant: Format = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._date: Format = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._time: Format = workbook.add_format({"num_format": "hh:mm:ss"})
        # Keeps a text a text when a user edits the cell and leaves it.
        self._quoted: Format = workbook.add_format({"quote_prefix": True})
        self._nothing: Format = workbook.add_format({})
        self._escape = escape_surrogates if raw else escape
        self.cut = 0

    def write_row(self, sheet: Worksheet, number: int, row: Row) -> None:
        for i, value in enumerate(row):
            kind = type(value)
            if kind is str and (instant := parse_instant_text(value)) is not None:
                self._write_other(sheet, number, i, instant)
            elif kind is str:
                self.write_text(sheet, number, i, value)
            elif value is not None:
                self._write_other(sheet, number, i, value)

    def write_text(
        self, sheet: Worksheet, number: int, i: int, text: str, form: Format | None = None
    ) -> None:
        text = self._cut(self._escape(text))
        if form is None and is_formula(text):
            form = self._quoted
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter writes such a text as raw XML, which could contain cells and formulas. In two pieces
            # it is escaped like any other text, except for control characters.
            text = escape(text)
            sheet.write_rich_string(number, i, text[:1], self._nothing, text[1:])
        else:
            sheet.write_string(number, i, text, form)

    def _cut(self, text: str) -> str:
        """Return as much of a text as fits a cell, which counts UTF-16 units."""
        if len(text) <= _CELL // 2 or len(units := text.encode("utf-16-le")) <= 2 * _CELL:
            return text
        self.cut += 1
        return units[: 2 * _CELL].decode("utf-16-le", "ignore")

    def _write_other(self, sheet: Worksheet, number: int, i: int, value: Any) -> None:
        if isinstance(value, bool):
            sheet.write_boolean(number, i, value)
        elif isinstance(value, int | float | Decimal) and _is_exact(value):
            sheet.write_number(number, i, float(value))
        elif isinstance(value, dt.datetime) and (local := _in_utc(value)).date() >= _FIRST_DAY:
            sheet.write_datetime(number, i, local, self._instant)
        elif isinstance(value, dt.date) and not isinstance(value, dt.datetime) and value >= _FIRST_DAY:
            sheet.write_datetime(number, i, value, self._date)
        elif isinstance(value, dt.time) and value.tzinfo is None:
            sheet.write_datetime(number, i, value, self._time)
        else:
            self.write_text(sheet, number, i, to_text(value))


def _is_exact(value: float | Decimal) -> bool:
    if isinstance(value, int):
        return abs(value) < _MAX_EXACT
    return math.isfinite(value)


def _in_utc(value: dt.datetime) -> dt.datetime:
    return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
