"""Documents: bytes in, `Document` out; and the taxonomy's `Organization` and `TopicNote`.

python-frontmatter splits a file and hands its front matter to a handler of ours, which reads it
strictly (`strict_yaml`). Here the camelCase of the files becomes the names of the tables, and nowhere
else. One rule keeps everything: **what a column cannot give back exactly stays in `extra` under its own
key, as it was written** - unknown fields, explicit nulls, a date with an offset, a title that is a
number. Only `secured` is left out: it lives in the stored bytes and nowhere else.

Faults follow three outcomes: DocumentError refuses the file; a `warning` leaves the field's column
empty; a `notice` says that a value was normalised. A flag that cannot be read is an `error`, though the
document is imported (`flag_values`).
"""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import frontmatter
from frontmatter.default_handlers import YAMLHandler

from ..errors import DocumentError
from ..flags import Flags
from . import strict_yaml
from .fields import Fields, Image, Provider, RelatedLink
from .flag_values import read_flags
from .issues import FastReadingError, Issue, Reading
from .json_values import short
from .stray_fields import find_in, find_swallowed


@dataclass(slots=True, frozen=True)
class Document:
    """An article's file, read. Instants are UTC; `extra` is a JSON object; `topics` are (position, name).

    unclear: the flags that cannot be read (`flag_values`); is_draft: the document says that it is a draft.
    """

    title: str | None
    excerpt: str | None
    category: str | None
    type: str | None
    published_at: dt.datetime | None
    updated_at: dt.datetime | None
    original_url: str | None
    web_url: str | None
    amp_web_url: str | None
    cdn_amp_web_url: str | None
    featured_content: str | None
    slug: str | None
    flags: Flags
    unclear: frozenset[str]
    is_draft: bool
    provider: Provider | None
    authors: tuple[str, ...]
    topics: tuple[tuple[int, str], ...]
    images: tuple[Image, ...]
    related: tuple[RelatedLink, ...]
    items: tuple[str, ...]
    extra: str
    body: str
    issues: tuple[Issue, ...]


@dataclass(slots=True, frozen=True)
class Organization:
    """A file of `_data/organizations`: what is known of a provider. `front_matter` is all of it, as JSON."""

    provider: Provider
    description: str | None
    aliases: tuple[str, ...]
    images: tuple[Image, ...]
    front_matter: str
    issues: tuple[Issue, ...]


@dataclass(slots=True, frozen=True)
class TopicNote:
    """A file of `_data/topics`: a topic's slug (its `_id`) and its parent, by name. `front_matter` is all
    of it, as JSON."""

    name: str
    slug: str | None
    parent: str | None
    front_matter: str
    issues: tuple[Issue, ...]


_T = TypeVar("_T")


def _parse(
    data: bytes, build: Callable[[Reading], _T], read_: Callable[..., Reading | None] | None = None
) -> _T | None:
    """Return what is built of a file; None where it has no front matter.

    A file with a value that the fast reader of YAML may have read wrongly is read again, carefully.
    """
    read_ = read_ or read
    reading = read_(data)
    if reading is None:
        return None
    try:
        return build(reading)
    except FastReadingError:
        reading = read_(data, carefully=True)
        assert reading is not None
        return build(reading)


def parse_article(data: bytes) -> Document | None:
    """The document in a file's bytes; None if it opens with no fence, and so is not one.

    Raises DocumentError for a file that cannot be taken in.
    """
    return _parse(data, _build_article)


def _build_article(reading: Reading) -> Document:
    fields = Fields(reading.values, (), reading)
    fields.drop("secured")
    title, excerpt, category, type_ = fields.several_texts("title", "excerpt", "category", "type")
    original_url, web_url, amp_web_url, cdn_amp_web_url = fields.several_texts(
        "originalUrl", "webUrl", "ampWebUrl", "cdnAmpWebUrl"
    )
    provider, authors = fields.provider_with_authors()
    flags, unclear, is_draft = read_flags(fields)
    return Document(
        # People and communities have a name and a bio; both also stay in `extra`, being fields of theirs.
        title=title if title is not None else fields.peek_text("name"),
        excerpt=excerpt if excerpt is not None else fields.peek_text("bio"),
        category=category,
        type=type_,
        published_at=fields.instant("publishedDateTime"),
        updated_at=fields.instant("updatedDateTime"),
        original_url=original_url,
        web_url=web_url,
        amp_web_url=amp_web_url,
        cdn_amp_web_url=cdn_amp_web_url,
        featured_content=fields.text("featuredContent"),
        slug=fields.peek_text("slug"),
        flags=flags,
        unclear=unclear,
        is_draft=is_draft,
        provider=provider,
        authors=authors,
        topics=fields.topics(),
        images=fields.images(),
        related=fields.related(),
        items=fields.items(),
        extra=fields.extra() or "{}",
        body=reading.body,
        issues=reading.placed_issues(),
    )


def parse_organization(data: bytes) -> Organization | None:
    """As `parse_article`, for a file of `_data/organizations`; one without name and domain is refused."""
    return _parse(data, _build_organization)


