"""The tables of the store: names and columns here are what users' SQL may rely on.

Migrations build them (`migrations/versions`); a test holds the two to each other.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from .backends.types import (
    EXACT_COLLATION,
    MARIADB_DIALECTS,
    Flag,
    Instant,
    Json,
    blob,
    digest,
    integer,
    name,
    text,
)
from .paths import MAX_PATH

#: Every constraint has a name from the first revision on: batch migrations lose unnamed ones.
NAMING = {
    "pk": "pk_%(table_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
}

#: Characters of a source's name.
MAX_NAME = 190

metadata = sa.MetaData(naming_convention=NAMING)


def as_number(column: sa.ColumnElement[Any]) -> sa.ColumnElement[int]:
    """A flag's column as overrides and changes hold its values: true and false are 1 and 0."""
    if not isinstance(column.type, Flag):
        return column
    return sa.case((column.is_(sa.true()), 1), (column.is_(sa.false()), 0))


def _table(table: str, *items: sa.schema.SchemaItem, rowid: bool = True) -> sa.Table:
    """A table; `rowid=False` where the key is the way in."""
    return sa.Table(table, metadata, *items, info={"rowid": rowid})


def with_table_options() -> sa.MetaData:
    """The tables as they are to be created: with types that the engine enforces, and texts that it takes for
    different where they are. For whoever writes DDL: giving these options loads each engine's dialect."""
    for table in metadata.tables.values():
        options = {"sqlite_strict": True, "sqlite_with_rowid": table.info["rowid"]}
        for engine in MARIADB_DIALECTS:
            options |= {f"{engine}_charset": "utf8mb4", f"{engine}_collate": EXACT_COLLATION}
        for option, value in options.items():
            table.dialect_kwargs[option] = value
    return metadata


def _id() -> sa.Column[int]:
    return sa.Column("id", integer(), primary_key=True)


def _ref(
    column: str, target: str, *, null: bool = False, key: bool = False, cascade: bool = True
) -> sa.Column[Any]:
    """A reference to `target.id`; an article's own parts go with it, decisions and changes keep it."""
    is_part = cascade and target in ("articles", "related_links") and not null
    ondelete = "CASCADE" if is_part else None
    return sa.Column(column, sa.ForeignKey(f"{target}.id", ondelete=ondelete), nullable=null, primary_key=key)


def _position() -> sa.Column[Any]:
    return sa.Column("position", integer(), primary_key=True, autoincrement=False)


def _count(column: str) -> sa.Column[Any]:
    return sa.Column(column, integer(), nullable=False, server_default=sa.text("0"))


def _flag(column: str, *, null: bool = True) -> sa.Column[Any]:
    return sa.Column(column, Flag(), nullable=null)


def _is_flag(column: str) -> sa.CheckConstraint:
    """Holds SQLite's INTEGER to 0 and 1; the other engines have a type for it."""
    return sa.CheckConstraint(f"{column} IN (0, 1)", name=column).ddl_if(dialect="sqlite")


sources = _table(
    "sources",
    _id(),
    sa.Column("name", name(MAX_NAME), nullable=False, unique=True),
    sa.Column("location", text(), nullable=False),
    # The rule by which upstream makes heat and published (`scoring`); null where it is not known.
    sa.Column("related_bonus", integer()),
    sa.Column("publish_threshold", integer()),
)

imports = _table(
    "imports",
    _id(),
    _ref("source_id", "sources"),
    sa.Column("started_at", Instant(), nullable=False),
    sa.Column("finished_at", Instant()),
    sa.Column("status", name(16), nullable=False),
    sa.Column("location", text(), nullable=False),
    sa.Column("git_commit", name(64)),
    _count("added"),
    _count("updated"),
    _count("unchanged"),
    _count("missing"),
    _count("skipped"),
    _count("quarantined"),
    sa.CheckConstraint("status IN ('running', 'succeeded', 'partial', 'failed', 'reverted')", name="status"),
    sa.Index(None, "source_id", "started_at"),
)

import_issues = _table(
    "import_issues",
    _id(),
    _ref("import_id", "imports"),
    _ref("source_id", "sources"),
    sa.Column("path", text(), nullable=False),
    sa.Column("severity", name(16), nullable=False),
    sa.Column("code", name(64), nullable=False),
    sa.Column("line", integer()),
    sa.Column("column", integer()),
    sa.Column("field", text()),
    sa.Column("message", text(), nullable=False),
    _ref("resolved_import_id", "imports", null=True),
    sa.CheckConstraint("severity IN ('error', 'warning', 'notice')", name="severity"),
    sa.Index(None, "source_id", "resolved_import_id"),
    sa.Index(None, "import_id"),
)

