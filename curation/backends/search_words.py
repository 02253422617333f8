"""Splits texts into words for the full-text index and for queries, equally on every engine.

A word is a sequence of letters and digits with their marks, such as the vowel signs of Hindi. Letter case,
accents on Latin letters, and the optional marks of Arabic and Hebrew are ignored. Letters such as `ł`, `ø`
and `ß` become `l`, `o` and `ss`.

Some scripts have no spaces between words (Chinese, Japanese, Thai). There each pair of adjacent characters is
a word, and also the last character: 東京都 gives 東京, 京都 and 都. A query of two characters is one word,
a longer one is a phrase, and a single character is a prefix. So a search finds any part of a text.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from collections.abc import Iterator
from functools import cache, lru_cache
from itertools import pairwise
from typing import NamedTuple

#: Scripts without spaces between words: of South East Asia, and Chinese and Japanese with Bopomofo.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\ua980-\ua9ff\uaa60-\uaadf"
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U0001aff0-\U0001b16f\U00020000-\U000323af"
)

#: Ignored characters within words: joiners, the soft hyphen, variation selectors.
_INVISIBLE = "\u00ad\u034f\u180b-\u180d\u200d\u2060\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef"

#: Ignored marks: accents of any script, points of Hebrew, vowel signs and the tatweel of Arabic.
_OPTIONAL = re.compile(
    "[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u0640\u064b-\u0652\u0656-\u065f"
    f"\u0670\u06d6-\u06dc\u06df-\u06e4\u06e7\u06e8\u06ea-\u06ed\u08d3-\u08ff\u200c{_INVISIBLE}]+"
)
_STROKES = {
    "ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ħ": "h", "ŧ": "t",
    "ı": "i", "ĳ": "ij", "ŀ": "l", "ŋ": "n", "ĸ": "q", "ſ": "s", "ŉ": "n", "ς": "σ",
}  # fmt: skip
_AS_WRITTEN_PLAIN = str.maketrans(_STROKES)

_ACCENTS = re.compile("(?<=[A-Za-zßæœøłđðþħŧıĳŀŋĸſŉÆŒØŁĐÐÞĦŦĲĿŊẞ])[\u0300-\u036f]+")

#: Characters that SQLite's own tokenizer treats as this module does: letters of scripts with spaces and
#: without marks, and characters that are not letters. A test compares the two for each character.
_READ_ALIKE = (
    "\\x01-\x7f\x80-\xac\xae-\xc5\xc7-\xcf\xd1-\xd7\xd9-\xdd\xe0-\xe5\xe7-\xef\xf1-\xf7\xf9-\xfd\xff"
    "\u0100-\u010f\u0112-\u0125\u0128-\u0130\u0134-\u0137\u0139-\u013e\u0143-\u0148\u014c-\u0151\u0154-\u0165"
    "\u0168-\u017e\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03ce\u0400-\u0481\u048a-\u0527\uac00-\ud7a3"
    "\u2000-\u200b\u2010-\u205e\u20a0-\u20bf\u2100-\u2188\u2190-\u2426\u2460-\u2b4f"
    "\U0001f300-\U0001f6d7\U0001f900-\U0001fa53"
)
_READ_HERE = re.compile(f"[^{_READ_ALIKE}]")

#: Translates ASCII text to lower-case words, with spaces for all other characters.
_ASCII = {n: (chr(n).lower() if chr(n).isalnum() else " ") for n in range(128)}


class WordPosition(NamedTuple):
    """A word and its position in the text. `first_end` is the end of the first character of a pair."""

    word: str
    start: int
    end: int
    first_end: int


def with_few_marks(text: str) -> str:
    """Return a text with at most 30 marks per letter, which is more than any script uses.

    Unicode normalization sorts the marks of a letter, in quadratic time. Unicode's stream-safe format has the
    same limit of 30.
    """
    return text if text.isascii() else _patterns().many_marks.sub(r"\1", text)


def split_words(text: str) -> list[str]:
    """Return the words of a text for the index."""
    if text.isascii():
        return text.translate(_ASCII).split()
    found: list[str] = []
    for match in _patterns().word.finditer(with_few_marks(text)):
        run = match["run"]
        if run is None:
            found.append(_folded(match[0]))
        else:
            units = _units(run)
            found += map("".join, pairwise(units))
            found.append(units[-1])
    return list(filter(None, found))


def find_word_positions(text: str) -> Iterator[WordPosition]:
    """Yield the words of a text with their positions."""
    for match in _patterns().word.finditer(text):
        if match["run"] is None:
            if word := _folded(match[0]):
                yield WordPosition(word, match.start(), match.end(), match.end())
            continue
        units = list(_patterns().unit.finditer(text, match.start(), match.end()))
        for one, other in zip(units, [*units[1:], None], strict=True):
            word = _folded_unit(one[0]) + (_folded_unit(other[0]) if other else "")
            yield WordPosition(word, one.start(), (other or one).end(), one.end())


def split_query(text: str, *, is_prefix: bool) -> tuple[tuple[str, ...], bool]:
    """Return the words of a query, and whether the last one is a prefix."""
    found = split_words(text)
    at_end = deque(() if text.isascii() else _patterns().word.finditer(text), maxlen=1)
    last = at_end[0] if at_end else None
    if last is None or last["run"] is None:
        return tuple(found), is_prefix
    # Drop the word of the last character alone: an indexed text may continue after it.
    if len(_patterns().unit.findall(last[0])) == 1:
        return tuple(found), True
    return tuple(found[:-1]), False


def make_index_text(text: str | None) -> str | None:
    """Return a text that SQLite's `unicode61` tokenizer splits into the words of this module."""
    if text is None or text.isascii() or not _READ_HERE.search(text):
        return text
    return " ".join(split_words(text))


