"""Files of a dump, read and compared with what the store has: what is to be done about each.

Pure but for reading the files, so that it can run in any process: `read_files` is the stage that
`pipeline` hands to an executor. Nothing here, nor what it imports, loads SQLAlchemy.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from ...documents.issues import Issue
from ...documents.parsing import (
    Document,
    Organization,
    Topic,
    content_hash,
    parse_article,
    parse_organization,
    parse_topic,
)
from ...errors import DocumentError
from ...scanning import Kind, read_file
from .rows import ArticleRow, Rows
from .tasks import Known, Outcome, OutcomeKind, Task


class Note(NamedTuple):
    """A fresh file of the taxonomy: the number of its task, what it says, its bytes and their digest."""

    task: int
    parsed: Organization | Topic
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


def fresh_known(batch: Iterable[Chunk]) -> Iterator[tuple[int, ArticleRow]]:
    """Return the fresh documents of known articles, with the articles' ids."""
    for tasks, read in batch:
        for place, number in enumerate(read.fresh):
            if (known := tasks[number].known) is not None:
                yield known.id, read.rows.articles[place]


def without(chunk: Chunk, left_out: Collection[int]) -> Chunk:
    """Return what was read of files without some of them, by their numbers."""
    if not left_out:
        return chunk
    tasks, read = chunk
    kept = [number for number in range(len(tasks)) if number not in left_out]
    renumbered = {number: at for at, number in enumerate(kept)}
    places = [place for place, number in enumerate(read.fresh) if number in renumbered]
    rest = Read(
        [read.outcomes[number] for number in kept],
        read.rows.only(places),
        [renumbered[read.fresh[place]] for place in places],
        [note._replace(task=renumbered[note.task]) for note in read.notes if note.task in renumbered],
    )
    return [tasks[number] for number in kept], rest


def read_files(tasks: Sequence[Task]) -> Read:
    """Reads files and says what is to be done about each; one file, whatever it does, never stops the
    others."""
    read = Read()
    for number, task in enumerate(tasks):
        try:
            outcome = _read(number, task, read)
        except DocumentError as error:
            issue = Issue("error", error.code, error.message, error.field, error.line, error.column)
            outcome = Outcome(OutcomeKind.QUARANTINED, (issue,))
        except Exception as error:  # noqa: BLE001 - see above
            told = f"curation cannot read it ({type(error).__name__}: {error})"
            outcome = Outcome(OutcomeKind.QUARANTINED, (Issue("error", "internal_error", told),))
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
        return Outcome(OutcomeKind.UNCHANGED, issues_of(file.kind, content)) if known.is_missing else _SAME
    if file.kind is not Kind.ARTICLE:
        return _read_note(number, task, content, digest, read)
    text_hash = content_hash(content)
    if known is not None and known.content_hash == text_hash:
        issues = issues_of(file.kind, content) if known.is_missing else ()
        return Outcome(OutcomeKind.SECURED_ONLY, issues, content, digest)
    document = parse_article(content)
    if document is None:
        return _no_document(known, content)
    read.rows.add(file.path, document, content, digest, text_hash)
    read.fresh.append(number)
    return Outcome(OutcomeKind.CHANGED, document.issues) if document.issues else _FRESH


def _read_note(number: int, task: Task, content: bytes, digest: bytes, read: Read) -> Outcome:
    is_topic = task.file.kind is Kind.TOPIC
    parsed = parse_topic(content) if is_topic else parse_organization(content)
    if parsed is None:
        return _no_document(task.known, content)
    read.notes.append(Note(number, parsed, content, digest))
    return Outcome(OutcomeKind.CHANGED, parsed.issues)


def issues_of(kind: Kind, content: bytes) -> tuple[Issue, ...]:
    """Return what is to be said of a document that is there again as it was: its issues were closed when it
    went. Raises DocumentError for one that cannot be taken in any more."""
    parsed = _PARSERS[kind](content)
    return parsed.issues if parsed is not None else ()


#: What reads a file of each kind.
_PARSERS: dict[Kind, Callable[[bytes], Document | Organization | Topic | None]] = {
    Kind.ARTICLE: parse_article,
    Kind.ORGANIZATION: parse_organization,
    Kind.TOPIC: parse_topic,
}


def _no_document(known: Known | None, content: bytes) -> Outcome:
    """Return that a file is skipped. Raises DocumentError for one that was a document before: it is not gone,
    and nobody meant it to go."""
    if known is None:
        return Outcome(OutcomeKind.NOT_CONTENT)
    why = next((why for start, why in _NO_DOCUMENT.items() if content.startswith(start)), None)
    told = why if content.strip() else "the file is empty"
    message = f"{told or 'no line `---` opens the front matter any more'}; what was imported before stays"
    raise DocumentError("no_opening_fence", message, 1, 1)


#: What files begin with that are known for what they are.
_NO_DOCUMENT = {
    b"<<<<<<< ": "the file has an unresolved merge conflict",
    b"version https://git-lfs.": "the file is a Git LFS pointer: fetch its content by `git lfs pull`",
}

_SAME = Outcome(OutcomeKind.UNCHANGED)
_FRESH = Outcome(OutcomeKind.CHANGED)
