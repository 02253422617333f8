"""The full-text index of PostgreSQL: indexing, checking and searching.

The words are computed here, because the server's own depend on its version and collation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from .base import INDEXED_OTHERWISE, NOT_INDEXED, Term
from .search_words import split_words

if TYPE_CHECKING:
    import psycopg

#: The texts of an article, and the weights of their words.
_TEXTS = """
SELECT a.id, a.title, a.excerpt, p.name,
  (SELECT string_agg(t.name, ' ' ORDER BY u.position) FROM article_topics u
   JOIN topics t ON t.id = u.topic_id WHERE u.article_id = a.id),
  a.body
FROM articles a LEFT JOIN providers p ON p.id = a.provider_id"""
_WEIGHTS = "ABCCD"

#: Articles per fetch.
_FETCH_SIZE = 200

#: Limits of a tsvector: greatest position, positions per word, bytes per word, bytes in total.
_LAST_POSITION, _MAX_POSITIONS, _MAX_WORD, _MAX_BYTES = 16_383, 255, 2_000, 1_000_000

_NOT_QUEUED = "NOT EXISTS (SELECT FROM search_queue q WHERE q.article_id = {})"
_WRONG = """
SELECT expected.id, s.article_id IS NULL FROM unnest(%s::bigint[], %s::tsvector[]) expected (id, words)
LEFT JOIN article_search s ON s.article_id = expected.id
WHERE s.words IS DISTINCT FROM expected.words ORDER BY expected.id"""
_OF_NO_ARTICLE = (
    "SELECT s.article_id FROM article_search s"  # noqa: S608 - our names
    " WHERE NOT EXISTS (SELECT FROM articles a WHERE a.id = s.article_id)"
    f" AND {_NOT_QUEUED.format('s.article_id')} ORDER BY s.article_id"
)

#: Maximum number of terms for ranking. Its time is proportional to the number of terms times positions.
_RANKED_TERMS = 100


def index_articles(driver: psycopg.Connection[tuple[Any, ...]], up_to: int) -> None:
    queued = "SELECT article_id FROM search_queue WHERE article_id <= %s"
    driver.execute(f"DELETE FROM article_search WHERE article_id IN ({queued})", (up_to,))  # noqa: S608
    with driver.cursor("curation_index") as texts, driver.cursor() as cursor:
        texts.execute(f"{_TEXTS} WHERE a.id IN ({queued})", (up_to,))
        while rows := texts.fetchmany(_FETCH_SIZE):
            with cursor.copy("COPY article_search (article_id, words) FROM STDIN") as stream:
                for article_id, *fields in rows:
                    stream.write_row((article_id, _vector(fields)))


def _vector(fields: Sequence[str | None]) -> str:
    """Return the text form of a tsvector.

    One position between two fields is left free, so that no phrase matches across fields.
    """
    positions: dict[str, list[str]] = {}
    position, bytes_left = 0, _MAX_BYTES
    for weight, text in zip(_WEIGHTS, fields, strict=True):
        position += 1
        for word in split_words(text) if text else ():
            position += 1
            known = positions.get(word)
            if known is None:
                bytes_left -= 4 * len(word) + 6
                if bytes_left < 0:
                    break
                positions[word] = [f"{min(position, _LAST_POSITION)}{weight}"]
            elif position <= _LAST_POSITION and len(known) < _MAX_POSITIONS:
                bytes_left -= 2
                known.append(f"{position}{weight}")
    return " ".join([f"'{_lexeme(word)}':{','.join(known)}" for word, known in positions.items()])


def _lexeme(word: str) -> str:
    """Return a word, truncated to the engine's limit."""
    if len(word) <= _MAX_WORD // 4:
        return word
    return word.encode()[:_MAX_WORD].decode(errors="ignore")


def find_wrong_index(driver: psycopg.Connection[tuple[Any, ...]]) -> Iterator[tuple[int | None, str]]:
    """Implement `Backend.find_wrong_index`."""
    with driver.cursor("curation_index") as texts, driver.cursor() as cursor:
        texts.execute(f"{_TEXTS} WHERE {_NOT_QUEUED.format('a.id')} ORDER BY a.id")
        while rows := texts.fetchmany(_FETCH_SIZE):
            vectors = {article_id: _vector(fields) for article_id, *fields in rows}
            for article_id, is_missing in cursor.execute(_WRONG, (list(vectors), list(vectors.values()))):
                yield article_id, NOT_INDEXED if is_missing else INDEXED_OTHERWISE
        for (article_id,) in cursor.execute(_OF_NO_ARTICLE):
            yield None, f"article_search has a row {article_id} without an article"


def search(terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
    tsqueries = [sa.cast(sa.literal(_query(term)), TSQUERY) for term in terms]
    index = sa.table("article_search", sa.column("article_id", sa.BigInteger), sa.column("words"))
    ranking = _all_of(tsqueries[:_RANKED_TERMS])
    queries = sa.select(_all_of(tsqueries).label("query"), ranking.label("ranking")).cte("queries")
    fit = sa.func.ts_rank_cd(index.c.words, queries.c.ranking).label("fit")
    return (
        sa.select(index.c.article_id, fit)
        .join_from(index, queries, sa.true())
        .where(index.c.words.op("@@")(queries.c.query))
    )


def _query(term: Term) -> str:
    """Return the text form of a tsquery. Words have letters, digits and marks, so nothing needs escaping."""
    phrase = " <-> ".join(f"'{_lexeme(word)}'" for word in term.words)
    return f"{phrase}:*" if term.is_prefix else phrase


def _all_of(queries: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    """Combine queries with AND, in pairs: SQLAlchemy and the server have limits on nesting."""
    while len(queries) > 1:
        both = zip_longest(queries[::2], queries[1::2])
        queries = [one if other is None else one.op("&&")(other) for one, other in both]
    return queries[0]
