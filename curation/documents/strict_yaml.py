"""YAML as front matter means it: fast where the text is ordinary, strict and with places where not.

`load` reads an ordinary text with yaml-rs (30 µs a document, where libyaml with PyYAML takes 240).
yaml-rs is silent about much that must not pass, and one kind of text kills its process, so a text with
any sign of these goes to `read_carefully`, which builds the same values from libyaml's events and knows
the line and column of each. On ordinary texts the two agree; a property test holds that.

The semantics, decided here and tested one by one (`tests/documents/test_strict_yaml.py`):

- Types are those of YAML 1.2's core schema: `true`/`false`, `null`/`~`, numbers. `yes`, `no`, `on`,
  `off` and `y` are text; where a flag is wanted the document says what they mean.
- Dates and times are text, quoted or not. A plain scalar that looks like a date and is none
  (`2021-02-30`) is refused where it is read.
- `012` and `0777` are text: 10 to YAML 1.1, 12 to YAML 1.2, so nobody knows. `1:30` is text.
- `1e3` is the number 1000.0; `0x1F`, `0o17`, `0b11` and `1_000` are whole numbers. What only some parsers
  take for a number (`_1`, `0XAB`), and what no number gives back (`61e9540`), is text (`plain_scalars`).
- Where yaml-rs objects to what libyaml reads, libyaml's reading stands: it is the one of Jekyll.
- `<<` merges mappings, as Jekyll's own parser does.
- Aliases are expanded up to 64 KiB; one that contains itself is refused. Keys are text, and of a
  mapping each occurs once. Tags other than YAML's own for text, numbers, lists and mappings are refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple, TypeVar

import yaml
import yaml_rs

from ..errors import DocumentError
from .plain_scalars import resolve
from .yaml_signs import MAX_DEPTH, is_suspect

MAX_KEYS = 500
MAX_EXPANSION = 64 * 1024  # characters that aliases may add
MAX_TAG_DIRECTIVES = 64  # lines `%TAG`; libyaml compares each with all before it

#: The path of a value: keys and positions from the top.
Path = tuple[str | int, ...]


class Objection(NamedTuple):
    """What a stricter parser says of a text, and where, as far as it knows."""

    message: str
    line: int | None
    column: int | None


@dataclass(slots=True)
class Marks:
    """What careful reading knows beside the values: where each stands, how the plain ones were written."""

    #: (line, column) of each value, from 1 at the start of the text.
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    #: The text of each plain (unquoted) scalar.
    plain: dict[Path, str] = field(default_factory=dict)
    #: Plain scalars that look like numbers and are kept as text, each with (code, message) of its notice.
    lookalikes: list[tuple[Path, tuple[str, str]]] = field(default_factory=list)
    #: What yaml-rs objects to in a text that libyaml reads.
    objection: Objection | None = None


#: A place in a text: line and column, both from 0.
Place = tuple[int, int]


class Entry(NamedTuple):
    """A key of the top mapping and its value, by the places where each begins and ends (behind its last
    character). `style` is how a single value is written: `'`, `"`, `|`, `>`, or "" for a plain one or an
    alias; None for a list or a mapping, whose end is known in flow style only."""

    key: str
    key_starts: Place
    key_ends: Place
    starts: Place
    ends: Place
    style: str | None


_NO_ALIASES = yaml_rs.AliasLimits(0, 0, 0)

_RS_PLACE = re.compile(r"line (\d+), column (\d+)")


def load(text: str) -> tuple[dict[str, Any], Marks | None]:
    """The mapping that a front matter states, and its marks where it had to be read carefully.

    Raises DocumentError with line and column, counted from 1 at the start of the text, for whatever
    the module's semantics refuse.
    """
    # Without a line end behind the blanks that end a block scalar, yaml-rs gives it one too many.
    text = text if text.endswith("\n") else f"{text}\n"
    if is_suspect(text):
        return read_carefully(text)
    try:
        values = yaml_rs.loads(text, parse_datetime=False, alias_limits=_NO_ALIASES)
    except ValueError as error:
        # What libyaml objects to as well, it names. What it reads, every generator of sites reads alike.
        values, marks = read_carefully(text)
        marks.objection = _objection(error)
        return values, marks
    if type(values) is not dict or len(values) > MAX_KEYS or not {str}.issuperset(map(type, values)):
        return read_carefully(text)
    return values, None


def read_carefully(text: str) -> tuple[dict[str, Any], Marks]:
    """As `load`, by libyaml's events, with the place of every value. Slower by ten times."""
    values, reader = read_by(Reader, text)
    return values, reader.marks


_R = TypeVar("_R", bound="Reader")


