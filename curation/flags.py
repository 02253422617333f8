"""The flags: what editors decide about an article."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

#: In the order in which files state them.
FLAGS = ("quality", "heat", "published", "removed")


class Flags(NamedTuple):
    """What a document says of each; None where it is silent."""

    quality: int | None
    heat: int | None
    published: bool | None
    removed: bool | None


#: The flags that can keep an article from being shown, each with the value that does.
HIDING: Mapping[str, bool] = {"published": False, "removed": True}

#: The fields of a document that can keep its article from being shown, each with the value that does.
HIDING_FIELDS: Mapping[str, bool] = {**HIDING, "draft": True}

#: Words that stand for true or false where a flag belongs, in any case.
FLAG_WORDS = dict.fromkeys(("yes", "on", "true", "y"), True) | dict.fromkeys(
    ("no", "off", "false", "n"), False
)

#: The codes of errors about a flag that cannot be read (`flag_values`). The document is imported all the
#: same, unlike one with any other error. A misspelt key is an error only where it may be meant for a flag.
_CODES = frozenset(
    {"not_a_flag", "not_a_number", "not_an_integer", "not_finite", "integer_out_of_range", "not_one_value"}
)

_FIELDS = frozenset({*FLAGS, "draft"})


def is_about_flag(code: str, field: str | None) -> bool:
    """Return whether an error is about a flag that cannot be read, and so keeps no document out."""
    is_of_flag = code in _CODES and field is not None and visible_key(field) in _FIELDS
    return is_of_flag or code == "misspelt_key"


def visible_key(key: str) -> str:
    """Return a key in lower case, without white space and characters that cannot be seen."""
    if key.isascii() and key.isalnum():  # nearly all are, and are compared for each document
        return key.casefold()
    shown = (c for c in unicodedata.normalize("NFKC", key) if unicodedata.category(c)[0] not in "ZC")
    return "".join(shown).casefold()


def is_one_edit(text: str, word: str) -> bool:
    """Return whether a text is a word but for one character too many, too few or another, or two that are
    swapped."""
    if text == word or abs(len(text) - len(word)) > 1:
        return False
    start = next((at for at, (one, other) in enumerate(zip(text, word, strict=False)) if one != other), None)
    if start is None:  # the longer one goes on
        return True
    rest, due = text[start:], word[start:]
    is_swapped = rest[:2] == due[1::-1] and rest[2:] == due[2:]
    return is_swapped or rest[1:] == due[1:] or rest[1:] == due or rest == due[1:]
