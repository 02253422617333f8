"""Read the YAML of front matter: fast where the text is ordinary, strictly and with positions elsewhere.

`load` reads an ordinary text with yaml-rs, in 30 µs a document; libyaml with PyYAML takes 240. But yaml-rs
accepts much that is not valid, and one kind of text kills its process. So a text with any sign of these goes
to `read_carefully`. It builds the same values from libyaml's events and records the line and column of each.
A property test checks that both agree on ordinary texts.

The semantics, each of them tested (`tests/documents/test_strict_yaml.py`):

- Types are those of YAML 1.2's core schema: `true`/`false`, `null`/`~`, numbers.
- `yes`, `no`, `on`, `off` and `y` are text. As the value of a flag they stand for true or false.
- Dates and times are text, quoted or not. A plain scalar that looks like a date but is not a valid one
  (`2021-02-30`) is an error where it is used.
- `012` and `0777` are text: `012` is 10 in YAML 1.1 and 12 in YAML 1.2. `1:30` is text.
- `1e3` is the number 1000.0. `0x1F`, `0o17`, `0b11` and `1_000` are integers.
- A text is kept if only some parsers read it as a number (`_1`, `0XAB`), or if the number would lose it
  (`61e9540`); see `plain_scalars`.
- If libyaml reads a text that yaml-rs rejects, libyaml's values count, since Jekyll reads them too.
- `<<` merges mappings, as Jekyll's own parser does.
- Aliases are expanded up to 64 KiB. An alias that contains itself is an error.
- Keys are text, and unique in a mapping.
- Tags are errors, except for YAML's own tags of text, numbers, lists and mappings.
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
from .suspect_yaml import MAX_DEPTH, is_suspect

#: Maximum number of keys in one mapping.
MAX_KEYS = 500

#: Maximum number of characters that aliases may add.
MAX_EXPANSION = 64 * 1024

#: Maximum number of lines `%TAG`. libyaml compares each line with all lines before it.
MAX_TAG_DIRECTIVES = 64

#: The path of a value: keys and positions from the top.
Path = tuple[str | int, ...]


class Objection(NamedTuple):
    """The message of a stricter parser that rejects a text, with its position, if it has one."""

    message: str
    line: int | None
    column: int | None


@dataclass(slots=True)
class Marks:
    """What careful reading records with the values: their positions, and how plain ones are written."""

    #: (line, column) of each value, from 1.
    places: dict[Path, tuple[int, int]] = field(default_factory=dict)
    #: The text of each plain (unquoted) scalar.
    plain: dict[Path, str] = field(default_factory=dict)
    #: Plain scalars that look like numbers but are kept as text, each with (code, message) of its notice.
    lookalikes: list[tuple[Path, tuple[str, str]]] = field(default_factory=list)
    #: Why yaml-rs rejects a text that libyaml reads.
    objection: Objection | None = None


#: A place in a text: line and column, both from 0.
Place = tuple[int, int]


class Entry(NamedTuple):
    """A key of the top mapping and its value, with the places where they begin and end.

    An end is the place after the last character. The end of a list or mapping is exact in flow style only.

    style: how a single value is written: `'`, `"`, `|`, `>`, or "" for a plain scalar or an alias; None for a
        list or a mapping.
    """

    key: str
    key_start: Place
    key_end: Place
    start: Place
    end: Place
    style: str | None


_NO_ALIASES = yaml_rs.AliasLimits(0, 0, 0)

_RS_PLACE = re.compile(r"line (\d+), column (\d+)")


def load(text: str) -> tuple[dict[str, Any], Marks | None]:
    """Return the mapping that front matter states, and its marks if it had to be read carefully.

    Raises:
        DocumentError: the text violates the semantics of this module. Its line and column count from 1 at the
            start of the text.
    """
    # Without a line end after trailing spaces, yaml-rs adds one line end too many to a block scalar.
    text = text if text.endswith("\n") else f"{text}\n"
    if is_suspect(text):
        return read_carefully(text)
    try:
        values = yaml_rs.loads(text, parse_datetime=False, alias_limits=_NO_ALIASES)
    except ValueError as error:
        # If libyaml rejects the text too, it raises its own error. If not, all site generators read the text
        # as libyaml does.
        values, marks = read_carefully(text)
        marks.objection = _make_objection(error)
        return values, marks
    if type(values) is not dict or len(values) > MAX_KEYS or not {str}.issuperset(map(type, values)):
        return read_carefully(text)
    return values, None


def read_carefully(text: str) -> tuple[dict[str, Any], Marks]:
    """Read a text as `load` does, but from libyaml's events, with positions. It takes ten times as long."""
    values, reader = read_with(Reader, text)
    return values, reader.marks


_R = TypeVar("_R", bound="Reader")


