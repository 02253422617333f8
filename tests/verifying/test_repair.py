"""Dates and digests that a session stored wrongly are found and repaired."""

from __future__ import annotations

from collections.abc import Callable

from click.testing import Result

from curation.store.database import Store
from curation.verifying.repair import repair
from curation.verifying.run import Finding, verify

from ..support.importing_helpers import import_folder
from ..support.places import SITE

Run = Callable[..., Result]


#: What sessions with the time zone of Tokyo and `standard_conforming_strings = off` wrote.
_CHANGES = {
    "sqlite": ["published_at = datetime(published_at, '-9 hours')"],
    "postgresql": [
        "published_at = published_at - interval '9 hours'",
        "canonical_digest = convert_to('\\x' || encode(canonical_digest, 'hex'), 'UTF8')",
    ],
}


def test_shifted_dates_and_digests_are_found_and_repaired(store: Store, curation: Run) -> None:
    import_folder(store, SITE)
    with store.writing() as connection:
        for table in ("articles", "related_links"):
            for change in _CHANGES[store.backend.name]:
                connection.exec_driver_sql(f"UPDATE {table} SET {change}")
    failed = curation("db", "verify", "--format", "csv")
    assert failed.exit_code == 1
    assert "`curation db repair`" in failed.stderr
    checks = {finding.check for finding in _findings(store)}
    assert {"session"} <= checks <= {"session", "links"}  # links find their article by its date or digest
    fixed = curation("db", "repair")
    assert (fixed.exit_code, fixed.stdout.startswith("rewrote ")) == (0, True), fixed.output
    assert curation("db", "verify").exit_code == 0
    assert repair(store) == (0, 0)


def _findings(store: Store) -> list[Finding]:
    with store.reading() as connection:
        return list(verify(connection))
