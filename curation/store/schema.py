"""The tables of the store. SQL of users may rely on these names and columns.

Migrations create the tables (`migrations/versions`), and a test compares them with this module and with
`editing_tables`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from ..backends.types import Flag, Instant, Json, blob, digest, integer, name, text
from ..paths import MAX_PATH
from .columns import (
    count,
    flag,
    metadata as metadata,
    partial_index,
    position,
    reference,
    row_id,
    table,
    upstream_flags,
    with_table_options as with_table_options,
)
from .editing_tables import (
    article_moves as article_moves,
    changes as changes,
    changesets as changesets,
    former_stories as former_stories,
    overrides as overrides,
    review_items as review_items,
    reviews as reviews,
    set_aside_overrides as set_aside_overrides,
    story_takeovers as story_takeovers,
)

#: Maximum number of characters of a source's name.
MAX_NAME = 190


def as_number(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """Return a flag's column as a number, as in overrides and changes: true is 1 and false is 0."""
    if not isinstance(column.type, Flag):
        return column
    return sa.case((column.is_(sa.true()), 1), (column.is_(sa.false()), 0))


sources = table(
    "sources",
    row_id(),
    sa.Column("name", name(MAX_NAME), nullable=False, unique=True),
    sa.Column("location", text(), nullable=False),
    # The rule by which upstream computes heat and published (`scoring`); null if unknown.
    sa.Column("related_bonus", integer()),
    sa.Column("publish_threshold", integer()),
    # Which articles of the source are in the review queue (`editing.review_settings`).
    sa.Column("review_quality", integer(), nullable=False, server_default=sa.text("60")),
    sa.Column("approval", name(16), nullable=False, server_default=sa.text("'none'")),
    sa.Column("approval_after", integer(), nullable=False, server_default=sa.text("0")),
    sa.CheckConstraint("approval IN ('none', 'new', 'all')", name="approval"),
)

#: Settings of a site (`site_settings`). If both origins have a setting, `given` has priority.
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
    row_id(),
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
    row_id(),
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

#: The files of a source as of their latest import, so that an import can skip unchanged files. `stamp` shows
#: without reading a file whether its bytes are the same; null if nothing can show that.
files = table(
    "files",
    reference("source_id", "sources", key=True),
    sa.Column("path", name(MAX_PATH), primary_key=True),
    sa.Column("state", name(16), nullable=False),
    sa.Column("stamp", text()),
    sa.CheckConstraint("state IN ('imported', 'skipped', 'quarantined')", name="state"),
    rowid=False,
)

#: The state of a file's article before an import changed it. Reverting that import restores it. `delta` has
#: the earlier bytes, compressed against the later ones; null if only `missing_since` changed. A flag that is
#: not legible in these bytes has an even earlier value, so the upstream values are stored too. In rows of
#: older releases these are unknown, and `upstream_published` is false.
file_versions = table(
    "file_versions",
    reference("source_id", "sources", key=True),
    sa.Column("path", name(MAX_PATH), primary_key=True),
    reference("import_id", "imports", key=True),
    sa.Column("digest", digest()),
    sa.Column("delta", blob()),
    sa.Column("missing_since", Instant()),
    reference("last_import_id", "imports"),
    *upstream_flags(published=sa.false()),
    sa.Column("upstream_status", name(16)),
    sa.Index(None, "import_id"),
)

providers = table(
    "providers",
    row_id(),
    sa.Column("name", text()),
    sa.Column("domain", text()),
    sa.Column("description", text()),
    sa.Column("digest", digest(), nullable=False, unique=True),
)

images = table(
    "images",
    row_id(),
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
    row_id(),
    sa.Column("name", text(), nullable=False),
    sa.Column("slug", text()),
    reference("parent_id", "topics", null=True),
    sa.Column("digest", digest(), nullable=False, unique=True),
    sa.Index(None, "parent_id"),
)

# Long columns are last, because SQLite reads the overflow pages of a row only as far as it must.
articles = table(
    "articles",
    row_id(),
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
    *upstream_flags(),
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
    # Why upstream does not publish the article, if not by `published`: a draft, or a future publication date.
    sa.Column("upstream_status", name(16)),
    sa.CheckConstraint("upstream_status IN ('draft', 'scheduled')", name="upstream_status"),
    sa.UniqueConstraint("source_id", "path"),
    sa.Index(None, "canonical_digest"),
    sa.Index(None, "last_import_id"),
    sa.Index(None, "published", "quality"),
    # These two have all columns that reports count, so that reports need not read the articles themselves.
    sa.Index(
        "ix_articles_by_provider",
        "provider_id", "quality", "published", "heat", "published_at", "missing_since",
    ),
    sa.Index(
        "ix_articles_by_date",
        "published_at", "source_id", "published", "quality", "heat", "missing_since",
    ),
    # Articles that an import reads again when their date has come.
    partial_index(
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
    # Properties of the image in this article that differ from the image's own row.
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
    row_id(),
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
    # The path of the item, relative to the source's root and without suffix.
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
    row_id(),
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

#: Keys of the write transactions of the last day; see `Store.writing`. No other table refers to them.
units_of_work = table(
    "units_of_work",
    sa.Column("key", name(64), primary_key=True),
    sa.Column("finished_at", Instant(), nullable=False),
    rowid=False,
)

#: Articles whose flags were read by rules that no longer apply, until an import parses them again. Migrations
#: and changes of settings add them.
outdated_articles = table("outdated_articles", reference("article_id", "articles", key=True), rowid=False)

#: Articles that changed since the full-text index was updated, so that it must add, update or remove them.
#: The index itself (`article_search`) differs between engines, and only migrations create it.
search_queue = table(
    "search_queue", sa.Column("article_id", integer(), primary_key=True, autoincrement=False)
)
