"""mark articles whose flags an older release read otherwise

Revision 0020 marked files: that of a draft which is missing, or broken, has no mark when it is there again as
it was. So articles are marked, until their documents are parsed again:

- drafts, and those in folders of drafts in upper case
- those with a date to come (a downgrade below 0020 forgets why they are not published), or with a date in the
  file's name, in the field `date` or in a field that cannot be read
- those with keys such as `publised`
- those with a flag that could not be read, as far as their files were not read since

SQL finds more than these; to parse a document again changes nothing else.

`sql/tables/0024.toml` says what the table holds. A revision imports nothing from `curation`: this is as it
was when it was written.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None

ROOT = Path(__file__).parents[2]
FILE = f"sql/tables/{revision}.toml"

MARIADB = ("mysql", "mariadb")
EXACT_COLLATION = "utf8mb4_nopad_bin"
OPTIONS: dict[str, Any] = {"sqlite_strict": True, "sqlite_with_rowid": False} | {
    f"{engine}_{option}": value
    for engine in MARIADB
    for option, value in (("charset", "utf8mb4"), ("collate", EXACT_COLLATION))
}

INTEGER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

#: Names of files that begin with a date, the fields of dates, and folders of drafts in any case.
DATED = ("%/__-%-%-%", "%/____-%-%-%")
DATES = ('%"publishedDateTime":%', '%"date":%')
DRAFTS = ("#_drafts/%", "%/#_drafts/%")

#: Of a key with one typing error, the beginning or the end is as it should be.
KEYS = ('%"pub%', '%hed":%', '%"re%', '%ed":%', '%"dr%', '%ft":%')

#: What hides, as it is written; the colon would be the mark of a parameter.
VALUES = tuple(
    rf'%"\:{value}%'
    for value in ("true", "false", '"true"', '"yes"', '"on"', '"y"', '"false"', '"no"', '"off"', '"n"')
)

FLAGS = ('%"published"%', '%"removed"%')


def like(text: str, patterns: tuple[str, ...]) -> str:
    """Return the condition that a text is like one of some patterns."""
    return "(" + " OR ".join(f"{text} LIKE '{pattern}' ESCAPE '#'" for pattern in patterns) + ")"


EXTRA = "CAST(a.extra AS text)"

#: A draft that is known as one has a status; one that says `draft: false` is parsed once more.
MARK = f"""
INSERT INTO outdated_articles (article_id)
SELECT a.id FROM articles a JOIN imports i ON i.id = a.last_import_id
WHERE a.upstream_status IS NULL AND (
  {like("lower(a.path)", DRAFTS)}
  OR {EXTRA} LIKE '%"draft"%'
  OR (NOT a.upstream_published AND a.published_at > i.started_at)
  OR (a.published_at IS NULL AND ({like("a.path", DATED)} OR {like(EXTRA, DATES)}))
  OR ({like(f"lower({EXTRA})", KEYS)} AND {like(f"lower({EXTRA})", VALUES)})
  OR (
    {like(EXTRA, FLAGS)}
    AND NOT EXISTS (
      SELECT 1 FROM files f WHERE f.source_id = a.source_id AND f.path = a.path AND f.state = 'kept'
    )
  )
)"""  # noqa: S608 - all of it stands here


def upgrade() -> None:
    key = sa.ForeignKey("articles.id", name="fk_outdated_articles_article_id", ondelete="CASCADE")
    op.create_table(
        "outdated_articles",
        sa.Column("article_id", INTEGER, key, nullable=False),
        sa.PrimaryKeyConstraint("article_id", name="pk_outdated_articles"),
        **OPTIONS,
    )
    op.execute(MARK)
    for subject, meaning in comments():
        literal = "'" + meaning.replace("'", "''") + "'"
        op.get_bind().exec_driver_sql(f"COMMENT ON {subject} IS {literal}")


def downgrade() -> None:
    op.drop_table("outdated_articles")


def comments() -> Iterator[tuple[str, str]]:
    """Return each table and column as SQL names it, with its description; only PostgreSQL keeps them."""
    if op.get_bind().dialect.name != "postgresql":
        return
    file = next(place for place in (ROOT / FILE, ROOT / "curation" / FILE) if place.is_file())
    for table, described in tomllib.loads(file.read_text(encoding="utf-8")).items():
        yield f'TABLE "{table}"', described["purpose"]
        for column, meaning in described["columns"].items():
            yield f'COLUMN "{table}"."{column}"', meaning
