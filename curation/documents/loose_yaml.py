"""Read a few settings from a YAML file of another program.

The other keys of the file may be numbers, dates or lists, may occur twice, or may have tags of that program.
None of this prevents reading the settings. A file that is not YAML is rejected.
"""

from __future__ import annotations

from typing import Any

import yaml

from ..errors import DocumentError
from .strict_yaml import MAX_KEYS, Path, Reader, read_with


class LooseMapping(dict[str, Any]):
    """The top mapping of a file.

    texts: the values without quotes, as they are written in the file.
    repeated: the keys that occur more than once, each with the line of its last occurrence.
    """

    texts: dict[str, str]
    repeated: dict[str, int]


def read_loosely(text: str) -> LooseMapping:
    """Return the top mapping of the first document of a text. The last occurrence of a repeated key counts.

    Raises:
        DocumentError: the text is not YAML, not a mapping, or nested too deeply. It has line and column.
    """
    values, reader = read_with(_LooseReader, text)
    found = LooseMapping(values)
    found.texts = {str(path[0]): plain for path, plain in reader.marks.plain.items() if len(path) == 1}
    found.repeated = reader.repeated
    return found


class _LooseReader(Reader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: dict[str, int] = {}

    def read_document(self) -> Any:
        next(self._events)  # stream start
        event = next(self._events)
        return None if isinstance(event, yaml.StreamEndEvent) else self._read_node(next(self._events), (), 0)

    def _read_alias(self, event: Any) -> Any:
        anchor = self._anchors.get(event.anchor)
        return None if anchor is None or anchor.is_open else anchor.value

    def _read_mapping(self, start: Any, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            is_text = isinstance(event, yaml.ScalarEvent)
            key = event.value if is_text else str(self._read_node(event, (*path, ""), depth + 1))
            value = self._read_node(next(self._events), (*path, key), depth + 1)
            if key == "<<" and is_text and not event.style:
                self._add_merged(merged, value)
                continue
            if not path and key in values:
                self.repeated[key] = event.start_mark.line + 1
            values[key] = value
        return {**merged, **values} if merged else values

    def _add_merged(self, merged: dict[str, Any], value: Any) -> None:
        """Add the keys that `<<` merges, up to `MAX_KEYS`. The first mapping with a key wins."""
        for mapping in value if isinstance(value, list) else [value]:
            if isinstance(mapping, dict) and len(merged) + len(mapping) <= MAX_KEYS:
                merged.update({key: inner for key, inner in mapping.items() if key not in merged})

    def _read_tagged(self, event: Any, text: str) -> Any:
        return text

    def _check_tag(self, event: Any) -> None:
        """Accept any tag."""

    def _resolve(self, event: Any, text: str) -> tuple[Any, tuple[str, str] | None]:
        try:
            return super()._resolve(event, text)
        except DocumentError:
            return text, None

    def _read_text(self, event: Any) -> str:
        text: str = event.value
        return text.translate(self._restore_table) if self._restore_table else text
