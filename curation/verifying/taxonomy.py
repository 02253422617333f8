"""What providers, topics and images are known by, and what the taxonomy's documents say of them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import sqlalchemy as sa

from ..documents.entries import Image, Provider
from ..documents.parsing import Organization, parse_organization, parse_topic
from ..importing.reading.files import ReadResult, read_files
from ..importing.reading.rows import Rows, provider_digest, topic_digest
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
    AS_OLDER,
    OUTDATED,
    Finding,
    as_made,
    batches,
    has_refused_file,
    has_stale_file,
    plain,
    subject_of,
)
from .versions import find_wrong_taxonomy_versions


def find_wrong_taxonomy(connection: sa.Connection) -> Iterator[Finding]:
    """What is wrong with providers, topics, images, and the documents about them."""
    for table, find in _CHECKS:
        for ids in batches(connection, table):
            yield from find(connection, ids)


# --- identity ------------------------------------------------------------------------------------------


def _find_misnamed_providers(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    columns = (providers.c.id, providers.c.digest, providers.c.name, providers.c.domain)
    yield from _find_misnamed(connection, ids, columns, lambda *said: provider_digest(Provider(*said)))


def _find_misnamed_topics(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    yield from _find_misnamed(connection, ids, (topics.c.id, topics.c.digest, topics.c.name), topic_digest)


def _find_misnamed_images(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    columns = (images.c.id, images.c.digest, images.c.url)
    yield from _find_misnamed(connection, ids, columns, _image_digest)


def _image_digest(url: str) -> bytes:
    return Rows().add_image(Image(url, None, None, None, None, None, None))


def _find_misnamed(
    connection: sa.Connection,
    ids: Sequence[int],
    columns: Sequence[sa.Column[Any]],
    digest_of: Callable[..., bytes],
) -> Iterator[Finding]:
    """Rows that are known by another digest than that of what they say they are."""
    table = columns[0].table
    query = sa.select(*columns).where(columns[0].in_(ids)).order_by(columns[0])
    for key, digest, *said in connection.execute(query):
        if digest_of(*said) != bytes(digest):
            told = " and ".join(column.name for column in columns[2:])
            yield Finding("identity", f"{table} {key}", f"its digest is not that of its {told}")


def _find_outdated_images(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    """Images that do not say what their first use says: by source and path, those who are there before those
    who are missing."""
    for image in find_outdated_images(connection, ids):
        wrong = f"not as its first use says: {', '.join(image.differing_columns)}"
        yield Finding("images", f"images {image.id}", wrong)


# --- documents -----------------------------------------------------------------------------------------


def _find_untrue_documents(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    note = taxonomy_documents.c
    query = (
        sa.select(
            subject_of(taxonomy_documents), note.path, note.kind, note.content, note.digest,
            as_made(note.front_matter), providers.c.digest.label("provider"), topics.c.digest.label("topic"),
            sa.or_(note.missing_since.is_not(None), has_stale_file(taxonomy_documents)),
            has_refused_file(taxonomy_documents),
        )
        .join_from(taxonomy_documents, sources)
        .outerjoin(providers, providers.c.id == note.provider_id)
        .outerjoin(topics, topics.c.id == note.topic_id)
        .where(note.id.in_(ids))
        .order_by(note.id)
    )  # fmt: skip
    for subject, *row, is_waiting, is_refused in connection.execute(query):
        untruth = _untruth(*map(plain, row))
        if untruth.wrong is not None:
            may_be_older = is_waiting or (untruth.is_broken and is_refused)
            is_older = may_be_older and (untruth.is_noted or untruth.is_broken)
            yield _finding("taxonomy", subject, untruth.wrong, is_older=is_older)


def _finding(check: str, subject: str, wrong: str, *, is_older: bool) -> Finding:
    """What is wrong, or that an older release read it otherwise."""
    return Finding(OUTDATED, subject, AS_OLDER) if is_older else Finding(check, subject, wrong)


class _Untruth(NamedTuple):
    """What a document's row says otherwise than the document, None if nothing; whether reading it was worth a
    notice; and whether it cannot be read any more."""

    wrong: str | None
    is_noted: bool = False
    is_broken: bool = False


def _untruth(
    path: str, kind: str, content: bytes, digest: bytes, front_matter: str, *about: bytes | None
) -> _Untruth:
    if hashlib.sha256(content).digest() != digest:
        return _Untruth("the document is not the one that its digest is of")
    read = _read(path, kind, content)
    if read.outcomes[0].kind is not OutcomeKind.CHANGED:
        return _Untruth("the document cannot be taken in", is_broken=True)
    parsed = read.taxonomy[0].parsed
    is_about = (
        (provider_digest(parsed.provider), None)
        if isinstance(parsed, Organization)
        else (None, topic_digest(parsed.name))
    )
    pairs = {
        "front_matter": (front_matter, parsed.front_matter),
        "provider_id": (about[0], is_about[0]),
        "topic_id": (about[1], is_about[1]),
    }
    differing = [name for name, (is_, ought) in pairs.items() if is_ != ought]
    told = f"not as the document says: {', '.join(differing)}" if differing else None
    return _Untruth(told, is_noted=bool(read.outcomes[0].issues))


def _read(path: str, kind: str, content: bytes) -> ReadResult:
    return read_files([Task(File(path, Kind(kind), None, None), None, content)])


# --- what is said of providers and topics --------------------------------------------------------------


def _find_misdescribed_providers(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    present = read_present_documents(connection, taxonomy_documents.c.provider_id, ids)
    said = {key: parsed for key, content in present if (parsed := parse_organization(content))}
    older = _read_otherwise(connection, taxonomy_documents.c.provider_id, ids)
    aliases = _listed(connection, sa.select(provider_aliases).where(provider_aliases.c.provider_id.in_(ids)))
    shown = sa.select(provider_images.c.provider_id, provider_images.c.position, images.c.digest)
    shown = shown.outerjoin(images, images.c.id == provider_images.c.image_id)
    pictures = _listed(connection, shown.where(provider_images.c.provider_id.in_(ids)))
    query = sa.select(providers.c.id, providers.c.description).where(providers.c.id.in_(ids))
    for key, description in connection.execute(query.order_by(providers.c.id)):
        note, rows = said.get(key), Rows()
        yield from _differing(
            f"providers {key}",
            is_older=key in older,
            description=(description, note.description if note else None),
            provider_aliases=(aliases.get(key, []), list(enumerate(note.aliases)) if note else []),
            provider_images=(
                pictures.get(key, []),
                [(n, rows.add_image(image)) for n, image in enumerate(note.images)] if note else [],
            ),
        )


def _listed(connection: sa.Connection, query: sa.Select[Any]) -> dict[int, list[tuple[int, Any]]]:
    """Positions and values by the row that they belong to, in order."""
    owner, position, _ = query.selected_columns
    listed: dict[int, list[tuple[int, Any]]] = {}
    for key, number, value in connection.execute(query.order_by(owner, position)):
        listed.setdefault(key, []).append((number, plain(value)))
    return listed


def _find_misdescribed_topics(connection: sa.Connection, ids: Sequence[int]) -> Iterator[Finding]:
    present = read_present_documents(connection, taxonomy_documents.c.topic_id, ids)
    said = {key: parse_topic(content) for key, content in present}
    older = _read_otherwise(connection, taxonomy_documents.c.topic_id, ids)
    above = topics.alias("above")
    query = (
        sa.select(topics.c.id, topics.c.slug, above.c.digest)
        .outerjoin_from(topics, above, above.c.id == topics.c.parent_id)
        .where(topics.c.id.in_(ids))
        .order_by(topics.c.id)
    )
    for key, slug, parent in connection.execute(query):
        note = said.get(key)
        due = topic_digest(note.parent) if note and note.parent else None
        pairs = {"slug": (slug, note.slug if note else None), "parent_id": (plain(parent), due)}
        yield from _differing(f"topics {key}", is_older=key in older, **pairs)


def _read_otherwise(connection: sa.Connection, about: sa.Column[Any], ids: Sequence[int]) -> set[int]:
    """Return what some documents are about that an older release may have read by other rules: those that
    wait for an import, and of which this one has something to note."""
    note = taxonomy_documents.c
    query = sa.select(about, note.path, note.kind, note.content)
    rows = connection.execute(query.where(about.in_(ids), has_stale_file(taxonomy_documents)))
    return {key for key, path, kind, content in rows if _read(path, kind, bytes(content)).outcomes[0].issues}


def _differing(subject: str, *, is_older: bool, **pairs: tuple[Any, Any]) -> Iterator[Finding]:
    """One finding that names each column or table that is not as it ought to be, if any."""
    names = [name for name, (is_, ought) in pairs.items() if is_ != ought]
    if names:
        told = f"not as the documents about it say: {', '.join(names)}"
        yield _finding("taxonomy", subject, told, is_older=is_older)


_CHECKS: tuple[tuple[sa.Table, Callable[[sa.Connection, Sequence[int]], Iterator[Finding]]], ...] = (
    (providers, _find_misnamed_providers),
    (topics, _find_misnamed_topics),
    (images, _find_misnamed_images),
    (images, _find_outdated_images),
    (taxonomy_documents, _find_untrue_documents),
    (taxonomy_documents, find_wrong_taxonomy_versions),
    (providers, _find_misdescribed_providers),
    (topics, _find_misdescribed_topics),
)
