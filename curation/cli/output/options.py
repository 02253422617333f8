"""The output options of commands that print rows."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from ..help_groups import OUTPUT, option

#: Formats that are text, and those that only programs read.
TEXT_FORMATS = ("table", "csv", "tsv", "json", "jsonl", "markdown", "html")
BINARY_FORMATS = ("xlsx", "parquet")
FORMATS = TEXT_FORMATS + BINARY_FORMATS

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".json": "json",
    ".jsonl": "jsonl",
    ".md": "markdown",
    ".txt": "table",
    ".html": "html",
    ".xlsx": "xlsx",
    ".parquet": "parquet",
    "": "table",
}

#: Formats that spreadsheets read, where --raw turns escaping off.
_RAW_FORMATS = ("csv", "tsv", "xlsx")


#: The type of a column: boolean, whole, instant, text, json (as text) or texts (a list of texts). A mapping
#: stands for a list of objects, and has the type of each field.
ColumnType = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """Where and how rows are written. Without `format`, the suffix of the file decides, or it is a table."""

    format: str | None = None
    file: Path | None = None
    headers: bool = True
    wide: bool = False
    raw: bool = False
    pager: bool = True
    #: The types of the columns, where the command knows them in advance; used only for Parquet.
    kinds: Sequence[ColumnType] | None = None

    @property
    def form(self) -> str:
        return self.format or _SUFFIXES.get(self.suffix, "table")

    @property
    def suffix(self) -> str:
        """The file's suffix in lower case; for `rows.csv.gz` this is .csv."""
        if self.file is None:
            return ""
        return Path(self.file.stem).suffix.lower() if self.is_compressed else self.file.suffix.lower()

    @property
    def is_compressed(self) -> bool:
        return self.file is not None and self.file.suffix.lower() == ".gz"

    @property
    def is_terminal(self) -> bool:
        return self.file is None and sys.stdout.isatty()


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a command that prints rows; `get_output` returns their values."""

    def store(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if isinstance(value, Path):
            check_folder(ctx, param, value)
        values = ctx.meta.setdefault("curation.output", {})
        values[param.name] = value

    shared: dict[str, Any] = {"callback": store, "expose_value": False, "help_group": OUTPUT}
    options = (
        option(
            "--format", "format_", type=click.Choice(FORMATS), metavar="FORMAT", **shared,
            help=f"Format of the rows: {', '.join(FORMATS[:-1])} or {FORMATS[-1]};"
            " by default from the suffix of --output, else table.",
        ),
        option(
            "--output", "file", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", **shared,
            help="Write to a file, completely or not at all; a name with .gz is compressed.",
        ),
        option("--no-headers", is_flag=True, **shared, help="Omit the column names (table, csv, tsv)."),
        option("--wide", is_flag=True, **shared, help="Do not truncate cells (table, markdown)."),
        option(
            "--raw", is_flag=True, **shared,
            help="Do not escape formulas and control characters (csv, tsv, xlsx).",
        ),
        option("--no-pager", is_flag=True, **shared, help="Do not use $PAGER for long output."),
    )  # fmt: skip
    for decorate in reversed(options):
        command = decorate(command)
    return command


def file_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument FILE, an alternative to --output; - is standard output."""

    def store(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
        if value is not None and value != Path("-"):
            check_folder(ctx, param, value)
            ctx.meta.setdefault("curation.output", {})["named"] = value

    return click.argument(
        "file_", metavar="[FILE]", required=False, callback=store, expose_value=False,
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    )(command)  # fmt: skip


def check_folder(ctx: click.Context, param: click.Parameter, file: Path | None) -> Path | None:
    """Raise BadParameter, before any work starts, if the folder of an output file does not exist."""
    if file is not None and not file.parent.is_dir():
        raise click.BadParameter(f"folder {str(file.parent)!r} does not exist", ctx, param)
    return file


def get_output() -> Output:
    """Return the output options of the running command.

    Raises UsageError for a suffix that is not a format, without --format; for binary formats or --raw on a
    terminal; and for --raw where it has no effect.
    """
    values = click.get_current_context().meta.get("curation.output", {})
    if values.get("file") and values.get("named"):
        raise click.UsageError("two output files: give FILE or --output, not both")
    output = Output(
        format=values.get("format_"),
        file=values.get("file") or values.get("named"),
        headers=not values.get("no_headers"),
        wide=bool(values.get("wide")),
        raw=bool(values.get("raw")),
        pager=not values.get("no_pager"),
    )
    if output.format is None and output.file and output.suffix not in _SUFFIXES:
        raise click.UsageError(
            f"give --format, or a suffix that sets it ({', '.join(filter(None, _SUFFIXES))}):"
            f" {output.file.name!r} has none of these"
        )
    _check_raw_and_binary(output)
    return output


def _check_raw_and_binary(output: Output) -> None:
    if output.raw and output.form not in _RAW_FORMATS:
        raise click.UsageError(
            f"--raw needs the format {', '.join(_RAW_FORMATS[:-1])} or {_RAW_FORMATS[-1]}, not {output.form}"
        )
    if output.is_terminal and (output.raw or output.form in BINARY_FORMATS):
        what = "--raw" if output.raw else output.form
        raise click.UsageError(f"{what} cannot be shown on a terminal: use --output FILE or a pipe")


def output_title() -> str:
    """Return the title of the rows: the command and its arguments."""
    ctx = click.get_current_context()
    words = [ctx.command_path]
    for param in ctx.command.params:
        value = ctx.params.get(param.name or "") if isinstance(param, click.Argument) else None
        words += [str(word) for word in (value if isinstance(value, tuple) else [value]) if word]
    return " ".join(" ".join(words).split())
