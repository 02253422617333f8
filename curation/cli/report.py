"""`curation report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .completion import report_names
from .options import open_store, parameters_option, reports_option, timeout_option
from .output import output_options, print_rows

if TYPE_CHECKING:
    from ..reports import Report


@click.command("report")
@click.argument("name", required=False, shell_complete=report_names)
@parameters_option
@reports_option
@click.option("--explain", is_flag=True, help="Print the report's SQL instead of running it.")
@timeout_option
@output_options
def report_command(
    name: str | None, parameters: dict[str, str], folder: Path | None, explain: bool, timeout: float
) -> None:
    """Runs a named report; without a name, lists them with what each is for.

    A report of your own is a file NAME.sql that begins with `-- title: ...`, `-- purpose: ...` and, for each
    parameter, `-- parameter: NAME TYPE DEFAULT MEANING` (integer, text or date), then one SELECT with :NAME.

    \b
    Examples:
      curation report
      curation report review -p quality=70
      curation report providers -p limit=100 --format csv --output providers.csv
      curation report our-own --reports ~/reports
    """
    from ..reports import ask, find_report, find_reports, report_query

    if name is None:
        print_rows(("report", "what for", "parameters"), [_line(report) for report in find_reports(folder)])
        return
    report = find_report(name, folder)
    if explain:
        click.echo(report.sql.rstrip())
        return
    query = report_query(report, parameters, timeout)
    with ask(open_store(), query) as answer:
        print_rows(answer.columns, answer.rows)


def _line(report: Report) -> tuple[str, str, str]:
    return (report.name, report.purpose, ", ".join(f"{p.name}={p.default}" for p in report.parameters))