def read_with(kind: type[_R], text: str) -> tuple[dict[str, Any], _R]:
    """Return the mapping that a reader of a given class makes of a text, and the reader."""
    reader = kind(text)
    try:
        values = reader.read_document()
    except yaml.MarkedYAMLError as error:
        if error.problem == _TOO_DEEP_FOR_LIBYAML and error.problem_mark:
            # libyaml scans ahead of the events. Reading the text before the problem finds the exact position.
            read_with(kind, text[: error.problem_mark.index])
        raise _syntax_error(error) from error
    except yaml.reader.ReaderError as error:
        raise DocumentError("control_character", f"YAML does not allow {error.character!r}") from error
    if type(values) is not dict:
        raise _not_a_mapping(values)
    return values, reader


def _syntax_error(error: yaml.MarkedYAMLError) -> DocumentError:
    problem = error.problem or error.context or "not YAML"
    # An unclosed quote or bracket is detected at the end, but its position is where it was opened.
    unclosed = "end of stream" in problem or "did not find expected" in problem
    return _yaml_error(
        "yaml_syntax", problem, (error.context_mark if unclosed else None) or error.problem_mark
    )


def find_top_entries(text: str, until: str | None) -> tuple[bool, list[Entry]]:
    """Return whether the top mapping of a text is in flow style, and the entries of the mapping.

    Args:
        until: the key of the last entry to return; None for all entries.

    Raises:
        DocumentError: the text is not YAML, or not a mapping.
    """
    try:
        return _find_top_entries(text, until)
    except yaml.MarkedYAMLError as error:
        raise _yaml_error(
            "yaml_syntax", error.problem or error.context or "not YAML", error.problem_mark
        ) from error


def _find_top_entries(text: str, until: str | None) -> tuple[bool, list[Entry]]:
    events = _parse_events(_hide_breaks(text)[0])
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
        start, end = _place(first.start_mark), _place(last.end_mark)
        found.append(Entry(key.value, _place(key.start_mark), _place(key.end_mark), start, end, style))
    return bool(top.flow_style), found


def _place(mark: Any) -> Place:
    return mark.line, mark.column


def _not_a_mapping(values: object) -> DocumentError:
    if values is None:
        return DocumentError("empty_front_matter", "the front matter is empty", 1, 1)
    kind = "list" if isinstance(values, list) else "single value"
    return DocumentError("not_a_mapping", f"the front matter is a {kind}, not a mapping", 1, 1)


def _make_objection(error: ValueError) -> Objection:
    message = str(error)
    place = _RS_PLACE.search(message)
    line, column = (int(place[1]), int(place[2])) if place else (None, None)
    return Objection(message.strip().splitlines()[-1], line, column)


def _yaml_error(code: str, message: str, mark: Any) -> DocumentError:
    if mark is None:
        return DocumentError(code, message)
    return DocumentError(code, message, mark.line + 1, mark.column + 1)


#: U+2028 and U+2029 break lines in YAML 1.1, and so in libyaml, but not in YAML 1.2. While a text is read,
#: two characters replace them that it does not contain. These ranges are searched for such characters.
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
    """Return a text without U+2028 and U+2029, and the table that restores them (for `str.translate`)."""
    if _BREAKS[0] not in text and _BREAKS[1] not in text:
        return text, {}
    present = set(text)
    free = (chr(point) for points in _STAND_INS for point in points if chr(point) not in present)
    stand_ins = "".join(islice(free, len(_BREAKS)))
    if len(stand_ins) < len(_BREAKS):
        raise DocumentError("control_character", "the text has line separators and every private character")
    return text.translate(str.maketrans(_BREAKS, stand_ins)), str.maketrans(stand_ins, _BREAKS)


def _parse_events(text: str) -> Iterator[Any]:
    """Return libyaml's events of a text without U+2028 and U+2029."""
    if text.startswith("%TAG") + text.count("\n%TAG") > MAX_TAG_DIRECTIVES:
        raise DocumentError("yaml_syntax", f"more than {MAX_TAG_DIRECTIVES} `%TAG` directives", 1, 1)
    if not text.endswith("\n"):  # a block scalar at the end always has its last line end
        text += "\n"
    events: Iterator[Any] = yaml.parse(text, Loader=yaml.CSafeLoader)
    return events


@dataclass(slots=True)
class _Anchor:
    """An anchored value, and how many characters each alias of it adds. It is open until it is complete."""

    value: Any = None
    weight: int = 0
    is_open: bool = True


