"""List sources with their counts and settings, issues of files, and skipped files."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..scanning import explain_skipped
from ..store.database import stream_rows
from ..store.schema import (
    articles,
    files,
    import_issues,
    imports,
    overrides,
    review_items,
    sources,
)
from .listing import Table
from .override_status import is_adopted
from .review_queue import is_conflict_item


def list_issues(connection: sa.Connection, import_id: int | None = None, *, all_: bool = False) -> Table:
    """Return open errors and warnings.

    Args:
        import_id: Only issues that this import found.
        all_: Include notices and resolved issues.
    """
    columns = (
        "id",
        "source",
        "import",
        "severity",
        "code",
        "path",
        "line",
        "column",
        "field",
        "message",
        "resolved",
    )
    table = import_issues.c
    query = (
        sa.select(
            table.id, sources.c.name, table.import_id, table.severity, table.code, table.path, table.line,
            table.column, table.field, table.message, table.resolved_import_id,
        )
        .join(sources, sources.c.id == table.source_id)
        .order_by(sources.c.name, table.path, table.line, table.code)
    )  # fmt: skip
    if import_id is not None:
        query = query.where(table.import_id == import_id)
    if not all_:
        query = query.where(table.severity != "notice", table.resolved_import_id.is_(None))
    return Table(columns, stream_rows(connection, query))


def list_skipped(connection: sa.Connection) -> Table:
    """Return the skipped files with the reason, ordered by source and path."""
    query = (
        sa.select(sources.c.name, files.c.path)
        .join(sources, sources.c.id == files.c.source_id)
        .where(files.c.state == "skipped")
        .order_by(sources.c.name, files.c.path)
    )
    found = stream_rows(connection, query)
    return Table(("source", "path", "why"), ((source, path, explain_skipped(path)) for source, path in found))


def read_status(connection: sa.Connection) -> Table:
    """Return one row for each source: counts, last import and location.

    The columns count articles, with two exceptions. `adopted` counts the overrides that `reset --adopted`
    would remove, and `issues` counts open errors and warnings.
    """
    totals = _article_counts()
    is_open = sa.and_(import_issues.c.resolved_import_id.is_(None), import_issues.c.severity != "notice")
    overridden = sa.select(articles.c.source_id, overrides.c.article_id).join(overrides)
    in_conflict = (
        sa.select(articles.c.source_id, review_items.c.article_id)
        .distinct()
        .join(articles, articles.c.id == review_items.c.article_id)
        .where(is_conflict_item())
    )
    counts = (
        _per_source(overridden.distinct()),
        _per_source(in_conflict),
        _per_source(overridden.add_columns(overrides.c.field).where(is_adopted()).distinct()),
        _per_source(sa.select(import_issues.c.source_id, import_issues.c.id).where(is_open)),
    )
    newest = sa.func.max(imports.c.id).label("id")
    last = sa.select(imports.c.source_id, newest).group_by(imports.c.source_id).subquery()
    query = (
        sa.select(
            sources.c.name,
            *(
                sa.func.coalesce(number, 0)
                for number in (totals.c.articles, totals.c.published, totals.c.missing)
            ),
            *(sa.func.coalesce(count.c.n, 0) for count in counts),
            imports.c.status,
            imports.c.finished_at,
            sources.c.location,
        )
        .outerjoin(totals, totals.c.source_id == sources.c.id)
        .outerjoin(last, last.c.source_id == sources.c.id)
        .outerjoin(imports, imports.c.id == last.c.id)
        .order_by(sources.c.name)
    )
    for count in counts:
        query = query.outerjoin(count, count.c.source_id == sources.c.id)
    columns = ("source", "articles", "published", "missing", "overridden", "conflicts", "adopted", "issues")
    return Table((*columns, "last_import", "finished_at", "location"), connection.execute(query).all())


def _article_counts() -> sa.Subquery:
    """Return for each source the number of articles, published articles and missing articles."""
    article = articles.c
    is_published = sa.case((article.published.is_(sa.true()), 1), else_=0)
    is_missing = sa.case((article.missing_since.is_not(None), 1), else_=0)
    # An expression, so that SQLite counts in the index that has all these columns, and reads no article.
    source_id = (article.source_id + 0).label("source_id")
    return (
        sa.select(
            source_id,
            sa.func.count().label("articles"),
            sa.func.sum(is_published).label("published"),
            sa.func.sum(is_missing).label("missing"),
        )
        .group_by(source_id)
        .subquery()
    )


def _per_source(query: sa.Select[Any]) -> sa.Subquery:
    rows = query.subquery()
    return sa.select(rows.c.source_id, sa.func.count().label("n")).group_by(rows.c.source_id).subquery()


def list_sources(connection: sa.Connection) -> Table:
    """Return all sources with their settings, ordered by name."""
    columns = ("name", "related_bonus", "publish_threshold", "review_quality", "approval", "location")
    query = sa.select(*(sources.c[name] for name in columns)).order_by(sources.c.name)
    return Table(columns, connection.execute(query).all())
