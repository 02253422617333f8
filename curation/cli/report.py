"""`curation report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import interrupts
from .completion import complete_report_names
from .help_groups import OUTPUT, Command, option
from .options import all_reports, open_store, parameters_option, reports_option, timeout_option
from .output import atomic_write, check_folder, escape, get_output, output_options, print_rows
from .queries import print_query_result, running_query, warn_of_privileges

if TYPE_CHECKING:
    from ..backends.queries import Query
    from ..queries.reports import Report
    from ..store.database import Store


def _check_target(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    """Check the target of a chart: a file whose suffix is an image format, or - for the terminal."""
    from ..charts import SUFFIXES, suffix_of

    if value is None or value == "-":
        return value
    if suffix_of(value) not in SUFFIXES:
        raise click.BadParameter(f"{value!r} does not end in {', '.join(SUFFIXES)}", ctx, param)
    check_folder(ctx, param, Path(value))
    if Path(value).is_dir():
        raise click.BadParameter(f"{value!r} is a folder", ctx, param)
    return value


@click.command("report", cls=Command)
@click.argument("name", required=False, shell_complete=complete_report_names)
@parameters_option
@reports_option
@option("--explain", is_flag=True, help_group=OUTPUT, help="Print the report's SQL instead of running it.")
@option(
    "--chart", "target", metavar="FILE|-", callback=_check_target, help_group=OUTPUT,
    type=click.Path(dir_okay=False, allow_dash=True),
    help="Draw a chart instead: .svg, .png, .html (a page with the rows too), or - for the terminal.",
)  # fmt: skip
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
    """Run a named report, or list the reports.

    A report of your own is a file NAME.sql in the folder --reports. It has this header and then one SELECT,
    with :NAME for each parameter:

    \b
      -- title: ...
      -- purpose: ...
      -- parameter: NAME TYPE DEFAULT MEANING

    TYPE is integer, text, date, source, collection, topic, provider, or a choice such as url|title.

    The line `-- chart: KIND COLUMN VALUE... [by COLUMN...]` adds a chart of the columns VALUE along COLUMN,
    with one panel for each value of the `by` columns. KIND is one of:

    \b
      bars    one bar for each value
      shares  the second value as a share of the first
      stacks  the values end to end
      lines   a line for each value
      steps   a value that stays constant until it changes

    Bars with names are horizontal, the greatest first. Times (2021, 2021-05, 2021-05-28, instants) are drawn
    on a time axis.

    --chart draws only the chart, unless --format or --output requests the rows too.

    \b
    Examples:
      curation report
      curation report review -p quality=70
      curation report providers -p limit=100 --format csv --output providers.csv
      curation report months --chart months.svg
      curation report topics --chart -
      curation report our-own --reports ~/reports --chart our-own.html
    """
    from ..queries.reports import find_report, make_report_query

    if name is None:
        if target is not None:
            raise click.UsageError("--chart needs the NAME of a report")
        with all_reports(folder) as reports:
            print_rows(("report", "purpose", "parameters", "chart"), map(_describe_report, reports))
        return
    report = find_report(name, folder)
    if explain:
        click.echo(escape(report.sql.rstrip()))
        return
    store = open_store()
    if report.is_own:
        warn_of_privileges(store)
    query = make_report_query(report, parameters, timeout)
    if target is not None:
        _draw(store, report, query, folder, target)
        return
    print_query_result(store, query, report)


def _draw(store: Store, report: Report, query: Query, folder: Path | None, target: str) -> None:
    """Draw a report, and also print its rows if the output options request them."""
    from ..charts import check_library, print_chart, render, suffix_of
    from ..charts.data import build_chart, read_rows
    from ..queries.reports import find_chart

    output = get_output()
    has_rows = output.format is not None or output.file is not None
    if target == "-" and has_rows and output.file is None:
        raise click.UsageError("the chart and the rows would mix: use --output FILE, or --chart with a file")
    chart = find_chart(report, folder)
    if target != "-":
        check_library()
    with running_query(store, query, report) as result:
        rows = read_rows(report, result)
    chart_data = build_chart(report, chart, rows, result.columns, query.parameters)
    if target == "-":
        print_chart(chart_data)
    else:
        image, missing = render(chart_data, suffix_of(target))
        with atomic_write(Path(target)) as stream:
            stream.write(image)
        if missing:
            click.echo(
                f"note: no installed font has {missing[:20]}; an SVG uses its viewer's fonts", err=True
            )
    if has_rows:
        interrupts.record_outcome(interrupts.Outcome.NOT_DONE)  # the rows are still to be printed
        print_rows(result.columns, rows)


def _describe_report(report: Report) -> tuple[str, str, str, str]:
    parameters = ", ".join(f"{p.name}={p.default}" for p in report.parameters)
    return (report.name, report.purpose, parameters, report.chart.kind if report.chart else "")
