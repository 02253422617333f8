"""Full-text search over title, excerpt, provider, topics and body, with each engine's own index.

A query has words, "quoted phrases" and prefixes*. An article matches if it contains all of them, each within
one of these fields. `backends/search_words.py` splits both indexed texts and queries into words.

The index is updated when a search runs (`index_queued`), not while an import writes. An import queues the
articles that it changed (`search_queue`). Flags are not in the index.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import NamedTuple

import sqlalchemy as sa

from .. import interrupts
from ..backends import backend_of
from ..backends.search_words import (
    WordPosition,
    find_word_positions,
    split_query,
    split_words,
    with_few_marks,
)
from ..errors import SelectionError
from ..store.database import Store
from ..store.schema import articles, search_queue

#: Articles that are indexed in one transaction.
ARTICLES_PER_BATCH = 5_000

#: Maximum number of words of a snippet. It starts a third of them before the first found word.
SNIPPET_WORDS = 24

#: Maximum number of words of a query that are in phrases or are prefixes. For each of them an engine visits
#: every position of the word, so a phrase of 60,000 words would take hours on one large body.
MAX_PHRASE_WORDS = 100

#: Maximum number of terms that a snippet looks for, which is more than the words of a snippet.
MAX_SNIPPET_TERMS = 100

_TERM = re.compile(r'"(?P<phrase>[^"]*)"?(?P<open>\*?)|(?P<word>[^\s"]+)')
#: Characters that no engine stores: NUL, and the surrogates that Python makes of undecodable bytes.
_NOT_STORABLE = re.compile(r"[\0\uD800-\uDFFF]")


class Term(NamedTuple):
    """Words that must follow each other in a text; with `is_prefix` the last one is a prefix."""

    words: tuple[str, ...]
    is_prefix: bool = False


def parse_query(query: str) -> list[Term]:
    """Return the terms of a query, each once; an article must contain all of them.

    Raises:
        SelectionError: The query has no word, or too many words in phrases and prefixes.
    """
    terms: dict[Term, None] = {}
    for match in _TERM.finditer(with_few_marks(_NOT_STORABLE.sub(" ", query))):
        text = match["word"] if match["phrase"] is None else match["phrase"] + match["open"]
        term = Term(*split_query(text.rstrip("*"), is_prefix=text.endswith("*")))
        if term.words:
            terms[term] = None
    if not terms:
        raise SelectionError(f'no word to search for in {query!r}: give words, "a phrase" or a prefix*')
    count = sum(len(term.words) for term in terms if len(term.words) > 1 or term.is_prefix)
    if count > MAX_PHRASE_WORDS:
        raise SelectionError(
            f"the query has {count:,} words in phrases and prefixes: give at most {MAX_PHRASE_WORDS},"
            " or words without quotation marks"
        )
    return list(terms)


def find_matches(connection: sa.Connection, query: str) -> sa.Select[tuple[int, float]]:
    """Select the ids of the articles that match a query, and how well each fits: higher is better."""
    return backend_of(connection).search(parse_query(query))


def index_queued(store: Store, progress: Callable[[int, int], None] | None = None) -> None:
    """Index the articles that were changed since the last call, and commit each batch.

    Args:
        progress: Called after each batch with the number of articles done and the total.
    """
    with store.reading() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(search_queue)) or 0
    done = 0
    while done < total:
        interrupts.check()
        with store.writing(repeatable=True) as connection:
            backend_of(connection).lock_references(connection)  # keeps imports from queueing articles
            count = _index_batch(connection)
        if not count:  # another command has indexed the rest
            return
        done += count
        if progress is not None:
            progress(done, total)


def rebuild_index(connection: sa.Connection, progress: Callable[[int, int], None] | None = None) -> int:
    """Rebuild the index from the articles, and return how many there are.

    The caller holds `lock_references` and commits.

    Args:
        progress: Called after each batch with the number of articles done and the total.
    """
    backend_of(connection).clear_index(connection)
    connection.execute(sa.delete(search_queue))
    connection.execute(sa.insert(search_queue).from_select(["article_id"], sa.select(articles.c.id)))
    total = connection.scalar(sa.select(sa.func.count()).select_from(search_queue)) or 0
    done = 0
    while count := _index_batch(connection):
        interrupts.check()
        done += count
        if progress is not None:
            progress(done, total)
    return total


def _index_batch(connection: sa.Connection) -> int:
    """Index the first `ARTICLES_PER_BATCH` articles of the queue, and return how many there were."""
    key = search_queue.c.article_id
    ids = connection.scalars(sa.select(key).order_by(key).limit(ARTICLES_PER_BATCH)).all()
    if ids:
        backend_of(connection).index_articles(connection, ids[-1])
        connection.execute(sa.delete(search_queue).where(key <= ids[-1]))
    return len(ids)


def make_snippet(query: Sequence[Term], fields: Iterable[str | None], mark: tuple[str, str]) -> str:
    """Return some words around the first match of a query, with the matches between two marks.

    The words are from the field that contains the most terms. They are the beginning of the first field if
    no field contains any, for example where only the provider's name matches. Only the first
    `MAX_SNIPPET_TERMS` terms of the query count.
    """
    shown = query[:MAX_SNIPPET_TERMS]
    best, first, most = "", 0, -1
    for field in filter(None, fields):
        word_numbers = _find_first_words(shown, field)
        if len(word_numbers) > most:
            best, first, most = field, min(word_numbers, default=0), len(word_numbers)
    return _excerpt(best, first, shown, mark)


def _needle(term: Term) -> str:
    """Return the words of a term, each after a space, with a space at the end unless it is a prefix."""
    return f" {' '.join(term.words)}{'' if term.is_prefix else ' '}"


def _find_first_words(terms: Sequence[Term], text: str) -> list[int]:
    """Return for each term that a text contains the number of the word where it first begins."""
    # Each term takes one `str.find` in the whole text: the time depends on the text, not on the phrase.
    whole = f" {' '.join(split_words(text))} "
    found = [whole.find(_needle(term)) for term in terms]
    return [whole.count(" ", 0, at) for at in found if at >= 0]


def _starts_with(found: Sequence[WordPosition], term: Term) -> bool:
    """Return whether a sequence of words begins with those of a term."""
    *before, last = term.words
    if len(found) <= len(before) or any(
        position.word != word for position, word in zip(found, before, strict=False)
    ):
        return False
    word = found[len(before)].word
    return word.startswith(last) if term.is_prefix else word == last


def _match_end(found: WordPosition, term: Term) -> int:
    """Return where a match ends: inside its last word if that is a pair of characters and one was wanted."""
    is_pair = found.first_end < found.end
    return (
        found.first_end if is_pair and term.is_prefix and len(term.words[-1]) < len(found.word) else found.end
    )


def _excerpt(text: str, at: int, terms: Sequence[Term], mark: tuple[str, str]) -> str:
    """Return some words of a text, from a few before the word of number `at`."""
    first = max(0, at - SNIPPET_WORDS // 3)
    shown = list(islice(find_word_positions(text), first, first + SNIPPET_WORDS + 1))
    if not shown:
        return " ".join(text.split())
    is_cut = len(shown) > SNIPPET_WORDS
    begin = shown[0].start if first else 0
    end = shown[SNIPPET_WORDS - 1].end if is_cut else len(text)
    del shown[SNIPPET_WORDS:]
    pieces, here = [], begin
    for i, position in enumerate(shown):
        if position.start < here:
            continue
        if term := next((term for term in terms if _starts_with(shown[i : i + len(term.words)], term)), None):
            stop = _match_end(shown[i + len(term.words) - 1], term)
            pieces += [text[here : position.start], mark[0], text[position.start : stop], mark[1]]
            here = stop
    pieces.append(text[here:end])
    snippet = " ".join("".join(pieces).split())
    return f"{'…' if begin else ''}{snippet}{'…' if end < len(text) else ''}"
