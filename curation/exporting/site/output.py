"""Files that are written only where they differ; and those that are no more, taken away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ..target import PathRefused, Target
from .sections import Section

#: Says whether the bytes at one of our names are a file of ours.
_Test = Callable[[bytes, Section], bool]

#: The files of a list, beside its pages.
FEEDS = ("feed.atom", "feed.json")


@dataclass(slots=True)
class Summary:
    """What became of the files. `refused` has those that could not be written, and why."""

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Output:
    """The files of an export below a folder; with `check` it is only told what would be written."""

    def __init__(self, target: Target, *, check: bool) -> None:
        self._target = target
        self._check = check
        self._seen: set[str] = set()
        self.summary = Summary()

    def put(self, path: str, data: bytes) -> None:
        """Has a file hold these bytes."""
        if path in self._seen:
            self.leave_out(path, "two lists or items want the same file")
            return
        self._seen.add(path)
        try:
            self._put(path, data)
        except PathRefused as refusal:
            self.leave_out(path, str(refusal))

    def _put(self, path: str, data: bytes) -> None:
        if self._target.read(path) == data:
            self.summary.unchanged += 1
            return
        if not self._check:
            self._target.write(path, data)
        self.summary.written.append(path)

    def leave_out(self, path: str, why: str) -> None:
        """Says that a file is not written, and why."""
        self.summary.refused.append((path, why))

    def sweep(self, section: Section) -> None:
        """Takes away what earlier exports wrote of a section and this one did not: pages beyond the last,
        topics, items and collections that are shown no more.

        Only files by the names of ours go, and only where what they hold is ours: a template of the site
        generator at the same place stays.
        """
        for path, is_ours in self._candidates(self._target, section):
            if path not in self._seen:
                data = _read(self._target, path)
                if data is not None and is_ours(data, section):
                    self._remove(self._target, path)

    def _candidates(self, target: Target, section: Section) -> Iterator[tuple[str, _Test]]:
        folders = [section.folder, *_below(target, section.folder)]
        if section.path_title:
            folders += _below(target, f"{section.folder}/collections")
        for folder in folders:
            yield f"{folder}/index.json", _is_json
            yield from ((f"{folder}/{name}", _is_feed) for name in FEEDS)
            for number in _below(target, f"{folder}/page"):
                yield f"{number}/index.json", _is_json
        for path in self._sitemaps(target, section):
            yield path, _is_sitemap

    def _sitemaps(self, target: Target, section: Section) -> Iterator[str]:
        yield f"{section.sitemap}.xml"
        number = 1
        while _read(target, part := f"{section.sitemap}-{number}.xml") is not None:
            yield part
            number += 1

    def _remove(self, target: Target, path: str) -> None:
        if self._check or target.remove(path):
            self.summary.removed.append(path)


def _is_json(data: bytes, section: Section) -> bool:
    """Whether a file is a page of a list, or an item of the section."""
    try:
        value = json.loads(data)
    except ValueError:
        return False
    if not isinstance(value, dict):
        return False
    is_page = isinstance(value.get("page"), int) and isinstance(value.get("value"), list)
    path = value.get("path")
    is_item = isinstance(path, str) and path.startswith(f"_{section.name}/")
    return is_page or (section.has_single_items and is_item)


def _is_feed(data: bytes, _: Section) -> bool:
    return b"http://www.w3.org/2005/Atom" in data[:500] or b"https://jsonfeed.org/version/" in data[:500]


def _is_sitemap(data: bytes, _: Section) -> bool:
    return b"http://www.sitemaps.org/schemas/sitemap/" in data[:500]


def _read(target: Target, path: str) -> bytes | None:
    """A file's bytes; a link or a folder at its place is none of ours."""
    try:
        return target.read(path)
    except PathRefused:
        return None


def _below(target: Target, folder: str) -> list[str]:
    try:
        return [f"{folder}/{name}" for name in target.names(folder)]
    except PathRefused:
        return []
