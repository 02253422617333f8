"""Full-text search over title, excerpt, provider, topics and body, by each engine's own index.

A query is words, "quoted phrases" and pref*; an article matches if it says all of them, each within one of
these fields. A word is a run of letters and digits, in any letter case, and Latin letters are with accents or
without.

The index is brought up to date when it is asked (`catch_up`), not while an import writes: an import queues
the articles that it changed (`search_queue`), and flags are not in the index at all.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import sqlalchemy as sa

from .backends import of
from .database import Store
from .errors import SelectionError
from .schema import search_queue

#: Articles that one transaction takes in.
BATCH = 5_000

#: Words of a snippet, about as many before what was found as after it.
SNIPPET = 24

_TERM = re.compile(r'"(?P<phrase>[^"]*)"?(?P<open>\*?)|(?P<word>[^\s"]+)')
_WORD = re.compile(r"[^\W_]+(?:[\u0300-\u036F]+[^\W_]*)*")
_ACCENTS = re.compile(r"(?<=[A-Za-z])[\u0300-\u036F]+")
_MARKS = re.compile(r"[\u0300-\u036F]+")

#: What no engine takes as text: NUL, and the halves of characters that a terminal's other bytes become.
_NO_TEXT = re.compile(r"[\0\uD800-\uDFFF]")


class Term(NamedTuple):
    """Words that are to follow each other; with `is_prefix` the last one may go on."""

    text: str
    is_prefix: bool = False


def parse_query(query: str) -> list[Term]:
    """The terms of a query, all of which are wanted. Raises SelectionError if there is no word in it."""
    terms = []
    for match in _TERM.finditer(_NO_TEXT.sub(" ", query)):
        text = match["word"] if match["phrase"] is None else match["phrase"] + match["open"]
        term = Term(text.rstrip("*"), text.endswith("*"))
        if words(term.text):
            terms.append(term)
    if not terms:
        raise SelectionError(f'no word to search for in {query!r}: give words, "a phrase" or pref*')
    return list(dict.fromkeys(terms))


def words(text: str) -> list[str]:
    """The words of a text, as the index has them."""
    return [_folded(match[0]) for match in _WORD.finditer(text)]


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFD", word)))
    return _MARKS.sub("", plain.lower()).replace("ς", "σ")


def matching(connection: sa.Connection, query: str) -> sa.Select[tuple[int, float]]:
    """The ids of the articles that a query finds, and how well each fits: the higher the better."""
    return of(connection).search(parse_query(query))


def catch_up(store: Store, progress: Callable[[int, int], None] | None = None) -> None:
    """Takes into the index what was changed since; commits by itself. `progress` is told articles done, of
    all."""
    with store.reading() as connection:
        total = connection.scalar(sa.select(sa.func.count()).select_from(search_queue)) or 0
    done = 0
    while done < total:
        with store.writing() as connection:
            of(connection).lock_references(connection)  # no import queues any meanwhile
            first = sa.select(search_queue.c.article_id).order_by(search_queue.c.article_id).limit(BATCH)
            ids = connection.scalars(first).all()
            if not ids:  # another command was faster
                return
            up_to = ids[-1]
            of(connection).index_articles(connection, up_to)
            connection.execute(sa.delete(search_queue).where(search_queue.c.article_id <= up_to))
        done += len(ids)
        if progress is not None:
            progress(done, total)


def snippet(query: Sequence[Term], fields: Iterable[str | None], mark: tuple[str, str]) -> str:
    """Some words around the first place that the query found, with what was found between two marks, of the
    field that says the most of its terms; the beginning of the first field if it is found nowhere (in a
    provider's name, say)."""
    best, spans, most = "", list[tuple[int, int]](), -1
    for field in filter(None, fields):
        found = list(_found(query, field))
        said = len({number for _, _, number in found})
        if said > most:
            best, spans, most = field, [(start, stop) for start, stop, _ in found], said
    return _excerpt(best, spans, mark)


def _found(query: Sequence[Term], text: str) -> Iterator[tuple[int, int, int]]:
    """Where the terms stand in a text, in order, and which it is."""
    places = [(_folded(match[0]), match.start(), match.end()) for match in _WORD.finditer(text)]
    wanted = [(words(term.text), term.is_prefix) for term in query]
    for i, (_, start, _) in enumerate(places):
        for number, (parts, is_prefix) in enumerate(wanted):
            said = [word for word, _, _ in places[i : i + len(parts)]]
            if len(said) < len(parts) or said[:-1] != parts[:-1]:
                continue
            if said[-1] == parts[-1] or (is_prefix and said[-1].startswith(parts[-1])):
                yield start, places[i + len(parts) - 1][2], number


def _excerpt(text: str, spans: Sequence[tuple[int, int]], mark: tuple[str, str]) -> str:
    places = [match.span() for match in _WORD.finditer(text)]
    at = next((i for i, (start, _) in enumerate(places) if spans and start >= spans[0][0]), 0)
    first = max(0, at - SNIPPET // 3)
    shown = places[first : first + SNIPPET]
    if not shown:
        return " ".join(text.split())
    begin = shown[0][0] if first else 0
    end = shown[-1][1] if first + SNIPPET < len(places) else len(text)
    pieces, here = [], begin
    for start, stop in spans:
        if here <= start and stop <= end:
            pieces += [text[here:start], mark[0], text[start:stop], mark[1]]
            here = stop
    pieces.append(text[here:end])
    told = " ".join("".join(pieces).split())
    return f"{'…' if begin else ''}{told}{'…' if end < len(text) else ''}"
