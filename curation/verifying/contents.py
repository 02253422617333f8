"""Parses the stored documents of articles again, and compares them with every row made from them."""

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
from ..importing.reading.tasks import SCHEDULED, Outcome, OutcomeKind, Task
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
    OUTDATED,
    OUTDATED_MESSAGE,
    Finding,
    as_imported,
    has_quarantined_file,
    has_stale_file,
    subject_of,
    unwrap_bytes,
)

#: Columns that only the document decides. Editors also decide effective values, which `flags` checks.
_DOCUMENT_COLUMNS = ARTICLE_COLUMNS[4:]

#: Columns of instants and digests. In earlier releases, settings of the session could shift instants and
#: store digests as text. `repair` fixes both.
SESSION_COLUMNS = frozenset({"published_at", "updated_at", "canonical_digest"})

#: Columns that differ if an older release parsed the document. It had no drafts, future dates and status.
_OUTDATED_COLUMNS = frozenset({"upstream_published", "upstream_status"})

#: More than the offset from UTC of any time zone in any year.
_MAX_OFFSET = dt.timedelta(hours=17)

#: The rows of an article in other tables, such as its topics, by table and without the article's id.
_Parts = dict[str, list[tuple[Any, ...]]]


class StoredArticle(NamedTuple):
    """An article's document and row.

    `row` has the digest of the article's provider, then the values of `_DOCUMENT_COLUMNS`.
    """

    id: int
    subject: str
    path: str
    content: bytes
    digest: bytes
    row: tuple[Any, ...]


def find_wrong_rows(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Finding]:
    """Find rows of some articles that differ from their documents."""
    whole, damaged, read = parse_stored_documents(connection, article_ids)
    for stored in damaged:
        yield Finding("documents", stored.subject, "the document does not match its digest")
    ids = [stored.id for stored in whole]
    outdated = _read_outdated(connection, ids)
    waiting = outdated | _select_ids(connection, ids, has_stale_file(articles))
    unreadable = [
        (stored, outcome)
        for stored, outcome in zip(whole, read.outcomes, strict=True)
        if outcome.kind is not OutcomeKind.CHANGED
    ]
    broken = [stored.id for stored, _ in unreadable]
    may_be_outdated = waiting | _select_ids(connection, broken, has_quarantined_file(articles))
    for stored, outcome in unreadable:
        yield _make_unreadable_finding(stored, outcome, is_outdated=stored.id in may_be_outdated)
    parsed = [whole[number] for number in read.article_tasks]
    with_issues = {whole[number].id for number in read.article_tasks if read.outcomes[number].issues}
    yield from _compare(connection, parsed, read, outdated, waiting & with_issues)


def _make_unreadable_finding(stored: StoredArticle, outcome: Outcome, *, is_outdated: bool) -> Finding:
    """Return the finding about a stored document that can no longer be imported."""
    if is_outdated:
        return Finding(OUTDATED, stored.subject, OUTDATED_MESSAGE)
    reasons = "; ".join(f"{issue.code}: {issue.message}" for issue in outcome.issues)
    wrong = f"the document cannot be imported: {reasons or 'it is not a document'}"
    return Finding("rows", stored.subject, wrong)


def parse_stored_documents(
    connection: sa.Connection, article_ids: Sequence[int]
) -> tuple[list[StoredArticle], list[StoredArticle], ReadResult]:
    """Read and parse the stored documents of some articles.

    Returns:
        The articles whose document matches its digest, those whose document does not, and the result of
        parsing the former.
    """
    whole: list[StoredArticle] = []
    damaged: list[StoredArticle] = []
    for stored in _read_articles(connection, article_ids):
        is_whole = hashlib.sha256(stored.content).digest() == stored.digest
        (whole if is_whole else damaged).append(stored)
    tasks = [Task(File(stored.path, Kind.ARTICLE, None, None), None, stored.content) for stored in whole]
    return whole, damaged, read_files(tasks)


def _compare(
    connection: sa.Connection,
    parsed: Sequence[StoredArticle],
    read: ReadResult,
    outdated: Set[int],
    read_differently: Set[int],
) -> Iterator[Finding]:
    """Find rows that differ from parsed documents.

    Differences that an older release may have caused are not damage. For articles in `outdated`, these are
    the columns of `_OUTDATED_COLUMNS`. For articles in `read_differently`, they are all columns.
    """
    ids = [stored.id for stored in parsed]
    stored_parts, known_images = _read_parts(connection, ids)
    expected_parts = _make_parts(read, known_images)
    for place, stored in enumerate(parsed):
        differing = _find_differing_values(stored, read.rows.articles[place])
        is_outdated = stored.id in outdated and _is_by_older_release(differing)
        parts = (stored_parts[stored.id], expected_parts[place])
        findings = list(_find_differences(stored, [] if is_outdated else differing, *parts))
        if stored.id in read_differently:
            others = [finding for finding in findings if finding.check != "rows"]
            is_outdated = is_outdated or len(others) < len(findings)
            findings = others
        if is_outdated:
            yield Finding(OUTDATED, stored.subject, OUTDATED_MESSAGE)
        yield from findings


