"""`curation report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import interrupts
from .completion import report_names
from .options import open_store, parameters_option, reports_found, reports_option, timeout_option
from .output import atomic_write, chosen_output, escape, in_a_folder, output_options, print_rows
from .queries import print_query_result, running_query, warn_of_privileges

if TYPE_CHECKING:
    from ..backends.queries import Query
    from ..queries.reports import Report
    from ..store.database import Store


def _target(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """A file's name that says what kind of picture is wanted, or - for the terminal."""
    from ..charts import SUFFIXES, suffix_of

    if value is None or value == "-":
        return value
    if suffix_of(value) not in SUFFIXES:
        raise click.BadParameter(f"{value!r} ends in none of {', '.join(SUFFIXES)}", ctx, param)
    in_a_folder(ctx, param, Path(value))
    if Path(value).is_dir():
        raise click.BadParameter(f"{value!r} is a folder", ctx, param)
    return value


@click.command("report")
@click.argument("name", required=False, shell_complete=report_names)
@parameters_option
@reports_option
@click.option("--explain", is_flag=True, help="Print the report's SQL instead of running it.")
@click.option(
    "--chart",
    "target",
    metavar="FILE|-",
    callback=_target,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Draw a picture instead: .svg, .png, .html (a page with the rows too), or - for the terminal.",
)
@timeout_option
@output_options
def report_command(
    name: str | None,
    parameters: dict[str, str],
    folder: Path | None,
    explain: bool,
    target: str | None,
    timeout: float,
) -> None:
    """Runs a named report; without a name, lists them with what each is for.

    A report of your own is a file NAME.sql that begins with `-- title: ...`, `-- purpose: ...` and, for each
    parameter, `-- parameter: NAME TYPE DEFAULT MEANING`, then one SELECT with :NAME. TYPE is integer, text,
    date, source, collection, topic, provider, or words such as url|title.

    With `-- chart: KIND COLUMN VALUE... [by COLUMN...]` it has a picture: of the columns VALUE along COLUMN,
    with a panel for each of what `by` names. KIND is bars (a bar for each value), shares (the second value is
    part of the first), stacks (the values end to end), lines, or steps (one value that holds until it
    changes). Bars of names lie, the greatest first; times (2021, 2021-05, 2021-05-28, instants) go on an axis
    of time.

    With --chart only the picture is made, unless --format or --output asks for the rows too.

    \b
    Examples:
      curation report
      curation report review -p quality=70
      curation report providers -p limit=100 --format csv --output providers.csv
      curation report months --chart months.svg
      curation report topics --chart -
      curation report our-own --reports ~/reports --chart our-own.html
    """
    from ..queries.reports import find_report, report_query

    if name is None:
        if target is not None:
            raise click.UsageError("--chart draws one report: give its NAME")
        with reports_found(folder) as reports:
            print_rows(("report", "what for", "parameters", "picture"), map(_line, reports))
        return
    report = find_report(name, folder)
    if explain:
        click.echo(escape(report.sql.rstrip()))
        return
    store = open_store()
    if report.is_own:
        warn_of_privileges(store)
    query = report_query(report, parameters, timeout)
    if target is not None:
        _draw(store, report, query, folder, target)
        return
    print_query_result(store, query, report)


def _draw(store: Store, report: Report, query: Query, folder: Path | None, target: str) -> None:
    """Draws a report, and prints its rows too where the options of output ask for them."""
    from ..charts import check_library, print_chart, render, suffix_of
    from ..charts.data import build_chart, read_rows
    from ..queries.reports import find_chart

    output = chosen_output()
    has_rows = output.format is not None or output.file is not None
    if target == "-" and has_rows and output.file is None:
        raise click.UsageError("the picture and the rows would mix: give --output FILE, or --chart a file")
    chart = find_chart(report, folder)
    if target != "-":
        check_library()
    with running_query(store, query, report) as result:
        rows = read_rows(report, result)
    picture = build_chart(report, chart, rows, result.columns, query.parameters)
    if target == "-":
        print_chart(picture)
    else:
        drawn, missing = render(picture, suffix_of(target))
        with atomic_write(Path(target)) as stream:
            stream.write(drawn)
        if missing:
            click.echo(f"note: no font here has {missing[:20]}; an SVG leaves that to its viewer", err=True)
    if has_rows:
        interrupts.record_outcome(interrupts.Outcome.NOT_DONE)  # of the rows, whatever was drawn
        print_rows(result.columns, rows)


def _line(report: Report) -> tuple[str, str, str, str]:
    parameters = ", ".join(f"{p.name}={p.default}" for p in report.parameters)
    return (report.name, report.purpose, parameters, report.chart.kind if report.chart else "")
