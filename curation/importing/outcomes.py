"""One file of a dump, read and compared with what the store has: what is to be done about it.

Pure but for reading the file, so that it can run in any process.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import NamedTuple

from ..document import (
    Document,
    Organization,
    TopicNote,
    content_hash,
    parse_article,
    parse_organization,
    parse_topic,
)
from ..errors import DocumentError
from ..faults import Fault
from ..scanning import File, Kind, read_file


class Known(NamedTuple):
    """What the store has of a file: its row's id, the digest of its bytes and the hash of its content
    (taxonomy has no `secured`, and so no hash of its own)."""

    id: int
    digest: bytes
    content_hash: str | None
    is_missing: bool


@dataclass(frozen=True, slots=True)
class Same:
    """Byte for byte as stored."""

    file: File
    known: Known


@dataclass(frozen=True, slots=True)
class NoDocument:
    """Without a fence: not a document, and no fault."""

    file: File


@dataclass(frozen=True, slots=True)
class Refused:
    """Cannot be taken in; what the store has of it stays as it is."""

    file: File
    fault: Fault


@dataclass(frozen=True, slots=True)
class Resealed:
    """Only `secured` differs: the same article, with other bytes."""

    file: File
    known: Known
    content: bytes
    digest: bytes


@dataclass(frozen=True, slots=True)
class Fresh:
    """New (`known` None) or changed, and parsed."""

    file: File
    known: Known | None
    parsed: Document | Organization | TopicNote
    content: bytes
    digest: bytes
    content_hash: str


Outcome = Same | NoDocument | Refused | Resealed | Fresh


def read_outcome(file: File, known: Known | None) -> Outcome:
    """Reads a file and says what is to be done about it."""
    try:
        content = read_file(file.location)
        digest = hashlib.sha256(content).digest()
        if known is not None and known.digest == digest:
            return Same(file, known)
        text_hash = content_hash(content)
        if known is not None and known.content_hash == text_hash:
            return Resealed(file, known, content, digest)
        parsed = _parse(file.kind, content)
    except DocumentError as error:
        return Refused(file, Fault("error", error.code, error.message, error.field, error.line, error.column))
    except Exception as error:  # noqa: BLE001 - one file, whatever it does, never stops the others
        fault = Fault("error", "internal_fault", f"curation cannot read it ({type(error).__name__}: {error})")
        return Refused(file, fault)
    return NoDocument(file) if parsed is None else Fresh(file, known, parsed, content, digest, text_hash)


def _parse(kind: Kind, content: bytes) -> Document | Organization | TopicNote | None:
    if kind is Kind.ARTICLE:
        return parse_article(content)
    return parse_organization(content) if kind is Kind.ORGANIZATION else parse_topic(content)
