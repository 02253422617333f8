"""Fields that decide whether an article is shown, in lines that do not count as fields.

A line `...` ends front matter in the middle of it, or a quote that is never closed takes `published: false`
into a text. Whoever wrote the line meant the article to be hidden, so such a document is not read.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator

from ..flags import FLAGS, HIDING_FIELDS, is_one_edit, visible_key
from .due_dates import DATE_KEYS

#: What a line may begin with that is a field: signs of lists, mappings and keys, a key, and a colon.
_LINE = re.compile(
    r"^(?P<signs>[ \t]*+(?:[-?{][ \t]*+)*+)[\"']?(?P<key>[^\s\"':{}\[\],#]{2,40})[\"']?[ \t]*+(?P<colon>:|$)",
    re.MULTILINE,
)
#: What they are called, in lower case.
_DECIDING = frozenset({*FLAGS, *HIDING_FIELDS, *(key.casefold() for key in DATE_KEYS)})


def find_in(text: str) -> str | None:
    """Return the first key in a text that is no front matter which may be meant for a field that decides
    whether an article is shown; None if there is none."""
    return next((key for _, key in _deciding_lines(text)), None)


def find_swallowed(text: str, keys: Collection[object]) -> str | None:
    """Return a key that begins a line of front matter, may be meant for a field that decides whether an
    article is shown, and is none of its keys.

    Args:
        text: the front matter.
        keys: the keys that were read of it.
    """
    at_margin = Counter(
        key for signs, key in _deciding_lines(text) if not (signs[:1].isspace() or "-" in signs)
    )
    return next((key for key, count in at_margin.items() if key not in keys or count > 1), None)


def _deciding_lines(text: str) -> Iterator[tuple[str, str]]:
    """Yield what such lines begin with, and their keys."""
    for line in _LINE.finditer(text):
        if (line["colon"] or "?" in line["signs"]) and _may_decide(line["key"]):
            yield line["signs"], line["key"]


def _may_decide(key: str) -> bool:
    shown = visible_key(key)
    return shown in _DECIDING or any(is_one_edit(shown, name) for name in HIDING_FIELDS)
