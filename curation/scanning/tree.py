"""What every kind of dump has in common: what a scan finds, and what it says of what it passes over."""

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
from .content import ARCHIVE_SUFFIXES, OTHER_ARCHIVES, Kind, is_storable, kind_of, printable


class File(NamedTuple):
    """A content file.

    path: from the source's root, as the files have it.
    stamp: as long as it is equal the bytes are; None where only reading can tell.
    location: where any process may read it by `read_file`; None where only `Tree.read` gives its bytes.
    """

    path: str
    kind: Kind
    stamp: str | None
    location: str | None


#: Faults of an archive as a whole: what it should have held besides is not known. Where one member is
#: damaged, the names of others may be, too.
OF_THE_WHOLE = frozenset({"archive_damaged", "archive_too_large", "damaged_member"})

#: Faults that may stand for a folder, of whose files nothing is known then.
_OF_A_FOLDER = frozenset({"unreadable", "symlink", "submodule"})

#: Warnings of content that is there, under its name, and is not opened.
_NOT_OPENED = frozenset({"hard_link", "symlink", "special_file"})


@dataclass(slots=True)
class Scan:
    """What a walk found: the content in order of path, faults by path, and the paths of files that are no
    content (`others`).

    A file with a warning such as `case_collision` is in both of the first two.
    """

    files: list[File] = field(default_factory=list)
    issues: list[tuple[str, Issue]] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def skipped(self) -> int:
        """How many files are no content."""
        return len(self.others)

    def unread(self) -> tuple[str, ...]:
        """What the walk knows nothing of, as beginnings of paths: unreadable folders, links, files that
        are there and were kept out. "" is all: the archive was cut off."""
        prefixes = []
        for path, issue in self.issues:
            if issue.code in OF_THE_WHOLE:
                return ("",)
            if issue.code in _OF_A_FOLDER:
                prefixes.append(f"{path}/")
            if (issue.severity == "error" or issue.code in _NOT_OPENED) and kind_of(path) is not None:
                prefixes.append(path)
        return tuple(prefixes)


