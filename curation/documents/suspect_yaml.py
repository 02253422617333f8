"""Detect YAML texts that yaml-rs alone may read wrongly.

yaml-rs accepts much that is not valid and reads some texts as numbers that are not numbers. One kind of text
kills its process. `is_suspect` searches for signs of these. It may report harmless texts,
but misses none that yaml-rs reads wrongly.

Each pattern begins with a literal character or a small set of characters. `re` finds these ten times faster
than it tries alternatives at each character.
"""

from __future__ import annotations

import re

from .plain_scalars import MAX_DIGITS

#: Maximum levels of nesting.
MAX_DEPTH = 64

#: An anchor, alias or tag where a value may begin.
_INDICATOR = re.compile(r"[&*!](?:(?<=[\s\[{,:?-].)|(?<=\A.))[^ \t\n]")
#: NUL and surrogates. yaml-rs joins pairs of surrogates, libyaml rejects each surrogate.
_BAD_ESCAPE = re.compile(r"\\(?:0|x00|u0000|U00000000|u[dD][89a-fA-F]|U0000[dD][89a-fA-F])")
_COMPLEX_KEY = re.compile(r"\?(?:(?<=[\s\-?:\[{,].)|(?<=\A.))(?=[\s:,\]}]|\Z)")
_DIRECTIVE = re.compile(r"%(?:(?<=\n.)|(?<=\A.))")
#: A block scalar that keeps its last line ends, or is empty at the end of the text. yaml-rs adds a line end.
_LITERAL_KEPT = re.compile(r"\|[0-9]?\+")
_FOLDED_KEPT = re.compile(r">[0-9]?\+")
_HEADER_AT_END = re.compile(r"[|>][0-9-]{0,2}[ ]*+(?:#|\Z)")
#: In a flow collection: signs of block scalars, a question mark, a colon with nothing on one side. libyaml
#: rejects block scalars and such colons. It reads the question mark as a sign even without a space after it.
_FLOW_SIGN = re.compile(r"[|>:?](?<=[\[{,\s].)")
_FLOW_COLON = re.compile(r""":(?=[,?\[\]{}])(?<=[^"'\]}].)""")
_BRACKETS = re.compile(r"[\[\]{}]")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]{0,2}[ ]*(?:#.*)?(?:\n|\Z)")

#: A number with a leading zero, or with an upper-case prefix, where a value may begin.
_ZERO = re.compile(
    r"""0(?:(?<=[ \n\[{,].)|(?<=[ \n\[{,][+-].)|(?<=["'\]}]:.)|(?<=["'\]}]:[+-].)|(?<=\A.))[0-9_XBO]"""
)
#: An underscore that may be part of a number.
_UNDERSCORE = re.compile(
    r"_(?:(?<=[\s\[{,:+\-].)[0-9._]|(?<=[0-9a-fA-FxXoO._].)(?=[0-9a-fA-F._+\-\s,\]}:#]|\Z))"
)
_DECIMAL_CHARACTERS = "0123456789_"
_NUMBER_STARTS = "0123456789._+-"
_NUMBER_CHARACTERS = frozenset("0123456789abcdefABCDEFxXoO_.+-")
#: Maximum number of characters that are checked before a sign.
_MAX_LOOKBACK = 64

#: Sequences and empty keys that open on one line. About 10,000 of them overflow the stack of yaml-rs. It can
#: read `_MAX_COMPACT_SIGNS` of them, and values that are nested too deeply are then found after reading.
_COMPACT = re.compile(r"(?:[-:?][ ]+){16}")
_MAX_COMPACT_SIGNS = 1_000
#: If a text is divided into parts of this size, a number longer than `MAX_DIGITS` fills at least one of them.
_PART = MAX_DIGITS // 2


def is_suspect(text: str) -> bool:
    """Return whether a text has to be read by the careful reader."""
    return (
        (("&" in text or "*" in text or "!" in text) and _INDICATOR.search(text) is not None)
        or any(_begins_value(text, zero.start()) for zero in _ZERO.finditer(text))
        or ("_" in text and _may_hold_odd_number(text))
        or (("[" in text or "{" in text) and _may_nest_or_hide(text))
        or "\t" in text
        or ("<" in text and "<<" in text)
        or ("\\" in text and _BAD_ESCAPE.search(text) is not None)
        or ("?" in text and _COMPLEX_KEY.search(text) is not None)
        or ("|" in text and (_LITERAL_KEPT.search(text) is not None or _ends_in_header(text)))
        or (">" in text and (_FOLDED_KEPT.search(text) is not None or _ends_in_header(text)))
        or ("%" in text and _DIRECTIVE.search(text) is not None)
        or "\ufeff" in text
        or (len(text) > 2 * _MAX_COMPACT_SIGNS and (_may_overflow(text) or _may_hold_long_number(text)))
        or " " * 48 in text
    )


def _ends_in_header(text: str) -> bool:
    """Return whether the last non-blank line may be the header of a block scalar."""
    line = text.rstrip()
    return _HEADER_AT_END.search(line, line.rfind("\n") + 1) is not None


def _begins_value(text: str, at: int) -> bool:
    """Return whether a value may begin at a character, or at the sign before it."""
    if text[at - 1 : at] in ("+", "-"):
        at -= 1
    before = text[max(0, at - _MAX_LOOKBACK) : at].rstrip(" ")
    if not before or before[-1] in "-:?[{,":
        return True
    return before[-1] == "\n" and _may_end_before_value(text, text.rfind("\n", 0, at))


def _may_end_before_value(text: str, end: int) -> bool:
    """Return whether a value may follow a line, because the line opens one, is blank or may have a comment.

    The line before a blank line is not checked: that would be quadratic, and careful reading costs less.
    """
    line = _line_before(text, end)
    return not line or line[-1] in "-:?[{," or "#" in line


def _line_before(text: str, end: int) -> str:
    """Return the line that ends at a position, without trailing spaces."""
    return text[text.rfind("\n", 0, end) + 1 : end].rstrip(" ")


def _may_hold_odd_number(text: str) -> bool:
    """Return whether an underscore is part of a text that yaml-rs may read as a number."""
    for found in _UNDERSCORE.finditer(text):
        start, limit = found.start(), max(0, found.start() - _MAX_LOOKBACK)
        while start > limit and text[start - 1] in _NUMBER_CHARACTERS:
            start -= 1
        if text[start] in _NUMBER_STARTS and (start == limit or _begins_value(text, start)):
            return True
    return False


def _may_nest_or_hide(text: str) -> bool:
    return (
        text.count("[") + text.count("{") > MAX_DEPTH
        or _FLOW_COLON.search(text) is not None
        or _may_hold_long_key(text)
        or any(_may_be_in_flow(text, sign.start()) for sign in _FLOW_SIGN.finditer(text))
    )


def _may_hold_long_key(text: str) -> bool:
    """Return whether a flow collection may have a key of several lines, which libyaml rejects."""
    depth = start = 0
    for bracket in _BRACKETS.finditer(text):
        if bracket[0] in "[{":
            start = start if depth else bracket.start()
            depth += 1
        elif depth:
            depth -= 1
            if not depth and _has_lines_and_keys(text, start, bracket.end()):
                return True
    return depth > 0 and _has_lines_and_keys(text, start, len(text))


def _has_lines_and_keys(text: str, start: int, end: int) -> bool:
    return text.find("\n", start, end) >= 0 and text.find(":", start, end) >= 0


def _may_be_in_flow(text: str, at: int) -> bool:
    """Return whether a sign begins a value that may be in a flow collection.

    Only the header of a block scalar after its key certainly is not in one.
    """
    if not _begins_value(text, at):
        return False
    start = text.rfind("\n", 0, at) + 1
    key = text[start:at].strip(" ")
    is_header = key[-1:] in ("-", ":") and len(key) > 1 and _BLOCK_HEADER.match(text, at) is not None
    if not is_header or key[0] == ":" or any(sign in key for sign in "[{,"):
        return True
    before = _line_before(text, start - 1)
    return start > 0 and (not before or before[-1] in "[{," or "#" in before)


def _may_overflow(text: str) -> bool:
    signs = text.count("-") + text.count(":") + text.count("?")
    return signs > _MAX_COMPACT_SIGNS and _COMPACT.search(text) is not None


def _may_hold_long_number(text: str) -> bool:
    """Return whether a text may have a number of more than `MAX_DIGITS` digits.

    The time of yaml-rs grows with the square of the digits: it takes four minutes for 16 MB of them.
    """
    starts = range(0, len(text) - _PART + 1, _PART)
    return any(
        text[at] in _DECIMAL_CHARACTERS and not text[at : at + _PART].strip(_DECIMAL_CHARACTERS)
        for at in starts
    )
