"""Read an article's flags from its front matter, and stay closed where one cannot be read.

A flag that cannot be read is an error of the document, which is imported all the same: the flag keeps the
value that it had before, and a new article is not published (`importing.merge`). So no typing error ever
publishes what was hidden.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from .extra import kind_of, short, written
from .fields import Fields
from .flags import Flags, visible_key

#: The flags that decide whether an article is shown, each with the value that hides it.
_HIDING = {"published": False, "removed": True, "draft": True}

#: The fields of an article that are read. A key that differs from one by case alone is a likely mistake.
_FIELDS = frozenset(
    {"title", "excerpt", "category", "type", "publishedDateTime", "updatedDateTime", "originalUrl", "webUrl",
     "ampWebUrl", "cdnAmpWebUrl", "quality", "heat", *_HIDING, "provider", "topics", "images", "related",
     "featuredContent", "secured"}
)  # fmt: skip
_FIELD_OF = {field.casefold(): field for field in _FIELDS}


class FlagValues(NamedTuple):
    """The flags that a document states.

    unclear: the flags whose value cannot be read; `flags` has None for them.
    is_draft: the document says `draft: true`.
    """

    flags: Flags
    unclear: frozenset[str]
    is_draft: bool


def read_flags(fields: Fields) -> FlagValues:
    """Return the flags of an article's front matter; each is taken from the fields where it reads exactly.

    `draft` stays among the fields, for it has no column.
    """
    misspelt = _misspelt_keys(fields)
    unclear: set[str] = set()
    flags = Flags(
        _number(fields, "quality", unclear),
        _number(fields, "heat", unclear),
        _flag(fields, "published", unclear),
        _flag(fields, "removed", unclear),
    )
    is_draft = bool(_flag(fields, "draft", unclear, is_kept=True)) if "draft" in fields.rest else False
    for field, key in misspelt:
        _hide_if_meant(fields, field, key, unclear)
    if "draft" in unclear:
        unclear = unclear - {"draft"} | {"published"}
    return FlagValues(flags, frozenset(unclear), is_draft)


def _number(fields: Fields, key: str, unclear: set[str]) -> int | None:
    value = fields.rest.get(key)
    number = fields.whole_number(key)
    if number is not None or value is None:
        return number
    unclear.add(key)
    if isinstance(value, list | dict):
        _tell(fields, key, "not_one_value", f"a {kind_of(value)} where one number belongs")
    elif isinstance(value, float):
        is_finite = math.isfinite(value)
        _tell(fields, key, "not_an_integer" if is_finite else "not_finite", f"{value} is not a whole number")
    elif isinstance(value, int) and not isinstance(value, bool):
        _tell(fields, key, "integer_out_of_range", "a whole number outside 64 bits")
    else:
        _tell(fields, key, "not_a_number", f"{short(str(value))} where a number belongs")
    return None


def _flag(fields: Fields, key: str, unclear: set[str], *, is_kept: bool = False) -> bool | None:
    value = fields.rest.get(key)
    if type(value) is bool:
        if not is_kept:
            del fields.rest[key]
        return value
    if key not in fields.rest:
        return None
    word = fields.flag_word(key, value)
    if word is None:
        unclear.add(key)
        told = "nothing" if value is None else short(written(value))
        _tell(fields, key, "not_a_flag", f"{told} where true or false belongs")
    return word


def _misspelt_keys(fields: Fields) -> list[tuple[str, str]]:
    """Return each field that is not there with a key that differs from it by case or by characters that
    cannot be seen; such a key is told of in any case."""
    found = []
    for key in fields.rest:
        if key in _FIELDS or type(key) is not str:
            continue
        field = _FIELD_OF.get(key.casefold() if key.isalnum() and key.isascii() else visible_key(key))
        if field is not None:
            found.append((field, key))
    for field, key in found:
        told = f"{short(key)} is not read: write {field}"
        fields.reading.fault("warning", "misspelt_key", told, (*fields.path, key))
    return [(field, key) for field, key in found if field not in fields.rest]


def _hide_if_meant(fields: Fields, field: str, key: str, unclear: set[str]) -> None:
    """Count a flag as unclear if a misspelt key may be meant to hide the article."""
    if field in _HIDING and fields.rest[key] is not (not _HIDING[field]):
        unclear.add(field)
        _tell(fields, key, "not_a_flag", f"{short(key)} may be meant to hide the article")


def _tell(fields: Fields, key: str, code: str, message: str) -> None:
    fields.reading.fault("error", code, f"{message}: the flag stays as it was", (*fields.path, key))
