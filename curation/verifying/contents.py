"""The stored documents of articles, parsed again, against every row that was made of them."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from operator import itemgetter
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..documents.entries import Image, encode_image
from ..importing.reading.files import ReadResult, read_files
from ..importing.reading.rows import ARTICLE_COLUMNS, FACTS, LINK_COLUMNS, ArticleRow, Facts, ImageUse
from ..importing.reading.tasks import SCHEDULED, OutcomeKind, Task
from ..scanning import File, Kind
from ..store.schema import (
    article_authors,
    article_images,
    article_topics,
    articles,
    collection_items,
    documents,
    images,
    outdated_articles,
    providers,
    related_link_images,
    related_links,
    sources,
    topics,
)
from ..wording import counted
from .findings import (
    AS_OLDER,
    OUTDATED,
    Finding,
    as_made,
    has_refused_file,
    has_stale_file,
    plain,
    subject_of,
)

#: The flags in force are editors' too: `flags` looks at them.
_SAID = ARTICLE_COLUMNS[4:]

#: Instants and digests: a session that was not pinned shifted the ones, and stored the others as text, until
#: `repair` makes them right.
OF_SESSION = frozenset({"published_at", "updated_at", "canonical_digest"})

#: What a release that knew no drafts and no dates to come made otherwise; it knew no status either.
_OF_OLDER_RELEASES = frozenset({"upstream_published", "upstream_status"})

#: More than any time zone is from UTC, in whatever year.
_MOST_OFFSET = dt.timedelta(hours=17)

#: Rows of a part of an article, such as its topics; each without the article's id.
_Parts = dict[str, list[tuple[Any, ...]]]


class Stored(NamedTuple):
    """An article's document, and its row: its provider's digest, then the values of `_SAID`."""

    id: int
    subject: str
    path: str
    content: bytes
    digest: bytes
    row: tuple[Any, ...]


def find_untrue_rows(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Finding]:
    """What the rows of some articles say otherwise than their documents."""
    whole, damaged, read = parse_stored(connection, article_ids)
    for stored in damaged:
        yield Finding("documents", stored.subject, "the document is not the one that its digest is of")
    ids = [stored.id for stored in whole]
    outdated = _read_outdated(connection, ids)
    waiting = outdated | _read_ids(connection, ids, has_stale_file(articles))
    broken = [
        s.id
        for s, outcome in zip(whole, read.outcomes, strict=True)
        if outcome.kind is not OutcomeKind.CHANGED
    ]
    of_older_release = waiting | _read_ids(connection, broken, has_refused_file(articles))
    for stored, outcome in zip(whole, read.outcomes, strict=True):
        if outcome.kind is OutcomeKind.CHANGED:
            continue
        if stored.id in of_older_release:
            yield Finding(OUTDATED, stored.subject, AS_OLDER)
        else:
            told = "; ".join(f"{issue.code}: {issue.message}" for issue in outcome.issues)
            yield Finding("rows", stored.subject, f"the document cannot be taken in: {told or 'it is none'}")
    parsed = [whole[number] for number in read.article_tasks]
    noted = {whole[number].id for number in read.article_tasks if read.outcomes[number].issues}
    yield from _compare(connection, parsed, read, outdated, waiting & noted)


def parse_stored(
    connection: sa.Connection, article_ids: Sequence[int]
) -> tuple[list[Stored], list[Stored], ReadResult]:
    """The stored documents of some articles: those that are whole, those that are not, and the whole ones
    parsed."""
    whole: list[Stored] = []
    damaged: list[Stored] = []
    for stored in _read_articles(connection, article_ids):
        is_whole = hashlib.sha256(stored.content).digest() == stored.digest
        (whole if is_whole else damaged).append(stored)
    tasks = [Task(File(stored.path, Kind.ARTICLE, None, None), None, stored.content) for stored in whole]
    return whole, damaged, read_files(tasks)


def _compare(
    connection: sa.Connection,
    parsed: Sequence[Stored],
    read: ReadResult,
    outdated: Set[int],
    read_otherwise: Set[int],
) -> Iterator[Finding]:
    """What rows say otherwise than parsed documents. The flags of `outdated` articles, and all of those of
    `read_otherwise`, an older release may have read by other rules: that is no damage."""
    ids = [stored.id for stored in parsed]
    held, known_images = _read_parts(connection, ids)
    due = _due_parts(read, known_images)
    for place, stored in enumerate(parsed):
        article = read.rows.articles[place]
        names = ("provider_id", *_SAID)
        ought = _as_imported(article, dict(zip(names, stored.row, strict=True)))
        differing = [value for value in zip(names, stored.row, ought, strict=True) if value[1] != value[2]]
        is_older = bool(differing) and stored.id in outdated and _is_of_older_release(differing)
        findings = list(_differences(stored, [] if is_older else differing, held[stored.id], due[place]))
        if stored.id in read_otherwise and any(finding.check == "rows" for finding in findings):
            is_older = True
            findings = [finding for finding in findings if finding.check != "rows"]
        if is_older:
            yield Finding(OUTDATED, stored.subject, AS_OLDER)
        yield from findings


def _differences(
    stored: Stored, differing: Sequence[tuple[str, Any, Any]], held: _Parts, due: _Parts
) -> Iterator[Finding]:
    """What an article's rows say otherwise than its document: values of its own, and its parts."""
    if differing:
        check = "session" if all(is_by_session(*value) for value in differing) else "rows"
        problem = f"articles: not as the document says: {', '.join(name for name, *_ in differing)}"
        yield Finding(check, stored.subject, problem)
    for table, rows in due.items():
        is_ = held[table]
        if (wrong := _difference(is_, rows)) is not None:
            is_of_session = table == "related_links" and _are_by_session(is_, rows)
            yield Finding("session" if is_of_session else "rows", stored.subject, f"{table}: {wrong}")