def _build_organization(reading: Reading) -> Organization:
    fields = Fields(reading.values, (), reading)
    fields.drop("secured")
    whole = fields.extra() or "{}"
    provider = Provider(fields.text("name"), fields.text("domain"))
    if provider == (None, None):
        raise DocumentError("missing_name", "an organization needs a name or a domain", 1, 1)
    return Organization(
        provider=provider,
        description=fields.text("description"),
        aliases=fields.texts("otherNames"),
        images=fields.images(),
        front_matter=whole,
        issues=reading.placed_issues(),
    )


def parse_topic(data: bytes) -> TopicNote:
    """The topic in a YAML file of `_data/topics`, with a fence or without; one without name is refused."""
    note = _parse(data, _build_topic, _read_topic)
    assert note is not None
    return note


def _read_topic(data: bytes, *, carefully: bool = False) -> Reading:
    reading = (
        read(data, carefully=carefully) if _CLOSING.search(data, 3) or _CLOSING_CR.search(data, 3) else None
    )
    return reading or _read_yaml(data, carefully=carefully)


def _build_topic(reading: Reading) -> TopicNote:
    fields = Fields(reading.values, (), reading)
    fields.drop("secured")
    whole = fields.extra() or "{}"
    name = fields.text("name")
    if not name:
        raise DocumentError("missing_name", "a topic needs a name", 1, 1)
    return TopicNote(
        name=name,
        slug=fields.text("_id"),
        parent=fields.text("parent"),
        front_matter=whole,
        issues=reading.placed_issues(),
    )


#: A whole line of `secured` whose value is base64 and nothing else, with a key, a comment or the end
#: after it: so it neither is nor parts the text of another field.
_SECURED = re.compile(
    rb"""^secured:[ \t]*+(["']?)[A-Za-z0-9+/=;]*+\1[ \t]*+\r?\n(?=[A-Za-z_"'#\r\n]|\Z)""", re.MULTILINE
)


def without_secured(data: bytes) -> bytes:
    """A file without its `secured` line, which changes at every upstream pass and says nothing."""
    at = data.find(b"\nsecured:")
    closing = _CLOSING.search(data, 3) if at >= 0 else None
    end = closing.start() if closing else -1
    if 0 <= at < end:
        return data[: at + 1] + _SECURED.sub(b"", data[at + 1 : end + 1], count=1) + data[end + 1 :]
    return data


def content_hash(data: bytes) -> str:
    """SHA-256, in hexadecimal, of what a file says: its bytes but for `secured`."""
    return hashlib.sha256(without_secured(data)).hexdigest()


# --- from bytes to text ------------------------------------------------------------------------------

BOM = b"\xef\xbb\xbf"
#: The marks of UTF-16 and UTF-32; and, without a mark, a fence in them: else such a file would look like one
#: that has no front matter, and be passed over in silence.
_OTHER_ENCODINGS = re.compile(rb"\xff\xfe|\xfe\xff|\0\0\xfe\xff|\0{0,3}-\0{1,3}-\0{1,3}-\0")
#: What ends front matter, as Jekyll has it. The first character alone is looked for at first: that is fast.
_CLOSING = re.compile(rb"\n(?:---|\.\.\.)[ \t]*(?=[\r\n]|\Z)")
_CLOSING_CR = re.compile(rb"\r(?:---|\.\.\.)[ \t]*(?:\r|\Z)")
_CLOSING_FENCE = re.compile(r"\n(---|\.\.\.)([ \t]*)(?=\n|\Z)")
_OPENING = re.compile(rb"---(?:[ \t]*(?i:ya?ml))?[ \t]*(\r|\n|$)")
_OPENING_FENCE = re.compile(r"---([ \t]*(?i:ya?ml))?([ \t]*)(?=\n|\Z)")
_OTHER_FORMATS = re.compile(rb"(\+\+\+|;;;|\{|---(?!(?i:ya?ml)[ \t\r\n])[A-Za-z]+)[ \t]*\r?\n")
_FORBIDDEN_BYTES = bytes(c for c in range(0x20) if c not in b"\t\n\r") + b"\x7f"
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufffe\uffff]")