def read_by(kind: type[_R], text: str) -> tuple[dict[str, Any], _R]:
    """Return the mapping that a reader of some kind makes of a text, and the reader."""
    reader = kind(text)
    try:
        values = reader.document()
    except yaml.MarkedYAMLError as error:
        problem = error.problem or error.context or "not YAML"
        if problem == _TOO_DEEP_FOR_LIBYAML and error.problem_mark:
            # It scans ahead of the events: those before it show the place.
            read_by(kind, text[: error.problem_mark.index])
        # What is never closed is found at the end, but stands where it was opened.
        unclosed = "end of stream" in problem or "did not find expected" in problem
        mark = (error.context_mark if unclosed else None) or error.problem_mark
        raise _issue("yaml_syntax", problem, mark) from error
    except yaml.reader.ReaderError as error:
        raise DocumentError("control_character", f"YAML does not allow {error.character!r}") from error
    if type(values) is not dict:
        raise _not_a_mapping(values)
    return values, reader


def top_entries(text: str, until: str | None) -> tuple[bool, list[Entry]]:
    """Whether the top mapping of a text is in flow style, and where each of its keys and values stands, up to
    that of one key or all. Raises DocumentError for a text that is no YAML, or no mapping."""
    try:
        return _top_entries(text, until)
    except yaml.MarkedYAMLError as error:
        raise _issue(
            "yaml_syntax", error.problem or error.context or "not YAML", error.problem_mark
        ) from error


def _top_entries(text: str, until: str | None) -> tuple[bool, list[Entry]]:
    events = _events(_hide_breaks(text)[0])
    top = next((event for event in events if isinstance(event, yaml.MappingStartEvent)), None)
    if top is None:
        raise _not_a_mapping(None)
    found: list[Entry] = []
    while not isinstance(key := next(events), yaml.MappingEndEvent) and not (
        found and found[-1].key == until
    ):
        first = last = next(events)
        depth = int(isinstance(first, yaml.CollectionStartEvent))
        while depth:
            last = next(events)
            depth += isinstance(last, yaml.CollectionStartEvent) - isinstance(last, yaml.CollectionEndEvent)
        style = None if last is not first else getattr(first, "style", None) or ""
        starts, ends = _place(first.start_mark), _place(last.end_mark)
        found.append(Entry(key.value, _place(key.start_mark), _place(key.end_mark), starts, ends, style))
    return bool(top.flow_style), found


def _place(mark: Any) -> Place:
    return mark.line, mark.column


def _not_a_mapping(values: object) -> DocumentError:
    if values is None:
        return DocumentError("empty_front_matter", "the front matter is empty", 1, 1)
    kind = "list" if isinstance(values, list) else "single value"
    return DocumentError("not_a_mapping", f"the front matter is a {kind}, not a mapping", 1, 1)


def _objection(error: ValueError) -> Objection:
    message = str(error)
    place = _RS_PLACE.search(message)
    line, column = (int(place[1]), int(place[2])) if place else (None, None)
    return Objection(message.strip().splitlines()[-1], line, column)


def _issue(code: str, message: str, mark: Any) -> DocumentError:
    if mark is None:
        return DocumentError(code, message)
    return DocumentError(code, message, mark.line + 1, mark.column + 1)


#: U+2028 and U+2029 break lines for YAML 1.1, and so for libyaml, but not for YAML 1.2: they are read as two
#: other characters that the text does not have, and put back. These are looked through for two.
_BREAKS = "\u2028\u2029"
_STAND_INS = (range(0xFDD0, 0xFDF0), range(0xE000, 0xF900), range(0xF0000, 0xFFFFE))

#: libyaml refuses more than 1,000 levels since 0.2.6, which PyYAML bundles since 6.0.4.
_TOO_DEEP_FOR_LIBYAML = "exceeded maximum nesting depth"

_TAG = "tag:yaml.org,2002:"
_SCALAR_TAGS: dict[str, tuple[type, ...]] = {
    f"{_TAG}int": (int,),
    f"{_TAG}float": (int, float),
    f"{_TAG}bool": (bool,),
    f"{_TAG}null": (type(None),),
}


def _hide_breaks(text: str) -> tuple[str, dict[int, int]]:
    """Return a text without U+2028 and U+2029, and what puts them back (`str.translate`)."""
    if _BREAKS[0] not in text and _BREAKS[1] not in text:
        return text, {}
    present = set(text)
    free = (chr(point) for points in _STAND_INS for point in points if chr(point) not in present)
    stand_ins = "".join(islice(free, len(_BREAKS)))
    if len(stand_ins) < len(_BREAKS):
        raise DocumentError("control_character", "line separators among every private character")
    return text.translate(str.maketrans(_BREAKS, stand_ins)), str.maketrans(stand_ins, _BREAKS)


def _events(text: str) -> Iterator[Any]:
    """libyaml's events of a text without U+2028 and U+2029."""
    if text.startswith("%TAG") + text.count("\n%TAG") > MAX_TAG_DIRECTIVES:
        raise DocumentError("yaml_syntax", f"more than {MAX_TAG_DIRECTIVES} directives %TAG", 1, 1)
    if not text.endswith("\n"):  # a block scalar has its last line end in any case
        text += "\n"
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
    return events


@dataclass(slots=True)
class _Anchor:
    """An anchored value, and how many characters each alias of it adds; open until it is complete."""

    value: Any = None
    weight: int = 0
    is_open: bool = True


