"""The full-text index of PostgreSQL: what is taken into it, and how it is asked.

Its words are made here and not by the server, whose own depend on its version and on its collation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from .base import INDEXED_OTHERWISE, NOT_INDEXED, Term
from .search_words import words

if TYPE_CHECKING:
    import psycopg

#: Texts of an article and how much their words count.
_TEXTS = """
SELECT a.id, a.title, a.excerpt, p.name,
  (SELECT string_agg(t.name, ' ' ORDER BY u.position) FROM article_topics u
   JOIN topics t ON t.id = u.topic_id WHERE u.article_id = a.id),
  a.body
FROM articles a LEFT JOIN providers p ON p.id = a.provider_id"""
_WEIGHTS = "ABCCD"

#: Articles that are read at once.
_AT_ONCE = 200

#: What a tsvector holds: places up to this one, so many of a word, bytes of a word, and bytes in all.
_LAST_PLACE, _PLACES, _WORD, _BYTES = 16_383, 255, 2_000, 1_000_000

_NOT_QUEUED = "NOT EXISTS (SELECT FROM search_queue q WHERE q.article_id = {})"
_WRONG = """
SELECT due.id, s.article_id IS NULL FROM unnest(%s::bigint[], %s::tsvector[]) due (id, words)
LEFT JOIN article_search s ON s.article_id = due.id
WHERE s.words IS DISTINCT FROM due.words ORDER BY due.id"""
_OF_NO_ARTICLE = (
    "SELECT s.article_id FROM article_search s"  # noqa: S608 - our names
    " WHERE NOT EXISTS (SELECT FROM articles a WHERE a.id = s.article_id)"
    f" AND {_NOT_QUEUED.format('s.article_id')} ORDER BY s.article_id"
)

#: Terms of a query that rank what it finds: ranking takes time by terms times places.
_RANKED_TERMS = 100


def index_articles(driver: psycopg.Connection[tuple[Any, ...]], up_to: int) -> None:
    queued = "SELECT article_id FROM search_queue WHERE article_id <= %s"
    driver.execute(f"DELETE FROM article_search WHERE article_id IN ({queued})", (up_to,))  # noqa: S608
    with driver.cursor("curation_index") as texts, driver.cursor() as cursor:
        texts.execute(f"{_TEXTS} WHERE a.id IN ({queued})", (up_to,))
        while rows := texts.fetchmany(_AT_ONCE):
            with cursor.copy("COPY article_search (article_id, words) FROM STDIN") as stream:
                for article_id, *fields in rows:
                    stream.write_row((article_id, _vector(fields)))


def _vector(fields: Sequence[str | None]) -> str:
    """What a tsvector is read from. Between two fields a place is free, so that no phrase goes on."""
    places: dict[str, list[str]] = {}
    at, left = 0, _BYTES
    for weight, text in zip(_WEIGHTS, fields, strict=True):
        at += 1
        for word in words(text) if text else ():
            at += 1
            known = places.get(word)
            if known is None:
                left -= 4 * len(word) + 6
                if left < 0:
                    break
                places[word] = [f"{min(at, _LAST_PLACE)}{weight}"]
            elif at <= _LAST_PLACE and len(known) < _PLACES:
                left -= 2
                known.append(f"{at}{weight}")
    return " ".join([f"'{_lexeme(word)}':{','.join(known)}" for word, known in places.items()])


def _lexeme(word: str) -> str:
    """As much of a word as the engine takes."""
    if len(word) <= _WORD // 4:
        return word
    return word.encode()[:_WORD].decode(errors="ignore")


def find_wrong_index(driver: psycopg.Connection[tuple[Any, ...]]) -> Iterator[tuple[int | None, str]]:
    """See `Backend.find_wrong_index`."""
    with driver.cursor("curation_index") as texts, driver.cursor() as cursor:
        texts.execute(f"{_TEXTS} WHERE {_NOT_QUEUED.format('a.id')} ORDER BY a.id")
        while rows := texts.fetchmany(_AT_ONCE):
            due = {article_id: _vector(fields) for article_id, *fields in rows}
            for article_id, is_missing in cursor.execute(_WRONG, (list(due), list(due.values()))):
                yield article_id, NOT_INDEXED if is_missing else INDEXED_OTHERWISE
        for (article_id,) in cursor.execute(_OF_NO_ARTICLE):
            yield None, f"article_search has a row {article_id} of no article"


def search(terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
    wanted = [sa.cast(sa.literal(_query(term)), TSQUERY) for term in terms]
    index = sa.table("article_search", sa.column("article_id", sa.BigInteger), sa.column("words"))
    ranking = _all_of(wanted[:_RANKED_TERMS])
    asked = sa.select(_all_of(wanted).label("query"), ranking.label("ranking")).cte("asked")
    fit = sa.func.ts_rank_cd(index.c.words, asked.c.ranking).label("fit")
    return (
        sa.select(index.c.article_id, fit)
        .join_from(index, asked, sa.true())
        .where(index.c.words.op("@@")(asked.c.query))
    )


def _query(term: Term) -> str:
    """What a tsquery is read from: a word has letters, digits and marks, nothing that is to be escaped."""
    said = " <-> ".join(f"'{_lexeme(word)}'" for word in term.words)
    return f"{said}:*" if term.is_prefix else said


def _all_of(queries: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    """The query of all; two by two, as neither SQLAlchemy nor the server goes deep into a long one."""
    while len(queries) > 1:
        both = zip_longest(queries[::2], queries[1::2])
        queries = [one if other is None else one.op("&&")(other) for one, other in both]
    return queries[0]
