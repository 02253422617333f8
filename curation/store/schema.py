"""The tables of the store: names and columns here are what users' SQL may rely on.

Migrations build them (`migrations/versions`); a test holds the two to each other.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..backends.types import Flag, Instant, Json, blob, digest, integer, name, text
from ..paths import MAX_PATH
from .columns import count, flag, identity, index_some, position, reference, stated, story, table
from .columns import metadata as metadata
from .columns import with_table_options as with_table_options

#: Characters of a source's name.
MAX_NAME = 190


def as_number(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A flag's column as overrides and changes hold its values: true and false are 1 and 0."""
    if not isinstance(column.type, Flag):
        return column
    return sa.case((column.is_(sa.true()), 1), (column.is_(sa.false()), 0))


sources = table(
    "sources",
    identity(),
    sa.Column("name", name(MAX_NAME), nullable=False, unique=True),
    sa.Column("location", text(), nullable=False),
    # The rule by which upstream makes heat and published (`scoring`); null where it is not known.
    sa.Column("related_bonus", integer()),
    sa.Column("publish_threshold", integer()),
)

#: What differs from site to site (`site_settings`); where both origins state a setting, `given` wins.
source_settings = table(
    "source_settings",
    reference("source_id", "sources", key=True),
    sa.Column("name", name(64), primary_key=True),
    sa.Column("origin", name(16), primary_key=True),
    sa.Column("value", text(), nullable=False),
    sa.CheckConstraint("origin IN ('given', 'read')", name="origin"),
    rowid=False,
)

imports = table(
    "imports",
    identity(),
    reference("source_id", "sources"),
    sa.Column("started_at", Instant(), nullable=False),
    sa.Column("finished_at", Instant()),
    sa.Column("status", name(16), nullable=False),
    sa.Column("location", text(), nullable=False),
    sa.Column("git_commit", name(64)),
    count("added"),
    count("updated"),
    count("unchanged"),
    count("missing"),
    count("skipped"),
    count("quarantined"),
    count("moved"),
    sa.CheckConstraint("status IN ('running', 'succeeded', 'partial', 'failed', 'reverted')", name="status"),
    sa.Index(None, "source_id", "started_at"),
)

import_issues = table(
    "import_issues",
    identity(),
    reference("import_id", "imports"),
    reference("source_id", "sources"),
    sa.Column("path", text(), nullable=False),
    sa.Column("severity", name(16), nullable=False),
    sa.Column("code", name(64), nullable=False),
    sa.Column("line", integer()),
    sa.Column("column", integer()),
    sa.Column("field", text()),
    sa.Column("message", text(), nullable=False),
    reference("resolved_import_id", "imports", null=True),
    sa.CheckConstraint("severity IN ('error', 'warning', 'notice')", name="severity"),
    sa.Index(None, "source_id", "resolved_import_id"),
    sa.Index(None, "import_id"),
)

#: The files of a source as they were when they were last read: what an import need not read again.
#: `stamp` tells without reading whether the bytes are still the same; null where nothing can.
files = table(
    "files",
    reference("source_id", "sources", key=True),
    sa.Column("path", name(MAX_PATH), primary_key=True),
    sa.Column("state", name(16), nullable=False),
    sa.Column("stamp", text()),
    sa.CheckConstraint("state IN ('imported', 'skipped', 'quarantined')", name="state"),
    rowid=False,
)

#: What a file's article was before an import changed it: what undoing that import needs. `delta` is the
#: earlier bytes, compressed against the later ones; null where the import only marked it missing or found
#: it again. A flag that cannot be read in these bytes is what it was before them, so upstream's flags are
#: kept too; in rows of older releases, where that is not known, `upstream_published` is false.
file_versions = table(
    "file_versions",
    reference("source_id", "sources", key=True),
    sa.Column("path", name(MAX_PATH), primary_key=True),
    reference("import_id", "imports", key=True),
    sa.Column("digest", digest()),
    sa.Column("delta", blob()),
    sa.Column("missing_since", Instant()),
    reference("last_import_id", "imports"),
    *stated(published=sa.false()),
    sa.Column("upstream_status", name(16)),
    sa.Index(None, "import_id"),
)

