"""Rules about paths of documents that need no access to the file."""

from __future__ import annotations

#: Maximum characters of a path below its source: what every engine can hold in a unique index.
MAX_PATH = 640

#: The suffixes of an article's file name, in any case.
ARTICLE_SUFFIXES = (".md", ".markdown", ".html")

#: The usual spellings of these suffixes, for lookups by an index.
SUFFIX_SPELLINGS = (*ARTICLE_SUFFIXES, *(suffix.upper() for suffix in ARTICLE_SUFFIXES))


def without_suffix(path: str) -> str:
    """Return the path of an article's file without its suffix, and any other path unchanged."""
    end = next((suffix for suffix in ARTICLE_SUFFIXES if path.lower().endswith(suffix)), "")
    return path[: len(path) - len(end)]
