"""The review queue: which articles wait for an editor, and why.

This module has the reasons and their priorities, and `sql/review_items.sql` the conditions. The table
`review_items` has the result, because an editor who has worked for a year must not wait until all settled
articles are skipped. `refresh_queue` updates the rows of articles whose flags, overrides or reviews have
changed. `db verify` compares all of them.

An article that is removed or missing is not in the queue. Another one is in it for these reasons:

| reason | priority | the condition | a decision on one of these flags takes it out |
|---|---|---|---|
| may be a hidden article | 0 | an import has withheld it, because an editor hides an article like it | published, removed |
| story replaced | 1 | its path has another story now, and an override of the earlier one is set aside | that flag |
| conflict with upstream | 1 | upstream has changed a flag after an editor overrode it, to something else | that flag |
| good, but not published | 2 | its quality is at least the source's `review_quality`, and its heat is not -1 | published |
| not approved yet | 2 | it is published, and the source's `approval` asks for an approval | published |
| published, never judged | 3 | it is published and has no quality | quality, published |

`curation keep` takes an article out too, and so does a reset of the flag in question. It returns when something
new happens:

- upstream changes the flag in question
- upstream changes quality or published of an article that is good or never judged
- another story takes its path
"""  # noqa: E501

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import sqlalchemy as sa

from ..backends import backend_of
from ..backends.types import integer
from ..flags import FLAGS
from ..store.database import PACKAGE, empty_temp_table, make_temporary_table
from ..store.schema import articles, as_number, review_items, reviews
from .override_status import stated_value
from .story_changes import has_other_story

#: The value of `reviews.field` for a review of the whole article.
WHOLE_ARTICLE = "all"


class ReviewReason(NamedTuple):
    """A reason why an article is in the review queue, in words, and its priority. The most urgent is 0."""

    why: str
    priority: int


#: The reasons, by their names in `sql/review_items.sql`.
REASONS = {
    "withheld": ReviewReason("may be a hidden article", 0),
    "replaced": ReviewReason("story replaced", 1),
    "conflict": ReviewReason("conflict with upstream", 1),
    "good": ReviewReason("good, but not published", 2),
    "unapproved": ReviewReason("not approved yet", 2),
    "unjudged": ReviewReason("published, never judged", 3),
}

CONFLICT = REASONS["conflict"]

#: The flags that a reset takes out of the queue, and whose reset is recorded as a review.
RESET_FLAGS = ("quality", "published")

#: The articles whose rows `refresh_queue` updates.
touched_articles = make_temporary_table(
    "touched_articles", sa.Column("article_id", integer(), primary_key=True, autoincrement=False)
)


def refresh_queue(connection: sa.Connection, article_ids: Sequence[int] | sa.SelectBase) -> None:
    """Update the review queue for articles whose flags, overrides, reviews or story have changed.

    The caller commits.

    Args:
        article_ids: The articles, as a list or a query of one column `article_id`. Each may occur several
            times.
    """
    touched = empty_temp_table(connection, touched_articles)
    if isinstance(article_ids, sa.SelectBase):
        ids = sa.select(article_ids.subquery().c.article_id).distinct()
        connection.execute(sa.insert(touched).from_select(["article_id"], ids))
    else:
        rows = [(article_id,) for article_id in sorted(set(article_ids))]
        if not rows:
            return
        backend_of(connection).bulk_insert(connection, touched, ["article_id"], rows)
    backend_of(connection).analyze(connection, touched)
    is_touched = review_items.c.article_id.in_(sa.select(touched.c.article_id))
    connection.execute(sa.delete(review_items).where(is_touched))
    columns = ", ".join(column.name for column in review_items.c)
    query = _read_sql().replace("@chosen", "SELECT article_id FROM touched_articles")
    connection.exec_driver_sql(f"INSERT INTO review_items ({columns}) {query}")


def select_items(article_ids: Sequence[int]) -> sa.Subquery:
    """Return the rows of `review_items` that articles should have."""
    query = _read_sql().replace("@chosen", ", ".join(str(int(key)) for key in article_ids))
    return sa.text(query).columns(*(sa.column(c.name, c.type) for c in review_items.c)).subquery()


@cache
def _read_sql() -> str:
    """Return the query of the rows of `review_items`; `@chosen` stands for the ids of the articles.

    It is SQL, because SQLAlchemy takes 50 ms to build and compile a query of this size.
    """
    text = (PACKAGE / "sql" / "review_items.sql").read_text(encoding="utf-8")
    values = {"chosen": "@chosen"}
    for name, reason in REASONS.items():
        values |= {name: f"'{reason.why}'", f"{name}_priority": str(reason.priority)}
    without_comments = re.sub(r"(?m)^ *--.*\n", "", text)
    return re.sub(r"@(\w+)", lambda match: values[match[1]], without_comments)


def is_conflict_item() -> sa.ColumnElement[bool]:
    """Return the condition that a row of `review_items` is a conflict."""
    # The priority lets the index find the rows.
    return sa.and_(review_items.c.priority == CONFLICT.priority, review_items.c.why == CONFLICT.why)


def is_reviewed_as_is() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a row of `reviews` is of the whole article, and upstream has not changed."""
    return (
        *_is_valid_review(),
        reviews.c.field == WHOLE_ARTICLE,
        *(_is_as_reviewed(flag) for flag in FLAGS),
    )


def _is_valid_review() -> tuple[sa.ColumnElement[bool], ...]:
    """Return the conditions that a row of `reviews` is the article's, holds, and is about its story."""
    return (
        reviews.c.article_id == articles.c.id,
        reviews.c.ended_changeset_id.is_(None),
        ~has_other_story(reviews),
    )


def _is_as_reviewed(flag: str) -> sa.ColumnElement[bool]:
    """Return the condition that upstream states the same value of a flag as at the review."""
    return as_number(reviews.c[f"upstream_{flag}"]).is_not_distinct_from(stated_value(flag))
