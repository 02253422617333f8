"""What is known of a path without looking at its file."""

from __future__ import annotations

#: Characters of a path below its source: what every engine can hold in a unique index.
MAX_PATH = 640

#: The ends of an article's file name, in any case.
ARTICLE_SUFFIXES = (".md", ".markdown", ".html")

#: The same as they are nearly always spelt, for lookups by an index.
SPELT_SUFFIXES = (*ARTICLE_SUFFIXES, *(suffix.upper() for suffix in ARTICLE_SUFFIXES))


def without_suffix(path: str) -> str:
    """Return the path of an article's file without its suffix; any other path as it is."""
    end = next((suffix for suffix in ARTICLE_SUFFIXES if path.lower().endswith(suffix)), "")
    return path[: len(path) - len(end)]
