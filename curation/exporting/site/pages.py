"""Writes lists of items as pages: `index.json`, `page/1/index.json` and so on."""

from __future__ import annotations

import json
from typing import Any

from .output import Output

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUOTED = json.encoder.encode_basestring


def as_line(value: Any) -> bytes:
    """Return the bytes of a file with one item."""
    return _COMPACT(value).encode()


def as_entry(value: Any) -> str:
    """Return an item as text for pages; an item on several pages is rendered once."""
    return indent_json(value, "\n    ")


def indent_json(value: Any, end: str = "\n") -> str:
    """Return a value as `json.dumps(value, ensure_ascii=False, indent=2)` does, in a third of the time.

    That is half of the time of an export. `end` is a line end with the indentation of the value.
    """
    if type(value) is str:
        return _QUOTED(value)
    deeper = f"{end}  "
    if isinstance(value, dict) and value:
        pairs = [f"{_QUOTED(key)}: {indent_json(inner, deeper)}" for key, inner in value.items()]
        return f"{{{deeper}{f',{deeper}'.join(pairs)}{end}}}"
    if isinstance(value, list) and value:
        return f"[{deeper}{f',{deeper}'.join(indent_json(inner, deeper) for inner in value)}{end}]"
    return "null" if value is None else _COMPACT(value)


class Pages:
    """The pages of one list, written to `folder`.

    head: the keys of each page before its number.
    is_bare: whether the last page has a `nextPage` of null instead of none.
    """

    def __init__(
        self, output: Output, folder: str, size: int, head: dict[str, str], *, is_bare: bool
    ) -> None:
        self._output = output
        self._folder = folder
        self._size = size
        self._head = head
        self._is_bare = is_bare
        self._number = 1
        self._entries: list[str] = []

    def add(self, entry: str) -> None:
        """Add the next item; a full page is written when the item after it arrives."""
        if len(self._entries) == self._size:
            self._write(self._number + 1)
            self._number += 1
            self._entries = []
        self._entries.append(entry)

    def close(self) -> None:
        """Write the last page, unless the list is empty."""
        if self._entries:
            self._write(None)

    def _write(self, following: int | None) -> None:
        data = render_page(self._head, self._number, self._entries, following, is_bare=self._is_bare)
        self._output.put(f"{self._folder}/page/{self._number}/index.json", data)
        if self._number == 1:
            self._output.put(f"{self._folder}/index.json", data)


def render_page(
    head: dict[str, str], number: int, entries: list[str], following: int | None = None, *, is_bare: bool
) -> bytes:
    """Return the bytes of one page; `following` is the number of the next page."""
    pairs = [f'"{key}": {_COMPACT(value)}' for key, value in head.items()]
    pairs += [
        f'"page": {number}',
        '"value": [\n    ' + ",\n    ".join(entries) + "\n  ]" if entries else '"value": []',
    ]
    if following is not None or is_bare:
        pairs.append(f'"nextPage": {_COMPACT(following)}')
    return ("{\n  " + ",\n  ".join(pairs) + "\n}").encode()
