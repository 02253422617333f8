"""Output of rows in every format, safe for terminals and spreadsheets.

Rows go to standard output, or to `--output FILE`, which is written completely or not at all. Control
characters are escaped. Cells that a spreadsheet would run as a formula begin with an apostrophe. Rows are
written as they are read, in every format, so their number does not affect memory.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from ...cell_text import escape, format_cell, to_json, to_json_value
from ...interrupts import Outcome, record_outcome
from .options import (
    BINARY_FORMATS,
    FORMATS,
    TEXT_FORMATS,
    ColumnType,
    Output,
    check_folder,
    file_argument,
    get_output,
    output_options,
)

__all__ = (
    "BINARY_FORMATS",
    "FORMATS",
    "TEXT_FORMATS",
    "ColumnType",
    "Output",
    "atomic_write",
    "check_folder",
    "escape",
    "file_argument",
    "format_cell",
    "get_output",
    "output_options",
    "print_rows",
    "print_text",
    "to_json",
    "to_json_value",
)

#: Each format, its module here, and the function that yields lines or writes bytes. Imported on first use.
_WRITERS = {
    "table": ("table", "format_table"),
    "markdown": ("table", "format_markdown"),
    "csv": ("csv_format", "format_csv"),
    "tsv": ("csv_format", "format_tsv"),
    "json": ("json_format", "format_json"),
    "jsonl": ("json_format", "format_jsonl"),
    "html": ("html_page", "format_html"),
    "xlsx": ("xlsx", "write_xlsx"),
    "parquet": ("parquet", "write_parquet"),
}


def print_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], kinds: Sequence[ColumnType] | None = None
) -> int:
    """Write rows as the output options require, and return how many there were.

    Args:
        kinds: the types of the columns. Without them, typed formats infer types from the rows.
    """
    output = replace(get_output(), kinds=kinds)
    module, name = _WRITERS[output.form]
    writer = getattr(import_module(f".{module}", __name__), name)
    counter = _RowCounter(rows)
    if output.form in BINARY_FORMATS:
        with _opened_bytes(output) as stream:
            writer(stream, columns, iter(counter), output)
    else:
        print_text(writer(columns, iter(counter), output))
    return counter.count


class _RowCounter:
    """An iterable of rows that counts them."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def print_text(lines: Iterable[str]) -> None:
    """Write lines to the file of --output, to a pager, or to standard output."""
    output = get_output()
    if output.is_terminal and output.pager:
        from .pager import print_paged

        print_paged(iter(lines))
        return
    with _opened_output() as stream:
        stream.writelines(lines)


@contextmanager
def _opened_output() -> Iterator[IO[str]]:
    """Yield standard output, or the file of --output, which appears only once it is complete."""
    output = get_output()
    if output.file is None:
        from .encoding import opened_text

        with opened_text(output.form) as text:
            yield text
        return
    with _opened_bytes(output) as stream:
        text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
        yield text
        text.detach()


@contextmanager
def _opened_bytes(output: Output) -> Iterator[IO[bytes]]:
    if output.file is None:
        yield sys.stdout.buffer
        return
    with atomic_write(output.file) as stream:
        if not output.is_compressed:
            yield stream
            return
        import gzip

        # Without name and time, so that the same rows give the same bytes.
        with gzip.GzipFile("", "wb", 6, stream, mtime=0) as compressed:
            yield compressed  # type: ignore[misc]


@contextmanager
def atomic_write(file: Path) -> Iterator[IO[bytes]]:
    """Yield a temporary file that replaces `file`, with its mode, once it is complete.

    The target of a link is replaced, and the link stays. A pipe or a device is written to directly.
    """
    from ...temporary import temporary_file

    if file.exists() and not file.is_file():
        with file.open("wb") as stream:
            yield stream
        record_outcome(Outcome.SAVED)
        return
    file = file.resolve()
    with temporary_file(file) as temporary:
        with temporary.open("wb") as stream:
            yield stream
        temporary.chmod(file.stat().st_mode & 0o7777 if file.exists() else 0o666 & ~_umask())
        temporary.replace(file)
    record_outcome(Outcome.SAVED)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
