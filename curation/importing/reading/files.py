"""Read files of a dump, compare them with the store and decide what to do with each.

The code has no side effects except reading the files, so it can run in any process. `pipeline` passes
`read_files` to an executor. Neither this module nor its imports load SQLAlchemy.
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
    hash_content,
    parse_article,
    parse_organization,
    parse_topic,
)
from ...errors import DocumentError
from ...scanning import Kind, read_file
from .rows import ArticleRow, Rows
from .tasks import Outcome, OutcomeKind, StoredFile, Task


class TaxonomyFile(NamedTuple):
    """A new or changed taxonomy file: the index of its task, its parsed form, its bytes and their digest."""

    task: int
    parsed: Organization | Topic
    content: bytes
    digest: bytes


@dataclass(slots=True)
class ReadResult:
    """The result of reading some files.

    outcomes: what happened to each file, in the order of the tasks.
    rows: the rows of the new and changed articles.
    article_tasks: the index of each of these articles' task, in the order of `rows.articles`.
    taxonomy: the new and changed taxonomy files.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    rows: Rows = field(default_factory=Rows)
    article_tasks: list[int] = field(default_factory=list)
    taxonomy: list[TaxonomyFile] = field(default_factory=list)


#: Files that were read together: their tasks and the result.
Chunk = tuple[Sequence[Task], ReadResult]


def iter_changed_articles(batch: Iterable[Chunk]) -> Iterator[tuple[int, ArticleRow]]:
    """Yield the id and the new row of each changed article that the store already has."""
    for tasks, read in batch:
        for place, number in enumerate(read.article_tasks):
            if (known := tasks[number].known) is not None:
                yield known.id, read.rows.articles[place]


def drop_tasks(chunk: Chunk, left_out: Collection[int]) -> Chunk:
    """Return a chunk without the tasks of the given indexes."""
    if not left_out:
        return chunk
    tasks, read = chunk
    kept = [number for number in range(len(tasks)) if number not in left_out]
    renumbered = {number: new for new, number in enumerate(kept)}
    places = [place for place, number in enumerate(read.article_tasks) if number in renumbered]
    rest = ReadResult(
        [read.outcomes[number] for number in kept],
        read.rows.select(places),
        [renumbered[read.article_tasks[place]] for place in places],
        [file._replace(task=renumbered[file.task]) for file in read.taxonomy if file.task in renumbered],
    )
    return [tasks[number] for number in kept], rest


def read_files(tasks: Sequence[Task]) -> ReadResult:
    """Read files and decide what to do with each. An error in one file never stops the others."""
    read = ReadResult()
    for number, task in enumerate(tasks):
        try:
            outcome = _read(number, task, read)
        except DocumentError as error:
            issue = Issue("error", error.code, error.message, error.field, error.line, error.column)
            outcome = Outcome(OutcomeKind.QUARANTINED, (issue,))
        except Exception as error:  # noqa: BLE001 - one file never stops the others
            message = f"internal error while reading the file ({type(error).__name__}: {error})"
            outcome = Outcome(OutcomeKind.QUARANTINED, (Issue("error", "internal_error", message),))
        read.outcomes.append(outcome)
    return read


def _read(number: int, task: Task, read: ReadResult) -> Outcome:
    file, known, content = task
    if content is None:
        content = read_file(file.location or "")
    elif isinstance(content, DocumentError):
        raise content
    digest = hashlib.sha256(content).digest()
    if known is not None and known.digest == digest:
        if not known.is_missing:
            return _UNCHANGED
        return Outcome(OutcomeKind.UNCHANGED, parse_issues(file.kind, content))
    if file.kind is not Kind.ARTICLE:
        return _read_taxonomy(number, task, content, digest, read)
    text_hash = hash_content(content)
    if known is not None and known.content_hash == text_hash:
        issues = parse_issues(file.kind, content) if known.is_missing else ()
        return Outcome(OutcomeKind.SECURED_ONLY, issues, content, digest)
    document = parse_article(content)
    if document is None:
        return _skip_or_reject(known, content)
    read.rows.add(file.path, document, content, digest, text_hash)
    read.article_tasks.append(number)
    return Outcome(OutcomeKind.CHANGED, document.issues) if document.issues else _CHANGED


def _read_taxonomy(number: int, task: Task, content: bytes, digest: bytes, read: ReadResult) -> Outcome:
    is_topic = task.file.kind is Kind.TOPIC
    parsed = parse_topic(content) if is_topic else parse_organization(content)
    if parsed is None:
        return _skip_or_reject(task.known, content)
    read.taxonomy.append(TaxonomyFile(number, parsed, content, digest))
    return Outcome(OutcomeKind.CHANGED, parsed.issues)


def parse_issues(kind: Kind, content: bytes) -> tuple[Issue, ...]:
    """Parse a document again and return its issues.

    This is for a missing document that is back unchanged: its issues were closed when it went missing. Raise
    DocumentError if the document can no longer be imported.
    """
    parsed = _PARSERS[kind](content)
    return parsed.issues if parsed is not None else ()


#: The parser for files of each kind.
_PARSERS: dict[Kind, Callable[[bytes], Document | Organization | Topic | None]] = {
    Kind.ARTICLE: parse_article,
    Kind.ORGANIZATION: parse_organization,
    Kind.TOPIC: parse_topic,
}


def _skip_or_reject(known: StoredFile | None, content: bytes) -> Outcome:
    """Return the outcome of a file without front matter: it is skipped.

    Raise DocumentError if the store has the file as a document. The file still exists, so the loss of its
    front matter is probably a mistake.
    """
    if known is None:
        return Outcome(OutcomeKind.NOT_CONTENT)
    reason = next((why for start, why in _REASONS_BY_START.items() if content.startswith(start)), None)
    if not content.strip():
        reason = "the file is empty"
    reason = reason or "the front matter has no opening line `---` any more"
    raise DocumentError("no_opening_fence", f"{reason}; the imported version is kept", 1, 1)


#: Beginnings of files that show why the front matter is lost.
_REASONS_BY_START = {
    b"<<<<<<< ": "the file has an unresolved merge conflict",
    b"version https://git-lfs.": "the file is a Git LFS pointer: run `git lfs pull` to fetch its content",
}

_UNCHANGED = Outcome(OutcomeKind.UNCHANGED)
_CHANGED = Outcome(OutcomeKind.CHANGED)
