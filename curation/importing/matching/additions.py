"""Find the documents that an import would add to a source, to compare them with articles of other sources.

An import that adds no more documents than the source has articles is not checked. This module does not load
the parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ...scanning import File, Kind, Scan
from ...store.schema import articles, sources

#: Maximum number of documents of a dump that are checked, evenly spaced.
SAMPLE_SIZE = 200


@dataclass(frozen=True, slots=True)
class Additions:
    """The documents that are new to a source.

    Attributes:
        files: The sampled documents at paths where the source has no article.
        sampled_count: The number of sampled documents.
        document_count: The number of documents in the dump.
        source_id: The source; None for a new source.
        article_count: The number of articles that the source has.
        other_sources: The names of the other sources, by id.
    """

    files: Sequence[File]
    sampled_count: int
    document_count: int
    source_id: int | None
    article_count: int
    other_sources: Mapping[int, str]

    def outnumber_articles(self, count: int) -> bool:
        """Return whether `count` sampled documents represent more documents than the source has articles."""
        return count * self.document_count > self.article_count * self.sampled_count


def find_additions(connection: sa.Connection, source: str, scan: Scan) -> Additions | None:
    """Return the documents that an import would add to a source.

    Returns:
        None if nothing needs to be compared: there is no other source, or the additions do not outnumber the
        articles of the source.
    """
    source_id, other_sources = _read_sources(connection, source)
    found = [file for file in scan.files if file.kind is Kind.ARTICLE] if other_sources else []
    if not found:
        return None
    article_count = 0 if source_id is None else _count_articles(connection, source_id)
    if len(found) <= article_count:
        return None
    files = choose_evenly(found, SAMPLE_SIZE)
    new = _leave_out_known(connection, source_id, files) if source_id is not None and article_count else files
    additions = Additions(new, len(files), len(found), source_id, article_count, other_sources)
    return additions if additions.outnumber_articles(len(new)) else None


def choose_evenly(files: Sequence[File], count: int) -> Sequence[File]:
    """Return at most `count` files, evenly spaced and beginning with the first."""
    if len(files) <= count:
        return files
    return [files[number * len(files) // count] for number in range(count)]


def _read_sources(connection: sa.Connection, source: str) -> tuple[int | None, dict[int, str]]:
    """Return the id of a source, None for a new one, and the names of the other sources by id."""
    names = dict(map(tuple, connection.execute(sa.select(sources.c.id, sources.c.name))))
    source_id = next((key for key, name in names.items() if name == source), None)
    return source_id, {key: name for key, name in names.items() if key != source_id}


def _count_articles(connection: sa.Connection, source_id: int) -> int:
    query = sa.select(sa.func.count()).select_from(articles).where(articles.c.source_id == source_id)
    return connection.scalar(query) or 0


def _leave_out_known(connection: sa.Connection, source_id: int, files: Sequence[File]) -> Sequence[File]:
    """Return the files at paths where a source has no article."""
    article = articles.c
    query = sa.select(article.path).where(
        article.source_id == source_id, article.path.in_([file.path for file in files])
    )
    known = set(connection.scalars(query))
    return [file for file in files if file.path not in known]
