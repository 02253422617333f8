"""A store as Datasette shows it: its metadata, by the form that Datasette 0.65 reads.

Every table and view is described with its columns, every named report is a canned query. What holds the
bytes of documents, and with them what is `secured`, is not shown; neither may anyone run SQL of their own,
which would reach it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa

from ..backends.queries import SECRET_TABLES
from ..backends.sql_text import tokens
from ..errors import StoreError
from ..store.database import Store
from ..store.descriptions import Relation, find_tables, find_views
from .reports import Parameter, Report, days_ago

#: The full-text index has a copy of its own of what articles say: nobody is to see that either.
_INDEX = "article_search"

#: What is there for curation's own sake: kept out of the way.
_HIDDEN = ("files", "search_queue", "story_takeovers", "former_stories", "curation_version", "id_counters")

_SEARCHED = {"fts_table": _INDEX, "fts_pk": "id"}

#: How a table or view is shown: what its rows are called where others refer to them, what to filter by, and
#: the order to begin with. Datasette's units are left out: it makes 1,200 pixels "1.2 kpx".
_SHOWN: dict[str, dict[str, Any]] = {
    "sources": {"label_column": "name"},
    "imports": {"label_column": "started_at", "sort_desc": "id", "facets": ["source_id", "status"]},
    "import_issues": {"label_column": "message", "facets": ["severity", "code"]},
    "providers": {"label_column": "name"},
    "images": {"label_column": "url"},
    "topics": {"label_column": "name"},
    "articles": {"label_column": "path", "facets": ["collection", "type", "published"], **_SEARCHED},
    "related_links": {"label_column": "title"},
    "changesets": {"label_column": "actor", "sort_desc": "id", "facets": ["kind", "actor"]},
    "changes": {"sort_desc": "id", "facets": ["field"]},
    "overrides": {"facets": ["field"]},
    "article_overview": {"facets": ["collection", "type", "published"], **_SEARCHED},
    "published_articles": {"sort_desc": "published_at", "facets": ["collection", "type"], **_SEARCHED},
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
    """The metadata of a store, with these reports as canned queries; raises StoreError for one that is no
    file of SQLite's."""
    file = store.backend.file
    if file is None:
        raise StoreError(
            f"Datasette opens SQLite files, and {store.location} is none; for a BI tool that connects to it,"
            " `curation db grant-reader ROLE` makes a role"
        )
    store.check()
    database = {
        "title": f"curation: {file.stem}",
        "description": "Articles with the flags that hold, what upstream says, and what editors decided, when"
        " and why. Instants are UTC. Begin with the view article_overview, or with a query.",
        "allow_sql": False,
        "tables": _describe_relations(store),
        "queries": {f"report_{report.name}": _describe_report(report) for report in reports},
    }
    return {"databases": {file.stem: database}}


def _describe_relations(store: Store) -> dict[str, Any]:
    with store.reading() as connection:
        names = sa.inspect(connection).get_table_names()
    told: dict[str, dict[str, Any]] = {name: {} for name in names}
    told |= {relation.name: _describe(relation) for relation in (*find_tables(), *find_views())}
    for name, shown in told.items():
        if name in SECRET_TABLES or name.startswith(_INDEX):
            shown |= {"hidden": True, "allow": False}
        elif name in _HIDDEN:
            shown["hidden"] = True
    return told


def _describe(relation: Relation) -> dict[str, Any]:
    columns = dict(relation.columns)
    return {"description": relation.purpose, "columns": columns, **_SHOWN.get(relation.name, {})}


def _describe_report(report: Report) -> dict[str, Any]:
    """A canned query. Its name is not the report's alone: `topics` would stand in the way of the table."""
    told = [f"{p.name}: {p.meaning}; {p.default} where it is left empty." for p in report.parameters]
    return {
        "title": report.title,
        "description": " ".join((report.purpose, *told)),
        "sql": _with_defaults(report),
        "params": [parameter.name for parameter in report.parameters],
        "hide_sql": True,
    }


def _with_defaults(report: Report) -> str:
    """A report's SQL as it can be asked without values: Datasette knows no defaults, and gives each value
    as text, '' for none."""
    known = {parameter.name: parameter for parameter in report.parameters}
    lines = report.sql.strip().splitlines()
    head = next(number for number, line in enumerate(lines) if not line.startswith("--"))
    sql = "\n".join(lines[head:]).rstrip(";")
    told, last = "", 0
    for token in tokens(sql, escapes=False):
        if parameter := known.get(token.parameter):
            told += sql[last : token.start] + _FORMS.get(parameter.type, _text)(parameter)
            last = token.end
    return told + sql[last:]


def _given(parameter: Parameter, default: str) -> str:
    return f"coalesce(nullif(:{parameter.name}, ''), {default})"


def _text(parameter: Parameter) -> str:
    return _given(parameter, "'" + parameter.default.replace("'", "''") + "'")


def _date(parameter: Parameter) -> str:
    """`today-90` is reckoned when the query is asked."""
    days = days_ago(parameter.default)
    return _text(parameter) if days is None else _given(parameter, f"date('now', '-{days} days')")


_FORMS: dict[str, Callable[[Parameter], str]] = {
    "integer": lambda parameter: f"CAST({_text(parameter)} AS INTEGER)",
    "date": _date,
}