def _units(run: str) -> list[str]:
    """Return the characters of a script without spaces, each with its marks."""
    return [_folded_unit(unit) for unit in _patterns().unit.findall(run)]


def _folded(word: str) -> str:
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", with_few_marks(word))
    plain = unicodedata.normalize("NFC", _ACCENTS.sub("", decomposed))
    return _OPTIONAL.sub("", plain.lower()).translate(_AS_WRITTEN_PLAIN)


#: Cached, because texts repeat a few characters many times.
_folded_unit = lru_cache(maxsize=20_000)(_folded)


class _Patterns(NamedTuple):
    word: re.Pattern[str]
    unit: re.Pattern[str]
    many_marks: re.Pattern[str]


#: Ranges of Unicode with marks.
_MARK_RANGES = (
    range(0x300, 0x2100), range(0x2C00, 0x3100), range(0xA600, 0xAC00), range(0xFB00, 0xFF00),
    range(0x10000, 0x12000), range(0x16A00, 0x17000), range(0x1BC00, 0x1D300), range(0x1DA00, 0x1DB00),
    range(0x1E000, 0x1EA00),
)  # fmt: skip


def _find_marks() -> str:
    """Return all marks of Unicode for a character class, as ranges.

    `re` compares the items beyond U+FFFF of a class one by one: 109 ranges are faster than 832 characters.
    """
    ranges: list[tuple[int, int]] = []
    for n in (n for points in _MARK_RANGES for n in points if unicodedata.category(chr(n)) in ("Mn", "Mc")):
        start = ranges.pop()[0] if ranges and ranges[-1][1] == n - 1 else n
        ranges.append((start, n))
    return "".join(f"{chr(start)}-{chr(end)}" for start, end in ranges)


@cache
def _patterns() -> _Patterns:
    """Return the patterns. They are created on first use, because finding all marks takes 5 ms."""
    marks = _find_marks()
    # In Arabic script the zero-width non-joiner separates words. In Indic scripts it shapes a character.
    follows = rf"(?:[{marks}{_INVISIBLE}]|(?<=[\u0900-\u109f\u1780-\u17ff])\u200c)*"
    unit = rf"(?=[^\W_])[{_UNSPACED}]{follows}"
    word = rf"(?P<run>(?:{unit})+)|(?:[^\W_{_UNSPACED}]{follows})+"
    # The lookahead rejects most characters with one comparison.
    return _Patterns(
        re.compile(word), re.compile(unit), re.compile(f"(?=[\u0300-\U0010ffff])([{marks}]{{30}})[{marks}]+")
    )
