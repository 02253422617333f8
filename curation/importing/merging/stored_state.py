"""What holds of an article before an import touches it: its story, its flags, who decides them, its bytes."""

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
from .rules import Decision, Effective, Merged, SetAside, hides, hiding
from .stories import Story, digest_body, has_same_title_or_url, is_another

#: The columns that keep a story whose path another one has taken, in the order of `Story`.
STORY_COLUMNS = ("title", "canonical_digest", "canonical_url", "body_digest")


#: Former stories of an article that are kept: a document that is written anew each day makes as many.
KEPT_STORIES = 50

_FORMER = ("article_id", "import_id", "changeset_id", "content_hash", "published_at", *STORY_COLUMNS)


@dataclass(slots=True)
class StoredState:
    """See the module; `content` is the document as last imported."""

    first_import_id: int
    last_import_id: int
    missing_since: dt.datetime | None
    content_hash: str
    published_at: str | None
    story: Story
    effective: Effective
    upstream: Flags
    upstream_status: str | None
    content: bytes
    digest: bytes
    overrides: dict[str, Decision] = field(default_factory=dict)
    set_aside: list[SetAside] = field(default_factory=list)


def read_stored_state(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, StoredState]:
    """By article id; the rows are locked, so that no editor's decision comes between."""
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
            flags = (Effective(*row[9:13]), Flags(*row[13:17]), row[17])
            story = (row[4], format_instant(row[5]), Story(*row[6:9]))
            stored[row[0]] = StoredState(*row[1:4], *story, *flags, bytes(row[18]), bytes(row[19]))
        _read_decisions(connection, ids, stored)
    return stored


def _read_decisions(connection: sa.Connection, ids: Sequence[int], stored: dict[int, StoredState]) -> None:
    for article_id, decided in read_overrides(connection, ids).items():
        stored[article_id].overrides = decided
    for article_id, kept in read_set_aside(connection, set_aside_overrides.c.article_id.in_(ids)):
        stored[article_id].set_aside.append(kept)


def read_overrides(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, dict[str, Decision]]:
    """Return the overrides of some articles, by article id and flag."""
    found: dict[int, dict[str, Decision]] = {}
    table = overrides.c
    query = sa.select(table.article_id, table.field, table.value, table.changeset_id)
    for ids in chunks(article_ids):
        for article_id, name, *decision in connection.execute(query.where(table.article_id.in_(ids))):
            found.setdefault(article_id, {})[name] = Decision(*decision)
    return found


def read_set_aside(connection: sa.Connection, wanted: sa.ColumnElement[bool]) -> list[tuple[int, SetAside]]:
    """Return overrides that wait for their story, by id, each with the id of the article there.

    Args:
        wanted: a condition on `set_aside_overrides` and `articles`.
    """
    aside = set_aside_overrides.c
    query = (
        sa.select(
            aside.article_id, aside.id, articles.c.path, aside.field, aside.value, aside.changeset_id,
            *(aside[name] for name in STORY_COLUMNS),
        )
        .join(articles, articles.c.id == aside.article_id)
        .where(wanted)
        .order_by(aside.id)
    )  # fmt: skip
    return [
        (article_id, SetAside(Story(*story), name, Decision(value, changeset_id), row_id, path))
        for article_id, row_id, path, name, value, changeset_id, *story in connection.execute(query)
    ]


def write_decisions(
    connection: sa.Connection, changed: Iterable[tuple[int, StoredState | None, Merged]]
) -> None:
    """Brings overrides, stored and set aside, of some articles to what was made of them; a new article has
    nothing that stands."""
    moved = [(i, s, m) for i, s, m in changed if s is None or m.decided != (s.overrides, s.set_aside)]
    if not moved:
        return
    for ids in chunks([article_id for article_id, _, _ in moved]):
        connection.execute(sa.delete(overrides).where(overrides.c.article_id.in_(ids)))
        connection.execute(sa.delete(set_aside_overrides).where(set_aside_overrides.c.article_id.in_(ids)))
    backend = backend_of(connection)
    stored = [(i, flag, *decision) for i, _, m in moved for flag, decision in m.overrides.items()]
    backend.bulk_insert(connection, overrides, ("article_id", "field", "value", "changeset_id"), stored)
    aside = [(i, kept.field, *kept.decision, *kept.story) for i, _, m in moved for kept in m.set_aside]
    columns = ("id", "article_id", "field", "value", "changeset_id", *STORY_COLUMNS)
    row_ids = backend.reserve_ids(connection, set_aside_overrides, len(aside))
    rows = [(row_id, *values) for row_id, values in zip(row_ids, aside, strict=True)]
    backend.bulk_insert(connection, set_aside_overrides, columns, rows)


