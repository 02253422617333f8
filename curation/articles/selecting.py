"""Articles by reference and by filter: the same words mean the same in every command."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.base import chunks
from ..errors import SelectionError
from ..paths import SUFFIX_SPELLINGS, without_suffix
from ..store.database import empty_temp_table, temporary_table
from ..store.names import KINDS, check_names, in_collection
from ..store.schema import article_topics, articles, overrides, providers, sources, topics
from ..urls import canonical_url, url_digest
from .searching import find_matches
from .upstream import is_adopted

#: How many candidates of an ambiguous reference are named.
CANDIDATES = 8

#: What parts words in a path: an end of it begins after one of these.
BOUNDARIES = ("/", "-", "_", ".", " ")

#: Up to so many references are looked for one by one, by the engine's indexes.
FEW = 20

#: An article as it is told to the user: id, path, source.
Named = tuple[int, str, str]

#: An inclusive range of numbers; None leaves that end open.
Range = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Filters:
    """What articles are wanted; an empty field wants all. Several values of one field are alternatives.
    `adopted` are flags: wanted is what has a decision on one of them that upstream agrees with."""

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
    adopted: Sequence[str] = ()
    missing: bool = False
    search: str | None = None

    def __bool__(self) -> bool:
        """Whether anything is filtered at all."""
        return any(self._filters_by(f.name) for f in fields(self))

    def check_names(self, connection: sa.Connection) -> None:
        """Raises SelectionError, which says what is near, for a name that is not in the store."""
        named = {kind: getattr(self, kind, ()) for kind in KINDS}
        if any(named.values()):
            check_names(connection, named)

    def _filters_by(self, name: str) -> bool:
        value = getattr(self, name)
        if name in ("published", "removed"):
            return value is not None
        return bool(value.split()) if name == "search" and value else bool(value)


@dataclass(frozen=True, slots=True)
class Selection:
    """The articles that a command is about: those named, those listed (by programs: exactly, no end of a path
    will do), and of these, or of all, those that the filters want."""

    references: Sequence[str] = ()
    filters: Filters = field(default_factory=Filters)
    listed: Sequence[str] = ()

    @property
    def is_named(self) -> bool:
        """Whether articles are named or listed, and not chosen by filters alone."""
        return bool(self.references or self.listed)

    def find(self, connection: sa.Connection) -> list[int]:
        """The ids of the articles that are named and listed, each once. Raises as `find_article`."""
        self.filters.check_names(connection)
        within = self.filters.source
        named = find_articles(connection, self.references, within)
        listed = find_articles(connection, self.listed, within, exactly=True)
        return list(dict.fromkeys([*named, *listed]))

    def __bool__(self) -> bool:
        return self.is_named or bool(self.filters)


def filter_conditions(connection: sa.Connection, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """The filters as conditions on `articles`, for a WHERE. Raises SelectionError for a name that is not in
    the store."""
    filters.check_names(connection)
    wanted = [*_of_names(filters), *_of_values(filters)]
    if filters.overridden:
        wanted.append(sa.exists().where(overrides.c.article_id == articles.c.id))
    if filters.adopted:
        decided = sa.exists().where(overrides.c.article_id == articles.c.id, is_adopted(filters.adopted))
        wanted.append(decided.correlate(articles))
    if filters.missing:
        wanted.append(articles.c.missing_since.is_not(None))
    if filters.search is not None and filters.search.split():
        found = find_matches(connection, filters.search).subquery()
        wanted.append(articles.c.id.in_(sa.select(found.c.article_id)))
    return wanted


def _of_names(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.source:
        mine = sa.select(sources.c.id).where(sources.c.name.in_(filters.source))
        wanted.append(articles.c.source_id.in_(mine))
    if filters.collection:
        wanted.append(sa.or_(*(in_collection(name) for name in filters.collection)))
    told = ((articles.c.type, filters.type), (articles.c.category, filters.category))
    wanted += [column.in_(values) for column, values in told if values]
    if filters.topic:
        named = sa.select(article_topics.c.article_id).join(topics).where(topics.c.name.in_(filters.topic))
        wanted.append(articles.c.id.in_(named))
    for column, values in ((providers.c.name, filters.provider), (providers.c.domain, filters.domain)):
        if values:
            wanted.append(articles.c.provider_id.in_(sa.select(providers.c.id).where(column.in_(values))))
    return wanted


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


def find_article(
    connection: sa.Connection, reference: str, of_sources: Sequence[str] = (), *, exactly: bool = False
) -> int:
    """The id of the one article that a reference names: an id, a path, a URL, or, unless `exactly`, a unique
    end of a path (with its suffix or without); looked for in these sources only, if any are given.

    Raises SelectionError for none, and for several, naming them."""
    if not reference:
        raise SelectionError("an empty reference names no article")
    within = [sources.c.name.in_(of_sources)] if of_sources else []
    for condition in _readings(reference, exactly=exactly):
        found = connection.execute(
            sa.select(articles.c.id, articles.c.path, sources.c.name)
            .join(sources, sources.c.id == articles.c.source_id)
            .where(condition, *within)
            .order_by(articles.c.path, sources.c.name)
            .limit(CANDIDATES + 1)
        ).all()
        if found:
            return _the_one(reference, [tuple(row) for row in found])
    if exactly:
        told = "on standard input each line is an id, a whole path or a URL, or begins with one; no header"
        raise SelectionError(f"no article {reference!r}: {told}")
    raise SelectionError(f"no article {reference!r}: `curation list --search WORDS` finds some")


def find_articles(
    connection: sa.Connection,
    references: Sequence[str],
    of_sources: Sequence[str] = (),
    *,
    exactly: bool = False,
) -> list[int]:
    """The ids of the articles that references name, each once, in their order. Raises as `find_article`.

    Many are looked for together: ids in chunks, all else in one pass over the articles.
    """
    wanted = list(dict.fromkeys(references))
    if len(wanted) <= FEW:
        ids = (find_article(connection, name, of_sources, exactly=exactly) for name in wanted)
        return list(dict.fromkeys(ids))
    kinds = _KINDS[:-1] if exactly else _KINDS
    found = _find_ids(connection, [name for name in wanted if _is_id(name)], of_sources)
    named = _find_named(connection, [name for name in wanted if name not in found], of_sources)
    for name in wanted:
        if name not in found:
            candidates = next((named[kind][name] for kind in kinds if name in named[kind]), [])
            # What none of these knows is told, or read, as one reference is.
            found[name] = (
                _the_one(name, candidates)
                if candidates
                else find_article(connection, name, of_sources, exactly=exactly)
            )
    return list(dict.fromkeys(found[name] for name in wanted))


def _the_one(reference: str, found: Sequence[Named]) -> int:
    if len(found) > 1:
        named = [f"{article_id} {path} ({source})" for article_id, path, source in found]
        raise SelectionError(_ambiguous(reference, named))
    return found[0][0]


def _is_id(reference: str) -> bool:
    return reference.isascii() and reference.isdigit() and len(reference) < 19


def _find_ids(
    connection: sa.Connection, references: Sequence[str], of_sources: Sequence[str]
) -> dict[str, int]:
    """Those references that are the id of an article."""
    query = sa.select(articles.c.id).join(sources, sources.c.id == articles.c.source_id)
    if of_sources:
        query = query.where(sources.c.name.in_(of_sources))
    known: set[int] = set()
    for ids in chunks([int(reference) for reference in references]):
        known.update(connection.scalars(query.where(articles.c.id.in_(ids))))
    return {reference: int(reference) for reference in references if int(reference) in known}


#: What a reference can be, the most exact first.
_KINDS = ("path", "url", "end")


def _find_named(
    connection: sa.Connection, references: Sequence[str], of_sources: Sequence[str]
) -> dict[str, dict[str, list[Named]]]:
    """The articles that references name by path, by URL and by an end of the path, for each kind."""
    found: dict[str, dict[str, list[Named]]] = {kind: {} for kind in _KINDS}
    if not references:
        return found
    names = {name for name in references if "://" not in name}
    ends = {name for name in names if not _is_id(name)}
    by_digest = {url_digest(canonical_url(name)): name for name in references if "://" in name}
    by_digest.pop(None, None)
    urls = set(references) - names
    lengths = sorted({len(name) for name in ends})
    article = articles.c
    query = (
        sa.select(
            article.id, article.path, sources.c.name, article.original_url, article.web_url,
            article.canonical_digest,
        )
        .join(sources, sources.c.id == article.source_id)
        .order_by(article.path, sources.c.name)
    )  # fmt: skip
    if of_sources:
        query = query.where(sources.c.name.in_(of_sources))
    for key, path, source, *addresses, digest in connection.execute(query):
        if path in names:
            found["path"].setdefault(path, []).append((key, path, source))
        for end in _ends(path, lengths) & ends:
            found["end"].setdefault(end, []).append((key, path, source))
        if urls:
            told = urls.intersection(addresses)
            if digest is not None and bytes(digest) in by_digest:
                told.add(by_digest[bytes(digest)])
            for url in told:
                found["url"].setdefault(url, []).append((key, path, source))
    return found


def _ends(path: str, lengths: Sequence[int]) -> set[str]:
    """The ends of a path, with its suffix and without, of these lengths."""
    wholes = [path, without_suffix(path)]
    return {
        whole[-length:]
        for whole in wholes
        for length in lengths
        if 0 < length <= len(whole) and _begins_a_word(whole, len(whole) - length)
    }


def _begins_a_word(path: str, at: int) -> bool:
    """Whether what begins here is no piece of a longer word: `id` is no end of `covid.md`."""
    return at == 0 or path[at - 1] in BOUNDARIES or not path[at].isalnum()


def _readings(reference: str, *, exactly: bool) -> list[sa.ColumnElement[bool]]:
    """What a reference can mean, the most exact first."""
    if "://" in reference:
        written = sa.or_(articles.c.original_url == reference, articles.c.web_url == reference)
        digest = url_digest(canonical_url(reference))
        return [written] if digest is None else [sa.or_(written, articles.c.canonical_digest == digest)]
    if _is_id(reference):  # a number that is no id any more is not the end of another's path
        return [articles.c.id == int(reference), articles.c.path == reference]
    if exactly:
        return [articles.c.path == reference]
    before = BOUNDARIES if reference[0].isalnum() else ("",)
    wholes = [reference + suffix for suffix in ("", *SUFFIX_SPELLINGS)]
    ends = (_ends_with(boundary + whole) for whole in wholes for boundary in before)
    return [articles.c.path == reference, sa.or_(articles.c.path.in_(wholes), *ends)]


def _ends_with(end: str) -> sa.ColumnElement[bool]:
    """Whether a path ends so, letter for letter: SQLite's LIKE would take `A` for `a`."""
    path = articles.c.path
    return sa.func.substr(path, sa.func.length(path) - len(end) + 1) == end


