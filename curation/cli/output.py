"""Rows in every form, and nothing that a terminal or a spreadsheet would run.

Data goes to standard output or to `--output FILE`, written whole or not at all. Control characters
are shown as escapes, cells that a spreadsheet would take for a formula begin with an apostrophe.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import IO, Any

import click

FORMATS = ("table", "csv", "tsv", "json", "jsonl", "markdown")

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".txt": "table",
    "": "table",
}

#: Terminal controls, and marks that turn the direction of what follows.
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


@dataclass(frozen=True, slots=True)
class Output:
    """Where rows go and how; `format` None goes by the file's suffix, or is a table."""

    format: str | None = None
    file: Path | None = None
    headers: bool = True

    @property
    def form(self) -> str:
        if self.format is not None:
            return self.format
        return _SUFFIXES[self.file.suffix.lower()] if self.file else "table"


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds --format, --output and --no-headers, given to the command as `output`."""

    def gather(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if isinstance(value, Path):
            _check_file(value, ctx, param)
        kept = ctx.meta.setdefault("curation.output", {})
        kept[param.name] = value

    options = (
        click.option(
            "--format", "format_", type=click.Choice(FORMATS), callback=gather, expose_value=False,
            help="How rows are written; by the suffix of --output, else a table.",
        ),
        click.option(
            "--output", "file", type=click.Path(dir_okay=False, path_type=Path), callback=gather,
            expose_value=False, help="Write to a file instead, whole or not at all.",
        ),
        click.option(
            "--no-headers", is_flag=True, callback=gather, expose_value=False,
            help="Leave out the line of column names (table, csv, tsv).",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def _check_file(file: Path, ctx: click.Context, param: click.Parameter) -> None:
    if not file.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(file.parent)!r}", ctx, param)


def chosen_output() -> Output:
    """What --format, --output and --no-headers of the running command say.

    Raises a usage error for a file whose suffix says no form, where --format does not either.
    """
    kept = click.get_current_context().meta.get("curation.output", {})
    output = Output(kept.get("format_"), kept.get("file"), not kept.get("no_headers"))
    if output.format is None and output.file and output.file.suffix.lower() not in _SUFFIXES:
        raise click.UsageError(
            f"say --format: the name {output.file.name!r} does not ({', '.join(filter(None, _SUFFIXES))} do)"
        )
    return output


def print_rows(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> int:
    """Writes rows as the options say; returns how many they were."""
    output = chosen_output()
    counted = _Counted(rows)
    with opened_output() as stream:
        _WRITERS[output.form](stream, columns, counted, output.headers)
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


@contextmanager
def opened_output() -> Iterator[IO[str]]:
    """Standard output, or the file of --output, which is there only once it is whole."""
    file = chosen_output().file
    if file is None:
        yield sys.stdout
        return
    with written_whole(file) as stream:
        yield stream


@contextmanager
def written_whole(file: Path, *, binary: bool = False) -> Iterator[IO[Any]]:
    """A file that is there only once it is whole; a fault leaves what was there before."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    how: dict[str, Any] = {"mode": "wb"} if binary else {"mode": "w", "encoding": "utf-8", "newline": ""}
    try:
        with open(descriptor, **how) as stream:  # noqa: PTH123 - a descriptor
            yield stream
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


# --- values ------------------------------------------------------------------------------------------


def escape(text: str) -> str:
    """Text that a terminal shows and does not obey; line breaks stay."""
    return _UNSAFE.sub(lambda match: ascii(match[0])[1:-1], text)


def plain(value: Any) -> Any:
    """A value as JSON has it: instants as ISO 8601 in UTC, exact numbers as numbers, bytes in hexadecimal."""
    if isinstance(value, dt.datetime):
        return _instant(value)
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Decimal):
        if not value.is_finite():
            return str(value)
        exponent = value.as_tuple().exponent
        return float(value) if isinstance(exponent, int) and exponent < 0 else int(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    return value


def _instant(value: dt.datetime) -> str:
    if value.tzinfo is None:
        return value.isoformat(" ")
    return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat() + "Z"


def shown(value: Any) -> str:
    """A value as a cell of text: nothing for null, JSON for lists and mappings."""
    value = plain(value)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | dict):
        value = json.dumps(value, ensure_ascii=False, default=plain)
    return escape(str(value))


#: Characters of a table's cell: a line of a table is read, not parsed; the other forms keep all.
_CELL = 200


def _one_line(value: Any) -> str:
    text = " ".join(shown(value).split()) if isinstance(value, str) else shown(value)
    return text if len(text) <= _CELL else text[: _CELL - 1] + "…"


def _spreadsheet_cell(value: Any) -> str:
    text = shown(value)
    return f"'{text}" if isinstance(value, str) and text.startswith(_FORMULA_STARTS) else text


# --- forms -------------------------------------------------------------------------------------------


def _write_table(
    stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool
) -> None:
    from rich import box

    kept = list(rows)
    cells = [[_one_line(value) for value in row] for row in kept]
    room = shutil.get_terminal_size().columns if stream.isatty() else None
    widths = _fitted(columns, cells, room)
    _print_rich(stream, columns, kept, cells, style=box.SIMPLE_HEAD, show_header=headers, widths=widths)


