"""Read whole articles: their columns, and the lists that belong to them.

Every reader of articles uses this module: `show`, the export of rows and the export of a site. Articles are
read in chunks of ids, by one query for their columns and one for each kind of list. All of it happens in the
caller's transaction. The table `documents` is never read here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..backends.base import chunks
from ..flags import FLAGS
from ..store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    changes,
    changesets,
    collection_items,
    images,
    overrides,
    providers,
    related_links,
    review_items,
    reviews,
    sources,
    topics,
)
from .override_status import is_in_conflict
from .review_queue import WHOLE_ARTICLE

#: Placeholder for the ids of one chunk.
_IDS: sa.BindParameter[Sequence[int]] = sa.bindparam("ids", expanding=True)

#: Maximum number of articles in memory at once.
ARTICLES_IN_MEMORY = 500


@dataclass(frozen=True, slots=True)
class Part:
    """A list that belongs to each article, such as its topics.

    Attributes:
        article_id: The column with the id of the article.
        joined: The tables that are read.
        fields: The columns that an entry can have, by name.
        order: The column that orders the entries of one article.
    """

    article_id: sa.ColumnElement[int]
    joined: sa.FromClause
    fields: Mapping[str, sa.ColumnElement[Any]]
    order: sa.ColumnElement[Any]


#: The fields to read of each list, by its name in `PARTS`. One name reads a list of values, several names
#: read a list of mappings.
PartFields = Mapping[str, str | Sequence[str]]


def article_columns() -> dict[str, sa.ColumnElement[Any]]:
    """Return the columns of an article, its source and its provider, by name."""
    return {
        **{column.name: column for column in articles.c},
        "source": sources.c.name,
        "provider": providers.c.name,
        "domain": providers.c.domain,
        "version": _version(),
    }


def join_articles() -> sa.FromClause:
    """Return the tables of `article_columns`, joined."""
    with_source = articles.join(sources, sources.c.id == articles.c.source_id)
    return with_source.outerjoin(providers, providers.c.id == articles.c.provider_id)


def _version() -> sa.ScalarSelect[int]:
    """Return the id of an article's last change, or 0 without one, for `--if-unchanged-since`."""
    last = sa.select(sa.func.coalesce(sa.func.max(changes.c.id), 0))
    return last.where(changes.c.article_id == articles.c.id).correlate(articles).scalar_subquery()


def _parts() -> dict[str, Part]:
    topic, author, use = article_topics.c, article_authors.c, article_images.c
    link, item, target = related_links.c, collection_items.c, articles.alias("target")
    linked = related_links.outerjoin(providers, providers.c.id == link.provider_id)
    link_fields = {
        **{column.name: column for column in link},
        "provider": providers.c.name,
        "domain": providers.c.domain,
        "target_path": target.c.path,
    }
    item_fields = {"item_path": item.item_path, "item_id": item.item_id}
    image_fields = {column.name: column for column in images.c} | {"extra": use.extra}
    return {
        "topics": Part(
            topic.article_id, article_topics.join(topics),
            {"id": topics.c.id, "name": topics.c.name}, topic.position,
        ),
        "authors": Part(author.article_id, article_authors, {"name": author.name}, author.position),
        "images": Part(use.article_id, article_images.join(images), image_fields, use.position),
        "related": Part(
            link.article_id, linked.outerjoin(target, target.c.id == link.target_id),
            link_fields, link.position,
        ),
        "items": Part(
            item.article_id, collection_items.outerjoin(target, target.c.id == item.item_id),
            {**item_fields, "target_path": target.c.path, "title": target.c.title}, item.position,
        ),
        "overrides": Part(
            overrides.c.article_id, overrides,
            {"field": overrides.c.field, "value": overrides.c.value}, overrides.c.field,
        ),
    }  # fmt: skip


#: The lists that belong to articles, by name.
PARTS: Mapping[str, Part] = _parts()


def read_articles(
    connection: sa.Connection, ids: Sequence[int], columns: Iterable[str], parts: PartFields
) -> Iterator[dict[str, Any]]:
    """Yield articles in the order of the given ids, with at most `ARTICLES_IN_MEMORY` in memory at once.

    Args:
        columns: Names of `article_columns`; `id` is always part of the result.
        parts: The lists to read, by name, with their fields.

    Yields:
        One mapping for each article: a value for each column and a list for each part.
    """
    known = article_columns()
    names = dict.fromkeys(("id", *columns))
    query = (
        sa.select(*(known[name].label(name) for name in names))
        .select_from(join_articles())
        .where(articles.c.id.in_(_IDS))
    )
    queries = {name: _part_query(PARTS[name], fields) for name, fields in parts.items()}
    for some in chunks(ids, ARTICLES_IN_MEMORY):
        chosen = {"ids": list(some)}
        found = {row["id"]: dict(row) for row in connection.execute(query, chosen).mappings()}
        for name, part_query in queries.items():
            _add_part(connection, part_query, chosen, name, parts[name], found)
        yield from (found[article_id] for article_id in some)


def _part_query(part: Part, fields: str | Sequence[str]) -> sa.Select[Any]:
    names = (fields,) if isinstance(fields, str) else fields
    return (
        sa.select(part.article_id, *(part.fields[name] for name in names))
        .select_from(part.joined)
        .where(part.article_id.in_(_IDS))
        .order_by(part.article_id, part.order)
    )