def _ambiguous(reference: str, candidates: Sequence[str]) -> str:
    named = "; ".join(candidates[:CANDIDATES]) + ("; and more" if len(candidates) > CANDIDATES else "")
    return f"{reference!r} names several articles, say which by id or --source: {named}"


#: The articles of one command, for the length of its transaction.
selected = temporary_table(
    "selected", sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False)
)


def sample_selected(connection: sa.Connection, selection: Selection, size: int) -> tuple[int, list[str]]:
    """How many articles a selection means, and the first few paths; nothing is selected. Raises
    SelectionError for a bad reference."""
    wanted = filter_conditions(connection, selection.filters)
    query = sa.select(articles.c.id, articles.c.path).where(*wanted).order_by(articles.c.path)
    if not selection.is_named:
        count = connection.scalar(sa.select(sa.func.count()).select_from(articles).where(*wanted)) or 0
        return count, [path for _, path in connection.execute(query.limit(size))]
    ids = selection.find(connection)
    chosen: dict[int, str] = {}
    for some in chunks(ids):
        chosen.update(map(tuple, connection.execute(query.where(articles.c.id.in_(some)))))
    return len(chosen), [chosen[key] for key in ids if key in chosen][:size]


def select_articles(connection: sa.Connection, selection: Selection) -> int:
    """As `select_articles_if_any`; raises SelectionError for none."""
    count = select_articles_if_any(connection, selection)
    if count == 0:
        raise SelectionError("no article matches: `curation list` with the same filters shows what does")
    return count


def select_articles_if_any(connection: sa.Connection, selection: Selection) -> int:
    """Fills the temporary table `selected` and returns how many articles it holds.

    The rows are fixed before anything changes, so that a filter on a flag is not moved by setting it,
    and locked, so that no import or other editor comes between. Raises SelectionError for a bad reference.
    """
    empty_temp_table(connection, selected)
    if selection.is_named:
        ids = selection.find(connection)
        backend_of(connection).bulk_insert(
            connection, selected, ["article_id"], [(article_id,) for article_id in ids]
        )
        extra = filter_conditions(connection, selection.filters)
        if extra:
            wanted = sa.select(articles.c.id).where(*extra)
            connection.execute(sa.delete(selected).where(selected.c.article_id.not_in(wanted)))
    else:
        wanted = sa.select(articles.c.id).where(*filter_conditions(connection, selection.filters))
        connection.execute(sa.insert(selected).from_select(["article_id"], wanted))
    locked = (
        sa.select(articles.c.id)
        .where(articles.c.id.in_(sa.select(selected.c.article_id)))
        .order_by(articles.c.id)
        .with_for_update()
        .subquery()
    )
    return connection.scalar(sa.select(sa.func.count()).select_from(locked)) or 0