providers = table(
    "providers",
    identity(),
    sa.Column("name", text()),
    sa.Column("domain", text()),
    sa.Column("description", text()),
    sa.Column("digest", digest(), nullable=False, unique=True),
)

images = table(
    "images",
    identity(),
    sa.Column("url", text(), nullable=False),
    sa.Column("width", integer()),
    sa.Column("height", integer()),
    *flag("is_cached"),
    sa.Column("title", text()),
    sa.Column("attribution", text()),
    sa.Column("digest", digest(), nullable=False, unique=True),
)

provider_aliases = table(
    "provider_aliases",
    reference("provider_id", "providers", key=True),
    position(),
    sa.Column("name", text(), nullable=False),
    rowid=False,
)

provider_images = table(
    "provider_images",
    reference("provider_id", "providers", key=True),
    position(),
    reference("image_id", "images"),
    sa.Index(None, "image_id"),
    rowid=False,
)

topics = table(
    "topics",
    identity(),
    sa.Column("name", text(), nullable=False),
    sa.Column("slug", text()),
    reference("parent_id", "topics", null=True),
    sa.Column("digest", digest(), nullable=False, unique=True),
    sa.Index(None, "parent_id"),
)

# The long columns stand last: SQLite reads a row's overflow pages only as far as it must.
articles = table(
    "articles",
    identity(),
    reference("source_id", "sources"),
    sa.Column("path", name(MAX_PATH), nullable=False),
    sa.Column("collection", name(MAX_PATH), nullable=False),
    sa.Column("slug", text(), nullable=False),
    sa.Column("category", text()),
    sa.Column("type", text()),
    sa.Column("title", text()),
    sa.Column("quality", integer()),
    sa.Column("heat", integer()),
    *flag("published", null=False),
    *flag("removed", null=False),
    *stated(),
    sa.Column("published_at", Instant()),
    sa.Column("updated_at", Instant()),
    reference("provider_id", "providers", null=True),
    reference("first_import_id", "imports"),
    reference("last_import_id", "imports"),
    sa.Column("missing_since", Instant()),
    sa.Column("content_hash", name(64), nullable=False),
    sa.Column("canonical_digest", digest()),
    sa.Column("canonical_url", text()),
    sa.Column("original_url", text()),
    sa.Column("web_url", text()),
    sa.Column("amp_web_url", text()),
    sa.Column("cdn_amp_web_url", text()),
    sa.Column("excerpt", text()),
    sa.Column("extra", Json(), nullable=False),
    sa.Column("featured_content", text()),
    sa.Column("body", text(), nullable=False),
    # Why upstream does not publish it, where that is not its `published`: a draft, or a date to come.
    sa.Column("upstream_status", name(16)),
    sa.CheckConstraint("upstream_status IN ('draft', 'scheduled')", name="upstream_status"),
    sa.UniqueConstraint("source_id", "path"),
    sa.Index(None, "canonical_digest"),
    sa.Index(None, "last_import_id"),
    sa.Index(None, "published", "quality"),
    # What reports count is all in these two: they never read the articles themselves.
    sa.Index(
        "ix_articles_by_provider",
        "provider_id", "quality", "published", "heat", "published_at", "missing_since",
    ),
    sa.Index(
        "ix_articles_by_date",
        "published_at", "source_id", "published", "quality", "heat", "missing_since",
    ),
    # What waits for review, in the words of `sql/reports/review.sql`.
    index_some(
        "ix_articles_conflicts", "quality", "published_at", "id",
        where="NOT removed AND missing_since IS NULL AND CASE WHEN quality <> upstream_quality OR"
        " heat <> upstream_heat OR published <> upstream_published OR removed <> upstream_removed"
        " THEN 1 ELSE 0 END = 1",
    ),
    index_some(
        "ix_articles_unjudged", "published_at", "id",
        where="NOT removed AND missing_since IS NULL AND published IS TRUE AND quality IS NULL",
    ),
    # What an import looks at again once the date has come.
    index_some(
        "ix_articles_scheduled", "source_id", "published_at", where="upstream_status = 'scheduled'",
    ),
)  # fmt: skip

