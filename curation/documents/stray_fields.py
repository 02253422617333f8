"""Find visibility fields outside of the front matter's keys.

A visibility field decides whether an article is shown: a flag, `draft` or a date. A line `...` may end the
front matter above such a field, or an unclosed quote may make `published: false` a part of a text. Its author
meant to hide the article, so such a document is not imported.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

from ..flags import FLAGS, HIDING_FIELDS, is_one_edit_apart, normalize_key
from .due_dates import DATE_KEYS

#: The start of a line that may be a field: signs of lists, mappings and keys, a key, and a colon.
_LINE = re.compile(
    r"^(?P<signs>[ \t]*+(?:[-?{][ \t]*+)*+)[\"']?(?P<key>[^\s\"':{}\[\],#]{2,40})[\"']?[ \t]*+(?P<colon>:|$)",
    re.MULTILINE,
)
#: The visibility fields, in lower case.
_VISIBILITY_KEYS = frozenset({*FLAGS, *HIDING_FIELDS, *(key.casefold() for key in DATE_KEYS)})


def find_visibility_key(text: str) -> str | None:
    """Return the first key that may be a visibility field in a text below the front matter, or None."""
    return next((key for _, key in _find_visibility_lines(text)), None)


def find_swallowed_key(text: str, keys: Collection[object]) -> str | None:
    """Return a key that may be a visibility field and begins a line, but was not read as a key.

    Args:
        text: the front matter.
        keys: the keys that were read from it.
    """
    at_margin = Counter(
        key for signs, key in _find_visibility_lines(text) if not (signs[:1].isspace() or "-" in signs)
    )
    return next((key for key, count in at_margin.items() if key not in keys or count > 1), None)


def _find_visibility_lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield the signs before the key, and the key, of each line that may be a visibility field."""
    for line in _LINE.finditer(text):
        if (line["colon"] or "?" in line["signs"]) and _may_be_visibility_key(line["key"]):
            yield line["signs"], line["key"]


def _may_be_visibility_key(key: str) -> bool:
    normalized = normalize_key(key)
    return normalized in _VISIBILITY_KEYS or any(
        is_one_edit_apart(normalized, name) for name in HIDING_FIELDS
    )
