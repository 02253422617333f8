"""Read and write the state of known articles: their story, flags, overrides and bytes before an import."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from ...backends import backend_of
from ...backends.base import chunks
from ...documents.instants import format_instant
from ...flags import FLAGS, Flags
from ...store.schema import (
    articles,
    changesets,
    documents,
    former_stories,
    overrides,
    set_aside_overrides,
    story_takeovers,
)
from .override_rules import (
    EffectiveFlags,
    Merged,
    Override,
    SetAsideOverride,
    find_hiding_changesets,
    hides_article,
)
from .stories import Story, digest_body, has_same_title_or_url, is_different_story

#: The columns of a story that another one has replaced at its path, in the order of `Story`.
STORY_COLUMNS = ("title", "canonical_digest", "canonical_url", "body_digest")


#: Maximum number of former stories that are kept for an article. A document that is rewritten each day
#: makes one a day.
KEPT_STORIES = 50

_FORMER = ("article_id", "import_id", "changeset_id", "content_hash", "published_at", *STORY_COLUMNS)


@dataclass(slots=True)
class StoredState:
    """The state of an article before an import. `content` is the document as last imported."""

    first_import_id: int
    last_import_id: int
    missing_since: dt.datetime | None
    content_hash: str
    published_at: str | None
    story: Story
    effective: EffectiveFlags
    upstream: Flags
    upstream_status: str | None
    content: bytes
    digest: bytes
    overrides: dict[str, Override] = field(default_factory=dict)
    set_aside: list[SetAsideOverride] = field(default_factory=list)


def read_stored_state(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, StoredState]:
    """Return the state of some articles by id. Lock their rows, so that no editor changes them meanwhile."""
    stored: dict[int, StoredState] = {}
    article = articles.c
    query = sa.select(
        article.id, article.first_import_id, article.last_import_id, article.missing_since,
        article.content_hash, article.published_at,
        article.title, article.canonical_digest, article.canonical_url,
        *(article[name] for name in FLAGS), *(article[f"upstream_{name}"] for name in FLAGS),
        article.upstream_status, documents.c.content, documents.c.digest,
    ).join(documents, documents.c.article_id == article.id)  # fmt: skip
    for ids in chunks(article_ids):
        rows = connection.execute(
            query.where(article.id.in_(ids)).order_by(article.id).with_for_update(of=articles)
        )
        for row in rows:
            flags = (EffectiveFlags(*row[9:13]), Flags(*row[13:17]), row[17])
            story = (row[4], format_instant(row[5]), Story(*row[6:9]))
            stored[row[0]] = StoredState(*row[1:4], *story, *flags, bytes(row[18]), bytes(row[19]))
        _read_all_overrides(connection, ids, stored)
    return stored


def _read_all_overrides(
    connection: sa.Connection, ids: Sequence[int], stored: dict[int, StoredState]
) -> None:
    for article_id, overridden in read_overrides(connection, ids).items():
        stored[article_id].overrides = overridden
    for article_id, kept in read_set_aside(connection, set_aside_overrides.c.article_id.in_(ids)):
        stored[article_id].set_aside.append(kept)


def read_overrides(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, dict[str, Override]]:
    """Return the overrides of some articles, by article id and flag."""
    found: dict[int, dict[str, Override]] = {}
    table = overrides.c
    columns = (table.article_id, table.field, table.value, table.changeset_id, table.upstream_value)
    query = sa.select(*columns)
    for ids in chunks(article_ids):
        for article_id, name, *override in connection.execute(query.where(table.article_id.in_(ids))):
            found.setdefault(article_id, {})[name] = Override(*override)
    return found


def read_set_aside(
    connection: sa.Connection, wanted: sa.ColumnElement[bool]
) -> list[tuple[int, SetAsideOverride]]:
    """Return the overrides that are set aside, in order of their ids, each with its article's id.

    Args:
        wanted: a condition on `set_aside_overrides` and `articles`.
    """
    aside = set_aside_overrides.c
    query = (
        sa.select(
            aside.article_id, aside.id, articles.c.path, aside.field,
            aside.value, aside.changeset_id, aside.upstream_value,
            *(aside[name] for name in STORY_COLUMNS),
        )
        .join(articles, articles.c.id == aside.article_id)
        .where(wanted)
        .order_by(aside.id)
    )  # fmt: skip
    return [
        (article_id, SetAsideOverride(Story(*values[3:]), name, Override(*values[:3]), row_id, path))
        for article_id, row_id, path, name, *values in connection.execute(query)
    ]


def write_overrides(
    connection: sa.Connection, changed: Iterable[tuple[int, StoredState | None, Merged]]
) -> None:
    """Replace the overrides of some articles, in force and set aside, where they have changed.

    Args:
        changed: article id, its state before (None for a new article, which has no overrides), and the
            result of the merge.
    """
    differing = [
        (i, s, m) for i, s, m in changed if s is None or m.all_overrides != (s.overrides, s.set_aside)
    ]
    if not differing:
        return
    _delete_overrides(connection, [article_id for article_id, _, _ in differing])
    stored = [(i, flag, *override) for i, _, m in differing for flag, override in m.overrides.items()]
    columns = ("article_id", "field", "value", "changeset_id", "upstream_value")
    backend_of(connection).bulk_insert(connection, overrides, columns, stored)
    _insert_set_aside(connection, [(i, kept) for i, _, m in differing for kept in m.set_aside])


def _delete_overrides(connection: sa.Connection, article_ids: Sequence[int]) -> None:
    """Delete the overrides of articles, in force and set aside."""
    for ids in chunks(article_ids):
        connection.execute(sa.delete(overrides).where(overrides.c.article_id.in_(ids)))
        connection.execute(sa.delete(set_aside_overrides).where(set_aside_overrides.c.article_id.in_(ids)))


def _insert_set_aside(connection: sa.Connection, kept: Iterable[tuple[int, SetAsideOverride]]) -> None:
    """Insert overrides that are set aside, each with its article's id."""
    backend = backend_of(connection)
    aside = [(i, override.field, *override.override, *override.story) for i, override in kept]
    columns = ("id", "article_id", "field", "value", "changeset_id", "upstream_value", *STORY_COLUMNS)
    row_ids = backend.reserve_ids(connection, set_aside_overrides, len(aside))
    rows = [(row_id, *values) for row_id, values in zip(row_ids, aside, strict=True)]
    backend.bulk_insert(connection, set_aside_overrides, columns, rows)


