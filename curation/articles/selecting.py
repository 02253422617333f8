"""Select articles by reference and by filter, in the same way for every command."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, field, fields

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.base import chunks
from ..errors import SelectionError
from ..paths import SUFFIX_SPELLINGS, without_suffix
from ..store.database import empty_temp_table, make_temporary_table
from ..store.names import KINDS, check_names, in_collection
from ..store.schema import article_topics, articles, overrides, providers, sources, topics
from ..urls import canonicalize_url, digest_url
from .override_status import is_adopted
from .searching import find_matches

#: Maximum number of articles that a message names, such as the candidates of an ambiguous reference.
MAX_CANDIDATES = 8

#: Characters that separate words in a path: the end of a path begins after one of them.
WORD_BOUNDARIES = ("/", "-", "_", ".", " ")

#: Maximum number of references that are looked up one by one, by the indexes of the engine.
MAX_SINGLE_LOOKUPS = 20

#: An article that a reference may mean: id, path, source.
Candidate = tuple[int, str, str]

#: An inclusive range of numbers; None leaves that end open.
Range = tuple[int | None, int | None]


@dataclass(frozen=True, slots=True)
class Filters:
    """Filters for articles; an empty field filters nothing, and several values of one are alternatives.

    `adopted` has flags: an article matches if upstream has adopted its override of one of them.
    """

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
        """Return whether any filter is set."""
        return any(self._filters_by(f.name) for f in fields(self))

    def check_names(self, connection: sa.Connection) -> None:
        """Check that the names in the filters are in the store.

        Raises:
            SelectionError: A name is unknown; the message suggests similar ones.
        """
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
    """The articles that a command is to work on.

    Attributes:
        references: References that were given as arguments.
        filters: Filters for the named articles, or for all articles if none is named.
        listed: References that were read from standard input. They must be exact; the end of a path does
            not match, because programs write them.
    """

    references: Sequence[str] = ()
    filters: Filters = field(default_factory=Filters)
    listed: Sequence[str] = ()

    @property
    def is_named(self) -> bool:
        """Return whether articles are named or listed, not selected by filters alone."""
        return bool(self.references or self.listed)

    def find(self, connection: sa.Connection) -> list[int]:
        """Return the ids of the named and listed articles, each once; filters other than sources are ignored.

        Raises:
            SelectionError: As `find_article`.
        """
        self.filters.check_names(connection)
        within = self.filters.source
        named = find_articles(connection, self.references, within)
        listed = find_articles(connection, self.listed, within, exactly=True)
        return list(dict.fromkeys([*named, *listed]))

    def __bool__(self) -> bool:
        """Return whether anything is selected, by name or by filter."""
        return self.is_named or bool(self.filters)


def make_filter_conditions(connection: sa.Connection, filters: Filters) -> list[sa.ColumnElement[bool]]:
    """Return the filters as conditions on `articles`, for a WHERE clause.

    Raises:
        SelectionError: A name in the filters is not in the store.
    """
    filters.check_names(connection)
    wanted = [*_name_conditions(filters), *_value_conditions(filters)]
    if filters.overridden:
        wanted.append(sa.exists().where(overrides.c.article_id == articles.c.id))
    if filters.adopted:
        has_adopted = sa.exists().where(overrides.c.article_id == articles.c.id, is_adopted(filters.adopted))
        wanted.append(has_adopted.correlate(articles))
    if filters.missing:
        wanted.append(articles.c.missing_since.is_not(None))
    if filters.search is not None and filters.search.split():
        found = find_matches(connection, filters.search).subquery()
        wanted.append(articles.c.id.in_(sa.select(found.c.article_id)))
    return wanted


def _name_conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
    wanted: list[sa.ColumnElement[bool]] = []
    if filters.source:
        source_ids = sa.select(sources.c.id).where(sources.c.name.in_(filters.source))
        wanted.append(articles.c.source_id.in_(source_ids))
    if filters.collection:
        wanted.append(sa.or_(*(in_collection(name) for name in filters.collection)))
    own = ((articles.c.type, filters.type), (articles.c.category, filters.category))
    wanted += [column.in_(values) for column, values in own if values]
    if filters.topic:
        named = sa.select(article_topics.c.article_id).join(topics).where(topics.c.name.in_(filters.topic))
        wanted.append(articles.c.id.in_(named))
    for column, values in ((providers.c.name, filters.provider), (providers.c.domain, filters.domain)):
        if values:
            wanted.append(articles.c.provider_id.in_(sa.select(providers.c.id).where(column.in_(values))))
    return wanted


def _value_conditions(filters: Filters) -> list[sa.ColumnElement[bool]]:
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
    connection: sa.Connection, reference: str, source_names: Sequence[str] = (), *, exactly: bool = False
) -> int:
    """Return the id of the one article that a reference means.

    Args:
        reference: An id, a path, a URL or the unique end of a path, with its suffix or without.
        source_names: The sources to search; all if empty.
        exactly: Do not accept the end of a path.

    Raises:
        SelectionError: No article matches, or several do; the message names them.
    """
    if not reference:
        raise SelectionError("empty reference: give an id, a path, a URL or the end of a path")
    within = [sources.c.name.in_(source_names)] if source_names else []
    for condition in _reference_conditions(reference, exactly=exactly):
        found = connection.execute(
            sa.select(articles.c.id, articles.c.path, sources.c.name)
            .join(sources, sources.c.id == articles.c.source_id)
            .where(condition, *within)
            .order_by(articles.c.path, sources.c.name)
            .limit(MAX_CANDIDATES + 1)
        ).all()
        if found:
            return _single_id(reference, [tuple(row) for row in found])
    if exactly:
        raise SelectionError(
            f"no article matches {reference!r}: on standard input each line begins with an id, a whole path"
            " or a URL, without a header line"
        )
    raise SelectionError(
        f"no article matches {reference!r}: run `curation list --search WORDS` to find articles"
    )


def find_articles(
    connection: sa.Connection,
    references: Sequence[str],
    source_names: Sequence[str] = (),
    *,
    exactly: bool = False,
) -> list[int]:
    """Return the ids of the articles that references mean, each once, in the order of the references.

    More than `MAX_SINGLE_LOOKUPS` are looked up together: ids in chunks, others in one pass over articles.

    Raises:
        SelectionError: As `find_article`.
    """
    wanted = list(dict.fromkeys(references))
    if len(wanted) <= MAX_SINGLE_LOOKUPS:
        ids = (find_article(connection, name, source_names, exactly=exactly) for name in wanted)
        return list(dict.fromkeys(ids))
    kinds = _REFERENCE_KINDS[:-1] if exactly else _REFERENCE_KINDS
    found = _find_ids(connection, [name for name in wanted if _is_id(name)], source_names)
    named = _find_named(connection, [name for name in wanted if name not in found], source_names)
    for name in wanted:
        if name not in found:
            candidates = next((named[kind][name] for kind in kinds if name in named[kind]), [])
            # A reference that was not found is looked up alone, which also raises the error.
            found[name] = (
                _single_id(name, candidates)
                if candidates
                else find_article(connection, name, source_names, exactly=exactly)
            )
    return list(dict.fromkeys(found[name] for name in wanted))


def _single_id(reference: str, found: Sequence[Candidate]) -> int:
    if len(found) > 1:
        named = [f"{article_id} {path} ({source})" for article_id, path, source in found]
        raise SelectionError(_ambiguous(reference, named))
    return found[0][0]


def _is_id(reference: str) -> bool:
    return reference.isascii() and reference.isdigit() and len(reference) < 19


def _find_ids(
    connection: sa.Connection, references: Sequence[str], source_names: Sequence[str]
) -> dict[str, int]:
    """Return the references that are ids of articles, with the ids as numbers."""
    query = sa.select(articles.c.id).join(sources, sources.c.id == articles.c.source_id)
    if source_names:
        query = query.where(sources.c.name.in_(source_names))
    known: set[int] = set()
    for ids in chunks([int(reference) for reference in references]):
        known.update(connection.scalars(query.where(articles.c.id.in_(ids))))
    return {reference: int(reference) for reference in references if int(reference) in known}


#: The kinds of references other than ids, the most exact first.
_REFERENCE_KINDS = ("path", "url", "end")


def _find_named(
    connection: sa.Connection, references: Sequence[str], source_names: Sequence[str]
) -> dict[str, dict[str, list[Candidate]]]:
    """Return the articles that each reference may mean, by kind of reference (`_REFERENCE_KINDS`)."""
    found: dict[str, dict[str, list[Candidate]]] = {kind: {} for kind in _REFERENCE_KINDS}
    if not references:
        return found
    names = {name for name in references if "://" not in name}
    ends = {name for name in names if not _is_id(name)}
    by_digest = {digest_url(canonicalize_url(name)): name for name in references if "://" in name}
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
    if source_names:
        query = query.where(sources.c.name.in_(source_names))
    for key, path, source, *addresses, digest in connection.execute(query):
        if path in names:
            found["path"].setdefault(path, []).append((key, path, source))
        for end in _path_ends(path, lengths) & ends:
            found["end"].setdefault(end, []).append((key, path, source))
        if urls:
            matching = urls.intersection(addresses)
            if digest is not None and bytes(digest) in by_digest:
                matching.add(by_digest[bytes(digest)])
            for url in matching:
                found["url"].setdefault(url, []).append((key, path, source))
    return found


def _path_ends(path: str, lengths: Sequence[int]) -> set[str]:
    """Return the ends of a path that have one of the lengths, with its suffix and without."""
    wholes = [path, without_suffix(path)]
    return {
        whole[-length:]
        for whole in wholes
        for length in lengths
        if 0 < length <= len(whole) and _is_word_start(whole, len(whole) - length)
    }


def _is_word_start(path: str, at: int) -> bool:
    """Return whether a word begins here: `id` is not the end of `covid.md`."""
    return at == 0 or path[at - 1] in WORD_BOUNDARIES or not path[at].isalnum()


def _reference_conditions(reference: str, *, exactly: bool) -> list[sa.ColumnElement[bool]]:
    """Return conditions for the articles that a reference may mean, the most exact first."""
    if "://" in reference:
        written = sa.or_(articles.c.original_url == reference, articles.c.web_url == reference)
        digest = digest_url(canonicalize_url(reference))
        return [written] if digest is None else [sa.or_(written, articles.c.canonical_digest == digest)]
    if _is_id(reference):  # the number of a deleted article must not match the end of another's path
        return [articles.c.id == int(reference), articles.c.path == reference]
    if exactly:
        return [articles.c.path == reference]
    before = WORD_BOUNDARIES if reference[0].isalnum() else ("",)
    wholes = [reference + suffix for suffix in ("", *SUFFIX_SPELLINGS)]
    ends = (_ends_with(boundary + whole) for whole in wholes for boundary in before)
    return [articles.c.path == reference, sa.or_(articles.c.path.in_(wholes), *ends)]


def _ends_with(end: str) -> sa.ColumnElement[bool]:
    """Return a condition that a path ends with a text. Case matters, which LIKE in SQLite ignores."""
    path = articles.c.path
    return sa.func.substr(path, sa.func.length(path) - len(end) + 1) == end


def _ambiguous(reference: str, candidates: Sequence[str]) -> str:
    more = "; and more" if len(candidates) > MAX_CANDIDATES else ""
    named = "; ".join(candidates[:MAX_CANDIDATES]) + more
    return f"{reference!r} matches several articles: choose one by its id or with --source: {named}"


#: The articles that one command works on; the table lasts as long as its transaction.
selected = make_temporary_table(
    "selected", sa.Column("article_id", sa.BigInteger, primary_key=True, autoincrement=False)
)


def preview_selection(connection: sa.Connection, selection: Selection, size: int) -> tuple[int, list[str]]:
    """Return how many articles a selection has, and the first paths, without selecting them.

    Args:
        size: Maximum number of paths.

    Raises:
        SelectionError: A reference does not mean exactly one article, or a name is unknown.
    """
    wanted = make_filter_conditions(connection, selection.filters)
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
    """Do as `select_articles_if_any`, but require at least one article.

    Raises:
        SelectionError: No article matches, or a reference or name is wrong.
    """
    count = select_articles_if_any(connection, selection)
    if count == 0:
        raise SelectionError("no article matches: run `curation list` with the same filters to check them")
    return count


def select_articles_if_any(connection: sa.Connection, selection: Selection) -> int:
    """Fill the temporary table `selected`, lock its articles, and return how many there are.

    The rows are fixed before anything changes, so that setting a flag does not affect a filter on it. The
    locks keep imports and other editors from changing the articles until commit.

    Raises:
        SelectionError: A reference does not mean exactly one article, or a name is unknown.
    """
    empty_temp_table(connection, selected)
    if selection.is_named:
        ids = selection.find(connection)
        backend_of(connection).bulk_insert(
            connection, selected, ["article_id"], [(article_id,) for article_id in ids]
        )
        extra = make_filter_conditions(connection, selection.filters)
        if extra:
            wanted = sa.select(articles.c.id).where(*extra)
            connection.execute(sa.delete(selected).where(selected.c.article_id.not_in(wanted)))
    else:
        wanted = sa.select(articles.c.id).where(*make_filter_conditions(connection, selection.filters))
        connection.execute(sa.insert(selected).from_select(["article_id"], wanted))
    locked = (
        sa.select(articles.c.id)
        .where(articles.c.id.in_(sa.select(selected.c.article_id)))
        .order_by(articles.c.id)
        .with_for_update()
        .subquery()
    )
    return connection.scalar(sa.select(sa.func.count()).select_from(locked)) or 0
