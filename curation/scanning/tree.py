"""The parts that folders, archives and git revisions share: files, scans, and the issues of skipped files."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from types import TracebackType
from typing import NamedTuple, Self
from unicodedata import normalize

from ..documents.issues import Issue
from ..errors import DocumentError, ImportFailed
from ..paths import MAX_PATH
from ..wording import counted
from . import content
from .content import (
    ARCHIVE_SUFFIXES,
    UNSUPPORTED_ARCHIVE_SUFFIXES,
    Kind,
    is_storable,
    kind_of,
    make_printable,
)


class File(NamedTuple):
    """A content file.

    path: Its path from the source's root, in the spelling of the dump.
    stamp: Equal stamps mean equal bytes. None means that the file must be read to detect a change.
    location: Where any process can read it with `read_file`. None means that only `Tree.read` can.
    """

    path: str
    kind: Kind
    stamp: str | None
    location: str | None


#: Issues of an archive as a whole, after which its other members are unknown. If one member is damaged, the
#: names of others may be damaged, too.
WHOLE_ARCHIVE_CODES = frozenset({"archive_damaged", "archive_too_large", "damaged_member"})

#: Issues that may concern a folder, whose files are then unknown.
_WHOLE_FOLDER_CODES = frozenset({"unreadable", "symlink", "submodule"})

#: Warnings for content that exists but is not opened.
_NOT_OPENED_CODES = frozenset({"hard_link", "symlink", "special_file"})


@dataclass(slots=True)
class Scan:
    """The result of a scan: the content files in order of path, issues by path, and skipped paths.

    A file with a warning such as `case_collision` is in both `files` and `issues`.
    """

    files: list[File] = field(default_factory=list)
    issues: list[tuple[str, Issue]] = field(default_factory=list)
    skipped_paths: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """The number of files that are not content."""
        return len(self.skipped_paths)

    def find_unread_prefixes(self) -> tuple[str, ...]:
        """Return the prefixes of paths about which the scan knows nothing.

        These are unreadable folders, links, and existing files that were not read. The prefix "" matches all
        paths: the archive is damaged.
        """
        prefixes = []
        for path, issue in self.issues:
            if issue.code in WHOLE_ARCHIVE_CODES:
                return ("",)
            if issue.code in _WHOLE_FOLDER_CODES:
                prefixes.append(f"{path}/")
            if (issue.severity == "error" or issue.code in _NOT_OPENED_CODES) and kind_of(path) is not None:
                prefixes.append(path)
        return tuple(prefixes)


class Tree(ABC):
    """The files of a dump: a folder, an archive or a git revision.

    name: The default name of the source, without --source.
    location: Its absolute path in printable form, for the rows of sources and imports.
    commit: The full id of the git commit, or None.
    """

    name: str
    location: str
    commit: str | None = None

    @abstractmethod
    def scan(self, within: Sequence[str] = ()) -> Scan:
        """Return the files at or below some paths from the root. () scans everything.

        Raises:
            ImportFailed: The whole root has no content, the root cannot be read, or a path of `within` does
                not exist or leads through a link.
        """

    @abstractmethod
    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        """Return the bytes of files of this tree, in order, or the error for which a file cannot be read."""

    @abstractmethod
    def find_absent(self, paths: Iterable[str]) -> list[str]:
        """Return those of some paths from the root that certainly do not exist. Scan before."""

    @abstractmethod
    def read_config_file(self) -> bytes | DocumentError | None:
        """Return the bytes of the site's settings file (`content.CONFIG`), an error, or None if absent.

        A link counts as no file, and the scan reports it. Requires a scan before.
        """

    def find_config_stamp(self) -> str | None:
        """Return the stamp of the site's settings file, or None if only its bytes can show a change."""
        return None

    def advise(self) -> str:
        """Return the advice for a root without content."""
        return "to import a part of a source, give its root with --root"

    def close(self) -> None:  # noqa: B027 - a folder has nothing to close
        """Close open files and processes. Nothing can be read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def finish_scan(self, scan: Scan, within: Sequence[str]) -> Scan:
        """Sort a scan's results and add the case collisions.

        Raises:
            ImportFailed: The whole root was scanned and has no content.
        """
        if not scan.files and not within:
            raise ImportFailed(_no_content_message(self.location, scan, self.advise()))
        scan.files.sort(key=itemgetter(0))
        scan.issues.extend(find_case_collisions(file.path for file in scan.files))
        scan.issues.sort(key=lambda found: (found[0], found[1].code))
        return scan


def _no_content_message(location: str, scan: Scan, advice: str) -> str:
    message = f"no content in {location}: the root of a source contains folders such as `_news`"
    not_imported = [(path, issue) for path, issue in scan.issues if issue.severity != "notice"]
    if not not_imported:
        return f"{message}; {advice}"
    path, issue = not_imported[0]
    count = counted(len(not_imported), "path")
    return f"{message}; {count} not imported, for example {path[:200]}: {issue.message}"


#: Entries that are skipped on purpose, never followed and never opened.
SKIPPED_ISSUES = {
    "symlink": Issue("warning", "symlink", "a symbolic link is not followed"),
    "special_file": Issue("warning", "special_file", "a device, FIFO or socket is not opened"),
    "hard_link": Issue(
        "warning",
        "hard_link",
        "the file has another name (a hard link) and is not opened: copy the dump to import it",
    ),
    "submodule": Issue("warning", "submodule", "a submodule is another repository: import it separately"),
    "nested_archive": Issue(
        "warning", "nested_archive", "an archive inside a dump is not opened: import it separately"
    ),
}

#: The notice for a whole zip, given once.
BACKSLASH_NAMES = Issue(
    "notice", "backslash_names", "names in the zip separate folders by `\\`, which is read as `/`"
)

DUPLICATE_NAME = Issue(
    "error", "duplicate_name", "the archive contains this name more than once, so none of them is used"
)

UNSAFE_NAME = Issue(
    "error", "unsafe_name", "the name leads out of the dump (`..`, an absolute path or a drive)"
)


def find_name_issue(path: str) -> Issue | None:
    """Return the issue for which a content file's name excludes it, or None.

    A git tree can contain a folder named `..`, although git itself never creates one.

    Args:
        path: The file's path from the root.
    """
    if "/../" in path or "/./" in path or "//" in path:
        return UNSAFE_NAME
    if "\\" in path:
        return Issue(
            "error", "bad_name", "the name contains a backslash, a folder separator on Windows: rename it"
        )
    if not is_storable(path):
        return Issue("error", "bad_name", "the name is not UTF-8 or contains control characters: rename it")
    if len(path) > MAX_PATH:
        return Issue(
            "error", "path_too_long", f"the path has {len(path)} characters, over the limit of {MAX_PATH}"
        )
    return None


def make_too_large_error(size: int) -> DocumentError:
    """Return the error for a file of at least `size` bytes."""
    return DocumentError("file_too_large", f"{size} bytes, over the limit of {content.MAX_BYTES}")


def is_nested_archive(path: str) -> bool:
    """Return whether a file that is not content is an archive, by its name."""
    return path.lower().endswith(ARCHIVE_SUFFIXES + UNSUPPORTED_ARCHIVE_SUFFIXES)


def add_skipped(scan: Scan, path: str) -> None:
    """Add a file that is not content to a scan, with a warning if it is an archive."""
    scan.skipped_paths.append(path)
    if is_nested_archive(path):
        scan.issues.append((make_printable(path), SKIPPED_ISSUES["nested_archive"]))


def fold_name(text: str) -> str:
    """Return a name in the form in which names that differ by case or Unicode form are equal.

    Some file systems do not distinguish such names. Several names can be given in one text, separated by line
    breaks.
    """
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFD", text).casefold())


def find_case_collisions(paths: Iterable[str]) -> list[tuple[str, Issue]]:
    """Return a warning for each file whose name differs from another only by case or Unicode form.

    On some file systems these names are one file.
    """
    listed = list(paths)
    if not listed:
        return []
    folded = fold_name("\n".join(listed)).split("\n")  # ten times faster than one by one
    if len(set(folded)) == len(listed):
        return []
    groups: dict[str, list[str]] = defaultdict(list)
    for key, path in zip(folded, listed, strict=True):
        groups[key].append(path)
    found = []
    for group in groups.values():
        for path in group if len(group) > 1 else ():
            other = next(name for name in group if name != path)
            difference = _name_difference(path, other)
            message = f"the name differs only by {difference} from {other.rpartition('/')[2][:120]}"
            found.append((path, Issue("warning", "case_collision", message)))
    return found


def _name_difference(name: str, other: str) -> str:
    """Return how two names differ of which `fold_name` returns the same."""
    if normalize("NFC", name) == normalize("NFC", other):
        return "Unicode form"
    return "case" if name.casefold() == other.casefold() else "case and Unicode form"


def is_within(path: str, within: Collection[str]) -> bool:
    """Return whether a path equals or is below one of some paths. Without paths, every path is within."""
    while path and within:
        if path in within:
            return True
        path = path.rpartition("/")[0]
    return not within
