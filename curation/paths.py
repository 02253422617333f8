"""What is known of a path without looking at its file."""

from __future__ import annotations

#: Characters of a path below its source: what every engine can hold in a unique index.
MAX_PATH = 640

#: The ends of an article's file name.
ARTICLE_SUFFIXES = (".md", ".markdown", ".html")
