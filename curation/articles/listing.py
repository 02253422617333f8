"""What the store holds, for eyes: lists of articles, one article in full, its history, the issues."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..errors import SelectionError
from ..flags import FLAGS
from ..scanning import why_skipped
from ..store.database import ROWS_IN_MEMORY, stream_rows
from ..store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    changes,
    changesets,
    collection_items,
    files,
    images,
    import_issues,
    imports,
    overrides,
    providers,
    related_links,
    sources,
    topics,
)
from ..suggestions import unknown_name
from .searching import find_matches, parse_query, snippet
from .selecting import Filters, filter_conditions
from .upstream import conflicts_with_upstream, is_adopted


@dataclass(frozen=True, slots=True)
class Table:
    """Named columns and rows of values, which are read as they are asked for, within the transaction."""

    columns: Sequence[str]
    rows: Iterable[Sequence[Any]]


def _topic_names() -> sa.ScalarSelect[str]:
    ordered = (
        sa.select(topics.c.name)
        .join(article_topics, article_topics.c.topic_id == topics.c.id)
        .where(article_topics.c.article_id == articles.c.id)
        .order_by(article_topics.c.position)
        .correlate(articles)
        .subquery()
    )
    return sa.select(sa.func.aggregate_strings(ordered.c.name, ", ")).scalar_subquery()


def _version() -> sa.ScalarSelect[int]:
    """The number of an article's last change, 0 if it never had one: what `--if-unchanged-since` takes."""
    last = sa.select(sa.func.coalesce(sa.func.max(changes.c.id), 0))
    return last.where(changes.c.article_id == articles.c.id).correlate(articles).scalar_subquery()


def _columns() -> dict[str, sa.ColumnElement[Any]]:
    """What `list` can show, by name."""
    own = ("id", "path", "collection", "slug", "category", "type", "title", "excerpt", *FLAGS)
    dates = ("published_at", "updated_at", "missing_since", "upstream_status")
    urls = ("original_url", "web_url", "canonical_url")
    upstream = tuple(f"upstream_{flag}" for flag in FLAGS)
    return {
        "source": sources.c.name,
        "provider": providers.c.name,
        "domain": providers.c.domain,
        "topics": _topic_names(),
        "version": _version(),
        **{name: articles.c[name] for name in (*own, *dates, *urls, *upstream)},
    }


LIST_COLUMNS = tuple(sorted(_columns()))
DEFAULT_COLUMNS = ("id", "published_at", "quality", "heat", "published", "provider", "title", "path")


def list_articles(
    connection: sa.Connection,
    filters: Filters,
    *,
    columns: Sequence[str] = DEFAULT_COLUMNS,
    sort: str = "-published_at",
    limit: int | None = None,
) -> Table:
    """The articles that filters want. `sort` is a column's name, with `-` for descending; ties go by path.

    Raises SelectionError for a column that there is not.
    """
    known = _columns()
    unknown = [name for name in (*columns, sort.removeprefix("-")) if name not in known]
    if unknown:
        raise SelectionError(unknown_name("column", unknown[0], LIST_COLUMNS, "curation list --columns help"))
    by = known[sort.removeprefix("-")]
    order = by.desc().nulls_last() if sort.startswith("-") else by.asc().nulls_last()
    query = (
        sa.select(*(known[name].label(name) for name in columns))
        .select_from(_joined())
        .where(*filter_conditions(connection, filters))
        .order_by(order, articles.c.path, sources.c.name)
        .limit(limit)
    )
    return Table(columns, stream_rows(connection, query))


#: What `search_articles` tells of each; `found` is where, with the words between [ and ].
SEARCH_COLUMNS = ("id", "published_at", "quality", "heat", "published", "title", "path", "found")


def search_articles(
    connection: sa.Connection, query: str, filters: Filters, *, limit: int | None = None
) -> Iterator[Sequence[Any]]:
    """The articles that a query finds and filters want, the best fit first; rows of `SEARCH_COLUMNS`.

    Raises SelectionError for a query without a word. The index is up to date (`searching.index_queued`).
    """
    terms = parse_query(query)
    hits = find_matches(connection, query).subquery("hits")
    # What is sorted is no texts: those are read of the articles that are told alone.
    best = (
        sa.select(articles.c.id, articles.c.path, hits.c.fit)
        .join_from(articles, hits, hits.c.article_id == articles.c.id)
        .where(*filter_conditions(connection, filters))
        .order_by(hits.c.fit.desc(), articles.c.path, articles.c.id)
        .limit(limit)
        .subquery("best")
    )
    told = (articles.c[name] for name in SEARCH_COLUMNS[:-1])
    rows = connection.execute(
        sa.select(*told, articles.c.title, articles.c.excerpt, articles.c.body)
        .join_from(best, articles, articles.c.id == best.c.id)
        .order_by(best.c.fit.desc(), best.c.path, best.c.id)
    )
    for row in rows.yield_per(ROWS_IN_MEMORY):
        *values, title, excerpt, body = row
        yield (*values, snippet(terms, (excerpt, body, title), ("[", "]")))


