"""Fill a store with everything that can happen to articles, and damage it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.store.database import Store

from .importing_helpers import import_folder

OVERRIDDEN = "_news/2021-05-28-needle-rock-goes-led.md"


PLAIN = "_news/2022-10-10-the-bollard-column-again.md"


REPLACED = "_news/2022-05-05-salt-and-vinegar-and-concrete.md"


MISSING = "_news/2022-08-08-we-moved-the-office-above-the-spring-line.md"


BROKEN = "_games/keep-the-light.md"


ANOTHER = (
    "---\ntitle: Quite another story\noriginalUrl: https://else.example/other\nquality: 12\n---\nNews.\n"
)


_GUARDS_OFF = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"),
    "postgresql": ("SET session_replication_role = replica",),
}


def override_flags(store: Store, path: str, **flags: int) -> None:
    """Set flags of an article as an editor."""
    with store.writing() as connection:
        set_flags(connection, Selection([path]), flags, actor="editor", reason=None)


@contextmanager
def unguarded(store: Store) -> Iterator[sa.Connection]:
    """Return a transaction without the engine's constraints; it is always rolled back."""
    with store.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for statement in _GUARDS_OFF[store.backend.name]:
            driver.execute(statement)
        with connection.begin() as transaction:
            yield connection
            transaction.rollback()
        connection.invalidate()


def fill(store: Store, site: Path) -> None:
    """Import a site twice, with overrides between, and with a replaced story, a missing and a broken file."""
    import_folder(store, site)
    override_flags(store, OVERRIDDEN, quality=80)
    override_flags(store, OVERRIDDEN, quality=70, published=0)
    override_flags(store, "_samples/flash-pattern-simulator.md", removed=1)
    override_flags(store, REPLACED, heat=5)
    override_flags(store, MISSING, heat=6)
    (site / REPLACED).write_text(ANOTHER)
    (site / MISSING).unlink()
    (site / BROKEN).write_text("---\ntitle: [\n---\n")
    text = (site / OVERRIDDEN).read_text()
    (site / OVERRIDDEN).write_text(text.replace("\nheat: ", "\nheat: 1"))
    (site / "_data/topics/02-tides.yaml").unlink()
    summary = import_folder(store, site)
    assert (summary.updated, summary.missing, summary.quarantined) == (2, 1, 1)
