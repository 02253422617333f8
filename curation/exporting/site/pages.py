"""Lists of items, cut into pages as the items come: `index.json`, `page/1/index.json` and so on."""

from __future__ import annotations

import json
from typing import Any

from .output import Output

_COMPACT = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_QUOTED = json.encoder.encode_basestring


def as_line(value: Any) -> bytes:
    """A file of one item."""
    return _COMPACT(value).encode()


def as_entry(value: Any) -> str:
    """An item as text for pages; one that is on several is rendered once."""
    return indented(value, "\n    ")


def indented(value: Any, end: str = "\n") -> str:
    """A value as `json.dumps(value, ensure_ascii=False, indent=2)` has it, in a third of its time: that is
    half of what an export takes. `end` begins a line as far in as the value stands."""
    if type(value) is str:
        return _QUOTED(value)
    deeper = f"{end}  "
    if isinstance(value, dict) and value:
        pairs = [f"{_QUOTED(key)}: {indented(inner, deeper)}" for key, inner in value.items()]
        return f"{{{deeper}{f',{deeper}'.join(pairs)}{end}}}"
    if isinstance(value, list) and value:
        return f"[{deeper}{f',{deeper}'.join(indented(inner, deeper) for inner in value)}{end}]"
    return "null" if value is None else _COMPACT(value)


class Pages:
    """One list: `folder` is where it lies, `head` what each page says before its number.

    `is_bare`: the last page's `nextPage` is null; else it is left out.
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
        """Adds the next item; a page is written once it is known that another one follows."""
        if len(self._entries) == self._size:
            self._write(self._number + 1)
            self._number += 1
            self._entries = []
        self._entries.append(entry)

    def close(self) -> None:
        """Writes the last page, if there is any."""
        if self._entries:
            self._write(None)

    def _write(self, following: int | None) -> None:
        data = page(self._head, self._number, self._entries, following, is_bare=self._is_bare)
        self._output.put(f"{self._folder}/page/{self._number}/index.json", data)
        if self._number == 1:
            self._output.put(f"{self._folder}/index.json", data)


def page(
    head: dict[str, str], number: int, entries: list[str], following: int | None = None, *, is_bare: bool
) -> bytes:
    """The bytes of one page."""
    told = [f'"{key}": {_COMPACT(value)}' for key, value in head.items()]
    told += [
        f'"page": {number}',
        '"value": [\n    ' + ",\n    ".join(entries) + "\n  ]" if entries else '"value": []',
    ]
    if following is not None or is_bare:
        told.append(f'"nextPage": {_COMPACT(following)}')
    return ("{\n  " + ",\n  ".join(told) + "\n}").encode()