def _is_of_older_release(differing: Sequence[tuple[str, Any, Any]]) -> bool:
    """Return whether an older release made the values that are not as they ought to be: name, is, ought."""
    knows_status = any(name == "upstream_status" and is_ is not None for name, is_, _ in differing)
    return not knows_status and _OF_OLDER_RELEASES.issuperset(name for name, *_ in differing)


def is_by_session(name: str, is_: Any, ought: Any) -> bool:
    """Whether a value is as it ought to be, or differs by what the settings of a session made of it: an
    instant by the offset of a time zone, a digest by being its text in hexadecimal."""
    if is_ == ought:
        return True
    if name not in OF_SESSION or is_ is None or ought is None:
        return False
    if isinstance(ought, bytes):
        return bool(is_ == b"\\x" + ought.hex().encode())
    try:
        return abs(dt.datetime.fromisoformat(is_) - dt.datetime.fromisoformat(ought)) < _MOST_OFFSET
    except (TypeError, ValueError):
        return False


def _are_by_session(links: list[tuple[Any, ...]], due: list[tuple[Any, ...]]) -> bool:
    names = (*LINK_COLUMNS, "provider_id")
    return len(links) == len(due) and all(
        is_by_session(*value)
        for link, ought in zip(links, due, strict=True)
        for value in zip(names, link, ought, strict=True)
    )


def _difference(held: list[tuple[Any, ...]], due: list[tuple[Any, ...]]) -> str | None:
    """Where the rows of a part are not what the document says; None if nowhere."""
    if held == due:
        return None
    if len(held) != len(due):
        return f"{counted(len(held), 'row')}, and by the document {len(due)}"
    positions = (row[0] for row, ought in zip(held, due, strict=True) if row != ought)
    return f"not as the document says at position {', '.join(map(str, positions))}"


