"""Edit the lines of a document that state its flags, and change nothing else.

libyaml finds the keys of the top mapping and their positions. So nested keys are never edited, and
neither are lines of texts that look like keys. Quotes, comments, order, line ends, the byte order mark and a
last line without line end are preserved.

The result is checked: it is read as an import reads it. If anything but the flags differs, the edit is
rejected.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DocumentError, FlagEditError
from ..flags import FLAGS
from .front_matter import BOM, read_front_matter
from .issues import Reading
from .parsing import parse_article
from .strict_yaml import Entry, Place, find_top_entries

#: The new value of a flag: an integer or a boolean; None removes the flag.
FlagValue = int | bool | None


def set_flag_lines(data: bytes, flags: Mapping[str, FlagValue]) -> bytes:
    """Return a document's bytes with some of its flags changed, each on its own line.

    A new flag is inserted next to its neighbours (quality, heat, published, removed), in their style. A flag
    that becomes None loses its line.

    Raises:
        FlagEditError: a flag cannot be edited in place. It is a list or a text of several lines, for example,
            or an anchor connects it with another field.
        DocumentError: the bytes are not a valid document.
    """
    reading = read_front_matter(data)
    if reading is None:
        raise FlagEditError("the file does not start with a fence `---`")
    changed = {
        flag: flags[flag]
        for flag in FLAGS
        if flag in flags and not _has_value(reading.values, flag, flags[flag])
    }
    if not changed:
        return data
    start = len(BOM) if data.startswith(BOM) else 0
    text = data[start:].decode()
    lines, rest = _split_lines(text, reading.text.count("\n"))
    try:
        for flag, value in changed.items():
            _change(lines, flag, value)
    except DocumentError as error:
        raise _edit_error(changed, str(error)) from error  # after one change the text was not YAML any more
    edited = data[:start] + ("".join(lines) + rest).encode()
    _check_edit(data, edited, changed, reading)
    return edited


def _has_value(values: Mapping[str, Any], flag: str, value: FlagValue) -> bool:
    if flag not in values:
        return value is None
    return type(values[flag]) is type(value) is not type(None) and values[flag] == value


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")


def _split_lines(text: str, count: int) -> tuple[list[str], str]:
    """Return the opening fence and `count` lines of front matter, with line ends, and the text after them."""
    lines: list[str] = []
    at = 0
    for _ in range(count + 1):
        line = _LINE.match(text, at)
        assert line is not None  # the closing fence follows
        lines.append(line[0])
        at = line.end()
    return lines, text[at:]


def _check_edit(
    data: bytes,
    edited: bytes,
    changed: Mapping[str, FlagValue],
    before: Reading | None = None,
    *,
    carefully: bool = False,
) -> None:
    """Raise FlagEditError unless the flags have their new values and all else is unchanged."""
    before = before or read_front_matter(data, carefully=carefully)
    assert before is not None
    after = _read_edited(edited, changed, before, carefully=carefully)
    wanted = _replace_flags(before.values, changed)
    if after is None or after.body != before.body or after.values.keys() != wanted.keys():
        raise _edit_error(changed, "the meaning of other lines would change")
    # `repr` distinguishes 1 from True, and does not distinguish NaN from NaN.
    differing = [key for key, value in wanted.items() if repr(after.values[key]) != repr(value)]
    if not differing:
        return
    if carefully:
        raise _edit_error(changed, f"{differing[0]} would change too")
    # After the change of one line, the other reader of YAML may read the rest.
    _check_edit(data, edited, changed, carefully=True)


def _replace_flags(values: Mapping[str, Any], changed: Mapping[str, FlagValue]) -> dict[str, Any]:
    """Return the values of front matter with new values of flags, without those to remove."""
    wanted = {**values, **changed}
    return {key: value for key, value in wanted.items() if key not in changed or value is not None}


def _read_edited(
    edited: bytes, changed: Mapping[str, FlagValue], before: Reading, *, carefully: bool
) -> Reading | None:
    """Return the front matter of an edited document; raise FlagEditError if it cannot be read."""
    try:
        after = read_front_matter(edited, carefully=carefully)
        if not changed.keys() <= before.values.keys():
            parse_article(edited)  # a new line may cause an error that only parsing the fields finds
    except DocumentError as error:
        raise _edit_error(changed, str(error)) from error
    return after


def _edit_error(changed: Mapping[str, FlagValue], why: str) -> FlagEditError:
    return FlagEditError(f"{', '.join(changed)} cannot be changed in place: {why}")


def _change(lines: list[str], flag: str, value: FlagValue) -> None:
    """Edit the lines of front matter so that they state a value of a flag, or None to remove it."""
    text = "".join(f"{line.rstrip(_LINE_ENDS)}\n" for line in lines[1:])
    # To replace a value, the entries after the flag are not needed. Most flags are near the top.
    is_flow, entries = find_top_entries(text, until=None if value is None else flag)
    front_matter = _FrontMatterLines(lines, entries, is_flow=is_flow)
    entry = next((entry for entry in entries if entry.key == flag), None)
    if entry is None:
        if value is not None:
            front_matter.insert(flag, _to_yaml(value))
    elif entry.style in (None, "|", ">") or entry.end[0] + 1 >= len(lines):  # `? quality` without a value
        line = entry.key_start[0] + 2
        raise FlagEditError(f"{flag} in line {line} is not a single value; edit the file manually")
    elif value is None:
        front_matter.remove(entry)
    else:
        front_matter.replace(entry, value)


class _FrontMatterLines:
    """The raw lines of a document up to its closing fence, edited in place.

    Places are relative to the text of the front matter: its line 0 is the second line of the file.
    """

    def __init__(self, lines: list[str], entries: list[Entry], *, is_flow: bool) -> None:
        self._lines = lines
        self._entries = entries
        self._is_flow = is_flow

    def replace(self, entry: Entry, value: int | bool) -> None:
        before = self._between(entry.start, entry.end)
        if "#" in before and not entry.style:  # a comment between a tag or an anchor and the value below it
            raise FlagEditError(f"{entry.key} contains a comment; edit the file manually")
        text = _to_yaml(value, like=before)
        if not before:  # `quality:` without a value
            line, at = self._line(entry.end[0]), entry.end[1]
            text = text if line[at - 1 : at].isspace() else f" {text}"
            text = text if line[at : at + 1] in (*" \t\r\n,}", "") else f"{text} "
        self._replace_between(entry.start, entry.end, text)

    def remove(self, entry: Entry) -> None:
        if not self._is_flow:
            del self._lines[entry.key_start[0] + 1 : entry.end[0] + 2]
            return
        at = self._entries.index(entry)
        if at + 1 < len(self._entries):
            self._replace_between(entry.key_start, self._entries[at + 1].key_start, "")
        elif at:
            self._replace_between(self._entries[at - 1].end, entry.end, "")
        else:
            self._replace_between(entry.key_start, entry.end, "")

    def insert(self, flag: str, text: str) -> None:
        if not self._entries:
            raise FlagEditError(f"there is no field to insert {flag} after")
        before, after = self._find_neighbours(flag)
        if self._is_flow:
            like = before or after or self._entries[-1]
            pair = f"{self._format_key(flag, like)}: {text}"
            if after is not None and before is None:
                self._replace_between(after.key_start, after.key_start, f"{pair}, ")
            else:
                self._replace_between(like.end, like.end, f", {pair}")
        elif before is not None:
            self._lines.insert(before.end[0] + 2, self._new_line(flag, text, before))
        elif after is not None:
            self._lines.insert(after.key_start[0] + 1, self._new_line(flag, text, after))
        else:
            self._lines.append(self._new_line(flag, text, self._entries[-1]))

    def _find_neighbours(self, flag: str) -> tuple[Entry | None, Entry | None]:
        """Return the nearest existing flags before and after a flag, in the usual order of flags."""
        known = {entry.key: entry for entry in self._entries if entry.style not in (None, "|", ">")}
        at = FLAGS.index(flag)
        return _find_first(known, FLAGS[at - 1 :: -1] if at else ()), _find_first(known, FLAGS[at + 1 :])

    def _new_line(self, flag: str, text: str, like: Entry) -> str:
        """Return a line for a flag, with the indentation, quotes, spacing and line end of another line."""
        line = self._line(like.key_start[0])
        key = self._format_key(flag, like)
        gap = " "
        if like.key in FLAGS and like.key_end[0] == like.start[0]:
            colon, sign, space = line[like.key_end[1] : like.start[1]].partition(":")
            if sign and space.strip("\t") == "" and space and not colon:
                gap = space
            elif len(space) > 1:  # the values are aligned in a column
                indent = len(line) - len(line.lstrip(" "))
                gap = " " * max(1, like.start[1] - indent - len(key) - 1)
        indentation = line[: len(line) - len(line.lstrip(" "))]
        return f"{indentation}{key}:{gap}{text}{line[len(line.rstrip(_LINE_ENDS)) :]}"

    def _format_key(self, flag: str, like: Entry) -> str:
        quote = self._line(like.key_start[0])[like.key_start[1]]
        return f"{quote}{flag}{quote}" if quote in "\"'" else flag

    def _line(self, number: int) -> str:
        return self._lines[number + 1]

    def _between(self, start: Place, end: Place) -> str:
        lines = self._lines[start[0] + 1 : end[0] + 2]
        lines[-1] = lines[-1][: end[1]]
        lines[0] = lines[0][start[1] :]
        return "".join(lines)

    def _replace_between(self, start: Place, end: Place, text: str) -> None:
        """Replace the text between two places. The lines that it spans become one line."""
        whole = self._line(start[0])[: start[1]] + text + self._line(end[0])[end[1] :]
        self._lines[start[0] + 1 : end[0] + 2] = [whole]


_LINE_ENDS = "\r\n"


def _find_first(known: Mapping[str, Entry], flags: Sequence[str]) -> Entry | None:
    return next((known[flag] for flag in flags if flag in known), None)


def _to_yaml(value: int | bool, like: str = "") -> str:
    """Return a value as YAML, in the case of the value before: `True` becomes `False`, `TRUE` `FALSE`."""
    if not isinstance(value, bool):
        return str(value)
    word = "true" if value else "false"
    if like in ("True", "False"):
        return word.capitalize()
    return word.upper() if like in ("TRUE", "FALSE") else word
