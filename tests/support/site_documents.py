"""The front matter of the sample site, as another parser reads it."""

from __future__ import annotations

from .places import SITE
from .rejoined_documents import parsed


def front_matters() -> dict[str, dict[str, object]]:
    files = [
        f
        for f in SITE.glob("_*/**/*")
        if f.suffix in (".md", ".html") and f.parts[len(SITE.parts)] != "_data"
    ]
    return {str(file.relative_to(SITE)): parsed(file) for file in files}
