"""build the full-text index anew: its words are made by curation itself

A word keeps the marks that belong to its letters, and on PostgreSQL no function of the server makes words any
more. All articles are queued: the next search takes them in.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

from types import ModuleType
from unicodedata import category

import sqlalchemy as sa
from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

INDEX = "CREATE VIRTUAL TABLE article_search USING fts5(title, excerpt, provider, topics, body,"


def upgrade() -> None:
    engine = op.get_bind().dialect.name
    if engine == "sqlite":
        created = op.get_bind().scalar(
            sa.text("SELECT sql FROM sqlite_master WHERE name = 'article_search' AND type = 'table'")
        )
        # What FTS5 is too old to know for a separator; a mark of a letter is none any more.
        known = str(created).partition(" separators '")[2].partition("'")[0]
        separators = "".join(character for character in known if category(character)[0] != "M")
        op.execute("DROP TABLE article_search")
        tokenizer = f"unicode61 remove_diacritics 2 categories 'L* N* Co Mn Mc' separators '{separators}'"
        op.get_bind().exec_driver_sql(f'{INDEX} tokenize = "{tokenizer}")')
    elif engine == "postgresql":
        op.execute("DROP FUNCTION article_search_words(text)")
    _queue_all()


def downgrade() -> None:
    engine = op.get_bind().dialect.name
    before = _first_revision()
    if engine == "sqlite":
        op.execute("DROP TABLE article_search")
        before._create_on_sqlite()  # noqa: SLF001
    elif engine == "postgresql":
        op.execute("DROP TABLE article_search")
        before._create_on_postgresql()  # noqa: SLF001
    _queue_all()


def _queue_all() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute("TRUNCATE article_search")
    op.execute(
        sa.text(
            "INSERT INTO search_queue (article_id)"
            " SELECT id FROM articles WHERE id NOT IN (SELECT article_id FROM search_queue)"
        )
    )


def _first_revision() -> ModuleType:
    """The revision that made the index: landed revisions are never edited."""
    environment = op.get_context().environment_context
    assert environment is not None
    return environment.script.get_revision("0011").module
