"""Checks that the full-text index has the current text of every article.

Articles that wait to be indexed are not checked.
"""

from __future__ import annotations

from collections.abc import Iterator

import sqlalchemy as sa

from ..backends import backend_of
from .findings import Finding, find_subjects


def find_wrong_index(connection: sa.Connection) -> Iterator[Finding]:
    """Find missing, superfluous and differing rows of the index."""
    problems = list(backend_of(connection).find_wrong_index(connection))
    subjects = find_subjects(connection, [key for key, _ in problems if key is not None])
    for key, wrong in problems:
        yield Finding("search", "index" if key is None else subjects[key], wrong)
