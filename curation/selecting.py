"""Articles by reference and by filter: the same words mean the same in every command."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from .backends import of
from .errors import SelectionError
from .scanning import ARTICLE_SUFFIXES
from .schema import article_topics, articles, overrides, providers, sources, topics
from .urls import canonical_url, url_digest

#: How many candidates of an ambiguous reference are named.
CANDIDATES = 8

#: An inclusive range of numbers; None leaves that end open.
Range = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Filters:
    """What articles are wanted; an empty field wants all. Several values of one field are alternatives."""

    source: Sequence[str] = ()
    collection: Sequence[str] = ()
    type: Sequence[str] = ()
    category: Sequence[str] = ()
    topic: Sequence[str] = ()
    provider: Sequence[str] = ()
    domain: Sequence[str] = ()
    since: dt.datetime | None = None
    until: dt.datetime | None = None
    quality: Range | None = None
    heat: Range | None = None
    published: bool | None = None
    removed: bool | None = None
    overridden: bool = False
    missing: bool = False
    search: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is filtered at all."""
        return any(self._filters_by(f.name) for f in fields(self))

    def _filters_by(self, name: str) -> bool:
        value = getattr(self, name)
        if name in ("published", "removed"):
            return value is not None
        return bool(value.split()) if name == "search" and value else bool(value)


@dataclass(frozen=True, slots=True)
class Selection:
    """The articles that a command is about: those named, and those that the filters want."""

    references: Sequence[str] = ()
    filters: Filters = field(default_factory=Filters)

    def __bool__(self) -> bool:
        return bool(self.references) or bool(self.filters)


def conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    """The filters as conditions on `articles`, for a WHERE."""
    wanted = [*_of_names(filters), *_of_values(filters)]
    if filters.overridden:
        wanted.append(sa.exists().where(overrides.c.article_id == articles.c.id))
    if filters.missing:
        wanted.append(articles.c.missing_since.is_not(None))
    return wanted + [_says(word) for word in (filters.search or "").split()]


