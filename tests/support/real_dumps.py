"""A mark for tests that need the real dumps beside the checkout."""

from __future__ import annotations

import pytest

from .places import DATA

needs_dumps = pytest.mark.skipif(not DATA.is_dir(), reason=f"no real dumps at {DATA}")
