"""Files of a dump, read and compared with what the store has: what is to be done about each.

Pure but for reading the files, so that it can run in any process: `read_files` is the stage that
`pipeline` hands to an executor. Nothing here, nor what it imports, loads SQLAlchemy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ..document import (
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
from .rows import Rows
from .tasks import Outcome, Task, What


class Note(NamedTuple):
    """A fresh file of the taxonomy: the number of its task, what it says, its bytes and their digest."""

    task: int
    parsed: Organization | TopicNote
    content: bytes
    digest: bytes


@dataclass(slots=True)
class Read:
    """What became of some files, in their order; the rows of the fresh articles (`fresh` has the number
    of each one's task), and the fresh taxonomy."""

    outcomes: list[Outcome] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    fresh: list[int] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


#: Files that were read together: what was to be read, and what became of each.
Chunk = tuple[Sequence[Task], Read]


def read_files(tasks: Sequence[Task]) -> Read:
    """Reads files and says what is to be done about each; one file, whatever it does, never stops the
    others."""
    read = Read()
    for number, task in enumerate(tasks):
        try:
            outcome = _read(number, task, read)
        except DocumentError as error:
            fault = Fault("error", error.code, error.message, error.field, error.line, error.column)
            outcome = Outcome(What.REFUSED, (fault,))
        except Exception as error:  # noqa: BLE001 - see above
            told = f"curation cannot read it ({type(error).__name__}: {error})"
            outcome = Outcome(What.REFUSED, (Fault("error", "internal_fault", told),))
        read.outcomes.append(outcome)
    return read


def _read(number: int, task: Task, read: Read) -> Outcome:
    file, known, content = task
    if content is None:
        content = read_file(file.location or "")
    elif isinstance(content, DocumentError):
        raise content
    digest = hashlib.sha256(content).digest()
    if known is not None and known.digest == digest:
        return _SAME
    if file.kind is not Kind.ARTICLE:
        return _read_note(number, file, content, digest, read)
    text_hash = content_hash(content)
    if known is not None and known.content_hash == text_hash:
        return Outcome(What.RESEALED, (), content, digest)
    document = parse_article(content)
    if document is None:
        return Outcome(What.PASSED)
    read.rows.add(file.path, document, content, digest, text_hash)
    read.fresh.append(number)
    return Outcome(What.FRESH, document.faults) if document.faults else _FRESH


def _read_note(number: int, file: File, content: bytes, digest: bytes, read: Read) -> Outcome:
    is_topic = file.kind is Kind.TOPIC
    parsed = parse_topic(content) if is_topic else parse_organization(content)
    if parsed is None:
        return Outcome(What.PASSED)
    read.notes.append(Note(number, parsed, content, digest))
    return Outcome(What.FRESH, parsed.faults)


_SAME = Outcome(What.SAME)
_FRESH = Outcome(What.FRESH)
