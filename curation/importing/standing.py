"""What holds of an article before an import touches it: its flags, upstream's, and the editors' overrides."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from ..backends import chunks
from ..document import Flags
from ..faults import Fault
from ..schema import FLAGS, articles, overrides
from .merge import Effective, partings


@dataclass(slots=True)
class Standing:
    """See the module."""

    first_import_id: int
    effective: Effective
    upstream: Flags
    overrides: dict[str, int] = field(default_factory=dict)

    def partings(self, upstream: Flags, said_already: Container[str]) -> list[Fault]:
        return partings(self.upstream, upstream, self.overrides, said_already)


def read_standing(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, Standing]:
    """By article id; the rows are locked, so that no editor's decision comes between."""
    standing: dict[int, Standing] = {}
    flags = [articles.c[name] for name in FLAGS]
    upstream = [articles.c[f"upstream_{name}"] for name in FLAGS]
    query = sa.select(articles.c.id, articles.c.first_import_id, *flags, *upstream)
    for ids in chunks(article_ids):
        mine = articles.c.id.in_(ids)
        for row in connection.execute(query.where(mine).order_by(articles.c.id).with_for_update()):
            standing[row[0]] = Standing(row[1], Effective(*row[2:6]), Flags(*row[6:10]))
        table = overrides.c
        decided = sa.select(table.article_id, table.field, table.value).where(table.article_id.in_(ids))
        for article_id, name, value in connection.execute(decided):
            standing[article_id].overrides[name] = value
    return standing
