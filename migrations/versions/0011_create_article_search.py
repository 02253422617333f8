"""create the full-text index of articles, and the queue of those that it has yet to take in

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from itertools import chain

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: In the order of preference: PostgreSQL 17 and later, any with ICU, any at all.
COLLATIONS = ("pg_c_utf8", "und-x-icu", "default")

MARKS = "\\u0300-\\u036F"

#: Characters of text that is taken in: a tsvector holds 1 MB, with 4 bytes and more beside each word.
MOST = 400_000


def _separators() -> Iterator[tuple[int, int]]:
    """What is no letter and no digit, as ranges: what words are separated by. Accents are gone by then; what
    Unicode has not assigned separates nothing, or lies within a range."""
    first = last = 0
    for point in chain(range(1, 0x20001), range(0xE0000, 0xE0200)):  # from U+20000 on all are letters
        kind = unicodedata.category(chr(point))
        if kind in ("Cn", "Cs"):
            continue
        if kind[0] not in "LN" and kind != "Co":
            first, last = first or point, point
        elif first:
            yield first, last
            first = 0
    if first:
        yield first, last


def upgrade() -> None:
    # No reference to articles: it names those that are gone, too, so that the index forgets them.
    op.create_table(
        "search_queue",
        sa.Column("article_id", INTEGER, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("article_id", name="pk_search_queue"),
        sqlite_strict=True,
    )
    op.execute(sa.text("INSERT INTO search_queue (article_id) SELECT id FROM articles"))
    engine = op.get_bind().dialect.name
    if engine == "sqlite":
        _create_on_sqlite()
    elif engine == "postgresql":
        _create_on_postgresql()


def _create_on_sqlite() -> None:
    # FTS5 knows Unicode 6.1, and takes for a letter what came later: of "great🙂" it makes one word. Python
    # has Unicode 3.2 beside its own, so more is told than is needed.
    known, old = unicodedata.category, unicodedata.ucd_3_2_0.category
    characters = (chr(point) for first, last in _separators() for point in range(first, last + 1))
    newer = "".join(character for character in characters if known(character) != "Cn" == old(character))
    op.get_bind().exec_driver_sql(
        "CREATE VIRTUAL TABLE article_search USING fts5(title, excerpt, provider, topics, body,"
        f""" tokenize = "unicode61 remove_diacritics 2 separators '{newer}'")"""
    )


def _create_on_postgresql() -> None:
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation")))
    collation = next(name for name in COLLATIONS if name in known)
    separators = "".join(f"\\U{first:08X}-\\U{last:08X}" for first, last in _separators())
    # Text as words of letters and digits, in lower case and its Latin letters without accents: as
    # `unicode61` has them. The first `left` spares the work, the second keeps to bytes what it can.
    op.get_bind().exec_driver_sql(
        f"""
        CREATE FUNCTION article_search_words(said text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT
        AS $$
            SELECT left(words, ({MOST}::bigint * length(words) / greatest(octet_length(words), 1))::int)
            FROM (SELECT replace(lower(regexp_replace(regexp_replace(normalize(regexp_replace(
                normalize(left(said, {MOST}), NFD), '([A-Za-z])[{MARKS}]+', '\\1', 'g'), NFC),
                '[{MARKS}]+', '', 'g'), '[{separators}]+', ' ', 'g') COLLATE "{collation}"), 'ς', 'σ')
            OFFSET 0) once (words)
        $$
        """  # noqa: S608 - our names
    )
    op.execute("CREATE TABLE article_search (article_id bigint PRIMARY KEY, words tsvector NOT NULL)")
    op.execute("CREATE INDEX ix_article_search_words ON article_search USING gin (words)")


def downgrade() -> None:
    op.drop_table("search_queue")
    engine = op.get_bind().dialect.name
    if engine in ("sqlite", "postgresql"):
        op.execute("DROP TABLE article_search")
    if engine == "postgresql":
        op.execute("DROP FUNCTION article_search_words(text)")
