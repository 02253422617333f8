"""What readers of archives say to `archive.py`: members one by one, and what is wrong."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..documents.issues import Issue
from ..errors import CurationError

#: Bytes that are asked for at once.
CHUNK = 1 << 16

#: Bytes that come out for one that went in: beyond this, and beyond `FREE`, it is a bomb. Deflate reaches
#: 1,032; the documents of the dumps seen reach 10, a tar of nothing but tiny files 60.
RATIO = 200
FREE = 1 << 20

#: Members of one archive, content or not.
MAX_MEMBERS = 1_000_000

#: Bytes of all content of one archive, unpacked.
MAX_TOTAL = 8 << 30

#: Characters of one name; no file system has longer ones, and a zip cannot.
MAX_NAME = 0xFFFF

#: Characters of all names that are kept in memory.
MAX_NAMES = 128 << 20


class Member(NamedTuple):
    """One member of an archive.

    role: "file", "folder", or the code of what it is passed over for.
    size: what the archive claims, in bytes; to be disbelieved.
    packed: the bytes it takes in the archive; None where members are not packed one by one.
    chunks: its bytes, to be asked for before the next member is. They raise DocumentError for a damaged
        member, StoppedShort where the archive as a whole goes no further.
    """

    name: str
    role: str
    size: int
    packed: int | None
    chunks: Callable[[], Iterator[bytes]]


class Reader(ABC):
    """An open archive."""

    #: What is told of the archive as a whole, once its members were read.
    notices: Sequence[Issue] = ()

    @abstractmethod
    def members(self) -> Iterator[Member]:
        """Yield the members, once. Raises StoppedShort, ImportFailed."""

    @abstractmethod
    def finish(self) -> None:
        """Check the archive as a whole, after its members were read, or some of them.

        Before this returns no member may be used. Raises StoppedShort where the archive is damaged and
        its members hold all the same, ImportFailed where none of them can be trusted.
        """


class StoppedShort(CurationError):  # noqa: N818 - it ends a reading, of which what was read holds
    """An archive cannot be read further; what was read before is whole."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def cut_off() -> StoppedShort:
    return StoppedShort("archive_damaged", "the archive is cut off: fetch it again")


def decoded(name: bytes) -> str:
    """A name as UTF-8; what is none stays visible as surrogates. No other encoding is guessed."""
    return name.decode("utf-8", "surrogateescape")
