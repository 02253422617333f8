"""List sources with what they hold, what is wrong with their files, and which files are skipped."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..scanning import why_skipped
from ..store.database import stream_rows
from ..store.schema import (
    articles,
    files,
    import_issues,
    imports,
    overrides,
    sources,
)
from .listing import Table
from .upstream import conflicts_with_upstream, is_adopted


def list_issues(connection: sa.Connection, import_id: int | None = None, *, all_: bool = False) -> Table:
    """Open errors and warnings; with `all_` notices and what is mended too; of one import those that were
    found by it."""
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
    """The files that imports skip, by source and path, and why."""
    query = (
        sa.select(sources.c.name, files.c.path)
        .join(sources, sources.c.id == files.c.source_id)
        .where(files.c.state == "skipped")
        .order_by(sources.c.name, files.c.path)
    )
    found = stream_rows(connection, query)
    return Table(("source", "path", "why"), ((source, path, why_skipped(path)) for source, path in found))


def read_status(connection: sa.Connection) -> Table:
    """A line for each source: what it holds, what was decided, its last import, its open issues. Articles are
    counted, but `adopted` counts decisions: those that `reset --adopted` would release."""
    held = _held()
    is_open = sa.and_(import_issues.c.resolved_import_id.is_(None), import_issues.c.severity != "notice")
    decisions = sa.select(articles.c.source_id, overrides.c.article_id).join(overrides)
    counts = (
        _per_source(decisions.distinct()),
        _per_source(decisions.where(conflicts_with_upstream()).distinct()),
        _per_source(decisions.where(is_adopted())),
        _per_source(sa.select(import_issues.c.source_id, import_issues.c.id).where(is_open)),
    )
    newest = sa.func.max(imports.c.id).label("id")
    last = sa.select(imports.c.source_id, newest).group_by(imports.c.source_id).subquery()
    query = (
        sa.select(
            sources.c.name,
            *(sa.func.coalesce(number, 0) for number in (held.c.articles, held.c.published, held.c.missing)),
            *(sa.func.coalesce(count.c.n, 0) for count in counts),
            imports.c.status,
            imports.c.finished_at,
            sources.c.location,
        )
        .outerjoin(held, held.c.source_id == sources.c.id)
        .outerjoin(last, last.c.source_id == sources.c.id)
        .outerjoin(imports, imports.c.id == last.c.id)
        .order_by(sources.c.name)
    )
    for count in counts:
        query = query.outerjoin(count, count.c.source_id == sources.c.id)
    columns = ("source", "articles", "published", "missing", "decided", "conflicts", "adopted", "issues")
    return Table((*columns, "last_import", "finished_at", "location"), connection.execute(query).all())


def _held() -> sa.Subquery:
    """Of each source how many articles it has, how many are published, and how many are missing."""
    article = articles.c
    is_published = sa.case((article.published.is_(sa.true()), 1), else_=0)
    is_missing = sa.case((article.missing_since.is_not(None), 1), else_=0)
    return (
        sa.select(
            article.source_id,
            sa.func.count().label("articles"),
            sa.func.sum(is_published).label("published"),
            sa.func.sum(is_missing).label("missing"),
        )
        .group_by(article.source_id)
        .subquery()
    )


def _per_source(query: sa.Select[Any]) -> sa.Subquery:
    rows = query.subquery()
    return sa.select(rows.c.source_id, sa.func.count().label("n")).group_by(rows.c.source_id).subquery()


def list_sources(connection: sa.Connection) -> Table:
    """Every source, by name, with its settings."""
    columns = ("name", "related_bonus", "publish_threshold", "location")
    query = sa.select(*(sources.c[name] for name in columns)).order_by(sources.c.name)
    return Table(columns, connection.execute(query).all())
