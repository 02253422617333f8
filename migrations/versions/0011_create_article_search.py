"""create the full-text index of articles, and the queue of those that it has yet to take in

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: In the order of preference: PostgreSQL 17 and later, any with ICU, any at all.
COLLATIONS = ("pg_c_utf8", "und-x-icu", "default")

#: What is no letter and no digit: what FTS5's tokenizer `unicode61` separates words by.
SEPARATORS = (
    "\\u0001-\\u002F\\u003A-\\u0040\\u005B-\\u0060\\u007B-\\u00A9\\u00AB-\\u00B1\\u00B4\\u00B6-\\u00B8"
    "\\u00BB\\u00BF\\u00D7\\u00F7\\u02C2-\\u02C5\\u02D2-\\u02DF\\u2000-\\u206F\\u20A0-\\u20CF\\u2100-\\u245F"
    "\\u249C-\\u24E9\\u2500-\\u2775\\u2794-\\u2BFF\\u2E00-\\u2E7F\\u3000-\\u3004\\u3008-\\u3020\\u3030"
    "\\u30A0\\u30FB\\uD7FC-\\uD7FF\\uFD3E\\uFD3F\\uFE00-\\uFE6F\\uFEFF\\uFF01-\\uFF0F\\uFF1A-\\uFF20"
    "\\uFF3B-\\uFF40\\uFF5B-\\uFF65\\uFFE0-\\uFFFF\\U0001F000-\\U0001FAFF\\U000E0000-\\U000E01EF"
)
MARKS = "\\u0300-\\u036F"


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
        op.execute(
            "CREATE VIRTUAL TABLE article_search USING fts5("
            "title, excerpt, provider, topics, body, tokenize = 'unicode61 remove_diacritics 2')"
        )
    elif engine == "postgresql":
        _create_on_postgresql()


def _create_on_postgresql() -> None:
    known = set(op.get_bind().scalars(sa.text("SELECT collname FROM pg_collation")))
    collation = next(name for name in COLLATIONS if name in known)
    # Text as words of letters and digits, without accents and in lower case: as `unicode61` has them.
    op.get_bind().exec_driver_sql(
        f"""
        CREATE FUNCTION article_search_words(said text) RETURNS text
        LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURNS NULL ON NULL INPUT
        AS $$
            SELECT lower(regexp_replace(regexp_replace(normalize(left(said, 500000), NFD),
                '[{MARKS}]', '', 'g'), '[{SEPARATORS}]+', ' ', 'g') COLLATE "{collation}")
        $$
        """
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