def _as_imported(article: ArticleRow, stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return a document's values as an import makes them: a flag that cannot be read is what it was before,
    and before its date an article is not published."""
    due = dict(zip(_SAID, article.values[4:], strict=True))
    unclear = {f"upstream_{flag}" for flag in article.unclear}
    if unclear & {"upstream_published", "upstream_removed"} and stored["upstream_published"] is False:
        unclear.add("upstream_published")  # what may be meant to be hidden is not published
    due |= {name: stored[name] for name in unclear}
    is_dated = article.due_at is not None and due["upstream_status"] is None
    if is_dated and stored["upstream_status"] == SCHEDULED:
        due |= {"upstream_status": SCHEDULED, "upstream_published": False}
    return article.provider, *due.values()


# --- what the document says ----------------------------------------------------------------------------


def _due_parts(read: ReadResult, known_images: dict[bytes, tuple[str, Facts]]) -> list[_Parts]:
    """The parts of each parsed article, in the order of the tables' keys."""

    def use(image: ImageUse) -> tuple[bytes, str | None]:
        """As the store must have it beside what the image's row says; one that has no row differs anyway."""
        row = known_images.get(image.image)
        return image.image, image.as_written(*row) if row else image.written

    rows = read.rows
    due: list[_Parts] = [{table: [] for table in _HELD} for _ in rows.articles]
    for place, position, topic in rows.topics:
        due[place]["article_topics"].append((position, topic))
    for place, *author in rows.authors:
        due[place]["article_authors"].append(tuple(author))
    for place, *item in rows.items:
        due[place]["collection_items"].append(tuple(item))
    for link in rows.links:
        due[link.article]["related_links"].append((*link.values, link.provider))
    for image in rows.images:
        due[image.owner]["article_images"].append((image.position, *use(image)))
    for image in rows.link_images:
        link = rows.links[image.owner]
        row = (link.values[0], image.position, *use(image))
        due[link.article]["related_link_images"].append(row)
    return due


# --- what the store holds ------------------------------------------------------------------------------


def _read_articles(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Stored]:
    columns = (providers.c.digest, *(as_made(articles.c[name]) for name in _SAID))
    query = (
        sa.select(
            articles.c.id, subject_of(articles), articles.c.path, documents.c.content,
            documents.c.digest.label("document_digest"), *columns,
        )
        .join_from(articles, sources)
        .join(documents, documents.c.article_id == articles.c.id)
        .outerjoin(providers, providers.c.id == articles.c.provider_id)
        .where(articles.c.id.in_(article_ids))
        .order_by(articles.c.id)
    )  # fmt: skip
    for key, subject, path, content, digest, *row in connection.execute(query):
        yield Stored(key, subject, path, bytes(content), bytes(digest), tuple(map(plain, row)))


def _read_outdated(connection: sa.Connection, article_ids: Sequence[int]) -> set[int]:
    """Return which of some articles wait for an import to parse them again."""
    key = outdated_articles.c.article_id
    return set(connection.scalars(sa.select(key).where(key.in_(article_ids))))


def _read_ids(
    connection: sa.Connection, article_ids: Sequence[int], is_so: sa.ColumnElement[bool]
) -> set[int]:
    """Return those of some articles of which a condition is true."""
    if not article_ids:
        return set()
    key = articles.c.id
    return set(connection.scalars(sa.select(key).where(key.in_(article_ids), is_so)))


_LINK = related_links.c
_IMAGE = (images.c.digest, images.c.url, *(images.c[name] for name in FACTS))

#: The parts of articles, in order: the article's id, what is compared, and of images what their rows say.
_HELD: dict[str, sa.Select[Any]] = {
    "article_topics": sa.select(
        article_topics.c.article_id, article_topics.c.position, topics.c.digest
    ).outerjoin(topics, topics.c.id == article_topics.c.topic_id),
    "article_authors": sa.select(article_authors),
    "collection_items": sa.select(*(c for c in collection_items.c if c.name != "item_id")),
    "related_links": sa.select(
        _LINK.article_id, *(as_made(_LINK[name]) for name in LINK_COLUMNS), providers.c.digest
    ).outerjoin(providers, providers.c.id == _LINK.provider_id),
    "article_images": sa.select(
        article_images.c.article_id, article_images.c.position, *_IMAGE, as_made(article_images.c.extra)
    ).outerjoin(images, images.c.id == article_images.c.image_id),
    "related_link_images": sa.select(
        _LINK.article_id, _LINK.position, related_link_images.c.position.label("number"),
        *_IMAGE, as_made(related_link_images.c.extra),
    )
    .join_from(related_links, related_link_images, related_link_images.c.related_link_id == _LINK.id)
    .outerjoin(images, images.c.id == related_link_images.c.image_id),
}  # fmt: skip

#: How many positions a row begins with, where that is not one.
_KEYS = {"related_link_images": 2}

#: Digest, URL, facts and what is written of an image stand at the end of a row.
_OF_IMAGE = len(_IMAGE) + 1


def _read_parts(
    connection: sa.Connection, article_ids: Sequence[int]
) -> tuple[dict[int, _Parts], dict[bytes, tuple[str, Facts]]]:
    """The parts of some articles, and what the rows of their images say."""
    held: dict[int, _Parts] = {key: defaultdict(list) for key in article_ids}
    known: dict[bytes, tuple[str, Facts]] = {}
    for table, query in _HELD.items():
        owner = query.selected_columns[0]
        for key, *row in connection.execute(query.where(owner.in_(article_ids))):
            values = tuple(map(plain, row))
            if table.endswith("images"):
                digest, url, width, height, is_cached, title, attribution, extra = values[-_OF_IMAGE:]
                facts = (width, height, is_cached, title, attribution)
                known[digest] = (url, facts)
                # Earlier releases kept such an entry where a part that cannot be stored was left out.
                is_told = extra == encode_image(Image(url, *facts, None))
                values = (*values[:-_OF_IMAGE], digest, None if is_told else extra)
            held[key][table].append(values)
        for parts in held.values():
            parts[table].sort(key=itemgetter(*range(_KEYS.get(table, 1))))
    return held, known