def _find_differing_values(stored: StoredArticle, article: ArticleRow) -> list[tuple[str, Any, Any]]:
    """Return the values of an article's own row that differ: column, stored and expected value."""
    names = ("provider_id", *_DOCUMENT_COLUMNS)
    expected = _make_row(article, dict(zip(names, stored.row, strict=True)))
    return [value for value in zip(names, stored.row, expected, strict=True) if value[1] != value[2]]


def _find_differences(
    stored: StoredArticle,
    differing: Sequence[tuple[str, Any, Any]],
    stored_parts: _Parts,
    expected_parts: _Parts,
) -> Iterator[Finding]:
    """Find differences between an article's rows and its document.

    Args:
        differing: Values of the article's own row that differ: column, stored and expected value.
    """
    if differing:
        check = "session" if all(_differs_only_by_session(*value) for value in differing) else "rows"
        wrong = f"articles: differs from the document: {', '.join(name for name, *_ in differing)}"
        yield Finding(check, stored.subject, wrong)
    for table, expected in expected_parts.items():
        rows = stored_parts[table]
        if (difference := _describe_difference(rows, expected)) is not None:
            is_by_session = table == "related_links" and _differ_only_by_session(rows, expected)
            check = "session" if is_by_session else "rows"
            yield Finding(check, stored.subject, f"{table}: {difference}")


def _is_by_older_release(differing: Sequence[tuple[str, Any, Any]]) -> bool:
    """Return whether values differ, and an older release made them: column, stored and expected value."""
    has_status = any(name == "upstream_status" and stored is not None for name, stored, _ in differing)
    return bool(differing) and not has_status and _OUTDATED_COLUMNS.issuperset(name for name, *_ in differing)


def _differs_only_by_session(name: str, stored: Any, expected: Any) -> bool:
    """Return whether a value is as expected, or differs only because of settings of the session.

    Then an instant differs by the offset of a time zone, and a digest is stored as hexadecimal text.
    """
    if stored == expected:
        return True
    if name not in SESSION_COLUMNS or stored is None or expected is None:
        return False
    if isinstance(expected, bytes):
        return bool(stored == b"\\x" + expected.hex().encode())
    try:
        return abs(dt.datetime.fromisoformat(stored) - dt.datetime.fromisoformat(expected)) < _MAX_OFFSET
    except (TypeError, ValueError):
        return False