#: The files of a source as they were when they were last read: what an import need not read again.
#: `stamp` tells without reading whether the bytes are still the same; null where nothing can.
files = _table(
    "files",
    _ref("source_id", "sources", key=True),
    sa.Column("path", name(MAX_PATH), primary_key=True),
    sa.Column("state", name(16), nullable=False),
    sa.Column("stamp", text()),
    sa.CheckConstraint("state IN ('kept', 'passed', 'refused')", name="state"),
    rowid=False,
)

#: What a file's article was before an import changed it: what undoing that import needs. `delta` is the
#: earlier bytes, compressed against the later ones; null where the import only marked it missing or found
#: it again.
file_versions = _table(
    "file_versions",
    _ref("source_id", "sources", key=True),
    sa.Column("path", name(MAX_PATH), primary_key=True),
    _ref("import_id", "imports", key=True),
    sa.Column("digest", digest()),
    sa.Column("delta", blob()),
    sa.Column("missing_since", Instant()),
    _ref("last_import_id", "imports"),
    sa.Index(None, "import_id"),
)

providers = _table(
    "providers",
    _id(),
    sa.Column("name", text()),
    sa.Column("domain", text()),
    sa.Column("description", text()),
    sa.Column("digest", digest(), nullable=False, unique=True),
)

images = _table(
    "images",
    _id(),
    sa.Column("url", text(), nullable=False),
    sa.Column("width", integer()),
    sa.Column("height", integer()),
    _flag("is_cached"),
    sa.Column("title", text()),
    sa.Column("attribution", text()),
    sa.Column("digest", digest(), nullable=False, unique=True),
    _is_flag("is_cached"),
)

provider_aliases = _table(
    "provider_aliases",
    _ref("provider_id", "providers", key=True),
    _position(),
    sa.Column("name", text(), nullable=False),
    rowid=False,
)

provider_images = _table(
    "provider_images",
    _ref("provider_id", "providers", key=True),
    _position(),
    _ref("image_id", "images"),
    sa.Index(None, "image_id"),
    rowid=False,
)

topics = _table(
    "topics",
    _id(),
    sa.Column("name", text(), nullable=False),
    sa.Column("slug", text()),
    _ref("parent_id", "topics", null=True),
    sa.Column("digest", digest(), nullable=False, unique=True),
    sa.Index(None, "parent_id"),
)

# The long columns stand last: SQLite reads a row's overflow pages only as far as it must.
articles = _table(
    "articles",
    _id(),
    _ref("source_id", "sources"),
    sa.Column("path", name(MAX_PATH), nullable=False),
    sa.Column("collection", name(MAX_PATH), nullable=False),
    sa.Column("slug", text(), nullable=False),
    sa.Column("category", text()),
    sa.Column("type", text()),
    sa.Column("title", text()),
    sa.Column("quality", integer()),
    sa.Column("heat", integer()),
    _flag("published", null=False),
    _flag("removed", null=False),
    sa.Column("upstream_quality", integer()),
    sa.Column("upstream_heat", integer()),
    _flag("upstream_published"),
    _flag("upstream_removed"),
    sa.Column("published_at", Instant()),
    sa.Column("updated_at", Instant()),
    _ref("provider_id", "providers", null=True),
    _ref("first_import_id", "imports"),
    _ref("last_import_id", "imports"),
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
    _is_flag("published"),
    _is_flag("removed"),
    _is_flag("upstream_published"),
    _is_flag("upstream_removed"),
    sa.UniqueConstraint("source_id", "path"),
    sa.Index(None, "canonical_digest"),
    sa.Index(None, "last_import_id"),
    sa.Index(None, "provider_id"),
    sa.Index(None, "published", "quality"),
    sa.Index(None, "published_at"),
)

article_topics = _table(
    "article_topics",
    _ref("article_id", "articles", key=True),
    _position(),
    _ref("topic_id", "topics"),
    sa.Index(None, "topic_id", "article_id"),
    rowid=False,
)

article_images = _table(
    "article_images",
    _ref("article_id", "articles", key=True),
    _position(),
    _ref("image_id", "images"),
    # What this article says of the image, where that differs from the image's own row.
    sa.Column("extra", Json()),
    sa.Index(None, "image_id"),
    rowid=False,
)

article_authors = _table(
    "article_authors",
    _ref("article_id", "articles", key=True),
    _position(),
    sa.Column("name", text(), nullable=False),
    rowid=False,
)

related_links = _table(
    "related_links",
    _id(),
    _ref("article_id", "articles"),
    sa.Column("position", integer(), nullable=False),
    sa.Column("title", text()),
    sa.Column("excerpt", text()),
    sa.Column("published_at", Instant()),
    sa.Column("web_url", text()),
    sa.Column("canonical_digest", digest()),
    sa.Column("type", text()),
    _ref("provider_id", "providers", null=True),
    sa.Column("quality", integer()),
    sa.Column("extra", Json()),
    sa.Column("target_id", sa.ForeignKey("articles.id", ondelete="SET NULL")),
    sa.UniqueConstraint("article_id", "position"),
    sa.Index(None, "canonical_digest"),
    sa.Index(None, "provider_id"),
    sa.Index(None, "published_at"),
    sa.Index(None, "target_id"),
)