def _of_names(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.source:
        mine = sa.select(sources.c.id).where(sources.c.name.in_(filters.source))
        wanted.append(articles.c.source_id.in_(mine))
    if filters.collection:
        wanted.append(sa.or_(*(_in_collection(name) for name in filters.collection)))
    told = ((articles.c.type, filters.type), (articles.c.category, filters.category))
    wanted += [column.in_(values) for column, values in told if values]
    if filters.topic:
        named = sa.select(article_topics.c.article_id).join(topics).where(topics.c.name.in_(filters.topic))
        wanted.append(articles.c.id.in_(named))
    for column, values in ((providers.c.name, filters.provider), (providers.c.domain, filters.domain)):
        if values:
            wanted.append(articles.c.provider_id.in_(sa.select(providers.c.id).where(column.in_(values))))
    return wanted


def _in_collection(name: str) -> sa.ColumnElement[bool]:
    """A collection and those below it: `learning` holds `learning/videos`."""
    return sa.or_(
        articles.c.collection == name, articles.c.collection.startswith(f"{name}/", autoescape=True)
    )


def _of_values(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.since is not None:
        wanted.append(articles.c.published_at >= filters.since)
    if filters.until is not None:
        wanted.append(articles.c.published_at < filters.until)
    for name in ("quality", "heat"):
        low, high = getattr(filters, name) or (None, None)
        if low is not None:
            wanted.append(articles.c[name] >= low)
        if high is not None:
            wanted.append(articles.c[name] <= high)
    given = {name: getattr(filters, name) for name in ("published", "removed")}
    return wanted + [articles.c[name] == value for name, value in given.items() if value is not None]


def _says(word: str) -> sa.ColumnElement[bool]:
    """Whether an article says a word, in any letter case, where a reader would look for it."""
    provider = sa.select(providers.c.id).where(providers.c.name.icontains(word, autoescape=True))
    topic = (
        sa.select(article_topics.c.article_id)
        .join(topics)
        .where(topics.c.name.icontains(word, autoescape=True))
    )
    return sa.or_(
        *(articles.c[name].icontains(word, autoescape=True) for name in ("title", "excerpt", "body")),
        articles.c.provider_id.in_(provider),
        articles.c.id.in_(topic),
    )


def find_article(connection: sa.Connection, reference: str, of_sources: Sequence[str] = ()) -> int:
    """The id of the one article that a reference names: an id, a path, a URL, or a unique end of a path
    (with its suffix or without); looked for in these sources only, if any are given.

    Raises SelectionError for none, and for several, naming them."""
    if not reference:
        raise SelectionError("an empty reference names no article")
    within = [sources.c.name.in_(of_sources)] if of_sources else []
    for condition in _readings(reference):
        found = connection.execute(
            sa.select(articles.c.id, articles.c.path, sources.c.name)
            .join(sources, sources.c.id == articles.c.source_id)
            .where(condition, *within)
            .order_by(articles.c.path, sources.c.name)
            .limit(CANDIDATES + 1)
        ).all()
        if len(found) == 1:
            article_id: int = found[0].id
            return article_id
        if found:
            raise SelectionError(
                _ambiguous(reference, [f"{row.id} {row.path} ({row.name})" for row in found])
            )
    raise SelectionError(f"no article {reference!r}: `curation list --search WORDS` finds some")


def _readings(reference: str) -> list[sa.ColumnElement[bool]]:
    """What a reference can mean, the most exact first."""
    if "://" in reference:
        written = sa.or_(articles.c.original_url == reference, articles.c.web_url == reference)
        digest = url_digest(canonical_url(reference))
        return [written] if digest is None else [sa.or_(written, articles.c.canonical_digest == digest)]
    ends = (
        articles.c.path.endswith(reference + suffix, autoescape=True) for suffix in ("", *ARTICLE_SUFFIXES)
    )
    by_path = [articles.c.path == reference, sa.or_(*ends)]
    is_id = reference.isascii() and reference.isdigit() and len(reference) < 19
    return [articles.c.id == int(reference), *by_path] if is_id else by_path


def _ambiguous(reference: str, candidates: Sequence[str]) -> str:
    named = "; ".join(candidates[:CANDIDATES]) + ("; and more" if len(candidates) > CANDIDATES else "")
    return f"{reference!r} names several articles, say which by id or --source: {named}"


#: The articles of one command, for the length of its transaction.
selected = sa.Table(
    "selected",
    sa.MetaData(),
    sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False),
    prefixes=["TEMPORARY"],
    postgresql_on_commit="DROP",
)


def count_selected(connection: sa.Connection, selection: Selection) -> int:
    """How many articles a selection means; nothing is selected. Raises SelectionError for a bad reference."""
    wanted = conditions(selection.filters)
    if selection.references:
        within = selection.filters.source
        ids = {find_article(connection, name, within) for name in selection.references}
        if not wanted:
            return len(ids)
        chosen = connection.scalars(sa.select(articles.c.id).where(*wanted))
        return len(ids.intersection(chosen))
    query = sa.select(sa.func.count()).select_from(articles).where(*wanted)
    return connection.scalar(query) or 0


def select_articles(connection: sa.Connection, selection: Selection) -> int:
    """Fills the temporary table `selected` and returns how many articles it holds.

    The rows are fixed before anything changes, so that a filter on a flag is not moved by setting it,
    and locked, so that no import or other editor comes between. Raises SelectionError for none.
    """
    connection.execute(sa.schema.DropTable(selected, if_exists=True))
    connection.execute(sa.schema.CreateTable(selected))
    if selection.references:
        within = selection.filters.source
        ids = dict.fromkeys(find_article(connection, name, within) for name in selection.references)
        of(connection).bulk_insert(
            connection, selected, ["article_id"], [(article_id,) for article_id in ids]
        )
        extra = conditions(selection.filters)
        if extra:
            wanted = sa.select(articles.c.id).where(*extra)
            connection.execute(sa.delete(selected).where(selected.c.article_id.not_in(wanted)))
    else:
        wanted = sa.select(articles.c.id).where(*conditions(selection.filters))
        connection.execute(sa.insert(selected).from_select(["article_id"], wanted))
    locked = (
        sa.select(articles.c.id)
        .where(articles.c.id.in_(sa.select(selected.c.article_id)))
        .order_by(articles.c.id)
        .with_for_update()
        .subquery()
    )
    count: int = connection.scalar(sa.select(sa.func.count()).select_from(locked)) or 0
    if count == 0:
        raise SelectionError("no article matches: `curation list` with the same filters shows what does")
    return count