class Tree(ABC):
    """A dump's files, whatever holds them.

    name: what the source is called unless --source says otherwise.
    location: absolute and printable, for the rows of sources and imports.
    commit: the full id of a git commit; None for all else.
    """

    name: str
    location: str
    commit: str | None = None

    @abstractmethod
    def scan(self, within: Sequence[str] = ()) -> Scan:
        """Finds what lies at or below some paths from the root; () is everything.

        Raises ImportFailed where the whole root holds no content, where a path of `within` is not there
        or leads through a link, and where the root itself cannot be read.
        """

    @abstractmethod
    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        """The bytes of files of this tree, in order; in place of bytes, what keeps them out."""

    @abstractmethod
    def find_absent(self, paths: Iterable[str]) -> list[str]:
        """Return the paths, from the root, at which this tree certainly has nothing; it was scanned."""

    @abstractmethod
    def config(self) -> bytes | DocumentError | None:
        """The bytes of the site's own settings (`content.CONFIG`), or what keeps them out; None where there
        is no such file. A link is none: the scan tells of it. For a tree that was scanned."""

    def config_stamp(self) -> str | None:
        """As long as it is equal the site's own settings are; None where only their bytes can tell."""
        return None

    def advise(self) -> str:
        """Return what to do where the root holds no content."""
        return "to import a part of a source, name its root by --root"

    def close(self) -> None:  # noqa: B027 - a folder holds nothing open
        """Lets go of what is held open; nothing can be read afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def whole(self, scan: Scan, within: Sequence[str]) -> Scan:
        """Puts what was found in order. Raises ImportFailed where everything was wanted and nothing found."""
        if not scan.files and not within:
            raise ImportFailed(_no_content(self.location, scan, self.advise()))
        scan.files.sort(key=itemgetter(0))
        scan.issues.extend(case_collisions(file.path for file in scan.files))
        scan.issues.sort(key=lambda found: (found[0], found[1].code))
        return scan


def _no_content(location: str, scan: Scan, advice: str) -> str:
    message = f"no content under {location}: a source's root holds folders such as `_news`"
    kept_out = [(path, issue) for path, issue in scan.issues if issue.severity != "notice"]
    if not kept_out:
        return f"{message}; {advice}"
    path, issue = kept_out[0]
    return f"{message}; {counted(len(kept_out), 'name')} left out, such as {path[:200]}: {issue.message}"


#: What is passed over on purpose, never followed and never opened.
SKIPPED_ISSUES = {
    "symlink": Issue("warning", "symlink", "a symbolic link is not followed"),
    "special_file": Issue("warning", "special_file", "a device, FIFO or socket is not opened"),
    "hard_link": Issue(
        "warning",
        "hard_link",
        "the file has another name somewhere (a hard link) and is not opened: copy the dump to take it in",
    ),
    "submodule": Issue("warning", "submodule", "a submodule is another repository: import it by itself"),
    "nested_archive": Issue(
        "warning", "nested_archive", "an archive within a dump stays closed: import it by itself"
    ),
}

#: Of a zip, once.
BACKSLASHES = Issue(
    "notice", "backslash_names", "names in the zip have `\\` between folders, which is read as `/`"
)

DUPLICATE = Issue(
    "error", "duplicate_name", "the archive holds this name more than once: which one is meant, none can tell"
)


UNSAFE = Issue("error", "unsafe_name", "the name leads out of the dump: by `..`, an absolute path or a drive")


def issue_of_name(path: str) -> Issue | None:
    """What keeps a content file out by its name alone; the path is from the root.

    A tree of git can hold `..` as a folder's name, though git itself never makes one.
    """
    if "/../" in path or "/./" in path or "//" in path:
        return UNSAFE
    if "\\" in path:
        return Issue(
            "error", "bad_name", "the name holds a backslash, which parts folders elsewhere: rename it"
        )
    if not is_storable(path):
        return Issue("error", "bad_name", "the name is not UTF-8 or holds control characters")
    if len(path) > MAX_PATH:
        return Issue(
            "error", "path_too_long", f"a path of {len(path)} characters; at most {MAX_PATH} are kept"
        )
    return None


def too_large(size: int) -> DocumentError:
    """What is said of a file of so many bytes, or at least so many."""
    return DocumentError("file_too_large", f"{size} bytes; at most {content.MAX_BYTES} are read")


def is_nested_archive(path: str) -> bool:
    """Whether a file that is no content is an archive, by its name."""
    return path.lower().endswith(ARCHIVE_SUFFIXES + OTHER_ARCHIVES)


def skip_path(scan: Scan, path: str) -> None:
    """Notes a file that is no content; an archive that lies where content lies is told of."""
    scan.others.append(path)
    if is_nested_archive(path):
        scan.issues.append((printable(path), SKIPPED_ISSUES["nested_archive"]))


def same_name(text: str) -> str:
    """A name, or several with line breaks between, as file systems have it that tell neither case nor how
    accents are put together (Unicode forms)."""
    if text.isascii():
        return text.lower()
    return normalize("NFC", normalize("NFD", text).casefold())


def case_collisions(paths: Iterable[str]) -> list[tuple[str, Issue]]:
    """Warnings of files whose names differ by case only, or by Unicode form only: on other file systems they
    are one file."""
    listed = list(paths)
    if not listed:
        return []
    folded = same_name("\n".join(listed)).split("\n")  # at once: ten times faster than one by one
    if len(set(folded)) == len(listed):
        return []
    groups: dict[str, list[str]] = defaultdict(list)
    for key, path in zip(folded, listed, strict=True):
        groups[key].append(path)
    found = []
    for group in groups.values():
        for path in group if len(group) > 1 else ():
            other = next(name for name in group if name != path)
            is_form = normalize("NFC", path) == normalize("NFC", other)
            is_case = path.casefold() == other.casefold()
            how = "Unicode form" if is_form else "case" if is_case else "case and Unicode form"
            told = f"differs by {how} only from {other.rpartition('/')[2][:120]}"
            found.append((path, Issue("warning", "case_collision", told)))
    return found


def is_within(path: str, within: Collection[str]) -> bool:
    """Whether a path is one of some paths or lies below one; none is everything."""
    while path and within:
        if path in within:
            return True
        path = path.rpartition("/")[0]
    return not within
