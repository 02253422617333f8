"""The full-text index of SQLite, beside the rows that it is made of: FTS5, which keeps a copy of the texts,
the number of words of each, and the places of every word.

SQLite checks all of that by itself only as a statement that writes; so what it would find is asked for here.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from .base import INDEXED_OTHERWISE, NOT_INDEXED, Damage
from .sqlite_search import FIELDS, due_rows

#: Tables that hold the words themselves, and how they are stored.
_WORDS = ("data", "idx", "docsize", "config")

#: Rows of an index that is empty: the averages, and a structure without segments; and its format.
_EMPTY = """
DELETE FROM article_search_data; DELETE FROM article_search_idx; DELETE FROM article_search_config;
INSERT INTO article_search_data (id, block) VALUES (1, x''), (10, x'00000000000000');
INSERT INTO article_search_config (k, v) VALUES ('version', 4)"""

DAMAGED = "the index itself is damaged"


def find_wrong_index(driver: sqlite3.Connection) -> Iterator[tuple[int | None, str]]:
    """See `Backend.find_wrong_index`."""
    try:
        yield from _find_wrong_rows(driver)
        yield from _find_wrong_words(driver)
    except sqlite3.DatabaseError as error:
        if not is_of_index(error, driver):
            raise
        yield None, DAMAGED


def find_damage(driver: sqlite3.Connection) -> list[Damage]:
    """See `Backend.find_damage`."""
    lines = [line for (text,) in driver.execute("PRAGMA integrity_check") for line in text.splitlines()]
    lines = [line for line in lines if line != "ok" and not line.startswith("***")]
    roots = driver.execute(
        "SELECT rootpage FROM sqlite_schema WHERE tbl_name GLOB 'article_search_*'"
    ).fetchall()
    ours = {str(root) for (root,) in roots}
    found = [Damage(line, _is_in(line, ours)) for line in lines]
    if any(damage.is_of_index for damage in found):
        # What a damaged tree does not reach is as if nobody used it.
        found = [Damage(line, is_ or _UNUSED.fullmatch(line) is not None) for line, is_ in found]
    return found


_UNUSED = re.compile(r"Page \d+:? (is )?never used")
_TREE = re.compile(r"\b[Tt]ree (?:page )?(\d+)")


def _is_in(line: str, roots: set[str]) -> bool:
    tree = _TREE.search(line)
    return tree is not None and tree[1] in roots


def is_of_index(error: sqlite3.Error, driver: sqlite3.Connection) -> bool:
    """Return whether an error is about the full-text index alone: the store's own tables can be read."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_ERROR:
        # One that FTS5 cannot open says no more than that; its table is there, so it is not that.
        return _is_broken(driver)
    return code == sqlite3.SQLITE_CORRUPT_VTAB or (
        code & 0xFF == sqlite3.SQLITE_CORRUPT and _is_broken(driver)
    )


def _is_broken(driver: sqlite3.Connection) -> bool:
    """Whether FTS5 cannot open the index, or reading it as a whole fails."""
    try:
        driver.execute("SELECT count(*) FROM articles").fetchall()
    except sqlite3.DatabaseError:
        return False
    try:
        driver.execute("SELECT rowid FROM article_search LIMIT 1").fetchall()
        driver.execute("SELECT sum(length(block)) FROM article_search_data").fetchall()
    except sqlite3.DatabaseError:
        return True
    return False


