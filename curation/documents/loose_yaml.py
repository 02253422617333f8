"""A YAML file of which a few settings are wanted, whatever else is in it.

The file is somebody's own: its other keys may be numbers, dates or lists, occur twice, or carry the tags of
another program. None of that keeps the settings from being read. What is no YAML at all is refused.
"""

from __future__ import annotations

from typing import Any

import yaml

from ..errors import DocumentError
from .strict_yaml import MAX_KEYS, Path, Reader, read_by


class LooseMapping(dict[str, Any]):
    """The top mapping of a file.

    texts: the plain values as they are written.
    repeated: the keys that occur more than once, each with the line of the last.
    """

    texts: dict[str, str]
    repeated: dict[str, int]


def read_loosely(text: str) -> LooseMapping:
    """Return the top mapping of the first document of a text; of a key that occurs twice, the last counts.

    Raises DocumentError with line and column for what is no YAML, no mapping, or nested too deep.
    """
    values, reader = read_by(_LooseReader, text)
    found = LooseMapping(values)
    found.texts = {str(path[0]): plain for path, plain in reader.marks.plain.items() if len(path) == 1}
    found.repeated = reader.repeated
    return found


class _LooseReader(Reader):
    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.repeated: dict[str, int] = {}

    def document(self) -> Any:
        next(self._events)  # stream start
        event = next(self._events)
        return None if isinstance(event, yaml.StreamEndEvent) else self._node(next(self._events), (), 0)

    def _alias(self, event: Any) -> Any:
        anchor = self._anchors.get(event.anchor)
        return None if anchor is None or anchor.is_open else anchor.value

    def _mapping(self, start: Any, path: Path, depth: int) -> dict[str, Any]:
        values: dict[str, Any] = {}
        merged: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            is_text = isinstance(event, yaml.ScalarEvent)
            key = event.value if is_text else str(self._node(event, (*path, ""), depth + 1))
            value = self._node(next(self._events), (*path, key), depth + 1)
            if key == "<<" and is_text and not event.style:
                self._merge(merged, value)
                continue
            if not path and key in values:
                self.repeated[key] = event.start_mark.line + 1
            values[key] = value
        return {**merged, **values} if merged else values

    def _merge(self, merged: dict[str, Any], value: Any) -> None:
        """Add what `<<` brings; the first mapping that has a key wins, and there is a limit to all."""
        for mapping in value if isinstance(value, list) else [value]:
            if isinstance(mapping, dict) and len(merged) + len(mapping) <= MAX_KEYS:
                merged.update({key: inner for key, inner in mapping.items() if key not in merged})

    def _tagged(self, event: Any, text: str) -> Any:
        return text

    def _check_tag(self, event: Any) -> None:
        """Any tag will do."""

    def _resolve(self, event: Any, text: str) -> tuple[Any, tuple[str, str] | None]:
        try:
            return super()._resolve(event, text)
        except DocumentError:
            return text, None

    def _text(self, event: Any) -> str:
        text: str = event.value
        return text.translate(self._shows) if self._shows else text
