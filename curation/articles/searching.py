"""Full-text search over title, excerpt, provider, topics and body, by each engine's own index.

A query is words, "quoted phrases" and pref*; an article matches if it says all of them, each within one of
these fields. What a word is, `backends/search_words.py` says, for what is indexed and for what is asked.

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
from ..backends.search_words import Place, places, query_words, with_few_marks, words
from ..errors import SelectionError
from ..store.database import Store
from ..store.schema import articles, search_queue

#: Articles that one transaction takes in.
BATCH = 5_000

#: Words of a snippet, about as many before what was found as after it.
SNIPPET = 24

#: Words of a query that are in phrases or are prefixes: each costs an engine a walk over all places of its
#: word, so that a phrase of 60,000 words would take hours on one large body.
MOST_WALKS = 100

#: Terms of a query that a snippet looks for: more than any snippet has words.
SHOWN_TERMS = 100

_TERM = re.compile(r'"(?P<phrase>[^"]*)"?(?P<open>\*?)|(?P<word>[^\s"]+)')
#: What no engine takes as text: NUL, and the halves of characters that a terminal's other bytes become.
_NO_TEXT = re.compile(r"[\0\uD800-\uDFFF]")


class Term(NamedTuple):
    """Words of the index that are to follow each other; with `is_prefix` the last one may go on."""

    words: tuple[str, ...]
    is_prefix: bool = False


def parse_query(query: str) -> list[Term]:
    """The terms of a query, all of which are wanted. Raises SelectionError if there is no word in it, or
    there are too many in its phrases."""
    terms: dict[Term, None] = {}
    for match in _TERM.finditer(with_few_marks(_NO_TEXT.sub(" ", query))):
        text = match["word"] if match["phrase"] is None else match["phrase"] + match["open"]
        term = Term(*query_words(text.rstrip("*"), is_prefix=text.endswith("*")))
        if term.words:
            terms[term] = None
    if not terms:
        raise SelectionError(f'no word to search for in {query!r}: give words, "a phrase" or pref*')
    walks = sum(len(term.words) for term in terms if len(term.words) > 1 or term.is_prefix)
    if walks > MOST_WALKS:
        told = f"{walks:,} words in phrases and prefixes"
        raise SelectionError(f"{told}: give at most {MOST_WALKS}, or words without quotation marks")
    return list(terms)


def find_matches(connection: sa.Connection, query: str) -> sa.Select[tuple[int, float]]:
    """The ids of the articles that a query finds, and how well each fits: the higher the better."""
    return backend_of(connection).search(parse_query(query))


def index_queued(store: Store, progress: Callable[[int, int], None] | None = None) -> None:
    """Takes into the index what was changed since; commits by itself. `progress` is told articles done, of
    all."""
    with store.reading() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(search_queue)) or 0
    done = 0
    while done < total:
        interrupts.check()
        with store.writing(repeatable=True) as connection:
            backend_of(connection).lock_references(connection)  # no import queues any meanwhile
            count = _index_some(connection)
        if not count:  # another command was faster
            return
        done += count
        if progress is not None:
            progress(done, total)


def rebuild_index(connection: sa.Connection, progress: Callable[[int, int], None] | None = None) -> int:
    """Makes the index anew, whatever it holds, and returns of how many articles; the caller commits, and
    holds `lock_references`. `progress` is told articles done, of all."""
    backend_of(connection).clear_index(connection)
    connection.execute(sa.delete(search_queue))
    connection.execute(sa.insert(search_queue).from_select(["article_id"], sa.select(articles.c.id)))
    total = connection.scalar(sa.select(sa.func.count()).select_from(search_queue)) or 0
    done = 0
    while count := _index_some(connection):
        interrupts.check()
        done += count
        if progress is not None:
            progress(done, total)
    return total


def _index_some(connection: sa.Connection) -> int:
    """Index the first `BATCH` articles of the queue; return how many there were."""
    key = search_queue.c.article_id
    ids = connection.scalars(sa.select(key).order_by(key).limit(BATCH)).all()
    if ids:
        backend_of(connection).index_articles(connection, ids[-1])
        connection.execute(sa.delete(search_queue).where(key <= ids[-1]))
    return len(ids)


def snippet(query: Sequence[Term], fields: Iterable[str | None], mark: tuple[str, str]) -> str:
    """Some words around the first place that the query found, with what was found between two marks, of the
    field that says the most of its terms; the beginning of the first field if it is found nowhere (in a
    provider's name, say). Only the first `SHOWN_TERMS` of the query are looked for."""
    shown = query[:SHOWN_TERMS]
    best, first, most = "", 0, -1
    for field in filter(None, fields):
        places = _first_places(shown, field)
        if len(places) > most:
            best, first, most = field, min(places, default=0), len(places)
    return _excerpt(best, first, shown, mark)


def _needle(term: Term) -> str:
    """The words of a term, each with a blank before it, and one at the end unless the last may go on."""
    return f" {' '.join(term.words)}{'' if term.is_prefix else ' '}"


def _first_places(terms: Sequence[Term], text: str) -> list[int]:
    """The number of the word at which each term that a text says first begins."""
    # One search of the whole text each: by `str.find` it takes time by the text, however long the phrase.
    whole = f" {' '.join(words(text))} "
    found = [whole.find(_needle(term)) for term in terms]
    return [whole.count(" ", 0, at) for at in found if at >= 0]


def _says(said: Sequence[Place], term: Term) -> bool:
    """Whether words begin with those of a term."""
    *before, last = term.words
    if len(said) <= len(before) or any(place.word != word for place, word in zip(said, before, strict=False)):
        return False
    word = said[len(before)].word
    return word.startswith(last) if term.is_prefix else word == last


def _end(said: Place, term: Term) -> int:
    """Where the last word of what a term found ends: within a pair of characters, if one was asked for."""
    is_pair = said.first_end < said.end
    return said.first_end if is_pair and term.is_prefix and len(term.words[-1]) < len(said.word) else said.end


def _excerpt(text: str, at: int, terms: Sequence[Term], mark: tuple[str, str]) -> str:
    """Some words of a text, from a few before the one of this number."""
    first = max(0, at - SNIPPET // 3)
    shown = list(islice(places(text), first, first + SNIPPET + 1))
    if not shown:
        return " ".join(text.split())
    goes_on = len(shown) > SNIPPET
    begin = shown[0].start if first else 0
    end = shown[SNIPPET - 1].end if goes_on else len(text)
    del shown[SNIPPET:]
    pieces, here = [], begin
    for i, place in enumerate(shown):
        if place.start < here:
            continue
        if term := next((term for term in terms if _says(shown[i : i + len(term.words)], term)), None):
            stop = _end(shown[i + len(term.words) - 1], term)
            pieces += [text[here : place.start], mark[0], text[place.start : stop], mark[1]]
            here = stop
    pieces.append(text[here:end])
    told = " ".join("".join(pieces).split())
    return f"{'…' if begin else ''}{told}{'…' if end < len(text) else ''}"
