"""What undoing an import leaves alone: what later imports have changed, and what editors have decided."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from ...store.schema import changes, changesets, file_versions, imports, overrides

#: Why an article is left as it is.
LATER = "a later import has changed it: undo that one first"
DECIDED = "an editor has decided on it since"
TAKEN = "another document has its path now"


@dataclass(frozen=True, slots=True)
class Undoing:
    """The import that is to be undone."""

    id: int
    source_id: int
    source: str
    status: str
    changed: int


def changed_later(undoing: Undoing, path: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """Whether a later import has changed a file."""
    version, other = file_versions.alias("later"), imports.alias("later_import")
    return (
        sa.exists()
        .where(
            version.c.source_id == undoing.source_id,
            version.c.path == path,
            version.c.import_id == other.c.id,
            other.c.id > undoing.id,
        )
        .correlate_except(version, other)
    )


def decided_since(changeset_id: int, article_id: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether what editors decided on an article is not what it was at the import; what was decided and
    taken back meanwhile leaves it as it was, and undoing an import is no decision."""
    undone, decision = changesets.alias("undone"), changesets.alias("decision")
    undoings = (
        sa.select(changesets.c.id)
        .join(undone, undone.c.id == changesets.c.reverts_id)
        .where(undone.c.kind == "import")
    )
    since = (
        decision.c.kind != "import",
        decision.c.id > changeset_id,
        decision.c.id.not_in(undoings),
    )
    first, earlier, stands = changes.alias("first"), changes.alias("earlier"), overrides.alias("stands")
    is_first = ~(
        sa.exists()
        .where(
            earlier.c.article_id == first.c.article_id, earlier.c.field == first.c.field,
            earlier.c.id < first.c.id, earlier.c.changeset_id == decision.c.id, *since,
        )
        .correlate_except(earlier, decision)
    )  # fmt: skip
    is_other = sa.or_(
        stands.c.value.is_distinct_from(first.c.old_override),
        stands.c.changeset_id.is_distinct_from(first.c.old_decision_id),
    )
    of_flag = sa.and_(stands.c.article_id == first.c.article_id, stands.c.field == first.c.field)
    return (
        sa.select(first.c.id)
        .join(decision, decision.c.id == first.c.changeset_id)
        .outerjoin(stands, of_flag)
        .where(first.c.article_id == article_id, *since, is_first, is_other)
        .correlate_except(first, decision, stands)
        .exists()
    )


def decided_at_all(
    import_id: int, changeset_id: int, article_id: sa.ColumnElement[int]
) -> sa.ColumnElement[bool]:
    """Whether editors decided on an article that the import added: since then, or about its story before,
    so that the import gave it their override."""
    by_import = sa.select(changesets.c.id).where(changesets.c.import_id == import_id)
    given = sa.exists().where(
        overrides.c.article_id == article_id, overrides.c.changeset_id.not_in(by_import)
    )
    return sa.or_(decided_since(changeset_id, article_id), given.correlate_except(overrides))
