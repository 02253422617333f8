"""The options of a command that prints rows, and what they say."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

#: Forms that are text, and those that are for programs alone.
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

#: Forms whose cells a spreadsheet reads, which --raw leaves as they are.
_RAW_FORMATS = ("csv", "tsv", "xlsx")


#: What a column holds: boolean, whole, instant, text, json (as text); texts, a list of them; or a list of
#: objects, each field with what it holds.
ColumnType = str | Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Output:
    """Where rows go and how; `format` None goes by the file's suffix, or is a table."""

    format: str | None = None
    file: Path | None = None
    headers: bool = True
    wide: bool = False
    raw: bool = False
    pager: bool = True
    #: What each column holds, where the command knows it beforehand; only Parquet asks.
    kinds: Sequence[ColumnType] | None = None

    @property
    def form(self) -> str:
        return self.format or _SUFFIXES.get(self.suffix, "table")

    @property
    def suffix(self) -> str:
        """The file's suffix in small letters; of `rows.csv.gz` it is .csv."""
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
    """Adds the options of a command that prints rows, which `chosen_output` gives."""

    def gather(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
        if isinstance(value, Path):
            in_a_folder(ctx, param, value)
        kept = ctx.meta.setdefault("curation.output", {})
        kept[param.name] = value

    options = (
        click.option(
            "--format", "format_", type=click.Choice(FORMATS), callback=gather, expose_value=False,
            help="How rows are written; by the suffix of --output, else a table.",
        ),
        click.option(
            "--output", "file", type=click.Path(dir_okay=False, path_type=Path), callback=gather,
            expose_value=False, metavar="FILE",
            help="Write to a file instead, whole or not at all; a name that ends in .gz is compressed.",
        ),
        click.option(
            "--no-headers", is_flag=True, callback=gather, expose_value=False,
            help="Leave out the line of column names (table, csv, tsv).",
        ),
        click.option(
            "--wide", is_flag=True, callback=gather, expose_value=False,
            help="Cut nothing, however long the lines (table, markdown).",
        ),
        click.option(
            "--raw", is_flag=True, callback=gather, expose_value=False,
            help="Texts as they are, even formulas and control characters (csv, tsv, xlsx).",
        ),
        click.option(
            "--no-pager", is_flag=True, callback=gather, expose_value=False,
            help="Print what is longer than the screen without $PAGER.",
        ),
    )  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def file_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds FILE, which says what --output does; - is standard output."""

    def gather(ctx: click.Context, param: click.Parameter, value: Path | None) -> None:
        if value is not None and value != Path("-"):
            in_a_folder(ctx, param, value)
            ctx.meta.setdefault("curation.output", {})["named"] = value

    return click.argument(
        "file_", metavar="[FILE]", required=False, callback=gather, expose_value=False,
        type=click.Path(dir_okay=False, allow_dash=True, path_type=Path),
    )(command)  # fmt: skip


def in_a_folder(ctx: click.Context, param: click.Parameter, file: Path | None) -> Path | None:
    """Refuses a file to be written whose folder there is not, before there is anything to write."""
    if file is not None and not file.parent.is_dir():
        raise click.BadParameter(f"there is no folder {str(file.parent)!r}", ctx, param)
    return file


def chosen_output() -> Output:
    """What the running command's options say.

    Raises a usage error for a file whose suffix says no form, where --format does not either, for bytes
    on a terminal, and for texts as they are where these would reach a terminal or change nothing.
    """
    kept = click.get_current_context().meta.get("curation.output", {})
    if kept.get("file") and kept.get("named"):
        raise click.UsageError("a file is named twice: give FILE or --output, not both")
    output = Output(
        format=kept.get("format_"),
        file=kept.get("file") or kept.get("named"),
        headers=not kept.get("no_headers"),
        wide=bool(kept.get("wide")),
        raw=bool(kept.get("raw")),
        pager=not kept.get("no_pager"),
    )
    if output.format is None and output.file and output.suffix not in _SUFFIXES:
        raise click.UsageError(
            f"say --format: the name {output.file.name!r} does not ({', '.join(filter(None, _SUFFIXES))} do)"
        )
    _check_form(output)
    return output


def _check_form(output: Output) -> None:
    if output.raw and output.form not in _RAW_FORMATS:
        raise click.UsageError(
            f"--raw is for {', '.join(_RAW_FORMATS)}: {output.form} has no formulas, or keeps texts anyway"
        )
    if output.is_terminal and (output.raw or output.form in BINARY_FORMATS):
        what = "--raw" if output.raw else output.form
        raise click.UsageError(f"{what} is not for a terminal: give --output FILE, or a pipe")


def output_title() -> str:
    """What the rows are, in the words of who asked: the command and its arguments."""
    ctx = click.get_current_context()
    words = [ctx.command_path]
    for param in ctx.command.params:
        given = ctx.params.get(param.name or "") if isinstance(param, click.Argument) else None
        words += [str(word) for word in (given if isinstance(given, tuple) else [given]) if word]
    return " ".join(" ".join(words).split())
