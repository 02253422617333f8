"""Helpers for tests of the command line."""

from __future__ import annotations

from typing import Any

import click
from click.testing import CliRunner, Result

from curation.cli.output import output_options, print_rows

LEADER = "_news/2021-05-28-needle-rock-goes-led.md"


def printed(rows: Any, *options: str, columns: tuple[str, ...] = ("id", "title")) -> Result:
    """Return the result of a command that prints these rows."""

    @click.command()
    @output_options
    def command() -> None:
        count = print_rows(columns, rows)
        click.echo(f"{count} rows", err=True)

    return CliRunner().invoke(command, options)
