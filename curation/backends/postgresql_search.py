"""The full-text index of PostgreSQL: what is taken into it, and how it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import TSQUERY

from . import Term

#: Takes articles into the full-text index. Between two fields stands a lexeme that no text has, so that no
#: phrase goes from one into the next.
_FIELDS = {
    "a.title": "A",
    "a.excerpt": "B",
    "p.name": "C",
    "(SELECT string_agg(t.name, ' ' ORDER BY u.position) FROM article_topics u"
    " JOIN topics t ON t.id = u.topic_id WHERE u.article_id = a.id)": "C",
    "a.body": "D",
}
#: A text with at most 30 accents on a letter (`searching` says why). The server's `normalize` takes time by
#: the square of their number, and nothing stops it meanwhile: 400,000 of them would be hours of one core.
_FEW_MARKS = (
    "CASE WHEN octet_length({0}) = length({0}) THEN {0}"
    " ELSE regexp_replace({0}, '([\\u0300-\\u036F]{{30}})[\\u0300-\\u036F]+', '\\1', 'g') END"
)
_VECTOR = "setweight(to_tsvector('simple', article_search_words(coalesce({}, ''))), '{}')"
_WORDS = " || $$'/':1$$::tsvector || ".join(
    _VECTOR.format(_FEW_MARKS.format(field), weight) for field, weight in _FIELDS.items()
)
_TAKE_IN = (
    f"INSERT INTO article_search (article_id, words) SELECT a.id, {_WORDS}"  # noqa: S608 - our names
    " FROM articles a LEFT JOIN providers p ON p.id = a.provider_id"
)

#: Terms of a query that rank what it finds: ranking takes time by terms times places.
_RANKED_TERMS = 100


def index_articles(connection: sa.Connection, up_to: int) -> None:
    queued = "SELECT article_id FROM search_queue WHERE article_id <= %s"
    connection.exec_driver_sql(f"DELETE FROM article_search WHERE article_id IN ({queued})", (up_to,))  # noqa: S608
    connection.exec_driver_sql(f"{_TAKE_IN} WHERE a.id IN ({queued})", (up_to,))


def search(terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
    wanted: list[sa.ColumnElement[Any]] = []
    for term in terms:
        phrase = sa.func.phraseto_tsquery(
            sa.literal_column("'simple'"), sa.func.article_search_words(term.text)
        )
        said = sa.func.nullif(sa.cast(phrase, sa.Text), "")  # without a word it finds nothing
        wanted.append(sa.cast(said.concat(":*") if term.is_prefix else said, TSQUERY))
    index = sa.table("article_search", sa.column("article_id", sa.BigInteger), sa.column("words"))
    ranking = _all_of(wanted[:_RANKED_TERMS])
    asked = sa.select(_all_of(wanted).label("query"), ranking.label("ranking")).cte("asked")
    fit = sa.func.ts_rank_cd(index.c.words, asked.c.ranking).label("fit")
    return (
        sa.select(index.c.article_id, fit)
        .join_from(index, asked, sa.true())
        .where(index.c.words.op("@@")(asked.c.query))
    )


def _all_of(queries: Sequence[sa.ColumnElement[Any]]) -> sa.ColumnElement[Any]:
    """The query of all; two by two, as neither SQLAlchemy nor the server goes deep into a long one."""
    while len(queries) > 1:
        both = zip_longest(queries[::2], queries[1::2])
        queries = [one if other is None else one.op("&&")(other) for one, other in both]
    return queries[0]
