"""The standard streams as commands use them, whatever the caller made of them.

- A closed descriptor is occupied by /dev/null, so that no file of ours gets its number. Nothing is done
  where standard output is closed. Who reads a closed standard input is told so. What a closed standard error
  would say is lost.
- A full disk, or another error of standard output, names it. Errors of standard error are dropped: the work
  goes on, and the exit status says how it ended.
- In an encoding that lacks a character, a similar one or `?` stands for it (`REPLACING`). Rows for programs
  are never changed by that: see `output`.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TextIO

from ..errors import CurationError

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined,unused-ignore]

#: The name of the error handler that puts what is similar in place of what an encoding lacks.
REPLACING = "curation.similar"

#: What stands for characters of ours, and for those that texts have most.
_SIMILAR = {
    "─": "-", "│": "|", "…": "~", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*",
    **dict.fromkeys("▏▎▍▌▋▊▉█", "#"),
}  # fmt: skip


def _similar(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(
        _SIMILAR.get(sign, "*" if "\u2801" <= sign <= "\u28ff" else "?") for sign in lacking
    ), error.end


codecs.register_error(REPLACING, _similar)


#: What errors of standard output call it.
OUTPUT = "standard output"


class _Writing(io.FileIO):
    """A descriptor that is written to; its errors name it."""

    def __init__(self, number: int, label: str) -> None:
        super().__init__(number, "w", closefd=False)
        self._label = label

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._label) from error


class _Forgiving(io.FileIO):
    """A descriptor of which nobody is told that it cannot be written to."""

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _Closed(io.RawIOBase):
    """A standard input that is closed."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise CurationError("standard input is closed: give it a file or a pipe, or /dev/null for nothing")


class _Text(io.TextIOWrapper):
    """Text for a descriptor. click takes a stream of ASCII for one that is set up wrongly, and would write
    UTF-8 past it: it is not told."""

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "ascii-only" if codecs.lookup(super().encoding).name == "ascii" else super().encoding

    @property
    def codec(self) -> str:
        """The encoding, as Python knows it."""
        return super().encoding


def prepare() -> None:
    """Puts the streams of the process in order; to be called once, at its beginning.

    Raises CurationError where standard output is closed.
    """
    for number in range(3):
        _occupy(number)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Closed()))
    is_closed = sys.stdout is None
    sys.stderr = _text(sys.stderr, _Forgiving(2, "w", closefd=False), "backslashreplace")
    sys.stdout = _text(sys.stdout, _Writing(1, OUTPUT), REPLACING)
    if is_closed:
        raise CurationError("standard output is closed, and nothing was done: send it to a file or /dev/null")


def _occupy(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # gets the lowest number that is free


def _text(stream: TextIO | None, raw: io.FileIO, errors: str) -> TextIO:
    """A stream of text in place of one that Python made, of the same encoding."""
    if not isinstance(stream, io.TextIOWrapper | None):
        return stream  # somebody else's
    encoding = "utf-8" if stream is None else stream.encoding
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    if stream is not None and (stream.errors not in ("strict", "surrogateescape") or is_utf8):
        errors = stream.errors or errors  # as the caller wishes
    is_by_line = raw.fileno() != 1 or raw.isatty()
    return _Text(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=is_by_line)


def output_encoding() -> str:
    """Return the encoding of standard output, as Python knows it."""
    return str(getattr(sys.stdout, "codec", sys.stdout.encoding))


def flush() -> None:
    """Writes what is still held of standard output. Raises OSError where that fails; then it is given up."""
    try:
        sys.stdout.flush()
    except OSError:
        give_up()
        raise


def give_up() -> None:
    """Sends what is still held of standard output nowhere, so that the end of the interpreter is silent."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):
        os.dup2(nowhere, 1)
    os.close(nowhere)
