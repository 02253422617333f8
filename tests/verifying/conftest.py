"""Fixtures: a store with everything that can happen to articles."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.store.database import Store

from ..support.verifying_helpers import fill


@pytest.fixture
def filled(store: Store, site: Path) -> Store:
    """A store with overrides, a replaced story, a missing file and a broken file."""
    fill(store, site)
    return store