def take_set_aside(connection: sa.Connection, row_ids: Sequence[int]) -> None:
    """Take out overrides that were set aside, and are of another article now."""
    for ids in chunks(row_ids):
        connection.execute(sa.delete(set_aside_overrides).where(set_aside_overrides.c.id.in_(ids)))


def note_takeovers(connection: sa.Connection, gone: Sequence[tuple[int, Story]]) -> None:
    """Notes the stories that others have taken the paths of, by article id: what was decided so far was
    about these. Of several between two changesets the first is noted: of the others nothing was decided."""
    if not gone:
        return
    last_id = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(changesets.c.id), 0)))
    noted: set[int] = set()
    for ids in chunks([article_id for article_id, _ in gone]):
        known = sa.select(story_takeovers.c.article_id).where(story_takeovers.c.article_id.in_(ids))
        noted.update(connection.scalars(known.where(story_takeovers.c.last_changeset_id == last_id)))
    rows = [(article_id, last_id, *story) for article_id, story in gone if article_id not in noted]
    backend_of(connection).bulk_insert(connection, story_takeovers, story_takeovers.c.keys(), rows)


def note_former_stories(
    connection: sa.Connection, import_id: int, former: Sequence[tuple[int, StoredState]]
) -> None:
    """Keep what hidden articles said before this import, by article id: a copy that turns up later is not to
    be published. Of each article the last `KEPT_STORIES` are kept."""
    rows = [
        (article_id, import_id, changeset_id, was.content_hash, was.published_at, *was.story)
        for article_id, was in former
        for changeset_id in hiding(was.overrides)
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


def pass_on_former_stories(connection: sa.Connection, heirs: Mapping[int, int]) -> None:
    """Copy what articles said before to those that get an override of theirs back, which was set aside.

    Args:
        heirs: article ids by the ids of rows of `set_aside_overrides`.
    """
    table, aside = former_stories.c, set_aside_overrides.c
    rows: dict[tuple[int, ...], tuple[Any, ...]] = {}
    query = sa.select(aside.id, *(table[name] for name in _FORMER[1:]))
    query = query.join(former_stories, table.article_id == aside.article_id).order_by(aside.id)
    for ids in chunks(list(heirs)):
        for row_id, import_id, changeset_id, text_hash, at, *story in connection.execute(
            query.where(aside.id.in_(ids))
        ):
            key = (heirs[row_id], import_id, changeset_id)
            rows[key] = (*key, text_hash, format_instant(at), *story)
    backend_of(connection).bulk_insert(connection, former_stories, _FORMER, list(rows.values()))


def follow_stories(connection: sa.Connection, retold: Mapping[int, Story]) -> None:
    """Keep the stories of takeovers as their articles tell them now, by article id: one that comes back with
    a tidied title or address is the same, and is told apart by the words alone (`editing.undo`)."""
    table, key = story_takeovers.c, ("article_id", "last_changeset_id")
    for ids in chunks(list(retold)):
        query = sa.select(*(table[name] for name in (*key, *STORY_COLUMNS))).where(table.article_id.in_(ids))
        for article_id, last_id, *columns in connection.execute(query).all():
            story, now = Story(*columns), retold[article_id]
            if story[:3] != now[:3] and not is_another(story, now):
                row = sa.and_(table.article_id == article_id, table.last_changeset_id == last_id)
                values = dict(zip(STORY_COLUMNS[:3], now[:3], strict=True))
                connection.execute(sa.update(story_takeovers).where(row).values(values))


def with_bodies(
    connection: sa.Connection, stored: Mapping[int, StoredState], now: Mapping[int, Story]
) -> None:
    """Read the digests of bodies where they matter: title and URL are others now, or an editor hides it."""
    suspects = [
        key
        for key, was in stored.items()
        if hides(was.overrides) or not has_same_title_or_url(was.story, now[key])
    ]
    for ids in chunks(suspects):
        query = sa.select(articles.c.id, articles.c.body).where(articles.c.id.in_(ids))
        for article_id, body in connection.execute(query):
            was = stored[article_id]
            was.story = was.story._replace(body_digest=digest_body(body))
