"""What is to be done about the files of a dump, and what became of them: plain values, for any process.

Nothing here loads a parser or SQLAlchemy.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from ...documents.issues import Issue
from ...errors import DocumentError
from ...scanning import File

#: Why upstream does not publish an article (`upstream_status`): it is a draft, or its date is to come.
DRAFT, SCHEDULED = "draft", "scheduled"


class Known(NamedTuple):
    """What the store has of a file: its row's id, the digest of its bytes and the hash of its content
    (taxonomy has no `secured`, and so no hash of its own)."""

    id: int
    digest: bytes
    content_hash: str | None
    is_missing: bool

    def to_be_parsed(self) -> Known:
        """Return the same, of a file that is to be parsed though its bytes are as before."""
        return self._replace(digest=b"", content_hash="")


class Task(NamedTuple):
    """A file to be read. `content` is given where the file cannot be read by its location: its bytes, or
    what keeps it out."""

    file: File
    known: Known | None
    content: bytes | DocumentError | None = None


class OutcomeKind(Enum):
    """What became of a file."""

    __hash__ = object.__hash__  # an Enum's own is a Python function, called three times a file

    UNCHANGED = "same"  # byte for byte as stored
    NOT_CONTENT = "skipped"  # without a fence: not a document, and no fault
    QUARANTINED = "quarantined"  # cannot be taken in; what the store has of it stays as it is
    SECURED_ONLY = "resealed"  # only `secured` differs: the same article, with other bytes
    CHANGED = "fresh"  # new or changed, and parsed


class Outcome(NamedTuple):
    """What became of a file, and its faults (of one that is as stored, only if it was missing); `content` and
    `digest` of one that was resealed."""

    what: OutcomeKind
    issues: tuple[Issue, ...] = ()
    content: bytes = b""
    digest: bytes = b""