def _differ_only_by_session(links: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> bool:
    names = (*LINK_COLUMNS, "provider_id")
    return len(links) == len(expected) and all(
        _differs_only_by_session(*value)
        for link, expected_link in zip(links, expected, strict=True)
        for value in zip(names, link, expected_link, strict=True)
    )


def _describe_difference(rows: list[tuple[Any, ...]], expected: list[tuple[Any, ...]]) -> str | None:
    """Return where stored rows differ from the expected ones; None if nowhere."""
    if rows == expected:
        return None
    if len(rows) != len(expected):
        return f"{counted(len(rows), 'row')}, but the document gives {len(expected)}"
    positions = (row[0] for row, expected_row in zip(rows, expected, strict=True) if row != expected_row)
    return f"differs from the document at position {', '.join(map(str, positions))}"


def _make_row(article: ArticleRow, stored: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return the values of an article's row as an import makes them from its document.

    An import keeps the previous value of a flag that cannot be read. It does not publish an article before
    its date.
    """
    values = dict(zip(_DOCUMENT_COLUMNS, article.values[4:], strict=True))
    unclear = {f"upstream_{flag}" for flag in article.unclear}
    if unclear & {"upstream_published", "upstream_removed"} and stored["upstream_published"] is False:
        unclear.add("upstream_published")  # an article that may have to be hidden is not published
    values |= {name: stored[name] for name in unclear}
    is_dated = article.due_at is not None and values["upstream_status"] is None
    if is_dated and stored["upstream_status"] == SCHEDULED:
        values |= {"upstream_status": SCHEDULED, "upstream_published": False}
    return article.provider, *values.values()


# --- expected rows ---------------------------------------------------------------------------------------


def _make_parts(read: ReadResult, known_images: dict[bytes, tuple[str, Facts]]) -> list[_Parts]:
    """Return the expected parts of each parsed article, in the order of the tables' keys."""

    def make_use(image: ImageUse) -> tuple[bytes, str | None]:
        """Return a use of an image. It has a text only if the image's row differs from the document."""
        row = known_images.get(image.image)
        return image.image, image.as_written(*row) if row else image.written

    rows = read.rows
    parts: list[_Parts] = [{table: [] for table in _PART_QUERIES} for _ in rows.articles]
    for place, position, topic in rows.topics:
        parts[place]["article_topics"].append((position, topic))
    for place, *author in rows.authors:
        parts[place]["article_authors"].append(tuple(author))
    for place, *item in rows.items:
        parts[place]["collection_items"].append(tuple(item))
    for link in rows.links:
        parts[link.article]["related_links"].append((*link.values, link.provider))
    for image in rows.images:
        parts[image.owner]["article_images"].append((image.position, *make_use(image)))
    for image in rows.link_images:
        link = rows.links[image.owner]
        row = (link.values[0], image.position, *make_use(image))
        parts[link.article]["related_link_images"].append(row)
    return parts


# --- stored rows -----------------------------------------------------------------------------------------


def _read_articles(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[StoredArticle]:
    columns = (providers.c.digest, *(as_imported(articles.c[name]) for name in _DOCUMENT_COLUMNS))
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
        yield StoredArticle(key, subject, path, bytes(content), bytes(digest), tuple(map(unwrap_bytes, row)))


def _read_outdated(connection: sa.Connection, article_ids: Sequence[int]) -> set[int]:
    """Return those of the given article ids that wait to be parsed again by an import."""
    key = outdated_articles.c.article_id
    return set(connection.scalars(sa.select(key).where(key.in_(article_ids))))


def _select_ids(
    connection: sa.Connection, article_ids: Sequence[int], condition: sa.ColumnElement[bool]
) -> set[int]:
    """Return those of the given article ids that meet a condition."""
    if not article_ids:
        return set()
    key = articles.c.id
    return set(connection.scalars(sa.select(key).where(key.in_(article_ids), condition)))


_LINK = related_links.c
_IMAGE = (images.c.digest, images.c.url, *(images.c[name] for name in FACTS))

#: Queries for the parts of articles. Columns are the article's id, the values to compare and, for images, the
#: values of the image's row.
_PART_QUERIES: dict[str, sa.Select[Any]] = {
    "article_topics": sa.select(
        article_topics.c.article_id, article_topics.c.position, topics.c.digest
    ).outerjoin(topics, topics.c.id == article_topics.c.topic_id),
    "article_authors": sa.select(article_authors),
    "collection_items": sa.select(*(c for c in collection_items.c if c.name != "item_id")),
    "related_links": sa.select(
        _LINK.article_id, *(as_imported(_LINK[name]) for name in LINK_COLUMNS), providers.c.digest
    ).outerjoin(providers, providers.c.id == _LINK.provider_id),
    "article_images": sa.select(
        article_images.c.article_id, article_images.c.position, *_IMAGE, as_imported(article_images.c.extra)
    ).outerjoin(images, images.c.id == article_images.c.image_id),
    "related_link_images": sa.select(
        _LINK.article_id, _LINK.position, related_link_images.c.position.label("number"),
        *_IMAGE, as_imported(related_link_images.c.extra),
    )
    .join_from(related_links, related_link_images, related_link_images.c.related_link_id == _LINK.id)
    .outerjoin(images, images.c.id == related_link_images.c.image_id),
}  # fmt: skip

#: The number of positions that a row starts with, if it is not one.
_KEY_LENGTHS = {"related_link_images": 2}

#: The number of columns of an image, at the end of a row: digest, URL, facts and text.
_IMAGE_COLUMNS = len(_IMAGE) + 1


def _read_parts(
    connection: sa.Connection, article_ids: Sequence[int]
) -> tuple[dict[int, _Parts], dict[bytes, tuple[str, Facts]]]:
    """Return the stored parts of some articles, and the values of their images' rows by digest."""
    parts: dict[int, _Parts] = {key: defaultdict(list) for key in article_ids}
    known: dict[bytes, tuple[str, Facts]] = {}
    for table, query in _PART_QUERIES.items():
        owner = query.selected_columns[0]
        for key, *row in connection.execute(query.where(owner.in_(article_ids))):
            values = tuple(map(unwrap_bytes, row))
            if table.endswith("images"):
                digest, url, width, height, is_cached, title, attribution, extra = values[-_IMAGE_COLUMNS:]
                facts = (width, height, is_cached, title, attribution)
                known[digest] = (url, facts)
                # Earlier releases also stored a text that equals the image's row, if a part that cannot be
                # stored was left out.
                is_redundant = extra == encode_image(Image(url, *facts, None))
                values = (*values[:-_IMAGE_COLUMNS], digest, None if is_redundant else extra)
            parts[key][table].append(values)
        for tables in parts.values():
            tables[table].sort(key=itemgetter(*range(_KEY_LENGTHS.get(table, 1))))
    return parts, known