class Reader:
    """Builds values from events, one call a node; depth is bounded, so recursion is."""

    def __init__(self, text: str) -> None:
        text, self._shows = _hide_breaks(text)
        self._events = _events(text)
        self._anchors: dict[str, _Anchor] = {}
        self._weight = 0
        self._expanded = 0
        self.marks = Marks()

    def document(self) -> Any:
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        values = self._node(next(self._events), (), 0)
        next(self._events)  # document end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _issue(
                "several_documents", "more than one YAML document in the front matter", event.start_mark
            )
        return values

    def _node(self, event: Any, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _issue("too_deep", f"nested deeper than {MAX_DEPTH}", event.start_mark)
        self.marks.places[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        anchor = _Anchor()
        if event.anchor is not None:
            self._anchors[event.anchor] = anchor
        before = self._weight
        self._weight += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, path)
        else:
            self._check_tag(event)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            value = self._mapping(event, path, depth) if is_mapping else self._sequence(path, depth)
        anchor.value, anchor.weight, anchor.is_open = value, self._weight - before, False
        return value

    def _alias(self, event: Any) -> Any:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise _issue("unknown_alias", f"no anchor &{event.anchor} before this alias", event.start_mark)
        if anchor.is_open:
            raise _issue("alias_cycle", f"the alias *{event.anchor} contains itself", event.start_mark)
        self._expanded += anchor.weight
        self._weight += anchor.weight
        if self._expanded > MAX_EXPANSION:
            raise _issue(
                "alias_expansion", f"aliases expand to over {MAX_EXPANSION} characters", event.start_mark
            )
        return anchor.value

    def _sequence(self, path: Path, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._node(event, (*path, len(values)), depth + 1))
        return values

    def _mapping(self, start: Any, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event)
            value_event = next(self._events)
            value = self._node(value_event, (*path, key), depth + 1)
            if key == "<<" and not event.style:
                merged += self._merged(value, value_event)
                continue
            if key in values:
                raise _issue("duplicate_key", f"the key {key!r} occurs twice", event.start_mark)
            values[key] = value
            if len(values) > MAX_KEYS:
                raise _issue("too_many_keys", f"a mapping of more than {MAX_KEYS} keys", start.start_mark)
        return self._with_merged(values, merged, start) if merged else values

    def _with_merged(
        self, values: dict[str, Any], merged: list[dict[str, Any]], start: Any
    ) -> dict[str, Any]:
        """The mapping's own keys win, then those of the first merged."""
        whole: dict[str, Any] = {}
        for mapping in (*reversed(merged), values):
            whole.update(mapping)
            if len(whole) > MAX_KEYS:
                raise _issue("too_many_keys", f"a mapping of more than {MAX_KEYS} keys", start.start_mark)
        return whole

    def _merged(self, value: Any, event: Any) -> list[dict[str, Any]]:
        mappings = value if isinstance(value, list) else [value]
        if not all(isinstance(m, dict) for m in mappings):
            raise _issue("bad_merge", "`<<` merges mappings only", event.start_mark)
        return mappings

    def _key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _issue("bad_key", "a key is a list, a mapping or an alias, not text", event.start_mark)
        self._check_tag(event)
        key = self._text(event)
        self._weight += len(key)
        if not event.style and event.tag is None and type(self._resolve(event, key)[0]) is not str:
            raise _issue("bad_key", f"the key {key or 'null'} is not text: quote it", event.start_mark)
        return key

    def _scalar(self, event: Any, path: Path) -> Any:
        text = self._text(event)
        self._weight += len(text)
        if event.tag is not None and event.tag not in ("!", f"{_TAG}str"):
            return self._tagged(event, text)
        if event.style or event.tag is not None:
            return text
        self.marks.plain[path] = text
        value, notice = self._resolve(event, text)
        if notice is not None:
            self.marks.lookalikes.append((path, notice))
        return value

    def _resolve(self, event: Any, text: str) -> tuple[Any, tuple[str, str] | None]:
        try:
            return resolve(text)
        except ValueError as error:
            raise _issue("integer_too_long", str(error), event.start_mark) from error

    def _tagged(self, event: Any, text: str) -> Any:
        wanted = _SCALAR_TAGS.get(event.tag)
        value, _ = self._resolve(event, text) if wanted else (None, None)
        if wanted is None or type(value) not in wanted:
            raise _issue("unsupported_tag", f"the tag {event.tag!r} is not allowed here", event.start_mark)
        return value

    def _check_tag(self, event: Any) -> None:
        allowed = (None, "!", f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq", *_SCALAR_TAGS)
        if event.tag not in allowed:
            raise _issue("unsupported_tag", f"the tag {event.tag!r} is not allowed", event.start_mark)

    def _text(self, event: Any) -> str:
        text: str = event.value
        if "\0" in text:
            raise _issue("nul_character", "a NUL character, which no engine stores", event.start_mark)
        return text.translate(self._shows) if self._shows else text
