"""The interface between the archive formats and `unpacking`: members, readers, limits and errors."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ..documents.issues import Issue
from ..errors import CurationError

#: Bytes read in one step.
READ_SIZE = 1 << 16

#: Maximum number of unpacked bytes per packed byte. Above this ratio, and above `RATIO_FREE_BYTES`, an
#: archive counts as a decompression bomb. Deflate can reach 1,032. Documents in the dumps seen so far reach
#: 10, and a tar of only tiny files 60.
MAX_RATIO = 200
RATIO_FREE_BYTES = 1 << 20

#: Maximum number of members of one archive, content or not.
MAX_MEMBERS = 1_000_000

#: Maximum size of all content of one archive, in unpacked bytes.
MAX_TOTAL = 8 << 30

#: Maximum length of one name in bytes. No file system allows longer names, and a zip cannot store them.
MAX_NAME_LENGTH = 0xFFFF

#: Maximum length of all names together in characters, because they are kept in memory.
MAX_NAME_TOTAL = 128 << 20


class Member(NamedTuple):
    """One member of an archive.

    role: "file", "folder", or the issue code for which the member is skipped.
    size: Its size in bytes, as the archive states it. The value is not trusted.
    packed: Its size in the archive in bytes, or None if members are not compressed one by one.
    chunks: Returns its bytes. They must be read before the next member. Reading raises DocumentError if the
        member is damaged, and PartialArchiveError if the archive cannot be read further.
    """

    name: str
    role: str
    size: int
    packed: int | None
    chunks: Callable[[], Iterator[bytes]]


class Reader(ABC):
    """An open archive."""

    #: Issues of the archive as a whole, complete after its members were read.
    notices: Sequence[Issue] = ()

    @abstractmethod
    def read_members(self) -> Iterator[Member]:
        """Yield the members. May be called once.

        Raises:
            PartialArchiveError: The archive cannot be read further.
            ImportFailed: No member can be trusted.
        """

    @abstractmethod
    def finish(self) -> None:
        """Check the archive as a whole, after some or all of its members were read.

        No member may be used before this call ends.

        Raises:
            PartialArchiveError: The archive is damaged, but the members that were read are valid.
            ImportFailed: No member can be trusted.
        """


class PartialArchiveError(CurationError):
    """The error that an archive cannot be read further. The members read before are valid."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


def make_truncated_error() -> PartialArchiveError:
    return PartialArchiveError("archive_damaged", "the archive is truncated: download it again")


def decode_name(name: bytes) -> str:
    """Decode a name as UTF-8. Invalid bytes become surrogates, and no other encoding is guessed."""
    return name.decode("utf-8", "surrogateescape")
