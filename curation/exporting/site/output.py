"""Writes the files of a site that differ, and deletes obsolete ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from ..output_folder import OutputFolder, PathInaccessible, PathRefused
from .rows import stem_of
from .sections import Section

T = TypeVar("T")

#: Returns whether the bytes of a file show that an export wrote it.
_Test = Callable[[bytes], bool]

#: The files of a list other than its pages.
FEEDS = ("feed.atom", "feed.json")


#: Bytes at the start of a feed or sitemap that identify it. The longest possible title fits before that.
_HEAD = 8_192

#: Start of the site generator's templates. No exported file starts with it.
_FENCE = b"---"


@dataclass(slots=True)
class SiteSummary:
    """The result of an export, as paths. `refused` has the files that were not written, and why."""

    written: list[str] = field(default_factory=list)
    unchanged: int = 0
    removed: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)


class Output:
    """Writes the files of an export to a folder; with `check` it only reports what it would do."""

    def __init__(self, target: OutputFolder, *, check: bool) -> None:
        self._target = target
        self._check = check
        self._seen: set[str] = set()
        self.summary = SiteSummary()

    def put(self, path: str, data: bytes) -> None:
        """Write a file, unless it already has these bytes."""
        if path in self._seen:
            self.leave_out(path, "two lists or items have this path")
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
            raise PathRefused("a template of the site generator is at this path")
        if not self._check:
            self._target.write(path, data)
        self.summary.written.append(path)

    def leave_out(self, path: str, why: str) -> None:
        """Record that a file is not written, and why."""
        self.summary.refused.append((path, why))

    def remove_obsolete(self, section: Section) -> None:
        """Delete the files of a section that earlier exports wrote and this one did not.

        These are pages after the last one, and pages of topics, items and collections that are no longer
        shown. A file is deleted only if its name and its content are those of an exported file. So a template
        of the site generator at the same path is kept.
        """
        for path, is_ours in self._candidates(section):
            if path not in self._seen:
                data = self._read(path)
                if data is not None and is_ours(data):
                    self._remove(path)
                    self._seen.add(path)  # an item's own file may be a page too, and then comes twice

    def _candidates(self, section: Section) -> Iterator[tuple[str, _Test]]:
        for folder in [section.folder, *self._children(section.folder)]:
            yield from self._list_files(folder)
        if section.path_title or section.has_single_items:
            for folder in self._descendants(section.folder):
                yield f"{folder}/index.json", partial(_is_item_file, section=section, folder=folder)
        for path in self._sitemaps(section):
            yield path, _is_sitemap

    def _list_files(self, folder: str) -> Iterator[tuple[str, _Test]]:
        for path in self._children(folder):
            name = path.rpartition("/")[2]
            if name == "index.json":
                yield path, _is_page
            elif name in FEEDS:
                yield path, _is_feed
            elif name == "page":
                yield from ((f"{number}/index.json", _is_page) for number in self._children(path))

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
        """Return a file's bytes; None for a link or a folder, which no export wrote."""
        return self._unless_refused(path, self._target.read)

    def _children(self, folder: str) -> list[str]:
        """Return the paths in a folder, in order; none for a file or a link."""
        return [f"{folder}/{name}" for name in self._unless_refused(folder, self._target.list_names) or ()]

    def _unless_refused(self, path: str, look: Callable[[str], T | None]) -> T | None:
        """Return the result of `look`; None for what no export wrote.

        An inaccessible path may be obsolete. It is reported, once, because it cannot be deleted.
        """
        try:
            return look(path)
        except PathInaccessible as refusal:
            reported = (known for known, _ in self.summary.refused)
            if not any(path == known or path.startswith(f"{known}/") for known in reported):
                self.leave_out(path, str(refusal))
        except PathRefused:
            pass
        return None

    def _descendants(self, folder: str) -> Iterator[str]:
        """Yield all paths below a folder, at any depth."""
        for path in self._children(folder):
            yield path
            yield from self._descendants(path)


def _is_page(data: bytes) -> bool:
    """Return whether a file is a page of a list."""
    value = _object(data)
    return isinstance(value.get("page"), int) and isinstance(value.get("value"), list)


def _is_item_file(data: bytes, section: Section, folder: str) -> bool:
    """Return whether a file is an item's own file or a collection's page, in the folder of its `path`."""
    path = _object(data).get("path")
    if not isinstance(path, str) or f"_{section.name}/{stem_of(path)}" != f"_{folder.removeprefix('api/')}":
        return False
    return section.has_single_items or _is_page(data)


def _object(data: bytes) -> dict[str, object]:
    """Return the JSON object of a file; an empty one for anything else, which no export wrote."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):  # too deeply nested for the parser
        return {}
    return value if isinstance(value, dict) else {}


def _is_feed(data: bytes) -> bool:
    """Return whether a file is a feed whose own address is below `api`."""
    head = data[:_HEAD]
    is_feed = b"http://www.w3.org/2005/Atom" in head or b"https://jsonfeed.org/version/" in head
    return is_feed and b"/api/" in head and not head.startswith(_FENCE)


def _is_sitemap(data: bytes) -> bool:
    return b"http://www.sitemaps.org/schemas/sitemap/" in data[:_HEAD] and not data.startswith(_FENCE)
