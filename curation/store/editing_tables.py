"""The tables of editors' work: changesets and changes, overrides, reviews, and the review queue."""

from __future__ import annotations

import sqlalchemy as sa

from ..backends.types import Instant, integer, name, text
from ..paths import MAX_PATH
from .columns import reference, row_id, story_key, table, upstream_flags

changesets = table(
    "changesets",
    row_id(),
    sa.Column("kind", name(16), nullable=False),
    sa.Column("actor", text(), nullable=False),
    sa.Column("reason", text()),
    sa.Column("created_at", Instant(), nullable=False),
    reference("import_id", "imports", null=True),
    reference("reverts_id", "changesets", null=True),
    sa.CheckConstraint("kind IN ('edit', 'import', 'keep', 'revert', 'score')", name="kind"),
    sa.Index(None, "import_id"),
    sa.Index(None, "reverts_id"),
    sa.Index(None, "created_at"),
)

_IS_FIELD = "field IN ('quality', 'heat', 'published', 'removed')"

#: Values are integers; published and removed are 0 and 1. `upstream_value` is what upstream stated when the
#: override was made or last confirmed; null if it stated nothing, or if that is not known.
overrides = table(
    "overrides",
    reference("article_id", "articles", key=True, cascade=False),
    sa.Column("field", name(16), primary_key=True),
    sa.Column("value", integer(), nullable=False),
    reference("changeset_id", "changesets"),
    sa.Column("upstream_value", integer()),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.Index(None, "changeset_id"),
    rowid=False,
)

#: Inactive overrides of stories whose path now has another story. They become active again with the story.
set_aside_overrides = table(
    "set_aside_overrides",
    row_id(),
    reference("article_id", "articles", cascade=False),
    sa.Column("field", name(16), nullable=False),
    sa.Column("value", integer(), nullable=False),
    reference("changeset_id", "changesets"),
    *story_key(),
    sa.Column("upstream_value", integer()),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.Index(None, "article_id"),
    sa.Index(None, "changeset_id"),
)

#: The earlier story of an article whose path now has another story. `last_changeset_id` is the latest
#: changeset when it was replaced, 0 if there was none. Changes up to that one concern the earlier story.
story_takeovers = table(
    "story_takeovers",
    reference("article_id", "articles", key=True),
    sa.Column("last_changeset_id", integer(), primary_key=True, autoincrement=False),
    *story_key(),
    rowid=False,
)

#: The earlier stories of hidden articles that imports changed. The changeset `changeset_id` hid the article.
former_stories = table(
    "former_stories",
    reference("article_id", "articles", key=True),
    reference("import_id", "imports", key=True),
    reference("changeset_id", "changesets", key=True),
    sa.Column("content_hash", name(64), nullable=False),
    sa.Column("published_at", Instant()),
    *story_key(),
    sa.Index(None, "import_id"),
    sa.Index(None, "changeset_id"),
    rowid=False,
)

#: `old_value` and `new_value` are effective values. The overrides are stored too, because a change can set or
#: remove an override without changing the effective value. `..._decision_id` is the changeset that made each
#: override, so that reverting restores its author, and `..._upstream_value` is that of each override.
changes = table(
    "changes",
    row_id(),
    reference("changeset_id", "changesets"),
    reference("article_id", "articles", cascade=False),
    sa.Column("field", name(16), nullable=False),
    sa.Column("old_value", integer()),
    sa.Column("new_value", integer()),
    sa.Column("old_override", integer()),
    sa.Column("new_override", integer()),
    sa.Column("old_decision_id", integer()),
    sa.Column("new_decision_id", integer()),
    sa.Column("old_upstream_value", integer()),
    sa.Column("new_upstream_value", integer()),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.UniqueConstraint("changeset_id", "article_id", "field"),
    sa.Index(None, "article_id"),
)

#: What an editor has looked at: a whole article (`field` is `all`), or one flag whose override was reset. It
#: has what upstream stated then. A later review of the same field ends it, and so does reverting it.
reviews = table(
    "reviews",
    reference("article_id", "articles", key=True),
    sa.Column("field", name(16), primary_key=True),
    reference("changeset_id", "changesets", key=True),
    sa.Column("reviewed_at", Instant(), nullable=False),
    sa.Column("snoozed_until", Instant()),
    *upstream_flags(),
    reference("ended_changeset_id", "changesets", null=True),
    sa.CheckConstraint("field IN ('all', 'quality', 'heat', 'published', 'removed')", name="field"),
    sa.Index(None, "changeset_id"),
    sa.Index(None, "ended_changeset_id"),
    rowid=False,
)

#: The review queue: one row for each article and reason, and for each flag in conflict. It follows from the
#: other tables by the rules in `articles.review_queue`, and is stored so that the first page is fast, however
#: many articles are settled. `quality` and `published_at` are those of the article, for the order. Each
#: engine writes the index of the order in its own way. So revision 0033 creates it, and it is not compared.
ORDER_INDEX = "ix_review_items_order"
review_items = table(
    "review_items",
    reference("article_id", "articles", key=True),
    sa.Column("why", name(64), primary_key=True),
    sa.Column("flag", name(16), primary_key=True),
    sa.Column("priority", sa.Integer(), nullable=False),
    sa.Column("quality", integer()),
    sa.Column("published_at", Instant()),
    sa.Column("snoozed_until", Instant()),
    rowid=False,
)

#: Articles whose files an import found at another path of the source.
article_moves = table(
    "article_moves",
    reference("changeset_id", "changesets", key=True),
    reference("article_id", "articles", key=True),
    sa.Column("old_path", name(MAX_PATH), nullable=False),
    sa.Column("new_path", name(MAX_PATH), nullable=False),
    sa.Index(None, "article_id"),
    rowid=False,
)