def _add_part(
    connection: sa.Connection,
    query: sa.Select[Any],
    chosen: Mapping[str, Sequence[int]],
    name: str,
    fields: str | Sequence[str],
    found: Mapping[int, dict[str, Any]],
) -> None:
    """Add one list to each article; the articles are changed in place."""
    for article in found.values():
        article[name] = []
    if isinstance(fields, str):
        for article_id, value in connection.execute(query, chosen):
            found[article_id][name].append(value)
    else:
        for article_id, *values in connection.execute(query, chosen):
            found[article_id][name].append(dict(zip(fields, values, strict=True)))


#: The lists that `read_article` returns.
_SHOWN_PARTS: PartFields = {
    "topics": "name",
    "authors": "name",
    "images": ("url", "width", "height", "is_cached", "title", "attribution"),
    "related": ("target_id", "title", "published_at", "quality", "provider", "web_url"),
    "items": ("item_id", "item_path", "title"),
}

#: Columns that `read_article` returns first, and columns that it leaves out.
_FIRST = ("id", "source", "path", "collection", "type", "title", "provider", "domain")
_HIDDEN = (
    "source_id", "provider_id", "canonical_digest", "content_hash", "first_import_id", "last_import_id",
)  # fmt: skip


def read_article(connection: sa.Connection, article_id: int) -> dict[str, Any]:
    """Return everything about one article except its stored bytes: columns, flags and lists."""
    listed_elsewhere = {*_FIRST, *_HIDDEN, "version", *FLAGS, *(f"upstream_{flag}" for flag in FLAGS)}
    names = (
        *_FIRST,
        "version",
        *(column.name for column in articles.c if column.name not in listed_elsewhere),
    )
    [article] = read_articles(connection, [article_id], names, _SHOWN_PARTS)
    return {
        **{name: article[name] for name in _FIRST},
        "version": article["version"],
        "flags": read_flags(connection, article_id),
        **read_review(connection, article_id),
        "topics": article["topics"],
        **{
            name: value
            for name, value in article.items()
            if name not in listed_elsewhere | _SHOWN_PARTS.keys()
        },
        **{name: article[name] for name in ("authors", "images", "related", "items")},
    }


def read_flags(connection: sa.Connection, article_id: int) -> list[dict[str, Any]]:
    """Return the flags of an article, each as a mapping.

    A mapping has the effective value, the upstream value and the override. It also has the override's
    changeset with its kind, actor, reason and time, what upstream stated when the override was made or last
    confirmed, and whether it is in conflict with upstream.
    """
    columns = (changesets.c[name] for name in ("actor", "created_at", "reason", "id", "kind"))
    query = (
        sa.select(
            overrides.c.field, overrides.c.value, *columns, overrides.c.upstream_value,
            is_in_conflict().label("conflict"),
        )
        .join(changesets, changesets.c.id == overrides.c.changeset_id)
        .join(articles, articles.c.id == overrides.c.article_id)
        .where(overrides.c.article_id == article_id)
    )  # fmt: skip
    overridden = {field: rest for field, *rest in connection.execute(query)}
    values = (articles.c[name] for flag in FLAGS for name in (flag, f"upstream_{flag}"))
    row = connection.execute(sa.select(*values).where(articles.c.id == article_id)).one()
    flags = []
    for flag in FLAGS:
        value, actor, at, reason, changeset, kind, then, conflict = overridden.get(flag, (None,) * 8)
        flags.append(
            {"flag": flag, "value": getattr(row, flag), "upstream": getattr(row, f"upstream_{flag}"),
             "override": decode_flag(flag, value), "actor": actor, "at": at, "reason": reason,
             "changeset": changeset, "kind": kind, "upstream_then": decode_flag(flag, then),
             "conflict": bool(conflict)}
        )  # fmt: skip
    return flags


def read_review(connection: sa.Connection, article_id: int) -> dict[str, Any]:
    """Return why an article is in the review queue, and the keep that holds for it.

    `review` has a mapping for each reason, with the flag in conflict, and until when it is snoozed. `kept` is
    None or a mapping with the actor, reason and time of the keep, and until when it holds (None: no end).
    """
    item, review = review_items.c, reviews.c
    waiting = sa.select(item.why, item.flag, item.snoozed_until).where(item.article_id == article_id)
    kept = (
        sa.select(changesets.c.actor, changesets.c.reason, review.reviewed_at, review.snoozed_until)
        .join(changesets, changesets.c.id == review.changeset_id)
        .where(review.article_id == article_id, review.field == WHOLE_ARTICLE)
        .where(review.ended_changeset_id.is_(None))
    )
    row = connection.execute(kept).first()
    return {
        "review": [
            {"why": why, "flag": flag or None, "snoozed_until": until}
            for why, flag, until in connection.execute(waiting.order_by(item.priority, item.why, item.flag))
        ],
        "kept": row and {"actor": row[0], "reason": row[1], "at": row[2], "until": row[3]},
    }


def decode_flag(flag: str, number: int | None) -> int | bool | None:
    """Return the value of a flag for the number that is stored: a boolean for `published` and `removed`."""
    return number if number is None or flag in ("quality", "heat") else bool(number)
