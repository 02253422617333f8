"""Read an article's flags from its front matter, and stay closed where one cannot be read.

A flag that cannot be read is an error of the document, which is imported all the same: the flag keeps the
value that it had before, and a new article is not published (`importing.merge`). So no typing error ever
publishes what was hidden.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from ..flags import FLAG_WORDS, HIDING_FIELDS, Flags, is_one_edit, visible_key
from .fields import Fields
from .json_values import kind_of, short, written

#: The fields of an article that are read. A key that looks like one of them is a likely mistake.
_FIELDS = frozenset(
    {"title", "excerpt", "category", "type", "publishedDateTime", "updatedDateTime", "originalUrl", "webUrl",
     "ampWebUrl", "cdnAmpWebUrl", "quality", "heat", *HIDING_FIELDS, "provider", "topics", "images",
     "related", "featuredContent", "secured"}
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
    unclear = _check_keys(fields)
    flags = Flags(
        _number(fields, "quality", unclear),
        _number(fields, "heat", unclear),
        _flag(fields, "published", unclear),
        _flag(fields, "removed", unclear),
    )
    is_draft = bool(_flag(fields, "draft", unclear, is_kept=True)) if "draft" in fields.rest else False
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


def _check_keys(fields: Fields) -> set[str]:
    """Return the flags that a misspelt key may be meant for, to hide the article; report all such keys."""
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
        meaning = "may be meant to hide the article" if may_hide else "is not read"
        advice = f"only {field} is" if field in rest else f"write {field}, or add it"
        message = f"{short(key)} {meaning}: {advice}"
        path = (*fields.path, key)
        fields.reading.add_issue("error" if may_hide else "warning", "misspelt_key", message, path)
    return unclear


def _meant_field(key: Any, values: Mapping[Any, Any]) -> str | None:
    """Return the field that a key is probably meant for, if it is not one itself.

    A key is meant for the field that it is but for case and for characters that cannot be seen. A typing
    error is looked for only where it would show an article: in the key of a flag that is stated nowhere else,
    with the value that hides.
    """
    if type(key) is not str:
        return None
    shown = visible_key(key)
    if (field := _FIELD_OF.get(shown)) is not None:
        return field
    value = values[key]
    flag = FLAG_WORDS.get(value.lower()) if type(value) is str else value
    if type(flag) is not bool:
        return None
    flags = (name for name, hides in HIDING_FIELDS.items() if flag is hides and name not in values)
    return next((name for name in flags if is_one_edit(shown, name)), None)


def _tell(fields: Fields, key: str, code: str, message: str) -> None:
    fields.reading.add_issue("error", code, f"{message}: the flag stays as it was", (*fields.path, key))
