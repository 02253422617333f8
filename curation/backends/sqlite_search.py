"""The full-text index of SQLite: indexing and searching."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import sqlalchemy as sa

from .base import Term
from .search_words import make_index_text

#: Columns of the index, in order.
FIELDS = ("title", "excerpt", "provider", "topics", "body")

#: The content of the index: the id of each article, and the columns of `FIELDS`.
_CONTENT = """
SELECT a.id, curation_index_text(a.title), curation_index_text(a.excerpt), curation_index_text(p.name),
  curation_index_text((SELECT group_concat(name, ' ') FROM
   (SELECT t.name FROM article_topics u JOIN topics t ON t.id = u.topic_id
    WHERE u.article_id = a.id ORDER BY u.position))),
  curation_index_text(a.body)
FROM articles a LEFT JOIN providers p ON p.id = a.provider_id"""

#: The weight of a word in each of `FIELDS`.
_WEIGHTS = "10.0, 4.0, 2.0, 2.0, 1.0"


def index_articles(driver: sqlite3.Connection, up_to: int) -> None:
    queued = "SELECT article_id FROM search_queue WHERE article_id <= ?"
    driver.execute(f"DELETE FROM article_search WHERE rowid IN ({queued})", (up_to,))  # noqa: S608
    content = f"{select_texts(driver)} WHERE a.id IN ({queued})"
    driver.execute(f"INSERT INTO article_search (rowid, {', '.join(FIELDS)}) {content}", (up_to,))


def select_texts(driver: sqlite3.Connection) -> str:
    """Return a SELECT of the id and the texts of each article, as the index should have them.

    It registers the function that the SELECT calls.
    """
    driver.create_function("curation_index_text", 1, make_index_text, deterministic=True)
    return _CONTENT


def search(terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
    query = " AND ".join(f'"{" ".join(term.words)}"{" *" * term.is_prefix}' for term in terms)
    index = sa.table("article_search", sa.column("rowid", sa.Integer))
    fit: sa.ColumnElement[float] = sa.literal_column(f"-bm25(article_search, {_WEIGHTS})")
    is_match = sa.text("article_search MATCH :query").bindparams(sa.bindparam("query", query, unique=True))
    return sa.select(index.c.rowid.label("article_id"), fit.label("fit")).where(is_match)