related_link_images = _table(
    "related_link_images",
    _ref("related_link_id", "related_links", key=True),
    _position(),
    _ref("image_id", "images"),
    sa.Column("extra", Json()),
    sa.Index(None, "image_id"),
    rowid=False,
)

collection_items = _table(
    "collection_items",
    _ref("article_id", "articles", key=True),
    _position(),
    sa.Column("item_path", text(), nullable=False),
    # The path that `item_path` means, from the source's root and without suffix.
    sa.Column("item_stem", name(MAX_PATH)),
    sa.Column("item_id", sa.ForeignKey("articles.id", ondelete="SET NULL")),
    sa.Index(None, "item_stem"),
    sa.Index(None, "item_id"),
    rowid=False,
)

documents = _table(
    "documents",
    sa.Column("article_id", sa.ForeignKey("articles.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", digest(), nullable=False),
    sa.Column("content", blob(), nullable=False),
)

taxonomy_documents = _table(
    "taxonomy_documents",
    _id(),
    _ref("source_id", "sources"),
    sa.Column("path", name(MAX_PATH), nullable=False),
    sa.Column("kind", name(16), nullable=False),
    _ref("provider_id", "providers", null=True),
    _ref("topic_id", "topics", null=True),
    sa.Column("front_matter", Json(), nullable=False),
    sa.Column("digest", digest(), nullable=False),
    sa.Column("content", blob(), nullable=False),
    _ref("first_import_id", "imports"),
    _ref("last_import_id", "imports"),
    sa.Column("missing_since", Instant()),
    sa.CheckConstraint("kind IN ('organization', 'topic')", name="kind"),
    sa.UniqueConstraint("source_id", "path"),
    sa.Index(None, "provider_id"),
    sa.Index(None, "topic_id"),
)

changesets = _table(
    "changesets",
    _id(),
    sa.Column("kind", name(16), nullable=False),
    sa.Column("actor", text(), nullable=False),
    sa.Column("reason", text()),
    sa.Column("created_at", Instant(), nullable=False),
    _ref("import_id", "imports", null=True),
    _ref("reverts_id", "changesets", null=True),
    sa.CheckConstraint("kind IN ('edit', 'import', 'revert', 'score')", name="kind"),
    sa.Index(None, "import_id"),
    sa.Index(None, "reverts_id"),
    sa.Index(None, "created_at"),
)

_IS_FIELD = "field IN ('quality', 'heat', 'published', 'removed')"

#: Values are whole numbers; published and removed are 0 and 1.
overrides = _table(
    "overrides",
    _ref("article_id", "articles", key=True, cascade=False),
    sa.Column("field", name(16), primary_key=True),
    sa.Column("value", integer(), nullable=False),
    _ref("changeset_id", "changesets"),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.Index(None, "changeset_id"),
    rowid=False,
)

#: Decisions about a story whose path another story has taken over; they come back if the story does.
set_aside_overrides = _table(
    "set_aside_overrides",
    _id(),
    _ref("article_id", "articles", cascade=False),
    sa.Column("field", name(16), nullable=False),
    sa.Column("value", integer(), nullable=False),
    _ref("changeset_id", "changesets"),
    sa.Column("title", text()),
    sa.Column("canonical_digest", digest()),
    sa.CheckConstraint(_IS_FIELD, name="field"),
    sa.Index(None, "article_id"),
    sa.Index(None, "changeset_id"),
)

#: The story that an article was about until another one took its path over, after `last_change_id` (the
#: latest change of any article then, 0 if there was none): what was decided up to there was about it.
story_takeovers = _table(
    "story_takeovers",
    _ref("article_id", "articles", key=True),
    sa.Column("last_change_id", integer(), primary_key=True, autoincrement=False),
    sa.Column("title", text()),
    sa.Column("canonical_digest", digest()),
    rowid=False,
)

#: `old_value` and `new_value` are effective values; the overrides before and after stand beside them
#: because a decision can change who decides without changing the value. `..._decision_id` is the changeset
#: that each override is of: undoing gives a decision back to who made it.
changes = _table(
    "changes",
    _id(),
    _ref("changeset_id", "changesets"),
    _ref("article_id", "articles", cascade=False),
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

#: Articles that the full-text index has yet to take in anew, or to forget: those that were changed since.
#: The index itself (`article_search`) is each engine's own, and made by migrations alone.
search_queue = _table(
    "search_queue", sa.Column("article_id", integer(), primary_key=True, autoincrement=False)
)
