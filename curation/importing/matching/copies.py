"""Warn about copies of articles that go missing with their overrides.

A copy that is imported while the original exists becomes a separate article without overrides. Once the
original is gone, the overrides may belong to the copy. A copy that already existed when the editor decided
causes no warning.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from ...backends.base import chunks
from ...store.schema import articles, changesets
from ..records.import_records import ImportRecords
from .moves import Candidate, make_ambiguous_move_issue, make_certain_keys
from .placement import has_overrides, read_candidates


def warn_about_copies(connection: sa.Connection, records: ImportRecords, gone: Sequence[str]) -> None:
    """Add a warning to each copy of an article that has overrides and is about to be marked missing.

    The caller commits.

    Args:
        gone: Paths of the source whose files are gone.
    """
    originals = [
        article for paths in chunks(gone) for article in _read_overridden(connection, records, paths)
    ]
    if not originals:
        return
    by_key = _group_by_key(originals)
    copies = _read_copies(connection, records, originals, set(gone))
    records.issues.load(connection, [copy.path for copy in copies])
    added_by = _read_adding_changesets(connection, [copy.id for copy in copies])
    for copy in copies:
        matches = _find_decided_before(by_key, copy, added_by.get(copy.id, 0))
        if matches:
            records.issues.add(copy.path, make_ambiguous_move_issue(matches, is_withheld=False))
            records.to_review.add(copy.path)


def _group_by_key(originals: Iterable[Candidate]) -> Mapping[object, list[Candidate]]:
    """Return articles by each of their certain keys."""
    by_key: dict[object, list[Candidate]] = defaultdict(list)
    for original in originals:
        for key in make_certain_keys(original):
            by_key[key].append(original)
    return by_key


def _find_decided_before(
    originals: Mapping[object, list[Candidate]], copy: Candidate, changeset_id: int
) -> list[Candidate]:
    """Return the originals of a copy that had an override before a changeset.

    Args:
        originals: Articles by each of their certain keys.
    """
    found = {article.id: article for key in make_certain_keys(copy) for article in originals.get(key, ())}
    return [article for article in found.values() if _find_oldest_changeset(article) < changeset_id]


def _find_oldest_changeset(article: Candidate) -> int:
    """Return the changeset id of an article's oldest override."""
    return min(decision.changeset_id for decision in article.overrides.values())


def _read_adding_changesets(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, int]:
    """Return the changeset id of the import that added each article, by article id."""
    query = sa.select(articles.c.id, sa.func.min(changesets.c.id)).group_by(articles.c.id)
    query = query.join(changesets, changesets.c.import_id == articles.c.first_import_id)
    return {
        key: changeset_id
        for ids in chunks(article_ids)
        for key, changeset_id in connection.execute(query.where(articles.c.id.in_(ids)))
    }


def _read_overridden(
    connection: sa.Connection, records: ImportRecords, paths: Sequence[str]
) -> Iterable[Candidate]:
    """Return the articles at these paths that have overrides and are not missing yet."""
    article = articles.c
    conditions = (
        article.source_id == records.source_id,
        article.path.in_(paths),
        article.missing_since.is_(None),
    )
    return read_candidates(connection, *conditions, has_overrides())


def _read_copies(
    connection: sa.Connection, records: ImportRecords, originals: Sequence[Candidate], gone: set[str]
) -> list[Candidate]:
    """Return the articles without overrides that share the content, URL or title of an original."""
    article = articles.c
    conditions = (
        article.source_id == records.source_id,
        article.missing_since.is_(None),
        ~has_overrides(),
    )
    found: dict[int, Candidate] = {}
    for some in chunks(originals):
        is_alike = sa.or_(
            article.content_hash.in_([original.content_hash for original in some]),
            article.canonical_digest.in_([original.story.canonical_digest for original in some]),
            article.title.in_([original.story.title for original in some]),
        )
        found |= {copy.id: copy for copy in read_candidates(connection, *conditions, is_alike)}
    return [copy for copy in found.values() if copy.path not in gone]
