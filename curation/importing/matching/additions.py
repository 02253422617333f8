"""Choose the documents that an import would add to a source, to compare them with other sources' articles.

An import that changes little is not looked at, and nothing here loads the parser.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ...scanning import File, Kind, Scan
from ...store.schema import articles, sources

#: Documents of the dump that are looked at, evenly chosen.
SAMPLE = 200


@dataclass(frozen=True, slots=True)
class Additions:
    """Documents that are new to a source.

    files: those at paths where the source has no article, of the `sampled` ones; `total` is how many
        documents the dump has.
    source_id: None for a new source; size: how many articles it has.
    others: the names of the other sources, by id.
    """

    files: Sequence[File]
    sampled: int
    total: int
    source_id: int | None
    size: int
    others: Mapping[int, str]

    def are_many(self, count: int) -> bool:
        """Return whether so many of `files` stand for more documents than the source has articles."""
        return count * self.total > self.size * self.sampled


def find_additions(connection: sa.Connection, source: str, scan: Scan) -> Additions | None:
    """Return what an import would add to a source.

    Returns:
        None where there is nothing to compare: no other source, or not more additions than articles.
    """
    names = dict(map(tuple, connection.execute(sa.select(sources.c.id, sources.c.name))))
    source_id = next((key for key, name in names.items() if name == source), None)
    others = {key: name for key, name in names.items() if key != source_id}
    found = [file for file in scan.files if file.kind is Kind.ARTICLE] if others else []
    if not found:
        return None
    size = 0 if source_id is None else _count_articles(connection, source_id)
    if len(found) <= size:
        return None
    files = choose_evenly(found, SAMPLE)
    known = _known_paths(connection, source_id, files) if source_id is not None and size else set()
    new = [file for file in files if file.path not in known]
    additions = Additions(new, len(files), len(found), source_id, size, others)
    return additions if additions.are_many(len(new)) else None


def choose_evenly(files: Sequence[File], count: int) -> Sequence[File]:
    """Return at most so many files, from the first to the last at equal distances."""
    if len(files) <= count:
        return files
    return [files[number * len(files) // count] for number in range(count)]


def _count_articles(connection: sa.Connection, source_id: int) -> int:
    query = sa.select(sa.func.count()).select_from(articles).where(articles.c.source_id == source_id)
    return connection.scalar(query) or 0


def _known_paths(connection: sa.Connection, source_id: int, files: Sequence[File]) -> set[str]:
    """Return at which paths of some files a source has an article."""
    article = articles.c
    query = sa.select(article.path).where(
        article.source_id == source_id, article.path.in_([file.path for file in files])
    )
    return set(connection.scalars(query))