def count_articles(connection: sa.Connection, filters: Filters) -> int:
    """How many articles filters want."""
    query = sa.select(sa.func.count()).select_from(articles).where(*filter_conditions(connection, filters))
    return connection.scalar(query) or 0


def _joined() -> sa.FromClause:
    return articles.join(sources, sources.c.id == articles.c.source_id).outerjoin(
        providers, providers.c.id == articles.c.provider_id
    )


def read_article(connection: sa.Connection, article_id: int) -> dict[str, Any]:
    """All that is known of an article but its stored bytes: columns, flags with who decided them, and
    what hangs on it, in order."""
    row = connection.execute(
        sa.select(
            articles,
            sources.c.name.label("source"),
            providers.c.name.label("provider"),
            providers.c.domain,
            _version().label("version"),
        )
        .select_from(_joined())
        .where(articles.c.id == article_id)
    ).one()
    stored = row._asdict()
    first = ("id", "source", "path", "collection", "type", "title", "provider", "domain")
    hidden = (
        "source_id",
        "provider_id",
        "canonical_digest",
        "content_hash",
        "first_import_id",
        "last_import_id",
    )
    elsewhere = {*first, *hidden, "version", *FLAGS, *(f"upstream_{flag}" for flag in FLAGS)}
    return {
        **{name: stored[name] for name in first},
        "version": stored["version"],
        "flags": read_flags(connection, article_id),
        "topics": list(connection.scalars(_of_article(article_topics, article_id, topics.c.name, topics))),
        **{name: value for name, value in stored.items() if name not in elsewhere},
        "authors": list(connection.scalars(_of_article(article_authors, article_id, article_authors.c.name))),
        "images": _dicts(connection, _images(article_id)),
        "related": _dicts(connection, _related(article_id)),
        "items": _dicts(connection, _items(article_id)),
    }


def read_flags(connection: sa.Connection, article_id: int) -> list[dict[str, Any]]:
    """For each flag of an article what holds, what upstream says, and who decided otherwise, when and why, by
    which changeset and what kind of it."""
    told = ("actor", "created_at", "reason", "id", "kind")
    query = (
        sa.select(overrides.c.field, overrides.c.value, *(changesets.c[name] for name in told))
        .join(changesets, changesets.c.id == overrides.c.changeset_id)
        .where(overrides.c.article_id == article_id)
    )
    decided = {field: rest for field, *rest in connection.execute(query)}
    columns = (articles.c[name] for flag in FLAGS for name in (flag, f"upstream_{flag}"))
    row = connection.execute(sa.select(*columns).where(articles.c.id == article_id)).one()
    flags = []
    for flag in FLAGS:
        value, actor, at, reason, changeset, kind = decided.get(flag, (None,) * 6)
        if value is not None and flag in ("published", "removed"):
            value = bool(value)
        flags.append(
            {"flag": flag, "value": getattr(row, flag), "upstream": getattr(row, f"upstream_{flag}"),
             "override": value, "actor": actor, "at": at, "reason": reason,
             "changeset": changeset, "kind": kind}
        )  # fmt: skip
    return flags


def _of_article(
    table: sa.Table, article_id: int, column: sa.ColumnElement[Any], other: sa.Table | None = None
) -> sa.Select[Any]:
    query = sa.select(column).select_from(table if other is None else table.join(other))
    return query.where(table.c.article_id == article_id).order_by(table.c.position)


def _images(article_id: int) -> sa.Select[Any]:
    stated = (images.c[name] for name in ("url", "width", "height", "is_cached", "title", "attribution"))
    return (
        sa.select(*stated)
        .select_from(article_images.join(images))
        .where(article_images.c.article_id == article_id)
        .order_by(article_images.c.position)
    )


def _related(article_id: int) -> sa.Select[Any]:
    link = related_links.c
    return (
        sa.select(
            link.target_id,
            link.title,
            link.published_at,
            link.quality,
            providers.c.name.label("provider"),
            link.web_url,
        )
        .select_from(related_links.outerjoin(providers))
        .where(link.article_id == article_id)
        .order_by(link.position)
    )


def _items(article_id: int) -> sa.Select[Any]:
    item = collection_items.c
    return (
        sa.select(item.item_id, item.item_path, articles.c.title)
        .select_from(collection_items.outerjoin(articles, articles.c.id == item.item_id))
        .where(item.article_id == article_id)
        .order_by(item.position)
    )


def _dicts(connection: sa.Connection, query: sa.Select[Any]) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(query).mappings()]


def flag_value(flag: str, number: int | None) -> int | bool | None:
    """A stored flag value as what it means."""
    return number if number is None or flag in ("quality", "heat") else bool(number)


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
