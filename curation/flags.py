"""The flags of an article, which editors can override."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import NamedTuple

#: In the order in which documents state them.
FLAGS = ("quality", "heat", "published", "removed")


class Flags(NamedTuple):
    """The upstream values of the flags; None for a flag that the document does not state."""

    quality: int | None
    heat: int | None
    published: bool | None
    removed: bool | None


#: The flags that can hide an article, each with the value that hides it.
HIDING: Mapping[str, bool] = {"published": False, "removed": True}

#: The fields of a document that can hide its article, each with the value that hides it.
HIDING_FIELDS: Mapping[str, bool] = {**HIDING, "draft": True}

#: Words that stand for true or false as the value of a flag, in any case.
FLAG_WORDS = dict.fromkeys(("yes", "on", "true", "y"), True) | dict.fromkeys(
    ("no", "off", "false", "n"), False
)

#: The codes of errors about a flag that cannot be read (`flag_values`). Unlike with any other error, the
#: document is imported. A misspelt key is an error only if it may be meant for a flag.
_UNREADABLE_CODES = frozenset(
    {"not_a_flag", "not_a_number", "not_an_integer", "not_finite", "integer_out_of_range", "not_one_value"}
)

_FIELDS = frozenset({*FLAGS, "draft"})


def is_about_flag(code: str, field: str | None) -> bool:
    """Return whether an error is about a flag that cannot be read: its document is imported all the same."""
    is_of_flag = code in _UNREADABLE_CODES and field is not None and normalize_key(field) in _FIELDS
    return is_of_flag or code == "misspelt_key"


def normalize_key(key: str) -> str:
    """Return a key in lower case, without white space and invisible characters."""
    if key.isascii() and key.isalnum():  # nearly all keys are, and keys are compared for each document
        return key.casefold()
    shown = (c for c in unicodedata.normalize("NFKC", key) if unicodedata.category(c)[0] not in "ZC")
    return "".join(shown).casefold()


def is_one_edit_apart(text: str, word: str) -> bool:
    """Return whether one edit separates two different texts.

    An edit adds, removes or replaces one character, or swaps two adjacent ones.
    """
    if text == word or abs(len(text) - len(word)) > 1:
        return False
    start = next((at for at, (one, other) in enumerate(zip(text, word, strict=False)) if one != other), None)
    if start is None:  # one text is the beginning of the other
        return True
    text_rest, word_rest = text[start:], word[start:]
    is_swapped = text_rest[:2] == word_rest[1::-1] and text_rest[2:] == word_rest[2:]
    return (
        is_swapped
        or text_rest[1:] == word_rest[1:]
        or text_rest[1:] == word_rest
        or text_rest == word_rest[1:]
    )
