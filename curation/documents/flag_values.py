"""Read an article's flags from its front matter, so that a typing error never publishes a hidden article.

A flag that cannot be read is an error, but the document is imported all the same. The flag keeps its previous
value, and a new article is not published (`importing.merging`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..flags import FLAG_WORDS, HIDING_FIELDS, Flags, is_one_edit_apart, normalize_key
from .fields import Fields
from .json_values import describe_kind, format_value, shorten

#: The fields of an article that are read. A key that only looks like one of them is probably a mistake.
_FIELDS = frozenset(
    {"title", "excerpt", "category", "type", "publishedDateTime", "updatedDateTime", "originalUrl", "webUrl",
     "ampWebUrl", "cdnAmpWebUrl", "quality", "heat", *HIDING_FIELDS, "provider", "topics", "images",
     "related", "featuredContent", "secured"}
)  # fmt: skip
_FIELDS_BY_KEY = {field.casefold(): field for field in _FIELDS}


class FlagValues(NamedTuple):
    """The flags that a document states.

    unclear: the flags whose value cannot be read; `flags` has None for them.
    is_draft: whether the document has `draft: true`.
    """

    flags: Flags
    unclear: frozenset[str]
    is_draft: bool


def read_flags(fields: Fields) -> FlagValues:
    """Return the flags that an article's front matter states.

    A flag with an exact value is removed from the fields. `draft` stays, since it has no column.
    """
    unclear = _check_keys(fields)
    flags = Flags(
        _number(fields, "quality", unclear),
        _number(fields, "heat", unclear),
        _flag(fields, "published", unclear),
        _flag(fields, "removed", unclear),
    )
    is_draft = bool(_flag(fields, "draft", unclear, keeps_field=True)) if "draft" in fields.rest else False
    if "draft" in unclear:
        unclear = unclear - {"draft"} | {"published"}
    return FlagValues(flags, frozenset(unclear), is_draft)


def _number(fields: Fields, key: str, unclear: set[str]) -> int | None:
    value = fields.rest.get(key)
    number = fields.try_integer(key)
    if number is not None or value is None:
        return number
    unclear.add(key)
    if isinstance(value, list | dict):
        _add_error(fields, key, "not_one_value", f"expected a single number, found {describe_kind(value)}")
    elif isinstance(value, float):
        is_finite = math.isfinite(value)
        _add_error(fields, key, "not_an_integer" if is_finite else "not_finite", f"{value} is not an integer")
    elif isinstance(value, int) and not isinstance(value, bool):
        _add_error(fields, key, "integer_out_of_range", "an integer outside the 64-bit range")
    else:
        _add_error(fields, key, "not_a_number", f"expected a number, found {shorten(str(value))}")
    return None


def _flag(fields: Fields, key: str, unclear: set[str], *, keeps_field: bool = False) -> bool | None:
    value = fields.rest.get(key)
    if type(value) is bool:
        if not keeps_field:
            del fields.rest[key]
        return value
    if key not in fields.rest:
        return None
    word = fields.read_flag_word(key, value)
    if word is None:
        unclear.add(key)
        found = "null" if value is None else shorten(format_value(value))
        _add_error(fields, key, "not_a_flag", f"expected true or false, found {found}")
    return word


def _check_keys(fields: Fields) -> set[str]:
    """Report misspelt keys, and return the flags that may hide the article under such a key."""
    unclear: set[str] = set()
    rest = fields.rest
    if rest.keys() <= _FIELDS:
        return unclear
    misspelt = [(key, field) for key in rest if key not in _FIELDS and (field := _meant_field(key, rest))]
    for key, field in misspelt:
        may_hide = (
            field in HIDING_FIELDS and field not in rest and rest[key] is not (not HIDING_FIELDS[field])
        )
        if may_hide:
            unclear.add(field)
        _report_misspelt(fields, key, field, may_hide=may_hide)
    return unclear


def _report_misspelt(fields: Fields, key: Any, field: str, *, may_hide: bool) -> None:
    """Report a key that is probably meant for a field."""
    meaning = "may be meant to hide the article" if may_hide else "is not read"
    advice = f"only {field} is read" if field in fields.rest else f"rename it to {field}, or add {field}"
    message = f"{shorten(key)} {meaning}; {advice}"
    path = (*fields.path, key)
    fields.reading.add_issue("error" if may_hide else "warning", "misspelt_key", message, path)


def _meant_field(key: Any, values: Mapping[Any, Any]) -> str | None:
    """Return the field that a key is probably meant for; None if there is none.

    A key is meant for a field if it differs only by case or by invisible characters. Typing errors are
    searched for only where they could publish a hidden article. The key must be like that of a flag that the
    document does not state, and its value must be the one that hides.
    """
    if type(key) is not str:
        return None
    normalized = normalize_key(key)
    if (field := _FIELDS_BY_KEY.get(normalized)) is not None:
        return field
    value = values[key]
    flag = FLAG_WORDS.get(value.lower()) if type(value) is str else value
    if type(flag) is not bool:
        return None
    flags = (name for name, hides in HIDING_FIELDS.items() if flag is hides and name not in values)
    return next((name for name in flags if is_one_edit_apart(normalized, name)), None)


def _add_error(fields: Fields, key: str, code: str, message: str) -> None:
    fields.reading.add_issue("error", code, f"{message}; the flag is not changed", (*fields.path, key))
