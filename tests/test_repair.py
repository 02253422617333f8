"""Dates and digests that a session stored otherwise are named, and made right."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from click.testing import Result

from curation.database import Store
from curation.schema import articles, related_links
from curation.verifying.repair import repair
from curation.verifying.run import Finding, verify

from .conftest import SITE
from .taking import import_folder

Run = Callable[..., Result]


def test_shifted_dates_and_digests_are_named_and_repaired(store: Store, curation: Run) -> None:
    import_folder(store, SITE)
    shifted, garbled = sa.text("'2001-01-01 09:00:00+00'"), sa.literal(b"\\x" + b"61" * 32, sa.LargeBinary)
    if store.backend.name == "sqlite":
        shifted = sa.text("'2001-01-01 09:00:00'")
    with store.writing() as connection:
        dated = articles.c.published_at.is_not(None)
        connection.execute(sa.update(articles).where(dated).values(published_at=shifted))
        known = articles.c.canonical_digest.is_not(None)
        if store.backend.name == "postgresql":
            connection.execute(sa.update(articles).where(known).values(canonical_digest=garbled))
        connection.execute(sa.update(related_links).values(published_at=shifted))
    refused = curation("db", "verify", "--format", "csv")
    assert refused.exit_code == 1
    assert "`curation db repair`" in refused.stderr
    checks = {finding.check for finding in _findings(store)}
    assert {"session"} <= checks <= {"session", "links"}  # by which an article is found
    fixed = curation("db", "repair")
    assert (fixed.exit_code, fixed.stdout.startswith("rewrote ")) == (0, True), fixed.output
    assert curation("db", "verify").exit_code == 0
    assert repair(store) == (0, 0)


def _findings(store: Store) -> list[Finding]:
    with store.reading() as connection:
        return list(verify(connection))