class Reader:
    """Builds values from events, with one call a node. Recursion is limited, since the depth is."""

    def __init__(self, text: str) -> None:
        text, self._restore_table = _hide_breaks(text)
        self._events = _parse_events(text)
        self._anchors: dict[str, _Anchor] = {}
        self._weight = 0
        self._expanded = 0
        self.marks = Marks()

    def read_document(self) -> Any:
        next(self._events)  # stream start
        event = next(self._events)
        if isinstance(event, yaml.StreamEndEvent):
            return None
        values = self._read_node(next(self._events), (), 0)
        next(self._events)  # document end
        event = next(self._events)
        if not isinstance(event, yaml.StreamEndEvent):
            raise _yaml_error(
                "several_documents", "more than one YAML document in the front matter", event.start_mark
            )
        return values

    def _read_node(self, event: Any, path: Path, depth: int) -> Any:
        if depth > MAX_DEPTH:
            raise _yaml_error("too_deep", f"nested deeper than {MAX_DEPTH} levels", event.start_mark)
        self.marks.places[path] = (event.start_mark.line + 1, event.start_mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            return self._read_alias(event)
        anchor = _Anchor()
        if event.anchor is not None:
            self._anchors[event.anchor] = anchor
        before = self._weight
        self._weight += 1
        if isinstance(event, yaml.ScalarEvent):
            value = self._read_scalar(event, path)
        else:
            self._check_tag(event)
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            value = self._read_mapping(event, path, depth) if is_mapping else self._read_sequence(path, depth)
        anchor.value, anchor.weight, anchor.is_open = value, self._weight - before, False
        return value

    def _read_alias(self, event: Any) -> Any:
        anchor = self._anchors.get(event.anchor)
        if anchor is None:
            raise _yaml_error(
                "unknown_alias", f"no anchor &{event.anchor} before this alias", event.start_mark
            )
        if anchor.is_open:
            raise _yaml_error("alias_cycle", f"the alias *{event.anchor} contains itself", event.start_mark)
        self._expanded += anchor.weight
        self._weight += anchor.weight
        if self._expanded > MAX_EXPANSION:
            raise _yaml_error(
                "alias_expansion", f"aliases expand to over {MAX_EXPANSION} characters", event.start_mark
            )
        return anchor.value

    def _read_sequence(self, path: Path, depth: int) -> list[Any]:
        values: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            values.append(self._read_node(event, (*path, len(values)), depth + 1))
        return values

    def _read_mapping(self, start: Any, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: list[dict[str, Any]] = []
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._read_key(event)
            value_event = next(self._events)
            value = self._read_node(value_event, (*path, key), depth + 1)
            if key == "<<" and not event.style:
                merged += self._check_merged(value, value_event)
                continue
            if key in values:
                raise _yaml_error("duplicate_key", f"the key {key!r} occurs twice", event.start_mark)
            values[key] = value
            if len(values) > MAX_KEYS:
                raise _yaml_error(
                    "too_many_keys", f"a mapping of more than {MAX_KEYS} keys", start.start_mark
                )
        return self._merge(values, merged, start) if merged else values

    def _merge(self, values: dict[str, Any], merged: list[dict[str, Any]], start: Any) -> dict[str, Any]:
        """Merge mappings: the own keys win, then those of the first merged mapping."""
        whole: dict[str, Any] = {}
        for mapping in (*reversed(merged), values):
            whole.update(mapping)
            if len(whole) > MAX_KEYS:
                raise _yaml_error(
                    "too_many_keys", f"a mapping of more than {MAX_KEYS} keys", start.start_mark
                )
        return whole

    def _check_merged(self, value: Any, event: Any) -> list[dict[str, Any]]:
        mappings = value if isinstance(value, list) else [value]
        if not all(isinstance(m, dict) for m in mappings):
            raise _yaml_error("bad_merge", "`<<` merges mappings only", event.start_mark)
        return mappings

    def _read_key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            raise _yaml_error(
                "bad_key", "a key must be text, not a list, a mapping or an alias", event.start_mark
            )
        self._check_tag(event)
        key = self._read_text(event)
        self._weight += len(key)
        if not event.style and event.tag is None and type(self._resolve(event, key)[0]) is not str:
            raise _yaml_error(
                "bad_key", f"the key {key or 'null'} is not text: put it in quotes", event.start_mark
            )
        return key

    def _read_scalar(self, event: Any, path: Path) -> Any:
        text = self._read_text(event)
        self._weight += len(text)
        if event.tag is not None and event.tag not in ("!", f"{_TAG}str"):
            return self._read_tagged(event, text)
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
            raise _yaml_error("integer_too_long", str(error), event.start_mark) from error

    def _read_tagged(self, event: Any, text: str) -> Any:
        wanted = _SCALAR_TAGS.get(event.tag)
        value, _ = self._resolve(event, text) if wanted else (None, None)
        if wanted is None or type(value) not in wanted:
            raise _yaml_error(
                "unsupported_tag", f"the tag {event.tag!r} is not allowed here", event.start_mark
            )
        return value

    def _check_tag(self, event: Any) -> None:
        allowed = (None, "!", f"{_TAG}str", f"{_TAG}map", f"{_TAG}seq", *_SCALAR_TAGS)
        if event.tag not in allowed:
            raise _yaml_error("unsupported_tag", f"the tag {event.tag!r} is not allowed", event.start_mark)

    def _read_text(self, event: Any) -> str:
        text: str = event.value
        if "\0" in text:
            raise _yaml_error("nul_character", "a NUL character cannot be stored", event.start_mark)
        return text.translate(self._restore_table) if self._restore_table else text