#: What would end a cell, or begin HTML, a link or code.
_MARKUP = re.compile(r"[\\|<\[`]")


def _write_markdown(
    stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool
) -> None:
    from rich import box

    del headers  # a Markdown table has none without
    kept = list(rows)
    cells = [[_MARKUP.sub(r"\\\g<0>", _one_line(value)) for value in row] for row in kept]
    _print_rich(stream, columns, kept, cells, style=box.MARKDOWN, show_header=True, widths=None)


def _print_rich(
    stream: IO[str],
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    cells: Sequence[Sequence[str]],
    *,
    style: Any,
    show_header: bool,
    widths: Sequence[int] | None,
) -> None:
    """Renders cells as a table; numbers stand right, and no line has blanks at its end."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    has_edges = widths is None
    table = Table(box=style, show_header=show_header, pad_edge=has_edges, show_edge=has_edges)
    for i, column in enumerate(columns):
        justify: Any = "right" if _is_numeric(row[i] for row in rows) else "left"
        width = widths[i] if widths else None
        table.add_column(
            Text(escape(column)), justify=justify, no_wrap=True, overflow="ellipsis", max_width=width
        )
    for row in cells:
        table.add_row(*map(Text, row))
    console = Console(width=1_000_000, color_system=None, highlight=False, markup=False, emoji=False)
    with console.capture() as capture:
        console.print(table)
    stream.writelines(f"{line.rstrip()}\n" for line in capture.get().strip("\n").split("\n"))


def _is_numeric(values: Iterable[Any]) -> bool:
    """Whether a column is numbers, with or without gaps."""
    present = [value for value in values if value is not None]
    return bool(present) and all(
        isinstance(value, int | float | Decimal) and not isinstance(value, bool) for value in present
    )


#: Columns up to this wide (numbers, flags, dates) are never cut; the others share what room is left.
_NARROW = 20
_LEAST = 8
_GAP = 3


def _fitted(columns: Sequence[str], cells: Sequence[Sequence[str]], room: int | None) -> list[int]:
    """The width of each column, so that a line fits the terminal (None: as wide as they are)."""
    from rich.cells import cell_len

    widths = [
        max([cell_len(column), *(cell_len(row[i]) for row in cells)]) for i, column in enumerate(columns)
    ]
    wide = sorted((w, i) for i, w in enumerate(widths) if w > _NARROW)
    if room is None or not wide:
        return widths
    left = room - sum(w for w in widths if w <= _NARROW) - _GAP * len(widths)
    for done, (width, i) in enumerate(wide):
        share = left // (len(wide) - done)  # what the narrower ones leave goes to the wider
        widths[i] = max(_LEAST, min(width, share))
        left -= widths[i]
    return widths


def _write_csv(stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool) -> None:
    _write_separated(stream, columns, rows, headers, ",")


def _write_tsv(stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool) -> None:
    _write_separated(stream, columns, rows, headers, "\t")


def _write_separated(
    stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool, separator: str
) -> None:
    writer = csv.writer(stream, delimiter=separator, lineterminator="\n")
    if headers:
        writer.writerow([_spreadsheet_cell(column) for column in columns])
    writer.writerows([_spreadsheet_cell(value) for value in row] for row in rows)


def _write_json(
    stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool
) -> None:
    del headers
    columns = _distinct(columns)
    separator = "[\n"
    for row in rows:
        stream.write(f"{separator}  {_object(columns, row)}")
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_jsonl(
    stream: IO[str], columns: Sequence[str], rows: Iterable[Sequence[Any]], headers: bool
) -> None:
    del headers
    columns = _distinct(columns)
    stream.writelines(f"{_object(columns, row)}\n" for row in rows)


def _distinct(columns: Sequence[str]) -> list[str]:
    """Names of their own for columns of one name, which an object would lose: `a`, `a_2`."""
    names: list[str] = []
    for column in columns:
        count = 1
        while (name := column if count == 1 else f"{column}_{count}") in names:
            count += 1
        names.append(name)
    return names


def _object(columns: Sequence[str], row: Sequence[Any]) -> str:
    return to_json(dict(zip(columns, row, strict=True)))


def _finite(value: Any) -> Any:
    """A value in which numbers that JSON has not (NaN, infinity) are text."""
    if isinstance(value, dict):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(inner) for inner in value]
    return plain(value) if isinstance(value, float) else value


def to_json(value: Any, indent: int | None = None) -> str:
    """JSON that a terminal does not obey either: controls that JSON lets pass are escaped."""
    text = json.dumps(_finite(value), ensure_ascii=False, default=plain, indent=indent)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


_WRITERS: dict[str, Callable[[IO[str], Sequence[str], Iterable[Sequence[Any]], bool], None]] = {
    "table": _write_table,
    "csv": _write_csv,
    "tsv": _write_tsv,
    "json": _write_json,
    "jsonl": _write_jsonl,
    "markdown": _write_markdown,
}
