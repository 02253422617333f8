"""Signs in a YAML text that yaml-rs alone must not be trusted with it.

yaml-rs is silent about much that must not pass, reads some texts as numbers that are none, and one kind of
text kills its process. `is_suspect` looks for signs of these; it errs only on the safe side. Each pattern
begins with a literal character, or a set of few: `re` finds these ten times faster than it tries alternatives
at each character.
"""

from __future__ import annotations

import re

from .plain_scalars import MAX_DIGITS

#: Levels of nesting that are read.
MAX_DEPTH = 64

#: An anchor, alias or tag where a value may begin.
_INDICATOR = re.compile(r"[&*!](?:(?<=[\s\[{,:?-].)|(?<=\A.))[^ \t\n]")
#: NUL; and surrogates, of which yaml-rs joins pairs and libyaml refuses each.
_BAD_ESCAPE = re.compile(r"\\(?:0|x00|u0000|U00000000|u[dD][89a-fA-F]|U0000[dD][89a-fA-F])")
_COMPLEX_KEY = re.compile(r"\?(?:(?<=[\s\-?:\[{,].)|(?<=\A.))(?=[\s:,\]}]|\Z)")
_DIRECTIVE = re.compile(r"%(?:(?<=\n.)|(?<=\A.))")
#: A block scalar that keeps its last line ends, or ends the text empty: yaml-rs gives it a line end too many.
_LITERAL_KEPT = re.compile(r"\|[0-9]?\+")
_FOLDED_KEPT = re.compile(r">[0-9]?\+")
_HEADER_AT_END = re.compile(r"[|>][0-9-]{0,2}[ ]*+(?:#|\Z)")
#: In a flow collection: signs of block scalars, and a colon with nothing on one side, which libyaml refuses;
#: a question mark, which is a sign to it even without a blank behind it.
_FLOW_SIGN = re.compile(r"[|>:?](?<=[\[{,\s].)")
_FLOW_COLON = re.compile(r""":(?=[,?\[\]{}])(?<=[^"'\]}].)""")
_BRACKETS = re.compile(r"[\[\]{}]")
_BLOCK_HEADER = re.compile(r"[|>][-+0-9]{0,2}[ ]*(?:#.*)?(?:\n|\Z)")

#: A number with a leading zero, or with an upper-case prefix, where a value may begin.
_ZERO = re.compile(
    r"""0(?:(?<=[ \n\[{,].)|(?<=[ \n\[{,][+-].)|(?<=["'\]}]:.)|(?<=["'\]}]:[+-].)|(?<=\A.))[0-9_XBO]"""
)
#: An underscore that may belong to a number.
_UNDERSCORE = re.compile(
    r"_(?:(?<=[\s\[{,:+\-].)[0-9._]|(?<=[0-9a-fA-FxXoO._].)(?=[0-9a-fA-F._+\-\s,\]}:#]|\Z))"
)
_OF_NUMBERS = "0123456789_"
_OF_NUMBER_STARTS = "0123456789._+-"
_OF_ALL_NUMBERS = frozenset("0123456789abcdefABCDEFxXoO_.+-")
#: Characters of a number before an underscore that are looked through.
_FAIR_LENGTH = 64

#: Sequences and empty keys that open on one line. Some 10,000 of them overflow yaml-rs's stack; fewer
#: than these it reads, and what is merely too deep is found in its values.
_COMPACT = re.compile(r"(?:[-:?][ ]+){16}")
_COMPACT_SIGNS = 1_000
#: A number longer than `MAX_DIGITS` fills at least one part of this size.
_PART = MAX_DIGITS // 2


def is_suspect(text: str) -> bool:
    """Return whether a text has to be read carefully."""
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
        or (len(text) > 2 * _COMPACT_SIGNS and (_may_overflow(text) or _may_hold_long_number(text)))
        or " " * 48 in text
    )


def _ends_in_header(text: str) -> bool:
    """Return whether the last line that is not blank may be the header of a block scalar."""
    line = text.rstrip()
    return _HEADER_AT_END.search(line, line.rfind("\n") + 1) is not None


def _begins_value(text: str, at: int) -> bool:
    """Return whether a value may begin at a character, or at the sign before it."""
    if text[at - 1 : at] in ("+", "-"):
        at -= 1
    before = text[max(0, at - _FAIR_LENGTH) : at].rstrip(" ")
    if not before or before[-1] in "-:?[{,":
        return True
    return before[-1] == "\n" and _may_end_before_value(text, text.rfind("\n", 0, at))


def _may_end_before_value(text: str, end: int) -> bool:
    """Return whether a value may follow a line: it opens one, is blank, or may hold a comment.

    Which line a blank one follows is not looked for: that would be quadratic, and careful reading costs less.
    """
    line = _line_that_ends(text, end)
    return not line or line[-1] in "-:?[{," or "#" in line


def _line_that_ends(text: str, end: int) -> str:
    return text[text.rfind("\n", 0, end) + 1 : end].rstrip(" ")


def _may_hold_odd_number(text: str) -> bool:
    """Return whether an underscore stands in what yaml-rs may take for a number."""
    for found in _UNDERSCORE.finditer(text):
        start, least = found.start(), max(0, found.start() - _FAIR_LENGTH)
        while start > least and text[start - 1] in _OF_ALL_NUMBERS:
            start -= 1
        if text[start] in _OF_NUMBER_STARTS and (start == least or _begins_value(text, start)):
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
    """Return whether a flow collection may have a key of several lines, which libyaml refuses."""
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
    """Return whether a sign begins a value, and may do so in a flow collection: all but the header of a block
    scalar behind its key may."""
    if not _begins_value(text, at):
        return False
    start = text.rfind("\n", 0, at) + 1
    key = text[start:at].strip(" ")
    is_header = key[-1:] in ("-", ":") and len(key) > 1 and _BLOCK_HEADER.match(text, at) is not None
    if not is_header or key[0] == ":" or any(sign in key for sign in "[{,"):
        return True
    before = _line_that_ends(text, start - 1)
    return start > 0 and (not before or before[-1] in "[{," or "#" in before)


def _may_overflow(text: str) -> bool:
    signs = text.count("-") + text.count(":") + text.count("?")
    return signs > _COMPACT_SIGNS and _COMPACT.search(text) is not None


def _may_hold_long_number(text: str) -> bool:
    """yaml-rs takes time by the square of a number's digits: four minutes for 16 MB of them."""
    starts = range(0, len(text) - _PART + 1, _PART)
    return any(text[at] in _OF_NUMBERS and not text[at : at + _PART].strip(_OF_NUMBERS) for at in starts)