article_topics = table(
    "article_topics",
    reference("article_id", "articles", key=True),
    position(),
    reference("topic_id", "topics"),
    sa.Index(None, "topic_id", "article_id"),
    rowid=False,
)

article_images = table(
    "article_images",
    reference("article_id", "articles", key=True),
    position(),
    reference("image_id", "images"),
    # What this article says of the image, where that differs from the image's own row.
    sa.Column("extra", Json()),
    sa.Index(None, "image_id"),
    rowid=False,
)

article_authors = table(
    "article_authors",
    reference("article_id", "articles", key=True),
    position(),
    sa.Column("name", text(), nullable=False),
    rowid=False,
)

related_links = table(
    "related_links",
    identity(),
    reference("article_id", "articles"),
    sa.Column("position", integer(), nullable=False),
    sa.Column("title", text()),
    sa.Column("excerpt", text()),
    sa.Column("published_at", Instant()),
    sa.Column("web_url", text()),
    sa.Column("canonical_digest", digest()),
    sa.Column("type", text()),
    reference("provider_id", "providers", null=True),
    sa.Column("quality", integer()),
    sa.Column("extra", Json()),
    sa.Column("target_id", sa.ForeignKey("articles.id", ondelete="SET NULL")),
    sa.UniqueConstraint("article_id", "position"),
    sa.Index(None, "canonical_digest"),
    sa.Index(None, "provider_id"),
    sa.Index(None, "published_at"),
    sa.Index(None, "target_id"),
)

related_link_images = table(
    "related_link_images",
    reference("related_link_id", "related_links", key=True),
    position(),
    reference("image_id", "images"),
    sa.Column("extra", Json()),
    sa.Index(None, "image_id"),
    rowid=False,
)

collection_items = table(
    "collection_items",
    reference("article_id", "articles", key=True),
    position(),
    sa.Column("item_path", text(), nullable=False),
    # The path that `item_path` means, from the source's root and without suffix.
    sa.Column("item_stem", name(MAX_PATH)),
    sa.Column("item_id", sa.ForeignKey("articles.id", ondelete="SET NULL")),
    sa.Index(None, "item_stem"),
    sa.Index(None, "item_id"),
    rowid=False,
)