def delete_set_aside(connection: sa.Connection, row_ids: Sequence[int]) -> set[int]:
    """Delete set-aside overrides, by row id, that another article has now.

    Returns:
        The ids of the articles that had them.
    """
    owners: set[int] = set()
    aside = set_aside_overrides.c
    for ids in chunks(row_ids):
        owners.update(connection.scalars(sa.select(aside.article_id).where(aside.id.in_(ids))))
        connection.execute(sa.delete(set_aside_overrides).where(aside.id.in_(ids)))
    return owners


def record_takeovers(connection: sa.Connection, replaced: Sequence[tuple[int, Story]]) -> None:
    """Record the stories that others have replaced at their paths, by article id.

    All earlier overrides of the article were for these stories. If several stories are replaced between two
    changesets, only the first is recorded: there was no override for the others.
    """
    if not replaced:
        return
    last_id = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(changesets.c.id), 0)))
    recorded: set[int] = set()
    for ids in chunks([article_id for article_id, _ in replaced]):
        known = sa.select(story_takeovers.c.article_id).where(story_takeovers.c.article_id.in_(ids))
        recorded.update(connection.scalars(known.where(story_takeovers.c.last_changeset_id == last_id)))
    rows = [(article_id, last_id, *story) for article_id, story in replaced if article_id not in recorded]
    backend_of(connection).bulk_insert(connection, story_takeovers, story_takeovers.c.keys(), rows)


