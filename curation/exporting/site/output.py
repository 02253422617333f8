"""Files that are written only where they differ; and those that are no more, taken away."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from ..output_folder import OutputFolder, PathClosed, PathRefused
from .rows import stem_of
from .sections import Section

T = TypeVar("T")

#: Says whether the bytes at one of our names are a file of ours.
_Test = Callable[[bytes], bool]

#: The files of a list, beside its pages.
FEEDS = ("feed.atom", "feed.json")


#: Bytes in which a feed and a sitemap say what they are: behind a title as long as settings can be.
_HEAD = 8_192

#: How files begin that the site generator fills when it builds; none of ours does.
_FENCE = b"---"


@dataclass(slots=True)
class SiteSummary:
    """What became of the files. `refused` has those that could not be written, and why."""

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Output:
    """The files of an export below a folder; with `check` it is only told what would be written."""

    def __init__(self, target: OutputFolder, *, check: bool) -> None:
        self._target = target
        self._check = check
        self._seen: set[str] = set()
        self.summary = SiteSummary()

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
        before = self._target.read(path)
        if before == data:
            self.summary.unchanged += 1
            return
        if before is not None and before.startswith(_FENCE):
            raise PathRefused("a template of the site generator lies there, which would be lost")
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
        for path, is_ours in self._candidates(section):
            if path not in self._seen:
                data = self._read(path)
                if data is not None and is_ours(data):
                    self._remove(path)
                    self._seen.add(path)  # a page that is an item's own file comes twice

    def _candidates(self, section: Section) -> Iterator[tuple[str, _Test]]:
        for folder in [section.folder, *self._below(section.folder)]:
            yield from self._of_a_list(folder)
        if section.path_title or section.has_single_items:
            for folder in self._all_below(section.folder):
                yield f"{folder}/index.json", partial(_is_of_an_item, section=section, folder=folder)
        for path in self._sitemaps(section):
            yield path, _is_sitemap

    def _of_a_list(self, folder: str) -> Iterator[tuple[str, _Test]]:
        for path in self._below(folder):
            name = path.rpartition("/")[2]
            if name == "index.json":
                yield path, _is_page
            elif name in FEEDS:
                yield path, _is_feed
            elif name == "page":
                yield from ((f"{number}/index.json", _is_page) for number in self._below(path))

    def _sitemaps(self, section: Section) -> Iterator[str]:
        yield f"{section.sitemap}.xml"
        number = 1
        while self._read(part := f"{section.sitemap}-{number}.xml") is not None:
            yield part
            number += 1

    def _remove(self, path: str) -> None:
        try:
            if self._check or self._target.remove(path):
                self.summary.removed.append(path)
        except PathRefused as refusal:
            self.leave_out(path, str(refusal))

    def _read(self, path: str) -> bytes | None:
        """A file's bytes; a link or a folder at its place is none of ours."""
        return self._unless_refused(path, self._target.read)

    def _below(self, folder: str) -> list[str]:
        """What lies in a folder, in order; nothing below a file or a link."""
        return [f"{folder}/{name}" for name in self._unless_refused(folder, self._target.names) or ()]

    def _unless_refused(self, path: str, look: Callable[[str], T | None]) -> T | None:
        """What is seen at a path; None for what is none of ours. What is closed may be shown no more: that it
        stays is told, and once."""
        try:
            return look(path)
        except PathClosed as refusal:
            if not any(path == told or path.startswith(f"{told}/") for told, _ in self.summary.refused):
                self.leave_out(path, str(refusal))
        except PathRefused:
            pass
        return None

    def _all_below(self, folder: str) -> Iterator[str]:
        """All that lies below a folder, at any depth."""
        for path in self._below(folder):
            yield path
            yield from self._all_below(path)


def _is_page(data: bytes) -> bool:
    """Whether a file is a page of a list."""
    value = _object(data)
    return isinstance(value.get("page"), int) and isinstance(value.get("value"), list)


def _is_of_an_item(data: bytes, section: Section, folder: str) -> bool:
    """Whether a file is an item's own, or a collection's page, in the folder that its `path` asks for."""
    path = _object(data).get("path")
    if not isinstance(path, str) or f"_{section.name}/{stem_of(path)}" != f"_{folder.removeprefix('api/')}":
        return False
    return section.has_single_items or _is_page(data)


def _object(data: bytes) -> dict[str, object]:
    """The JSON object that a file holds; of anything else, which is none of ours, an empty one."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # nested deeper than a parser goes, too
        return {}
    return value if isinstance(value, dict) else {}


def _is_feed(data: bytes) -> bool:
    """Whether a file is a feed whose own address is below `api`."""
    head = data[:_HEAD]
    is_any = b"http://www.w3.org/2005/Atom" in head or b"https://jsonfeed.org/version/" in head
    return is_any and b"/api/" in head and not head.startswith(_FENCE)


def _is_sitemap(data: bytes) -> bool:
    return b"http://www.sitemaps.org/schemas/sitemap/" in data[:_HEAD] and not data.startswith(_FENCE)