class _FrontMatter(YAMLHandler):
    """The handler that python-frontmatter dispatches to: strict where its own is silent."""

    FM_BOUNDARY = _CLOSING_FENCE
    text = ""
    marks: strict_yaml.Marks | None = None

    def __init__(self, *, carefully: bool) -> None:
        self._load = strict_yaml.read_carefully if carefully else strict_yaml.load
        self.notices: list[Issue] = []

    def split(self, text: str) -> tuple[str, str]:
        opening = _OPENING_FENCE.match(text)
        assert opening is not None  # `read` has looked
        closing = _CLOSING_FENCE.search(text, opening.end())
        if closing is None:
            raise DocumentError("no_closing_fence", "the front matter is never closed by a line `---`", 1, 1)
        if len(opening[0]) > 3 or closing[0] != "\n---":
            self._note(text, opening, closing)
        return text[opening.end() + 1 : closing.start(1)], text[closing.end() :]

    def _note(self, text: str, opening: re.Match[str], closing: re.Match[str]) -> None:
        """Report fences that are not written as most are."""
        line = text.count("\n", 0, closing.end()) + 1
        if opening[1]:
            told = f"`{opening[0].rstrip()}` opens the front matter, as `---` does"
            self.notices.append(Issue("notice", "odd_fence", told, None, 1, 1))
        if closing[1] == "...":
            _refuse_fields_below(text, closing, line)
            told = "`...` closes the front matter, as `---` does"
            self.notices.append(Issue("notice", "odd_fence", told, None, line, 1))
        if opening[2] or closing[2]:
            place = (1, len(opening[0].rstrip()) + 1) if opening[2] else (line, 4)
            self.notices.append(Issue("notice", "fence_spaces", "spaces after a fence", None, *place))

    def load(self, fm: str, **_: object) -> dict[str, Any]:
        self.text = fm
        values, self.marks = self._load(fm)
        return values


def read(data: bytes, *, carefully: bool = False) -> Reading | None:
    """Splits and reads a file with a fence; None if it has none. Raises DocumentError for one that cannot be
    taken in.

    Args:
        carefully: read the YAML by the slow reader, which knows how each value is written.
    """
    start = len(BOM) if data.startswith(BOM) else 0
    if _OTHER_ENCODINGS.match(data):
        raise DocumentError("not_utf8", "the file is UTF-16 or UTF-32, not UTF-8 (byte 0)", 1, 1)
    if _OTHER_FORMATS.match(data, start):
        raise DocumentError(
            "unsupported_format", "front matter is YAML between `---` lines; this is another format", 1, 1
        )
    if not _OPENING.match(data, start):
        return None
    text, notices = _decode(data, start)
    handler = _FrontMatter(carefully=carefully)
    try:
        values, body = frontmatter.parse(text, handler=handler)
        _refuse_swallowed(values, handler)
    except DocumentError as error:
        # Front matter begins on the file's second line.
        if error.line is not None and error.code not in ("no_closing_fence", "fields_below_fence"):
            error.line += 1
        raise
    notices.extend(handler.notices)
    return Reading(values, body, handler.text, handler.marks, notices, first_line=2)


def _refuse_fields_below(text: str, closing: re.Match[str], line: int) -> None:
    """Raise DocumentError if what follows a fence `...` has fields that decide whether an article is shown.

    Nobody knows whether the fence was meant, and what hides the article may be among the fields.
    """
    key = find_in(text[closing.end() :])
    if key is not None:
        told = f"`...` closes the front matter, but {short(key)} follows it: delete this line, or that field"
        raise DocumentError("fields_below_fence", told, line, 1)


def _refuse_swallowed(values: Mapping[str, Any], handler: _FrontMatter) -> None:
    """Raise DocumentError if a field that decides whether an article is shown became a part of a text.

    Only careful reading takes such a text, in quotes that are not closed where they ought to be.
    """
    if handler.marks is None or (key := find_swallowed(handler.text, values.keys())) is None:
        return
    _, line, column = handler.marks.objection or ("", None, None)
    raise DocumentError("yaml_syntax", f"{short(key)} is in a text: close its quotes before", line, column)


def _read_yaml(data: bytes, *, carefully: bool) -> Reading:
    """Reads a file that is YAML as a whole."""
    text, notices = _decode(data, len(BOM) if data.startswith(BOM) else 0, has_body=False)
    values, marks = (strict_yaml.read_carefully if carefully else strict_yaml.load)(text)
    return Reading(values, "", text, marks, notices, first_line=1)


def _decode(data: bytes, start: int, *, has_body: bool = True) -> tuple[str, list[Issue]]:
    """The text with LF line ends, and the notices of what was normalised."""
    try:
        text = data[start:].decode()
    except UnicodeDecodeError as error:
        at = start + error.start
        line, column = data.count(b"\n", 0, at) + 1, at - data.rfind(b"\n", 0, at)
        raise DocumentError("not_utf8", f"not UTF-8 at byte {at}: {error.reason}", line, column) from None
    notices = []
    if start:
        notices.append(Issue("notice", "byte_order_mark", "a byte order mark before the text", None, 1, 1))
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        notices.append(Issue("notice", "line_ends", "line ends are CRLF or CR, not LF", None, 1, None))
    if len(data.translate(None, _FORBIDDEN_BYTES)) != len(data) or not text.isascii():
        _refuse_control_characters(text, has_body=has_body)
    return text, notices


def _refuse_control_characters(text: str, *, has_body: bool) -> None:
    """In front matter none passes; in a body only NUL is refused, which PostgreSQL cannot store."""
    fence = _CLOSING_FENCE.search(text) if has_body else None
    end = fence.start() if fence else len(text)
    found = _FORBIDDEN.search(text, 0, end)
    at = found.start() if found else text.find("\0", end)
    if at >= 0:
        line, column = text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at)
        raise DocumentError("control_character", f"the control character U+{ord(text[at]):04X}", line, column)
