"""have the next import parse again what this release reads otherwise

Such are texts that look like numbers, numbers in quotes, leap seconds, dates as in e-mail, facts of images,
line ends at the end of a text, and files that were refused. Marked by their stamp are files that were
refused, that have an open issue, or whose front matter says something that may be read otherwise. Articles
whose file is missing or broken are marked themselves, for when it is there again as it was. More are marked
than differ: to parse a document again changes nothing else. Going down, an older release reads them again in
its own way.

A revision imports nothing from `curation`: this is as it was when it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None

#: Documents that are in memory at once.
BATCH = 300

#: Where front matter ends.
END = re.compile(rb"[\r\n](?:---|\.\.\.)")

#: Values that begin like a number, in quotes or not.
NUMBER = re.compile(
    rb"(?:[:\[{,]|-[ \t]|^)[ \t]*+([\"']?)"
    rb"([ \t]*+[-+]?[._0-9][0-9A-Za-z_.:+-]{0,64}+[ \t]*+)(?=[\"',\]}\r\n#]|$)",
    re.MULTILINE,
)

#: Those of them, outside of quotes, that every release reads alike: numbers, dates, and what is longer.
PLAIN = re.compile(
    rb"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?|[0-9]{4}-[0-9]{2}-[0-9]{2}"
    rb"(?:[Tt ][0-9]{2}:[0-9]{2}(?::[0-5][0-9](?:\.[0-9]+)?)?(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?"
)

#: A date with blanks around it, as in e-mail, or with a leap second; a text that ends in `|+` or is empty; a
#: key or an entry that is a sign; characters that Unicode has set aside.
OTHER = re.compile(
    rb"[\"'][ \t]+[0-9]{4}-|[0-9Z][ \t]+[\"']|[:,-][ \t]*[\"']?(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,"
    rb"|[0-9]{1,2} [A-Z][a-z]{2,8} [0-9]{2,4}|:60\b|[|>][-0-9]*\+"
    rb"|[|>][-+0-9]*[ \t]*[}\],]|-:|[\[,][ \t]*-[ \t]*[,\]]"
    rb"|\xef\xb7[\x90-\xaf]|\xef\xbf[\xbe\xbf]|[\xf0-\xf4].\xbf[\xbe\xbf]",
    re.DOTALL,
)

REFUSED = "UPDATE files SET stamp = 'stale' WHERE state = 'refused'"

#: Issues about what a value is, and all that are no notices.
OPEN = """i.resolved_import_id IS NULL
  AND (i.severity <> 'notice' OR i.code IN ('text_from_value', 'flag_word', 'list_of_one'))"""

NOTED = f"""
UPDATE files SET stamp = 'stale' WHERE state = 'kept' AND EXISTS (
  SELECT 1 FROM import_issues i
  WHERE i.source_id = files.source_id AND i.path = files.path AND {OPEN})"""  # noqa: S608

KEPT = "SELECT 1 FROM files f WHERE f.source_id = a.source_id AND f.path = a.path AND f.state = 'kept'"
NOTED_ARTICLES = f"""
INSERT INTO outdated_articles (article_id)
SELECT a.id FROM articles a
WHERE NOT EXISTS ({KEPT}) AND a.id NOT IN (SELECT article_id FROM outdated_articles) AND EXISTS (
  SELECT 1 FROM import_issues i
  WHERE i.source_id = a.source_id AND i.path = a.path AND {OPEN})"""  # noqa: S608

ARTICLES = """
SELECT a.id, a.source_id, a.path, d.content FROM articles a JOIN documents d ON d.article_id = a.id
WHERE a.id > :last ORDER BY a.id LIMIT :batch"""
TAXONOMY = """
SELECT id, source_id, path, content FROM taxonomy_documents
WHERE id > :last ORDER BY id LIMIT :batch"""

MARK_FILE = "UPDATE files SET stamp = 'stale' WHERE state = 'kept' AND source_id = :source AND path = :path"
MARK_ARTICLE = f"""
INSERT INTO outdated_articles (article_id)
SELECT a.id FROM articles a
WHERE a.id = :id AND NOT EXISTS ({KEPT}) AND a.id NOT IN (SELECT article_id FROM outdated_articles)"""  # noqa: S608


def upgrade() -> None:
    _mark()


def downgrade() -> None:
    _mark()


def _mark() -> None:
    for statement in (REFUSED, NOTED, NOTED_ARTICLES):
        op.execute(statement)
    for documents, marks in ((ARTICLES, (MARK_FILE, MARK_ARTICLE)), (TAXONOMY, (MARK_FILE,))):
        for found in _find_other(documents):
            for mark in marks:
                op.get_bind().execute(sa.text(mark), found)


def _find_other(documents: str) -> Iterator[list[dict[str, object]]]:
    """Yield the ids, sources and paths of documents that may be read otherwise, some at a time."""
    last = -1
    while rows := op.get_bind().execute(sa.text(documents), {"last": last, "batch": BATCH}).all():
        last = rows[-1][0]
        found = [
            {"id": key, "source": source_id, "path": path}
            for key, source_id, path, content in rows
            if _is_other(bytes(content))
        ]
        if found:
            yield found


def _is_other(content: bytes) -> bool:
    """Whether front matter says something that this release and older ones may read otherwise."""
    front = END.split(content.removeprefix(b"\xef\xbb\xbf")[3:], maxsplit=1)[0]
    return OTHER.search(front) is not None or any(
        quote or not PLAIN.fullmatch(value.strip()) for quote, value in NUMBER.findall(front)
    )
