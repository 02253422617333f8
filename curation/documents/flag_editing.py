"""The lines of a document that state its flags: changed in place, and nothing else with them.

A key of the top mapping is found by YAML's own parser, which tells where it stands; a nested key, or a line
of a text that looks like one, is never taken for it. Quotes, comments, order, line ends, byte order mark and
a last line without end stay as they are. The work is proved: the new bytes are read as an import reads them,
and must say the same but for the flags, or the document is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import DocumentError, LineRefused
from ..flags import FLAGS
from .issues import Reading
from .parsing import BOM, parse_article, read
from .strict_yaml import Entry, Place, top_entries

#: What a flag becomes: a whole number, true or false; None takes it out.
FlagValue = int | bool | None


def set_flag_lines(data: bytes, flags: Mapping[str, FlagValue]) -> bytes:
    """A document's bytes with some of its flags changed, each on its own line.

    A flag that is absent goes in behind its neighbours (quality, heat, published, removed), in their style;
    one that becomes None has its line taken out. Raises LineRefused where that cannot be done: a flag that is
    a list or a text of several lines, or that an anchor ties to another field; DocumentError where the bytes
    are no document.
    """
    reading = read(data)
    if reading is None:
        raise LineRefused("the file opens with no fence")
    changed = {
        flag: flags[flag] for flag in FLAGS if flag in flags and not _says(reading.values, flag, flags)
    }
    if not changed:
        return data
    start = len(BOM) if data.startswith(BOM) else 0
    text = data[start:].decode()
    lines, rest = _front_lines(text, reading.text.count("\n"))
    try:
        for flag, value in changed.items():
            _change(lines, flag, value)
    except DocumentError as error:
        raise _not_possible(changed, str(error)) from error  # one change made the next one's text no YAML
    edited = data[:start] + ("".join(lines) + rest).encode()
    _prove(data, edited, changed, reading)
    return edited


def _says(values: Mapping[str, Any], flag: str, wanted: Mapping[str, FlagValue]) -> bool:
    if flag not in values:
        return wanted[flag] is None
    return type(values[flag]) is type(wanted[flag]) is not type(None) and values[flag] == wanted[flag]


_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)")


def _front_lines(text: str, count: int) -> tuple[list[str], str]:
    """The opening fence and so many lines of front matter, each with its end, and the text behind them."""
    lines: list[str] = []
    at = 0
    for _ in range(count + 1):
        line = _LINE.match(text, at)
        assert line is not None  # the closing fence is behind them
        lines.append(line[0])
        at = line.end()
    return lines, text[at:]


def _prove(
    data: bytes,
    edited: bytes,
    changed: Mapping[str, FlagValue],
    before: Reading | None = None,
    *,
    carefully: bool = False,
) -> None:
    """Raises LineRefused unless the edited bytes say what is wanted, and all else as before."""
    before = before or read(data, carefully=carefully)
    assert before is not None
    values, body = before.values, before.body
    try:
        after = read(edited, carefully=carefully)
        if not changed.keys() <= values.keys():
            parse_article(edited)  # a line more may be one that only the reading of fields objects to
    except DocumentError as error:
        raise _not_possible(changed, str(error)) from error
    wanted = {**values, **changed}
    wanted = {key: value for key, value in wanted.items() if key not in changed or value is not None}
    if after is None or after.body != body or after.values.keys() != wanted.keys():
        raise _not_possible(changed, "other lines would say otherwise")
    for key, value in wanted.items():
        # By what is written of them: 1 is not true, and NaN is the same as NaN.
        if repr(after.values[key]) != repr(value):
            if not carefully:  # a change of one line may have another reader of YAML read the rest
                _prove(data, edited, changed, carefully=True)
                return
            raise _not_possible(changed, f"{key} would change with it")


def _not_possible(changed: Mapping[str, FlagValue], why: str) -> LineRefused:
    return LineRefused(f"{', '.join(changed)} cannot be changed on a line of its own: {why}")


def _change(lines: list[str], flag: str, value: FlagValue) -> None:
    """Makes the lines of a front matter say a value of a flag, or nothing."""
    text = "".join(f"{line.rstrip(_BREAKS)}\n" for line in lines[1:])
    # A flag that only becomes another is near the top: what is behind it need not be looked through.
    is_flow, entries = top_entries(text, until=None if value is None else flag)
    front_matter = _FrontMatter(lines, entries, is_flow=is_flow)
    entry = next((entry for entry in entries if entry.key == flag), None)
    if entry is None:
        if value is not None and not entries:
            raise LineRefused(f"there is no field that {flag} could go behind")
        if value is not None:
            front_matter.insert(flag, _written(value))
    elif entry.style in (None, "|", ">") or entry.ends[0] + 1 >= len(lines):  # `? quality` and no more
        raise LineRefused(f"{flag}, in line {entry.key_starts[0] + 2}, is not one value: mend it by hand")
    elif value is None:
        front_matter.remove(entry)
    else:
        front_matter.replace(entry, value)


class _FrontMatter:
    """The raw lines of a document up to its closing fence, edited in place. Places are those of the front
    matter's text: its line 0 is the second of the file."""

    def __init__(self, lines: list[str], entries: list[Entry], *, is_flow: bool) -> None:
        self._lines = lines
        self._entries = entries
        self._is_flow = is_flow

    def replace(self, entry: Entry, value: int | bool) -> None:
        was = self._between(entry.starts, entry.ends)
        if "#" in was and not entry.style:  # a comment between a tag or an anchor and the value below it
            raise LineRefused(f"{entry.key} holds a comment: mend it by hand")
        text = _written(value, like=was)
        if not was:  # `quality:` and nothing behind it
            line, at = self._line(entry.ends[0]), entry.ends[1]
            text = text if line[at - 1 : at].isspace() else f" {text}"
            text = text if line[at : at + 1] in (*" \t\r\n,}", "") else f"{text} "
        self._put(entry.starts, entry.ends, text)

    def remove(self, entry: Entry) -> None:
        if not self._is_flow:
            del self._lines[entry.key_starts[0] + 1 : entry.ends[0] + 2]
            return
        at = self._entries.index(entry)
        if at + 1 < len(self._entries):
            self._put(entry.key_starts, self._entries[at + 1].key_starts, "")
        elif at:
            self._put(self._entries[at - 1].ends, entry.ends, "")
        else:
            self._put(entry.key_starts, entry.ends, "")

    def insert(self, flag: str, text: str) -> None:
        before, after = self._neighbours(flag)
        if self._is_flow:
            like = before or after or self._entries[-1]
            written = f"{self._key(flag, like)}: {text}"
            if after is not None and before is None:
                self._put(after.key_starts, after.key_starts, f"{written}, ")
            else:
                self._put(like.ends, like.ends, f", {written}")
        elif before is not None:
            self._lines.insert(before.ends[0] + 2, self._new_line(flag, text, before))
        elif after is not None:
            self._lines.insert(after.key_starts[0] + 1, self._new_line(flag, text, after))
        else:
            self._lines.append(self._new_line(flag, text, self._entries[-1]))

    def _neighbours(self, flag: str) -> tuple[Entry | None, Entry | None]:
        """The nearest flags that stand before and behind one in their usual order."""
        known = {entry.key: entry for entry in self._entries if entry.style not in (None, "|", ">")}
        at = FLAGS.index(flag)
        return _first(known, FLAGS[at - 1 :: -1] if at else ()), _first(known, FLAGS[at + 1 :])

    def _new_line(self, flag: str, text: str, like: Entry) -> str:
        """A line for a flag: indented, quoted and spaced as another one is, with its line end."""
        line = self._line(like.key_starts[0])
        key = self._key(flag, like)
        gap = " "
        if like.key in FLAGS and like.key_ends[0] == like.starts[0]:
            colon, sign, space = line[like.key_ends[1] : like.starts[1]].partition(":")
            if sign and space.strip("\t") == "" and space and not colon:
                gap = space
            elif len(space) > 1:  # values stand below each other
                indent = len(line) - len(line.lstrip(" "))
                gap = " " * max(1, like.starts[1] - indent - len(key) - 1)
        indentation = line[: len(line) - len(line.lstrip(" "))]
        return f"{indentation}{key}:{gap}{text}{line[len(line.rstrip(_BREAKS)) :]}"

    def _key(self, flag: str, like: Entry) -> str:
        quote = self._line(like.key_starts[0])[like.key_starts[1]]
        return f"{quote}{flag}{quote}" if quote in "\"'" else flag

    def _line(self, number: int) -> str:
        return self._lines[number + 1]

    def _between(self, start: Place, end: Place) -> str:
        lines = self._lines[start[0] + 1 : end[0] + 2]
        lines[-1] = lines[-1][: end[1]]
        lines[0] = lines[0][start[1] :]
        return "".join(lines)

    def _put(self, start: Place, end: Place, text: str) -> None:
        """Puts a text in the place of another; what it spans becomes one line."""
        whole = self._line(start[0])[: start[1]] + text + self._line(end[0])[end[1] :]
        self._lines[start[0] + 1 : end[0] + 2] = [whole]


_BREAKS = "\r\n"


def _first(known: Mapping[str, Entry], flags: Sequence[str]) -> Entry | None:
    return next((known[flag] for flag in flags if flag in known), None)


def _written(value: int | bool, like: str = "") -> str:
    """A value as YAML has it; `True` and `TRUE` keep their letters."""
    if not isinstance(value, bool):
        return str(value)
    word = "true" if value else "false"
    if like in ("True", "False"):
        return word.capitalize()
    return word.upper() if like in ("TRUE", "FALSE") else word
