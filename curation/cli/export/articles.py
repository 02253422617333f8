"""`curation export articles`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from ...wording import counted
from ..help_groups import OUTPUT, Command, option
from ..options import chosen_filters, filter_options, open_store, prepare_search
from ..output import ColumnType, escape, file_argument, get_output, output_options, print_rows
from ..progress import showing_progress

#: Rows between two updates of the progress bar.
EVERY = 500

_TYPE_NAMES = {"whole": "integer", "texts": "list of text", "json": "JSON"}


@click.command("articles", cls=Command)
@file_argument
@filter_options
@option("--no-body", is_flag=True, help_group=OUTPUT, help="Omit the body, the text after the front matter.")
@option("--schema", is_flag=True, help_group=OUTPUT, help="Describe the columns; export nothing.")
@output_options
def articles_command(no_body: bool, schema: bool, **options: Any) -> None:
    """Write articles as rows for other tools.

    Each article is one row with all its fields. The name of FILE sets the format (.jsonl, .json, .parquet,
    .csv, .tsv, .xlsx, ...), and a final .gz compresses it. Without FILE, or with -, rows go to standard
    output, and --format sets the format.

    Topics, authors, images, related links and the items of a collection are lists in JSON and Parquet, and
    JSON text in other formats. Missing articles are included, with `missing_since`. Rows are sorted by source
    and path.

    Stored documents and their `secured` fields are never exported.

    \b
    Examples:
      curation export articles articles.parquet
      curation export articles news.jsonl.gz --collection news --published --no-body
      curation export articles --source site --format jsonl | jq .title
      curation export articles --schema
    """
    from ...exporting.rows import find_columns, list_column_names, list_column_types, read_rows

    if schema:
        columns = [(column.name, _name_type(column.kind), column.meaning) for column in find_columns()]
        print_rows(("column", "type", "meaning"), columns)
        return
    output = get_output()
    filters, names = chosen_filters(options), list_column_names(body=not no_body)
    store = open_store()
    prepare_search(store, filters)
    with store.reading() as connection:
        count, rows = read_rows(connection, filters, body=not no_body)
        print_rows(
            names, rows if output.file is None else _show_progress(rows, count), list_column_types(names)
        )
    if output.file is not None:
        click.echo(escape(f"{counted(count, 'article')} in {output.file}"), err=True)


def _show_progress(rows: Iterable[Sequence[Any]], count: int) -> Iterator[Sequence[Any]]:
    """Yield the rows, with a progress bar."""
    with showing_progress("exporting", verbose=False) as progress:
        for done, row in enumerate(rows, 1):
            yield row
            if done % EVERY == 0:
                progress(done, count)


def _name_type(kind: ColumnType) -> str:
    """Return the name of a column's type for --schema."""
    return _TYPE_NAMES.get(kind, kind) if isinstance(kind, str) else "list of objects"
