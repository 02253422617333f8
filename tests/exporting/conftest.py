"""Fixtures: the command on a store that has imported the sample site."""

from __future__ import annotations

from pathlib import Path

import pytest

from curation.store.database import Store

from ..support.exporting_helpers import Curation


@pytest.fixture
def site_curation(imported: Store, curation: Curation, site: Path) -> Curation:
    """Runs the command on a store that has imported the test's own copy of the sample site."""
    return curation
