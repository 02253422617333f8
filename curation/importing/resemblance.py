"""Tell whether a dump that comes as a new source is one that the store knows by another name.

A folder that was renamed would else come in as a source of its own, without any decision, and what an editor
hid would be public again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import sqlalchemy as sa

from ..backends import chunks
from ..errors import ImportFailed
from ..scanning import Dump, Kind, Scan
from ..schema import articles, sources
from .outcomes import read_files
from .rows import ArticleRow, story_of, value_of
from .stories import Story, has_same_title_or_url
from .tasks import Task

#: Documents of the dump that are looked at, evenly chosen.
SAMPLE = 200


def refuse_known_source(connection: sa.Connection, dump: Dump, scan: Scan) -> None:
    """Raise ImportFailed if a new source's articles are mostly those of a known one."""
    names = dict(map(tuple, connection.execute(sa.select(sources.c.id, sources.c.name))))
    rows = _sample(dump, scan)
    known = Counter(source_id for source_id, _ in _known(connection, list(names), rows))
    for source_id, count in known.most_common(1):
        if 2 * count > len(rows):
            name = names[source_id]
            raise ImportFailed(
                f"{count:,} of {len(rows):,} documents looked at are those of the source {name!r}:"
                f" add `--source {name}` to import into it, or `--new-source` to keep them apart"
            )


def _sample(dump: Dump, scan: Scan) -> list[ArticleRow]:
    """Read some articles of a dump, those that can be read."""
    found = [file for file in scan.files if file.kind is Kind.ARTICLE]
    files = found[:: max(1, len(found) // SAMPLE)][:SAMPLE]
    contents = [None] * len(files) if all(file.location for file in files) else dump.tree.read(files)
    tasks = [Task(file, None, content) for file, content in zip(files, contents, strict=True)]
    return read_files(tasks).rows.articles


def _known(
    connection: sa.Connection, source_ids: Sequence[int], rows: Sequence[ArticleRow]
) -> set[tuple[int, int]]:
    """Return which of some documents each source has, as pairs of a source's id and a document's number.

    A source has a document if an article at its path or with its URL tells the same story.
    """
    by_path = {value_of(row, "path"): number for number, row in enumerate(rows)}
    by_url = {digest: number for number, row in enumerate(rows) if (digest := story_of(row).canonical_digest)}
    article = articles.c
    query = sa.select(
        article.source_id, article.path, article.content_hash,
        article.title, article.canonical_digest, article.canonical_url,
    )  # fmt: skip
    wanted = [
        *(
            sa.and_(article.source_id.in_(source_ids), article.path.in_(some))
            for some in chunks(list(by_path))
        ),
        *(article.canonical_digest.in_(some) for some in chunks(list(by_url))),
    ]
    known: set[tuple[int, int]] = set()
    for condition in wanted:
        for source_id, path, text_hash, *story in connection.execute(query.where(condition)):
            for number in (by_path.get(path), by_url.get(story[1])):
                if number is None:
                    continue
                row = rows[number]
                if text_hash == value_of(row, "content_hash") or _is_same(Story(*story), story_of(row)):
                    known.add((source_id, number))
    return known


def _is_same(story: Story, other: Story) -> bool:
    """Return whether two tell the same story, and state a title or URL to know it by."""
    return any(story[:2]) and has_same_title_or_url(story, other)
