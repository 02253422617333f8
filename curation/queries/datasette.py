"""Makes the metadata of a store for Datasette, in the format of Datasette 0.65.

The metadata describes every table and view with its columns. Every named report is a canned query. Tables
that contain the bytes of documents, and so their `secured` parts, are closed. Visitors cannot run SQL of
their own, because it could read these tables.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from ..backends.queries import SECRET_TABLES
from ..backends.sql_text import split_tokens
from ..errors import StoreError
from ..store.database import Store
from ..store.descriptions import Relation, find_tables, find_views
from .reports import Parameter, Report, parse_days_ago

#: The full-text index has its own copy of the texts of articles, so its tables are closed too.
_INDEX = "article_search"

#: Tables for curation's internal use. Datasette lists hidden tables last, and they stay readable.
_HIDDEN = ("files", "search_queue", "story_takeovers", "former_stories", "curation_version", "id_counters")

_TEXT_SEARCH = {"fts_table": _INDEX, "fts_pk": "id"}

#: Options for the pages of tables and views: the column that names a row where others refer to it, the
#: columns to filter by, and the initial order. There are no units, because Datasette shows 1,200 pixels as
#: "1.2 kpx".
_PAGE_OPTIONS: dict[str, dict[str, Any]] = {
    "sources": {"label_column": "name"},
    "imports": {"label_column": "started_at", "sort_desc": "id", "facets": ["source_id", "status"]},
    "import_issues": {"label_column": "message", "facets": ["severity", "code"]},
    "providers": {"label_column": "name"},
    "images": {"label_column": "url"},
    "topics": {"label_column": "name"},
    "articles": {"label_column": "path", "facets": ["collection", "type", "published"], **_TEXT_SEARCH},
    "related_links": {"label_column": "title"},
    "changesets": {"label_column": "actor", "sort_desc": "id", "facets": ["kind", "actor"]},
    "changes": {"sort_desc": "id", "facets": ["field"]},
    "overrides": {"facets": ["field"]},
    "article_overview": {"facets": ["collection", "type", "published"], **_TEXT_SEARCH},
    "published_articles": {
        "sort_desc": "published_at",
        "facets": ["collection", "type"],
        **_TEXT_SEARCH,
    },
    "review_queue": {"sort": "priority", "facets": ["why"]},
    "provider_stats": {"sort_desc": "articles"},
    "topic_stats": {"sort_desc": "articles"},
    "monthly_stats": {"sort_desc": "month", "facets": ["source"]},
    "related_graph": {"facets": ["outranks"]},
    "duplicate_stories": {"facets": ["same"]},
    "image_usage": {"sort_desc": "articles"},
    "editor_activity": {"sort_desc": "day", "facets": ["actor", "kind"]},
    "flag_history": {"sort_desc": "change_id", "facets": ["flag", "kind", "actor"]},
    "import_history": {"sort_desc": "import_id", "facets": ["source", "status"]},
    "open_issues": {"sort_desc": "issue_id", "facets": ["severity", "code"]},
}


def describe(store: Store, reports: Sequence[Report]) -> dict[str, Any]:
    """Return the metadata of a store, with these reports as canned queries.

    Raises:
        StoreError: The store is not an SQLite file.
    """
    file = store.backend.file
    if file is None:
        raise StoreError(
            f"Datasette opens SQLite files only, not {store.location}; for a BI tool that connects to the"
            " database, create a role with `curation db grant-reader ROLE`"
        )
    store.check()
    database = {
        "title": f"curation: {file.stem}",
        "description": "Articles with their effective and upstream values, and who changed which flag, when"
        " and why. Times are in UTC. Start with the view article_overview, or with a query.",
        "allow_sql": False,
        "tables": _describe_relations(store),
        # The prefix keeps the names of queries apart from those of tables, such as `topics`.
        "queries": {f"report_{report.name}": _describe_report(report) for report in reports},
    }
    return {"databases": {file.stem: database}}


def _describe_relations(store: Store) -> dict[str, Any]:
    with store.reading() as connection:
        names = sa.inspect(connection).get_table_names()
    pages: dict[str, dict[str, Any]] = {name: {} for name in names}
    pages |= {relation.name: _describe_relation(relation) for relation in (*find_tables(), *find_views())}
    for name, page in pages.items():
        if name in SECRET_TABLES or name.startswith(_INDEX):
            page |= {"hidden": True, "allow": False}
        elif name in _HIDDEN:
            page["hidden"] = True
    return pages


def _describe_relation(relation: Relation) -> dict[str, Any]:
    columns = dict(relation.columns)
    return {"description": relation.purpose, "columns": columns, **_PAGE_OPTIONS.get(relation.name, {})}


def _describe_report(report: Report) -> dict[str, Any]:
    """Return a report as a canned query."""
    parameters = [f"{p.name}: {p.meaning} (default: {p.default})." for p in report.parameters]
    return {
        "title": report.title,
        "description": " ".join((report.purpose, *parameters)),
        "sql": _with_defaults(report),
        "params": [parameter.name for parameter in report.parameters],
        "hide_sql": True,
    }


def _with_defaults(report: Report) -> str:
    """Return a report's SQL with the defaults of its parameters built in.

    Datasette has no defaults. It passes each value as text, and an empty field as ''.
    """
    known = {parameter.name: parameter for parameter in report.parameters}
    lines = report.sql.strip().splitlines()
    first = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    sql = "\n".join(lines[first:]).rstrip(";")
    result, last = "", 0
    for token in split_tokens(sql, escapes=False):
        if parameter := known.get(token.parameter):
            result += sql[last : token.start] + _EXPRESSIONS.get(parameter.type, _text_expression)(parameter)
            last = token.end
    return result + sql[last:]


def _with_default(parameter: Parameter, default: str) -> str:
    return f"coalesce(nullif(:{parameter.name}, ''), {default})"


def _text_expression(parameter: Parameter) -> str:
    return _with_default(parameter, "'" + parameter.default.replace("'", "''") + "'")


def _date_expression(parameter: Parameter) -> str:
    """Return SQL for a date. A default such as `today-90` is computed when the query runs."""
    days = parse_days_ago(parameter.default)
    return (
        _text_expression(parameter)
        if days is None
        else _with_default(parameter, f"date('now', '-{days} days')")
    )


_EXPRESSIONS: dict[str, Callable[[Parameter], str]] = {
    "integer": lambda parameter: f"CAST({_text_expression(parameter)} AS INTEGER)",
    "date": _date_expression,
}