documents = table(
    "documents",
    sa.Column("article_id", sa.ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", digest(), nullable=False),
    sa.Column("content", blob(), nullable=False),
)

taxonomy_documents = table(
    "taxonomy_documents",
    identity(),
    reference("source_id", "sources"),
    sa.Column("path", name(MAX_PATH), nullable=False),
    sa.Column("kind", name(16), nullable=False),
    reference("provider_id", "providers", null=True),
    reference("topic_id", "topics", null=True),
    sa.Column("front_matter", Json(), nullable=False),
    sa.Column("digest", digest(), nullable=False),
    sa.Column("content", blob(), nullable=False),
    reference("first_import_id", "imports"),
    reference("last_import_id", "imports"),
    sa.Column("missing_since", Instant()),
    sa.CheckConstraint("kind IN ('organization', 'topic')", name="kind"),
    sa.UniqueConstraint("source_id", "path"),
    sa.Index(None, "provider_id"),
    sa.Index(None, "topic_id"),
)

changesets = table(
    "changesets",
    identity(),
    sa.Column("kind", name(16), nullable=False),
    sa.Column("actor", text(), nullable=False),
    sa.Column("reason", text()),
    sa.Column("created_at", Instant(), nullable=False),
    reference("import_id", "imports", null=True),
    reference("reverts_id", "changesets", null=True),
    sa.CheckConstraint("kind IN ('edit', 'import', 'revert', 'score')", name="kind"),
    sa.Index(None, "import_id"),
    sa.Index(None, "reverts_id"),
    sa.Index(None, "created_at"),
)

_IS_FIELD = "field IN ('quality', 'heat', 'published', 'removed')"

#: Values are whole numbers; published and removed are 0 and 1.
overrides = table(
    "overrides",
    reference("article_id", "articles", key=True, cascade=False),
    sa.Column("field", name(16), primary_key=True),
    sa.Column("value", integer(), nullable=False),
    reference("changeset_id", "changesets"),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.Index(None, "changeset_id"),
    rowid=False,
)

#: Decisions about a story whose path another story has taken over; they come back if the story does.
set_aside_overrides = table(
    "set_aside_overrides",
    identity(),
    reference("article_id", "articles", cascade=False),
    sa.Column("field", name(16), nullable=False),
    sa.Column("value", integer(), nullable=False),
    reference("changeset_id", "changesets"),
    *story(),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.Index(None, "article_id"),
    sa.Index(None, "changeset_id"),
)

#: The story that an article was about until another one took its path over, after `last_changeset_id` (the
#: latest changeset of all then, 0 if there was none): what was decided up to there was about it.
story_takeovers = table(
    "story_takeovers",
    reference("article_id", "articles", key=True),
    sa.Column("last_changeset_id", integer(), primary_key=True, autoincrement=False),
    *story(),
    rowid=False,
)

#: The stories that a hidden article had before imports changed it: `changeset_id` hid each of them.
former_stories = table(
    "former_stories",
    reference("article_id", "articles", key=True),
    reference("import_id", "imports", key=True),
    reference("changeset_id", "changesets", key=True),
    sa.Column("content_hash", name(64), nullable=False),
    sa.Column("published_at", Instant()),
    *story(),
    sa.Index(None, "import_id"),
    sa.Index(None, "changeset_id"),
    rowid=False,
)

#: `old_value` and `new_value` are effective values; the overrides before and after stand beside them
#: because a decision can change who decides without changing the value. `..._decision_id` is the changeset
#: that each override is of: undoing gives a decision back to who made it.
changes = table(
    "changes",
    identity(),
    reference("changeset_id", "changesets"),
    reference("article_id", "articles", cascade=False),
    sa.Column("field", name(16), nullable=False),
    sa.Column("old_value", integer()),
    sa.Column("new_value", integer()),
    sa.Column("old_override", integer()),
    sa.Column("new_override", integer()),
    sa.Column("old_decision_id", integer()),
    sa.Column("new_decision_id", integer()),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.UniqueConstraint("changeset_id", "article_id", "field"),
    sa.Index(None, "article_id"),
)

#: A key for each transaction that wrote, of the last day; see `Store.writing`. Nothing refers to it.
units_of_work = table(
    "units_of_work",
    sa.Column("key", name(64), primary_key=True),
    sa.Column("finished_at", Instant(), nullable=False),
    rowid=False,
)

#: Articles whose documents an import found at another path of the source.
article_moves = table(
    "article_moves",
    reference("changeset_id", "changesets", key=True),
    reference("article_id", "articles", key=True),
    sa.Column("old_path", name(MAX_PATH), nullable=False),
    sa.Column("new_path", name(MAX_PATH), nullable=False),
    sa.Index(None, "article_id"),
    rowid=False,
)

#: Articles whose flags were read by rules that no longer apply, until they are parsed again: migrations and
#: changed settings add them.
outdated_articles = table("outdated_articles", reference("article_id", "articles", key=True), rowid=False)

#: Articles that the full-text index has yet to take in anew, or to forget: those that were changed since.
#: The index itself (`article_search`) is each engine's own, and made by migrations alone.
search_queue = table(
    "search_queue", sa.Column("article_id", integer(), primary_key=True, autoincrement=False)
)
