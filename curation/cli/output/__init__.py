"""Rows in every form, and nothing that a terminal or a spreadsheet would run.

Data goes to standard output or to `--output FILE`, written whole or not at all. Control characters
are shown as escapes, cells that a spreadsheet would take for a formula begin with an apostrophe. Rows
are written as they come, in every form: their number is no matter of memory.
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

from ...interrupts import Outcome, record_outcome
from ...values import escape, text_cell, to_json, to_json_value
from .options import (
    BINARY_FORMATS,
    FORMATS,
    TEXT_FORMATS,
    ColumnType,
    Output,
    chosen_output,
    file_argument,
    in_a_folder,
    output_options,
)

__all__ = (
    "BINARY_FORMATS",
    "FORMATS",
    "TEXT_FORMATS",
    "ColumnType",
    "Output",
    "chosen_output",
    "escape",
    "file_argument",
    "in_a_folder",
    "output_options",
    "print_rows",
    "print_text",
    "text_cell",
    "to_json",
    "to_json_value",
    "written_whole",
)

#: Form -> its module here, and what gives its lines there or writes its bytes; imported when wanted.
_WRITERS = {
    "table": ("table", "table_lines"),
    "markdown": ("table", "markdown_lines"),
    "csv": ("text", "csv_lines"),
    "tsv": ("text", "tsv_lines"),
    "json": ("text", "json_lines"),
    "jsonl": ("text", "jsonl_lines"),
    "html": ("page", "html_lines"),
    "xlsx": ("xlsx", "write_xlsx"),
    "parquet": ("parquet", "write_parquet"),
}


def print_rows(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], kinds: Sequence[ColumnType] | None = None
) -> int:
    """Writes rows as the options say; returns how many they were. Where what each column holds is told, forms
    with types have these, whatever the rows."""
    output = replace(chosen_output(), kinds=kinds)
    module, name = _WRITERS[output.form]
    writer = getattr(import_module(f".{module}", __name__), name)
    counted = _Counted(rows)
    if output.form in BINARY_FORMATS:
        with _opened_bytes(output) as stream:
            writer(stream, columns, iter(counted), output)
    else:
        print_text(writer(columns, iter(counted), output))
    return counted.count


class _Counted:
    """Rows that are counted as they pass."""

    def __init__(self, rows: Iterable[Sequence[Any]]) -> None:
        self._rows = rows
        self.count = 0

    def __iter__(self) -> Iterator[Sequence[Any]]:
        for row in self._rows:
            self.count += 1
            yield row


def print_text(lines: Iterable[str]) -> None:
    """Writes lines as the options say: to the file, or to standard output, by a pager if one is there."""
    output = chosen_output()
    if output.is_terminal and output.pager:
        from .paging import print_paged

        print_paged(iter(lines))
        return
    with _opened_output() as stream:
        stream.writelines(lines)


@contextmanager
def _opened_output() -> Iterator[IO[str]]:
    """Standard output, or the file of --output, which is there only once it is whole."""
    output = chosen_output()
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

        # Without name and time, so that the same rows are the same bytes.
        with gzip.GzipFile("", "wb", 6, stream, mtime=0) as compressed:
            yield compressed  # type: ignore[misc]


@contextmanager
def atomic_write(file: Path) -> Iterator[IO[bytes]]:
    """A file beside the one that is named, which takes its place and its mode once it is whole. What a link
    names is written, the link stays; a pipe or a device is written to as the bytes come."""
    from ...temporary import temporary_file

    if file.exists() and not file.is_file():
        with file.open("wb") as stream:
            yield stream
        record_outcome(Outcome.SAVED)
        return
    file = file.resolve()
    with temporary_file(file) as made:
        with made.open("wb") as stream:
            yield stream
        made.chmod(file.stat().st_mode & 0o7777 if file.exists() else 0o666 & ~_umask())
        made.replace(file)
    record_outcome(Outcome.SAVED)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
