"""Checks and clears the full-text index of SQLite.

FTS5 stores a copy of the texts, the number of words of each, and the positions of every word. Its own check
is a statement that writes. So this module does the check on a copy.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing

from .base import INDEXED_OTHERWISE, NOT_INDEXED, Damage
from .sqlite_search import FIELDS, select_texts

#: Tables with the words, and with the settings of the index.
_WORDS = ("data", "idx", "docsize", "config")

#: Makes an index empty: with averages of zero, a structure without segments, and the version of its format.
_EMPTY = """
DELETE FROM article_search_data; DELETE FROM article_search_idx; DELETE FROM article_search_config;
INSERT INTO article_search_data (id, block) VALUES (1, x''), (10, x'00000000000000');
INSERT INTO article_search_config (k, v) VALUES ('version', 4)"""

DAMAGED = "the index itself is damaged"


def find_wrong_index(driver: sqlite3.Connection) -> Iterator[tuple[int | None, str]]:
    """Implement `Backend.find_wrong_index`."""
    try:
        yield from _find_wrong_rows(driver)
        yield from _find_wrong_words(driver)
    except sqlite3.DatabaseError as error:
        if not is_of_index(error, driver):
            raise
        yield None, DAMAGED


def find_damage(driver: sqlite3.Connection) -> list[Damage]:
    """Implement `Backend.find_damage`."""
    lines = _check_integrity(driver)
    roots = driver.execute(
        "SELECT rootpage FROM sqlite_schema WHERE tbl_name GLOB 'article_search_*'"
    ).fetchall()
    index_roots = {str(root) for (root,) in roots}
    found = [Damage(line, _is_in_tree(line, index_roots)) for line in lines]
    if any(damage.is_of_index for damage in found):
        # Pages that a damaged tree no longer reaches are reported as unused.
        found = [
            Damage(line, is_of_index or _UNUSED.fullmatch(line) is not None) for line, is_of_index in found
        ]
    return found


def _check_integrity(driver: sqlite3.Connection) -> list[str]:
    """Return the lines of SQLite's own check, without its headings."""
    lines = [line for (text,) in driver.execute("PRAGMA integrity_check") for line in text.splitlines()]
    return [line for line in lines if line != "ok" and not line.startswith("***")]


_UNUSED = re.compile(r"Page \d+:? (is )?never used")
_TREE = re.compile(r"\b[Tt]ree (?:page )?(\d+)")


def _is_in_tree(line: str, roots: set[str]) -> bool:
    tree = _TREE.search(line)
    return tree is not None and tree[1] in roots


def is_of_index(error: sqlite3.Error, driver: sqlite3.Connection) -> bool:
    """Return whether an error concerns only the full-text index, and the tables of the store can be read."""
    code: int = getattr(error, "sqlite_errorcode", 0)
    if code & 0xFF == sqlite3.SQLITE_ERROR:
        # FTS5 raises this general code for an index that it cannot open. Our own statements have no other
        # cause.
        return _is_broken(driver)
    return code == sqlite3.SQLITE_CORRUPT_VTAB or (
        code & 0xFF == sqlite3.SQLITE_CORRUPT and _is_broken(driver)
    )


def _is_broken(driver: sqlite3.Connection) -> bool:
    """Return whether FTS5 cannot open the index, or cannot read all of it."""
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
    others = " OR ".join(f"s.{field} IS NOT expected.{field}" for field in FIELDS)
    query = (
        f"WITH expected (id, {', '.join(FIELDS)}) AS ({select_texts(driver)})"  # noqa: S608 - our names
        " SELECT expected.id, s.rowid IS NULL OR n.id IS NULL FROM expected"
        " LEFT JOIN article_search s ON s.rowid = expected.id"
        " LEFT JOIN article_search_docsize n ON n.id = expected.id"
        " WHERE expected.id NOT IN (SELECT article_id FROM search_queue)"
        f" AND (s.rowid IS NULL OR n.id IS NULL OR {others}) ORDER BY expected.id"
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
            yield None, f"{table} has a row {row_id} without an article"


def _find_wrong_words(driver: sqlite3.Connection) -> Iterator[tuple[int | None, str]]:
    """Check that the index has exactly the words of its texts, at the right positions.

    FTS5 checks that only in a statement that writes. So this checks a copy of the words, in a temporary
    table, against the texts of the index itself.
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
            yield None, "some words of the index cannot be found"
    except sqlite3.DatabaseError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_CORRUPT_VTAB:
            raise
        yield None, "the words of the index do not match its texts"
    finally:
        if driver.in_transaction:  # a full disk or an interruption may have ended the transaction
            driver.execute("ROLLBACK TO checking")
            driver.execute("RELEASE checking")


#: The start of the declaration of the index, and its replacement for the table that is checked.
_CHECKED = ("article_search USING fts5(", "temp.search_check USING fts5(content = 'search_texts', ")

#: Checks the words, their positions and their number by checksums.
_CHECK = "INSERT INTO temp.search_check (search_check, rank) VALUES ('integrity-check', 1)"


#: Lists the words of the index. The check above does not cover the lookup of words.
_TERMS = "CREATE VIRTUAL TABLE temp.search_terms USING fts5vocab('main', 'article_search', 'col')"

#: Finds a word whose lookup fails.
_UNFOUND = """
SELECT 1 FROM temp.search_terms w WHERE NOT EXISTS (
  SELECT 1 FROM temp.search_terms again WHERE again.term = w.term AND again.col = w.col) LIMIT 1"""


def _schema(driver: sqlite3.Connection) -> str:
    """Return the statement in the store's schema that creates the index."""
    [(sql,)] = driver.execute("SELECT sql FROM sqlite_schema WHERE name = 'article_search'").fetchall()
    statement: str = sql
    return statement


def clear_index(driver: sqlite3.Connection) -> None:
    """Implement `Backend.clear_index` by dropping and creating the index."""
    statement = _schema(driver)
    driver.execute("SAVEPOINT clearing")
    try:
        driver.execute("DROP TABLE article_search")
    except sqlite3.DatabaseError:
        # FTS5 can only drop an index that it can open.
        driver.execute("ROLLBACK TO clearing")
        for emptying in _EMPTY.split(";"):
            driver.execute(emptying)
        driver.execute("DROP TABLE article_search")
    driver.execute("RELEASE clearing")
    driver.execute(statement)
