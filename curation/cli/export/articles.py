"""`curation export articles`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import click

from ...wording import counted
from ..options import chosen_filters, filter_options, open_store, ready_to_search
from ..output import ColumnType, chosen_output, escape, file_argument, output_options, print_rows
from ..progress import showing_progress

#: Rows between two looks at the bar.
EVERY = 500

_WORDS = {"whole": "integer", "texts": "list of text", "json": "JSON"}


@click.command("articles")
@file_argument
@filter_options
@click.option("--no-body", is_flag=True, help="Leave the body out: what follows the front matter.")
@click.option("--schema", is_flag=True, help="Tell what each column is and means; nothing is exported.")
@output_options
def articles_command(no_body: bool, schema: bool, **options: Any) -> None:
    """Writes articles as rows for other tools: one each, with all that the tables say of it.

    The name of FILE says the form (.jsonl, .json, .parquet, .csv, .tsv, .xlsx, ...), and .gz after it
    compresses; without FILE, or with -, rows go to standard output by --format. Topics, authors, images,
    related links and a collection's items are lists: real ones in JSON and Parquet, JSON text elsewhere.
    Missing articles are among the rows, with `missing_since`. Rows are in the order of source and path.

    Stored documents, and what is secured in them, are never part of it.

    \b
    Examples:
      curation export articles articles.parquet
      curation export articles news.jsonl.gz --collection news --published --no-body
      curation export articles --source site --format jsonl | jq .title
      curation export articles --schema
    """
    from ...exporting.rows import column_names, column_types, find_columns, read_rows

    if schema:
        told = [(column.name, _in_words(column.kind), column.meaning) for column in find_columns()]
        print_rows(("column", "type", "meaning"), told)
        return
    output = chosen_output()
    filters, names = chosen_filters(options), column_names(body=not no_body)
    store = open_store()
    ready_to_search(store, filters)
    with store.reading() as connection:
        count, rows = read_rows(connection, filters, body=not no_body)
        print_rows(names, rows if output.file is None else _shown(rows, count), column_types(names))
    if output.file is not None:
        click.echo(escape(f"{counted(count, 'article')} in {output.file}"), err=True)


def _shown(rows: Iterable[Sequence[Any]], count: int) -> Iterator[Sequence[Any]]:
    """Rows, with a bar that tells how many have passed."""
    with showing_progress("exporting", verbose=False) as progress:
        for done, row in enumerate(rows, 1):
            yield row
            if done % EVERY == 0:
                progress(done, count)


def _in_words(kind: ColumnType) -> str:
    """What a column holds, as --schema tells it."""
    return _WORDS.get(kind, kind) if isinstance(kind, str) else "list of objects"
