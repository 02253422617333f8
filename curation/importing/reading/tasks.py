"""The files of a dump that are to be read, and their outcomes, as plain values for any process.

This module loads no parser and no SQLAlchemy.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ...documents.issues import Issue
from ...errors import DocumentError
from ...scanning import File

#: Why upstream does not publish an article (`upstream_status`): it is a draft, or its date is in the future.
DRAFT, SCHEDULED = "draft", "scheduled"


class StoredFile(NamedTuple):
    """A file as the store has it.

    id: of its row in `articles` or `taxonomy_documents`.
    digest: SHA-256 of its bytes.
    content_hash: hash of its content without `secured`. None for taxonomy, which has no `secured`.
    """

    id: int
    digest: bytes
    content_hash: str | None
    is_missing: bool

    def without_digests(self) -> StoredFile:
        """Return a copy whose digest and hash match no file, so that the file is parsed in any case."""
        return self._replace(digest=b"", content_hash="")


class Task(NamedTuple):
    """A file to read.

    content: its bytes, or the error that quarantines it. None if the file is read from its location.
    """

    file: File
    known: StoredFile | None
    content: bytes | DocumentError | None = None


class OutcomeKind(Enum):
    """What happened to a file."""

    __hash__ = object.__hash__  # an Enum's own is a Python function, called three times a file

    UNCHANGED = "unchanged"  # byte for byte as stored
    NOT_CONTENT = "skipped"  # without front matter: not a document, and not an error
    QUARANTINED = "quarantined"  # not imported because of an error; the store keeps its version
    SECURED_ONLY = "secured only"  # only `secured` differs: the same article with other bytes
    CHANGED = "changed"  # new or changed, and parsed


class Outcome(NamedTuple):
    """What happened to a file, and its issues.

    issues: of an unchanged file only if the file was missing.
    content, digest: only if the kind is SECURED_ONLY.
    """

    kind: OutcomeKind
    issues: tuple[Issue, ...] = ()
    content: bytes = b""
    digest: bytes = b""
