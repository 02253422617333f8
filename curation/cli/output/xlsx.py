"""Workbooks of Excel's kind, with XlsxWriter (the extra `xlsx`), which keeps no more than a row in memory.

Numbers are numbers, and instants (in UTC), dates and times are real ones. Texts are texts: nothing that looks
like a formula or an address is made one. As text goes what a cell would not keep exactly: whole numbers
of more than 15 digits, NaN and infinity, instants before 1900. A sheet has 1,048,575 rows; what is more goes
on in a next sheet. A cell holds 32,767 characters: longer texts are cut, and standard error says how many.
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

from ...temporary import temporary_folder, unnamed_file
from ...values import escape, escape_surrogates, is_formula, parse_instant_text, text_cell, to_text
from ...wording import counted
from .options import Output, output_title

if TYPE_CHECKING:
    from xlsxwriter.format import Format
    from xlsxwriter.worksheet import Worksheet

Row = Sequence[Any]

ROWS_OF_A_SHEET = 1_048_576

#: Excel keeps fifteen digits of a number.
_EXACT = 10**15

#: Characters of a cell.
_CELL = 32_767

#: Rows by which columns get their widths, in characters.
SAMPLE = 500
_NARROWEST, _WIDEST = 8, 60

#: Excel counts days from 1900, whose February it gives 29 of them.
_FIRST_DAY = dt.date(1900, 3, 1)


def write_xlsx(stream: IO[bytes], columns: Sequence[str], rows: Iterator[Row], output: Output) -> None:
    """Write a workbook.

    Raises:
        ClickException: XlsxWriter is not installed; the message names the extra.
        OSError: a file cannot be written, such as on a full disk.
    """
    try:
        import xlsxwriter
        from xlsxwriter.exceptions import FileCreateError
    except ImportError as error:
        raise click.ClickException("xlsx needs a library: pip install 'curation[xlsx]'") from error

    # Closed only when it is whole: what was written before an error goes with the folder.
    with temporary_folder() as folder, unnamed_file() as whole, _replaced_after_errors(whole) as archive:
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
        whole.seek(0)
        shutil.copyfileobj(whole, stream)  # which may be a pipe: of that no library seeks back
    if cells.cut:
        texts = counted(cells.cut, "text")
        click.echo(f"warning: {texts} cut at 32,767 characters, which a cell holds", err=True)


class _Replaceable:
    """A file that is used through this object, so that another one can take its place."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)


@contextmanager
def _replaced_after_errors(whole: IO[bytes]) -> Iterator[_Replaceable]:
    """Give a file to XlsxWriter, which leaves its zip archive open after an error or a signal.

    The archive is closed once Python collects it, and writes to its file once more then: to memory, for the
    file is closed, or its disk full. Otherwise Python would print a traceback.
    """
    archive = _Replaceable(whole)
    try:
        yield archive
    except BaseException:
        archive.stream = io.BytesIO()
        raise


def _write_sheets(workbook: Any, cells: _Cells, columns: Sequence[str], rows: Iterator[Row]) -> None:
    """As many sheets as the rows need, and one if there are none."""
    sample = list(islice(rows, SAMPLE))
    widths = [_width([name, *(row[i] for row in sample)]) for i, name in enumerate(columns)]
    waiting: Iterator[Row] | None = chain(sample, rows)
    while waiting is not None:
        sheet = workbook.add_worksheet()
        sheet.freeze_panes(1, 0)
        for i, (name, width) in enumerate(zip(columns, widths, strict=True)):
            cells.write_text(sheet, 0, i, name, cells.heading)
            sheet.set_column(i, i, width)
        last = 0
        for last, row in enumerate(islice(waiting, ROWS_OF_A_SHEET - 1), 1):
            cells.write_row(sheet, last, row)
        sheet.autofilter(0, 0, last, len(columns) - 1)
        following = next(waiting, None)
        waiting = None if following is None else chain([following], waiting)


def _width(values: Sequence[Any]) -> int:
    longest = max(max(map(len, text_cell(value).split("\n")), default=0) for value in values)
    return min(_WIDEST, max(_NARROWEST, longest + 2))


class _Cells:
    """Writes values as cells of their kind, and counts the texts that were `cut`."""

    def __init__(self, workbook: Any, raw: bool) -> None:
        self.heading: Format = workbook.add_format({"bold": True, "bg_color": "#E8ECF2", "bottom": 1})
        self._instant: Format = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._date: Format = workbook.add_format({"num_format": "yyyy-mm-dd"})
        self._time: Format = workbook.add_format({"num_format": "hh:mm:ss"})
        # Stays a text when someone opens the cell and leaves it.
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
        text = self._fitting(self._escape(text))
        if form is None and is_formula(text):
            form = self._quoted
        if text.startswith("<r>") and text.endswith("</r>"):
            # XlsxWriter takes such a text for its own XML and lets it pass unescaped, cells and formulas in
            # it and all; in two pieces it is escaped as any other, but for controls.
            text = escape(text)
            sheet.write_rich_string(number, i, text[:1], self._nothing, text[1:])
        else:
            sheet.write_string(number, i, text, form)

    def _fitting(self, text: str) -> str:
        """As much of a text as a cell holds, which counts in UTF-16."""
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
        return abs(value) < _EXACT
    return math.isfinite(value)


def _in_utc(value: dt.datetime) -> dt.datetime:
    return value if value.tzinfo is None else value.astimezone(dt.UTC).replace(tzinfo=None)
