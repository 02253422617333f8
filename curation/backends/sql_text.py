"""Splits SQL into tokens, to find the position of errors and parameters.

This module does not decide what is allowed. The engines do.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from operator import itemgetter

#: Syntax that is the same on all engines. Unclosed strings extend to the end.
_COMMON = r"""
    (?P<blank> \s+ | --[^{ends}]* )
  | (?P<comment> /\* )
  | (?P<string> '(?:[^']|'')*'? )
  | (?P<quoted> "(?:[^"]|"")*"? )
  | (?P<name> [^\W\d][\w$]* )
  | (?P<number> \.?\d[\w.]* )
  | :: | : (?P<parameter> [^\W\d]\w* )
  | .
"""
_PLAIN = re.compile(
    r"(?P<bracketed> \[[^\]]*\]? | `(?:[^`]|``)*`? ) |" + _COMMON.replace("{ends}", r"\n"),
    re.VERBOSE | re.DOTALL,
)
_ESCAPING = re.compile(
    r"(?P<escaped> [eE]'(?:[^'\\]|''|\\.)*'? )"
    r"| (?P<dollar> \$(?P<tag>(?:[^\W\d]\w*)?)\$ .*? (?:\$(?P=tag)\$|\Z) ) |"
    + _COMMON.replace("{ends}", r"\n\r"),
    re.VERBOSE | re.DOTALL,
)
_COMMENT_MARK = re.compile(r"/\*|\*/")

#: Characters of a line that are shown on each side of an error.
_AROUND = 50


@dataclass(frozen=True, slots=True)
class Token:
    """A token of a query.

    start: its offset in the query.
    name: the name without quotes; "" if it is not a name.
    parameter: the name of a `:name` placeholder; "" if it is none.
    """

    text: str
    start: int
    name: str
    parameter: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def split_tokens(sql: str, *, escapes: bool) -> Iterator[Token]:
    """Yield the tokens of a query, without whitespace and comments.

    With `escapes` the syntax is PostgreSQL's: E'\\'', $$ and nested comments.
    """
    at, pattern = 0, _ESCAPING if escapes else _PLAIN
    while match := pattern.match(sql, at):
        at = _comment_end(sql, at, nests=escapes) if match["comment"] else match.end()
        if not match["blank"] and not match["comment"]:
            yield _token(match, escapes=escapes)


def _token(match: re.Match[str], *, escapes: bool) -> Token:
    quoted = match["quoted"] or (not escapes and match["bracketed"]) or ""
    name = match["name"] or quoted[1:].rstrip('"]`')
    return Token(match[0], match.start(), name, match["parameter"] or "")


def _comment_end(sql: str, start: int, *, nests: bool) -> int:
    if not nests:
        end = sql.find("*/", start + 2)
        return len(sql) if end < 0 else end + 2
    depth = 0
    for mark in _COMMENT_MARK.finditer(sql, start):
        depth += 1 if mark[0] == "/*" else -1
        if not depth:
            return mark.end()
    return len(sql)


@dataclass(frozen=True, slots=True)
class Numbered:
    """A query with `$1` instead of `:name`.

    names: the names of the parameters, in the order of their numbers.
    places: the range of each parameter in `text`, and its range in the original query.
    """

    text: str
    names: Sequence[str]
    places: Sequence[tuple[range, range]]

    def find_original_offset(self, now: int) -> int:
        """Convert an offset in `text` to an offset in the original query."""
        for new, old in reversed(self.places):
            if now >= new.start:
                return old.start if now in new else now - new.stop + old.stop
        return now


def number_parameters(sql: str, given: Collection[str]) -> Numbered:
    """Number the given parameters. Others are kept, because they may be something else, as in `[1:n]`."""
    names: dict[str, int] = {}
    places: list[tuple[range, range]] = []
    text, last = "", 0
    for token in split_tokens(sql, escapes=True):
        if token.parameter and token.parameter in given:
            text += sql[last : token.start]
            mark = f"${names.setdefault(token.parameter, len(names) + 1)}"
            places.append((range(len(text), len(text) + len(mark)), range(token.start, token.end)))
            text, last = text + mark, token.end
    return Numbered(text + sql[last:], tuple(names), places)


def find_name_at(sql: str, offset: int) -> str:
    """Return the last part of the name at an offset: `title` for `a.title`; "" if there is none."""
    name, is_next = "", True
    for token in split_tokens(sql, escapes=True):
        if token.start < offset:
            continue
        if token.name and is_next:
            name, is_next = token.name, False
        elif token.text == "." and not is_next:
            is_next = True
        else:
            break
    return name


def find_second_statement(sql: str, *, escapes: bool) -> int | None:
    """Return the offset of the first token after the first `;`; None if there is none."""
    found = split_tokens(sql, escapes=escapes)
    any(token.text == ";" for token in found)  # consumes the tokens up to the first `;`
    return next((token.start for token in found), None)


def without_semicolons(sql: str, *, escapes: bool) -> str:
    """Return a query with spaces instead of each `;` at its start and end. Offsets do not change."""
    if ";" not in sql:
        return sql
    marks = [(token.start, token.text == ";") for token in split_tokens(sql, escapes=escapes)]
    at_ends = [*takewhile(itemgetter(1), marks), *takewhile(itemgetter(1), reversed(marks))]
    text = list(sql)
    for start, _ in at_ends:
        text[start] = " "
    return "".join(text)


def quote_identifiers_strictly(sql: str) -> str:
    """Return a query for SQLite in which double quotes are replaced by quotes that only names can have.

    SQLite treats "x" as a text if there is no column x, which hides typing errors. It does not do so for
    names in backticks or brackets. Offsets do not change.
    """
    if '"' not in sql:
        return sql
    pieces, last = [], 0
    for token in split_tokens(sql, escapes=False):
        if token.text[0] == '"' and len(token.text) > 1 and token.text[-1] == '"':
            pieces += [sql[last : token.start], _in_other_quotes(token.text)]
            last = token.end
    return "".join([*pieces, sql[last:]])


def _in_other_quotes(quoted: str) -> str:
    """Return a name in backticks or brackets, with the same length; unchanged if the name contains both."""
    name = quoted[1:-1].replace('""', '"')
    if "`" not in name:
        return f"`{name}`".ljust(len(quoted))
    return f"[{name}]".ljust(len(quoted)) if "]" not in name else quoted


def find_parameter(parameter: str, sql: str, *, escapes: bool) -> int | None:
    """Return the offset of the first use of a parameter; None if it is not used."""
    found = (token.start for token in split_tokens(sql, escapes=escapes) if token.parameter == parameter)
    return next(found, None)


def point_at_error(message: str, sql: str, offset: int) -> str:
    """Return a message with line and column, followed by the line and a mark below the error."""
    offset = min(offset, len(sql.rstrip()))
    before = sql[:offset].replace("\r\n", "\n")
    number, begin = before.count("\n") + 1, before.rfind("\n") + 1
    column = len(before) - begin
    line = (before[begin:] + sql[offset:].split("\n", 1)[0]).rstrip("\r")
    first, last = max(0, column - _AROUND), column + _AROUND
    start = "…" * (first > 0) + _shown(line[first:column])
    rest = _shown(line[column:last]) + "…" * (last < len(line))
    mark = " " * _width(start) + "^"
    return f"line {number}, column {column + 1}: {message}\n  {start}{rest}\n  {mark}"


def _shown(text: str) -> str:
    """Return text in which each character has the width that `_width` computes."""
    return "".join(c if c.isprintable() else " " if c.isspace() else "·" for c in text)


def _width(text: str) -> int:
    """Return the number of terminal columns of a text."""
    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)
