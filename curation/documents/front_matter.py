"""Split a file into front matter and body, and read the front matter.

python-frontmatter splits a file and passes its front matter to `_FrontMatterHandler`, which reads it strictly
(`strict_yaml`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import frontmatter
from frontmatter.default_handlers import YAMLHandler

from ..errors import DocumentError
from . import strict_yaml
from .issues import Issue, Reading
from .json_values import shorten
from .stray_fields import find_swallowed_key, find_visibility_key

BOM = b"\xef\xbb\xbf"
#: The byte order marks of UTF-16 and UTF-32, and a fence in these encodings without a mark. Otherwise such a
#: file would look like one without front matter, and would be skipped without an issue.
_OTHER_ENCODINGS = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|\0{0,3}-\0{1,3}-\0{1,3}-\0")
#: What ends front matter in Jekyll. Each pattern begins with a literal character, which makes searching fast.
CLOSING_FENCE = re.compile(rb"\n(?:---|\.\.\.)[ \t]*(?=[\r\n]|\Z)")
_CLOSING_FENCE_CR = re.compile(rb"\r(?:---|\.\.\.)[ \t]*(?:\r|\Z)")
_CLOSING_LINE = re.compile(r"\n(---|\.\.\.)([ \t]*)(?=\n|\Z)")
_OPENING_FENCE = re.compile(rb"---(?:[ \t]*(?i:ya?ml))?[ \t]*(\r|\n|$)")
_OPENING_LINE = re.compile(r"---([ \t]*(?i:ya?ml))?([ \t]*)(?=\n|\Z)")
_OTHER_FORMATS = re.compile(rb"(\+\+\+|;;;|\{|---(?!(?i:ya?ml)[ \t\r\n])[A-Za-z]+)[ \t]*\r?\n")
_FORBIDDEN_BYTES = bytes(c for c in range(0x20) if c not in b"\t\n\r") + b"\x7f"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


class _FrontMatterHandler(YAMLHandler):
    """A handler for python-frontmatter that rejects what the standard handler silently accepts."""

    FM_BOUNDARY = _CLOSING_LINE
    text = ""
    marks: strict_yaml.Marks | None = None

    def __init__(self, *, carefully: bool) -> None:
        self._load = strict_yaml.read_carefully if carefully else strict_yaml.load
        self.notices: list[Issue] = []

    def split(self, text: str) -> tuple[str, str]:
        opening = _OPENING_LINE.match(text)
        assert opening is not None  # checked by `read_front_matter`
        closing = _CLOSING_LINE.search(text, opening.end())
        if closing is None:
            raise DocumentError("no_closing_fence", "the front matter has no closing line `---`", 1, 1)
        if len(opening[0]) > 3 or closing[0] != "\n---":
            self._check_fences(text, opening, closing)
        return text[opening.end() + 1 : closing.start(1)], text[closing.end() :]

    def _check_fences(self, text: str, opening: re.Match[str], closing: re.Match[str]) -> None:
        """Report fences of an unusual form.

        Raises:
            DocumentError: a visibility field follows the fence `...`.
        """
        line = text.count("\n", 0, closing.end()) + 1
        if opening[1]:
            message = f"`{opening[0].rstrip()}` is read as the opening `---`"
            self.notices.append(Issue("notice", "odd_fence", message, None, 1, 1))
        if closing[1] == "...":
            _check_below_fence(text, closing, line)
            message = "`...` is read as the closing `---`"
            self.notices.append(Issue("notice", "odd_fence", message, None, line, 1))
        if opening[2] or closing[2]:
            place = (1, len(opening[0].rstrip()) + 1) if opening[2] else (line, 4)
            self.notices.append(Issue("notice", "fence_spaces", "spaces after a fence", None, *place))

    def load(self, fm: str, **_: object) -> dict[str, Any]:
        self.text = fm
        values, self.marks = self._load(fm)
        return values


def read_front_matter(data: bytes, *, carefully: bool = False) -> Reading | None:
    """Split a file into front matter and body, and read the front matter; None if there is no fence.

    Args:
        carefully: use the slow reader of YAML, which records how each value is written.

    Raises:
        DocumentError: the file cannot be imported.
    """
    start = len(BOM) if data.startswith(BOM) else 0
    if _OTHER_ENCODINGS.match(data):
        raise DocumentError("not_utf8", "the file is UTF-16 or UTF-32, not UTF-8 (byte 0)", 1, 1)
    if _OTHER_FORMATS.match(data, start):
        message = "the format of the front matter is not supported: use YAML between `---` lines"
        raise DocumentError("unsupported_format", message, 1, 1)
    if not _OPENING_FENCE.match(data, start):
        return None
    text, notices = _decode(data, start)
    handler = _FrontMatterHandler(carefully=carefully)
    try:
        values, body = frontmatter.parse(text, handler=handler)
        _check_swallowed_fields(values, handler)
    except DocumentError as error:
        # Front matter begins on the file's second line.
        if error.line is not None and error.code not in ("no_closing_fence", "fields_below_fence"):
            error.line += 1
        raise
    notices.extend(handler.notices)
    return Reading(values, body, handler.text, handler.marks, notices, first_line=2)


def read_with_or_without_fence(data: bytes, *, carefully: bool = False) -> Reading:
    """Read a YAML file that may have the fences of front matter or not.

    Raises:
        DocumentError: the file cannot be imported.
    """
    is_closed = CLOSING_FENCE.search(data, 3) or _CLOSING_FENCE_CR.search(data, 3)
    reading = read_front_matter(data, carefully=carefully) if is_closed else None
    return reading or _read_yaml(data, carefully=carefully)


def _check_below_fence(text: str, closing: re.Match[str], line: int) -> None:
    """Raise DocumentError if a visibility field (`stray_fields`) follows a fence `...`.

    The fence may be a mistake, and the field may hide the article.
    """
    key = find_visibility_key(text[closing.end() :])
    if key is not None:
        message = f"`...` ends the front matter, but {shorten(key)} follows: delete this line or that field"
        raise DocumentError("fields_below_fence", message, line, 1)


def _check_swallowed_fields(values: Mapping[str, Any], handler: _FrontMatterHandler) -> None:
    """Raise DocumentError if a visibility field (`stray_fields`) became a part of a quoted text.

    Only the careful reader accepts such a text, whose quotes are closed too late.
    """
    if handler.marks is None or (key := find_swallowed_key(handler.text, values.keys())) is None:
        return
    _, line, column = handler.marks.objection or ("", None, None)
    message = f"{shorten(key)} is inside a quoted text: close the quotes before it"
    raise DocumentError("yaml_syntax", message, line, column)


def _read_yaml(data: bytes, *, carefully: bool) -> Reading:
    """Read a file that consists of YAML only."""
    text, notices = _decode(data, len(BOM) if data.startswith(BOM) else 0, has_body=False)
    values, marks = (strict_yaml.read_carefully if carefully else strict_yaml.load)(text)
    return Reading(values, "", text, marks, notices, first_line=1)


def _decode(data: bytes, start: int, *, has_body: bool = True) -> tuple[str, list[Issue]]:
    """Return the text with LF line ends, and notices about what was normalised.

    Raises:
        DocumentError: the bytes are not UTF-8, or have control characters.
    """
    try:
        text = data[start:].decode()
    except UnicodeDecodeError as error:
        at = start + error.start
        line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
        raise DocumentError("not_utf8", f"not UTF-8 at byte {at}: {error.reason}", line, column) from None
    notices = []
    if start:
        notices.append(
            Issue("notice", "byte_order_mark", "the file begins with a byte order mark", None, 1, 1)
        )
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        notices.append(Issue("notice", "line_ends", "line ends are CRLF or CR, not LF", None, 1, None))
    if len(data.translate(None, _FORBIDDEN_BYTES)) != len(data) or not text.isascii():
        _check_control_characters(text, has_body=has_body)
    return text, notices


def _check_control_characters(text: str, *, has_body: bool) -> None:
    """Raise DocumentError for any control character in front matter, and for NUL in a body.

    PostgreSQL cannot store NUL.
    """
    fence = _CLOSING_LINE.search(text) if has_body else None
    end = fence.start() if fence else len(text)
    found = _FORBIDDEN.search(text, 0, end)
    at = found.start() if found else text.find("\0", end)
    if at >= 0:
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        message = f"the control character U+{ord(text[at]):04X} is not allowed"
        raise DocumentError("control_character", message, line, column)
