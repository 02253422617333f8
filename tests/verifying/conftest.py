"""Fixtures: a store with all that can happen to articles."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.store.database import Store

from ..support.verifying_helpers import fill


@pytest.fixture
def filled(store: Store, site: Path) -> Store:
    """A store with decisions, a replaced story, a file that is gone and one that is broken."""
    fill(store, site)
    return store
