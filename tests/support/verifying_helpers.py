"""A store with all that can happen to articles, and a way to damage it."""

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

DECIDED = "_news/2021-05-28-needle-rock-goes-led.md"


PLAIN = "_news/2022-10-10-the-bollard-column-again.md"


REPLACED = "_news/2022-05-05-salt-and-vinegar-and-concrete.md"


GONE = "_news/2022-08-08-we-moved-the-office-above-the-spring-line.md"


BROKEN = "_games/keep-the-light.md"


ANOTHER = (
    "---\ntitle: Quite another story\noriginalUrl: https://else.example/other\nquality: 12\n---\nNews.\n"
)


_GUARDS_OFF = {
    "sqlite": ("PRAGMA foreign_keys = OFF", "PRAGMA ignore_check_constraints = ON"),
    "postgresql": ("SET session_replication_role = replica",),
}


def decide(store: Store, path: str, **decisions: int) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection([path]), decisions, actor="editor", reason=None)


@contextmanager
def unguarded(store: Store) -> Iterator[sa.Connection]:
    """A transaction in which the engine lets anything be written; what is written is never kept."""
    with store.engine.connect() as connection:
        driver: Any = connection.connection.driver_connection
        for statement in _GUARDS_OFF[store.backend.name]:
            driver.execute(statement)
        with connection.begin() as transaction:
            yield connection
            transaction.rollback()
        connection.invalidate()


def fill(store: Store, site: Path) -> None:
    """All that can come upon articles: decisions, another story, a file gone, a file broken."""
    import_folder(store, site)
    decide(store, DECIDED, quality=80)
    decide(store, DECIDED, quality=70, published=0)
    decide(store, "_samples/flash-pattern-simulator.md", removed=1)
    decide(store, REPLACED, heat=5)
    decide(store, GONE, heat=6)
    (site / REPLACED).write_text(ANOTHER)
    (site / GONE).unlink()
    (site / BROKEN).write_text("---\ntitle: [\n---\n")
    text = (site / DECIDED).read_text()
    (site / DECIDED).write_text(text.replace("\nheat: ", "\nheat: 1"))
    (site / "_data/topics/02-tides.yaml").unlink()
    summary = import_folder(store, site)
    assert (summary.updated, summary.missing, summary.quarantined) == (2, 1, 1)