def _find_wrong_rows(driver: sqlite3.Connection) -> Iterator[tuple[int | None, str]]:
    others = " OR ".join(f"s.{field} IS NOT due.{field}" for field in FIELDS)
    query = (
        f"WITH due (id, {', '.join(FIELDS)}) AS ({due_rows(driver)})"  # noqa: S608 - our names
        " SELECT due.id, s.rowid IS NULL OR n.id IS NULL FROM due"
        " LEFT JOIN article_search s ON s.rowid = due.id LEFT JOIN article_search_docsize n ON n.id = due.id"
        " WHERE due.id NOT IN (SELECT article_id FROM search_queue)"
        f" AND (s.rowid IS NULL OR n.id IS NULL OR {others}) ORDER BY due.id"
    )
    with closing(driver.execute(query)) as rows:
        for article_id, is_missing in rows:
            yield article_id, NOT_INDEXED if is_missing else INDEXED_OTHERWISE
    for table in ("article_search_content", "article_search_docsize"):
        query = (
            f"SELECT id FROM {table} WHERE id NOT IN (SELECT id FROM articles)"  # noqa: S608 - our names
            " AND id NOT IN (SELECT article_id FROM search_queue) ORDER BY id"
        )
        for (row_id,) in driver.execute(query).fetchall():
            yield None, f"{table} has a row {row_id} of no article"


def _find_wrong_words(driver: sqlite3.Connection) -> Iterator[tuple[int | None, str]]:
    """Whether FTS5 finds each word of the texts where the index has it, and no other.

    FTS5 looks at that only as part of a statement that writes. So a copy of the words is looked at, in a
    table of the connection's own, beside the texts of the index itself.
    """
    driver.execute("SAVEPOINT checking")
    try:
        texts = ", ".join(f"c{number} AS {field}" for number, field in enumerate(FIELDS))
        driver.execute(
            f"CREATE TEMP VIEW search_texts AS SELECT id AS rowid, {texts}"  # noqa: S608 - our names
            " FROM main.article_search_content"
        )
        driver.execute(_schema(driver).replace(*_CHECKED, 1))
        for table in _WORDS:
            driver.execute(f"DELETE FROM temp.search_check_{table}")  # noqa: S608 - our names
            driver.execute(
                f"INSERT INTO temp.search_check_{table} SELECT * FROM main.article_search_{table}"  # noqa: S608
            )
        driver.execute(_CHECK)
        driver.execute(_TERMS)
        if driver.execute(_UNFOUND).fetchone():
            yield None, "it does not find each of its words"
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_CORRUPT_VTAB:
            raise
        yield None, "its words are not those of its texts"
    finally:
        if driver.in_transaction:  # a full disk, or an interruption, may have ended it
            driver.execute("ROLLBACK TO checking")
            driver.execute("RELEASE checking")


#: How the index is declared, and how the table that is checked in its place.
_CHECKED = ("article_search USING fts5(", "temp.search_check USING fts5(content = 'search_texts', ")

#: By checksums of all words, their places, and how many there are.
_CHECK = "INSERT INTO temp.search_check (search_check, rank) VALUES ('integrity-check', 1)"


#: The check passes over the ways to words, by which a word is found.
_TERMS = "CREATE VIRTUAL TABLE temp.search_terms USING fts5vocab('main', 'article_search', 'col')"

#: A word that is not found by its name.
_UNFOUND = """
SELECT 1 FROM temp.search_terms w WHERE NOT EXISTS (
  SELECT 1 FROM temp.search_terms again WHERE again.term = w.term AND again.col = w.col) LIMIT 1"""


def _schema(driver: sqlite3.Connection) -> str:
    """The statement that makes the index, as the store has it."""
    [(made,)] = driver.execute("SELECT sql FROM sqlite_schema WHERE name = 'article_search'").fetchall()
    statement: str = made
    return statement


def clear_index(driver: sqlite3.Connection) -> None:
    """See `Backend.clear_index`: it is made anew, as the schema says."""
    made = _schema(driver)
    driver.execute("SAVEPOINT clearing")
    try:
        driver.execute("DROP TABLE article_search")
    except sqlite3.DatabaseError:
        # FTS5 drops only what it can open.
        driver.execute("ROLLBACK TO clearing")
        for statement in _EMPTY.split(";"):
            driver.execute(statement)
        driver.execute("DROP TABLE article_search")
    driver.execute("RELEASE clearing")
    driver.execute(made)
