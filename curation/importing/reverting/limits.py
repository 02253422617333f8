"""Find what reverting an import leaves alone: changes by later imports, and overrides by editors."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from ...store.schema import changes, changesets, file_versions, imports, overrides, reviews

#: Reasons why an article stays as it is.
CHANGED_LATER = "a later import has changed it; revert that import first"
EDITED_SINCE = "an editor has decided on it since"
PATH_TAKEN = "another document has its path now"


@dataclass(frozen=True, slots=True)
class ImportToRevert:
    """The import to revert.

    Attributes:
        changed: The number of articles that it updated, moved or marked missing.
    """

    id: int
    source_id: int
    source: str
    status: str
    changed: int


def is_changed_later(target: ImportToRevert, path: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Return the SQL condition that a later import has changed a file."""
    version, other = file_versions.alias("later"), imports.alias("later_import")
    return (
        sa.exists()
        .where(
            version.c.source_id == target.source_id,
            version.c.path == path,
            version.c.import_id == other.c.id,
            other.c.id > target.id,
        )
        .correlate_except(version, other)
    )


def is_edited_since(changeset_id: int, article_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an article's overrides are not those that it had after the import.

    An override that was added and removed since does not count, nor does reverting an import.
    """
    reverted, edit = changesets.alias("reverted"), changesets.alias("edit")
    import_reverts = (
        sa.select(changesets.c.id)
        .join(reverted, reverted.c.id == changesets.c.reverts_id)
        .where(reverted.c.kind == "import")
    )
    since = (
        edit.c.kind != "import",
        edit.c.id > changeset_id,
        edit.c.id.not_in(import_reverts),
    )
    first, earlier, current = changes.alias("first"), changes.alias("earlier"), overrides.alias("present")
    is_first = ~(
        sa.exists()
        .where(
            earlier.c.article_id == first.c.article_id, earlier.c.field == first.c.field,
            earlier.c.id < first.c.id, earlier.c.changeset_id == edit.c.id, *since,
        )
        .correlate_except(earlier, edit)
    )  # fmt: skip
    is_different = sa.or_(
        current.c.value.is_distinct_from(first.c.old_override),
        current.c.changeset_id.is_distinct_from(first.c.old_decision_id),
    )
    of_flag = sa.and_(current.c.article_id == first.c.article_id, current.c.field == first.c.field)
    return (
        sa.select(first.c.id)
        .join(edit, edit.c.id == first.c.changeset_id)
        .outerjoin(current, of_flag)
        .where(first.c.article_id == article_id, *since, is_first, is_different)
        .correlate_except(first, edit, current)
        .exists()
    )


def was_edited(
    import_id: int, changeset_id: int, article_id: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Return the SQL condition that an editor has decided on an article that the import added.

    Its overrides have changed since, or an editor has kept it, or the import gave it an override that its
    story had before.
    """
    by_import = sa.select(changesets.c.id).where(changesets.c.import_id == import_id)
    has_earlier = sa.exists().where(
        overrides.c.article_id == article_id, overrides.c.changeset_id.not_in(by_import)
    )
    is_kept = sa.exists().where(reviews.c.article_id == article_id, reviews.c.ended_changeset_id.is_(None))
    return sa.or_(
        is_edited_since(changeset_id, article_id),
        has_earlier.correlate_except(overrides),
        is_kept.correlate_except(reviews),
    )
