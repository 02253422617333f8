"""Checks providers, topics and images against their digests and the documents about them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..documents.entries import Image, Provider
from ..documents.parsing import Organization, parse_organization, parse_topic
from ..importing.reading.files import ReadResult, read_files
from ..importing.reading.rows import Rows, digest_provider, digest_topic
from ..importing.reading.tasks import OutcomeKind, Task
from ..importing.writing.images import find_outdated_images
from ..importing.writing.taxonomy import read_present_documents
from ..scanning import File, Kind
from ..store.schema import (
    images,
    provider_aliases,
    provider_images,
    providers,
    sources,
    taxonomy_documents,
    topics,
)
from .findings import (
    OUTDATED,
    OUTDATED_MESSAGE,
    Finding,
    as_imported,
    has_quarantined_file,
    has_stale_file,
    read_id_batches,
    subject_of,
    unwrap_bytes,
)
from .versions import find_wrong_taxonomy_versions


def find_wrong_taxonomy(connection: sa.Connection) -> Iterator[Finding]:
    """Find problems in providers, topics, images and taxonomy documents."""
    for table, find in _CHECKS:
        for ids in read_id_batches(connection, table):
            yield from find(connection, ids)


# --- identity ------------------------------------------------------------------------------------------


def _find_wrong_provider_digests(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    columns = (providers.c.id, providers.c.digest, providers.c.name, providers.c.domain)
    yield from _find_wrong_digests(
        connection, ids, columns, lambda *values: digest_provider(Provider(*values))
    )


def _find_wrong_topic_digests(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    yield from _find_wrong_digests(
        connection, ids, (topics.c.id, topics.c.digest, topics.c.name), digest_topic
    )


def _find_wrong_image_digests(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    columns = (images.c.id, images.c.digest, images.c.url)
    yield from _find_wrong_digests(connection, ids, columns, _digest_image)


def _digest_image(url: str) -> bytes:
    return Rows().add_image(Image(url, None, None, None, None, None, None))


def _find_wrong_digests(
    connection: sa.Connection,
    ids: Sequence[int],
    columns: Sequence[sa.Column[Any]],
    digest_of: Callable[..., bytes],
) -> Iterator[Finding]:
    """Find rows whose digest does not match the columns that identify them."""
    table = columns[0].table
    query = sa.select(*columns).where(columns[0].in_(ids)).order_by(columns[0])
    for key, digest, *values in connection.execute(query):
        if digest_of(*values) != bytes(digest):
            names = " and ".join(column.name for column in columns[2:])
            yield Finding("identity", f"{table} {key}", f"its digest does not match its {names}")


def _find_wrong_images(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    """Find images whose values differ from their first use.

    The first use is the first one by source and path, with present articles before missing ones.
    """
    for image in find_outdated_images(connection, ids):
        wrong = f"differs from its first use: {', '.join(image.differing_columns)}"
        yield Finding("images", f"images {image.id}", wrong)


# --- documents -----------------------------------------------------------------------------------------


def _find_wrong_documents(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    document = taxonomy_documents.c
    query = (
        sa.select(
            subject_of(taxonomy_documents), document.path, document.kind, document.content, document.digest,
            as_imported(document.front_matter),
            providers.c.digest.label("provider"), topics.c.digest.label("topic"),
            sa.or_(document.missing_since.is_not(None), has_stale_file(taxonomy_documents)),
            has_quarantined_file(taxonomy_documents),
        )
        .join_from(taxonomy_documents, sources)
        .outerjoin(providers, providers.c.id == document.provider_id)
        .outerjoin(topics, topics.c.id == document.topic_id)
        .where(document.id.in_(ids))
        .order_by(document.id)
    )  # fmt: skip
    for subject, *row, is_waiting, is_quarantined in connection.execute(query):
        problem = _compare(*map(unwrap_bytes, row))
        if problem.wrong is not None:
            may_be_outdated = is_waiting or (problem.is_broken and is_quarantined)
            is_outdated = may_be_outdated and (problem.has_notice or problem.is_broken)
            yield _make_finding(subject, problem.wrong, is_outdated=is_outdated)


def _make_finding(subject: str, wrong: str, *, is_outdated: bool) -> Finding:
    """Return a finding of check `taxonomy`, or of `outdated` if an older release caused the problem."""
    return (
        Finding(OUTDATED, subject, OUTDATED_MESSAGE) if is_outdated else Finding("taxonomy", subject, wrong)
    )


class _Problem(NamedTuple):
    """The result of comparing a taxonomy document with its row.

    - `wrong`: the problem; None if there is none
    - `has_notice`: parsing the document gave an issue
    - `is_broken`: the document cannot be parsed
    """

    wrong: str | None
    has_notice: bool = False
    is_broken: bool = False


def _compare(
    path: str, kind: str, content: bytes, digest: bytes, front_matter: str, *about: bytes | None
) -> _Problem:
    """Compare a taxonomy document with its row. `about` are the digests of its provider and its topic."""
    if hashlib.sha256(content).digest() != digest:
        return _Problem("the document does not match its digest")
    read = _parse(path, kind, content)
    if read.outcomes[0].kind is not OutcomeKind.CHANGED:
        return _Problem("the document cannot be imported", is_broken=True)
    parsed = read.taxonomy[0].parsed
    expected = (
        (digest_provider(parsed.provider), None)
        if isinstance(parsed, Organization)
        else (None, digest_topic(parsed.name))
    )
    pairs = {
        "front_matter": (front_matter, parsed.front_matter),
        "provider_id": (about[0], expected[0]),
        "topic_id": (about[1], expected[1]),
    }
    differing = [name for name, (stored, computed) in pairs.items() if stored != computed]
    wrong = f"differs from the document: {', '.join(differing)}" if differing else None
    return _Problem(wrong, has_notice=bool(read.outcomes[0].issues))


def _parse(path: str, kind: str, content: bytes) -> ReadResult:
    return read_files([Task(File(path, Kind(kind), None, None), None, content)])


# --- providers and topics ------------------------------------------------------------------------------


def _find_wrong_providers(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    present = read_present_documents(connection, taxonomy_documents.c.provider_id, ids)
    parsed_documents = {key: parsed for key, content in present if (parsed := parse_organization(content))}
    outdated = _find_outdated(connection, taxonomy_documents.c.provider_id, ids)
    aliases = _group(connection, sa.select(provider_aliases).where(provider_aliases.c.provider_id.in_(ids)))
    uses = sa.select(provider_images.c.provider_id, provider_images.c.position, images.c.digest)
    uses = uses.outerjoin(images, images.c.id == provider_images.c.image_id)
    digests = _group(connection, uses.where(provider_images.c.provider_id.in_(ids)))
    query = sa.select(providers.c.id, providers.c.description).where(providers.c.id.in_(ids))
    for key, description in connection.execute(query.order_by(providers.c.id)):
        document, rows = parsed_documents.get(key), Rows()
        yield from _compare_values(
            f"providers {key}",
            is_outdated=key in outdated,
            description=(description, document.description if document else None),
            provider_aliases=(aliases.get(key, []), list(enumerate(document.aliases)) if document else []),
            provider_images=(
                digests.get(key, []),
                [(n, rows.add_image(image)) for n, image in enumerate(document.images)] if document else [],
            ),
        )


def _group(connection: sa.Connection, query: sa.Select[Any]) -> dict[int, list[tuple[int, Any]]]:
    """Return pairs of position and value, in order, by the id of their owner."""
    owner, position, _ = query.selected_columns
    groups: dict[int, list[tuple[int, Any]]] = {}
    for key, number, value in connection.execute(query.order_by(owner, position)):
        groups.setdefault(key, []).append((number, unwrap_bytes(value)))
    return groups


def _find_wrong_topics(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    present = read_present_documents(connection, taxonomy_documents.c.topic_id, ids)
    parsed_documents = {key: parse_topic(content) for key, content in present}
    outdated = _find_outdated(connection, taxonomy_documents.c.topic_id, ids)
    parent = topics.alias("parent")
    query = (
        sa.select(topics.c.id, topics.c.slug, parent.c.digest)
        .outerjoin_from(topics, parent, parent.c.id == topics.c.parent_id)
        .where(topics.c.id.in_(ids))
        .order_by(topics.c.id)
    )
    for key, slug, parent_digest in connection.execute(query):
        document = parsed_documents.get(key)
        expected = digest_topic(document.parent) if document and document.parent else None
        pairs = {
            "slug": (slug, document.slug if document else None),
            "parent_id": (unwrap_bytes(parent_digest), expected),
        }
        yield from _compare_values(f"topics {key}", is_outdated=key in outdated, **pairs)


def _find_outdated(connection: sa.Connection, about: sa.Column[Any], ids: Sequence[int]) -> set[int]:
    """Return the ids of providers or topics whose documents an older release may have parsed differently.

    Such documents wait to be parsed again, and parsing them gives an issue.
    """
    document = taxonomy_documents.c
    query = sa.select(about, document.path, document.kind, document.content)
    rows = connection.execute(query.where(about.in_(ids), has_stale_file(taxonomy_documents)))
    return {key for key, path, kind, content in rows if _parse(path, kind, bytes(content)).outcomes[0].issues}


def _compare_values(subject: str, *, is_outdated: bool, **pairs: tuple[Any, Any]) -> Iterator[Finding]:
    """Yield one finding with the names of all differing columns and tables, if any.

    Args:
        pairs: By name, the stored and the expected value.
    """
    names = [name for name, (stored, computed) in pairs.items() if stored != computed]
    if names:
        wrong = f"differs from the documents about it: {', '.join(names)}"
        yield _make_finding(subject, wrong, is_outdated=is_outdated)


_CHECKS: tuple[tuple[sa.Table, Callable[[sa.Connection, Sequence[int]], Iterator[Finding]]], ...] = (
    (providers, _find_wrong_provider_digests),
    (topics, _find_wrong_topic_digests),
    (images, _find_wrong_image_digests),
    (images, _find_wrong_images),
    (taxonomy_documents, _find_wrong_documents),
    (taxonomy_documents, find_wrong_taxonomy_versions),
    (providers, _find_wrong_providers),
    (topics, _find_wrong_topics),
)
