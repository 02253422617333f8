"""Paths of files in the checkout."""

from __future__ import annotations

from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]

README = CHECKOUT / "README.md"

DOCS = CHECKOUT / "docs"

#: The sample site, which is in the checkout.
SITE = CHECKOUT / "tests" / "site"

#: Real dumps, which may be present beside the checkout.
DATA = CHECKOUT.parent / "shared" / "data"
