"""Whether the full-text index has every article as it now is, but for those that it has yet to take in."""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from ..backends import backend_of
from .findings import Finding, of_article


def find_wrong_index(connection: sa.Connection) -> Iterator[Finding]:
    """What is missing in the index, too much, or of another text."""
    wrong = list(backend_of(connection).find_wrong_index(connection))
    subjects = of_article(connection, [key for key, _ in wrong if key is not None])
    for key, told in wrong:
        yield Finding("search", "index" if key is None else subjects[key], told)