def record_former_stories(
    connection: sa.Connection, import_id: int, former: Sequence[tuple[int, StoredState]]
) -> None:
    """Record the stories that hidden articles had before this import, by article id.

    A copy of such a story that is imported later is not published. The last `KEPT_STORIES` of each article
    are kept.
    """
    rows = [
        (article_id, import_id, changeset_id, was.content_hash, was.published_at, *was.story)
        for article_id, was in former
        for changeset_id in find_hiding_changesets(was.overrides)
    ]
    backend_of(connection).bulk_insert(connection, former_stories, _FORMER, rows)
    table = former_stories.c
    newest = sa.func.row_number().over(partition_by=table.article_id, order_by=table.import_id.desc())
    for ids in chunks([article_id for article_id, _ in former]):
        ranked = sa.select(table.article_id, table.import_id, newest.label("place"))
        places = ranked.where(table.article_id.in_(ids)).subquery().c
        old = sa.select(places.article_id, places.import_id).where(places.place > KEPT_STORIES)
        for keys in chunks(connection.execute(old).all()):
            is_old = sa.tuple_(table.article_id, table.import_id).in_([tuple(key) for key in keys])
            connection.execute(sa.delete(former_stories).where(is_old))


def copy_former_stories(connection: sa.Connection, new_owners: Mapping[int, int]) -> None:
    """Copy former stories to the articles to which a set-aside override of another article has returned.

    Args:
        new_owners: ids of these articles, by the ids of the rows in `set_aside_overrides`.
    """
    table, aside = former_stories.c, set_aside_overrides.c
    rows: dict[tuple[int, ...], tuple[Any, ...]] = {}
    query = sa.select(aside.id, *(table[name] for name in _FORMER[1:]))
    query = query.join(former_stories, table.article_id == aside.article_id).order_by(aside.id)
    for ids in chunks(list(new_owners)):
        for row_id, import_id, changeset_id, text_hash, at, *story in connection.execute(
            query.where(aside.id.in_(ids))
        ):
            key = (new_owners[row_id], import_id, changeset_id)
            rows[key] = (*key, text_hash, format_instant(at), *story)
    backend_of(connection).bulk_insert(connection, former_stories, _FORMER, list(rows.values()))


def update_takeovers(connection: sa.Connection, stories: Mapping[int, Story]) -> None:
    """Update recorded takeovers to the current wording of the same story, by article id.

    A story may come back with a tidied title or URL. `editing.reverting` compares stories by exact wording,
    so the recorded one has to match.
    """
    table, key = story_takeovers.c, ("article_id", "last_changeset_id")
    for ids in chunks(list(stories)):
        query = sa.select(*(table[name] for name in (*key, *STORY_COLUMNS))).where(table.article_id.in_(ids))
        for article_id, last_id, *columns in connection.execute(query).all():
            story, current = Story(*columns), stories[article_id]
            if story[:3] != current[:3] and not is_different_story(story, current):
                row = sa.and_(table.article_id == article_id, table.last_changeset_id == last_id)
                values = dict(zip(STORY_COLUMNS[:3], current[:3], strict=True))
                connection.execute(sa.update(story_takeovers).where(row).values(values))


def load_body_digests(
    connection: sa.Connection, stored: Mapping[int, StoredState], current: Mapping[int, Story]
) -> None:
    """Read the digests of bodies where they matter.

    They matter if title and URL have changed, or if an editor hides the article.

    Args:
        stored: the articles' states, whose stories get the digests.
        current: the stories in the documents.
    """
    article_ids = [
        key
        for key, was in stored.items()
        if hides_article(was.overrides) or not has_same_title_or_url(was.story, current[key])
    ]
    for ids in chunks(article_ids):
        query = sa.select(articles.c.id, articles.c.body).where(articles.c.id.in_(ids))
        for article_id, body in connection.execute(query):
            was = stored[article_id]
            was.story = was.story._replace(body_digest=digest_body(body))
