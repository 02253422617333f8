"""Settings of a source, set by several commands at the same time."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from curation.sources.rule_settings import lock_source
from curation.sources.site_settings import set_site_settings
from curation.store.database import Store
from curation.store.schema import source_settings

from ..support.importing_helpers import import_folder
from ..support.places import SITE


def test_several_threads_set_a_setting_of_a_source(store: Store) -> None:
    import_folder(store, SITE)
    start = threading.Barrier(6)

    def set_title(number: int) -> None:
        start.wait()
        for _ in range(5):
            with store.writing() as connection:
                set_site_settings(connection, lock_source(connection, "site"), {"title": f"t{number}"})

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(set_title, range(6)))
    with store.reading() as connection:
        query = sa.select(sa.func.count()).select_from(source_settings)
        assert (
            connection.scalar(
                query.where(source_settings.c.name == "title", source_settings.c.origin == "given")
            )
            == 1
        )
