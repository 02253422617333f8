"""The standard streams, made safe for closed descriptors, full disks and limited encodings.

- A closed descriptor is replaced by /dev/null, so that none of our files gets its number. With a closed
  standard output, the command does nothing. Reading a closed standard input is an error. Messages for a
  closed standard error are lost.
- An error of standard output, such as a full disk, names the stream. Errors of standard error are ignored:
  the work goes on, and the exit status shows the result.
- A character that the encoding lacks is replaced by a similar one or `?` (`REPLACING`). Rows for programs are
  never changed in this way: see `output`.
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

#: The error handler that replaces a character that the encoding lacks by a similar one.
REPLACING = "curation.similar"

#: Replacements for the characters of our own output, and for the most common ones in texts.
_SIMILAR = {
    "─": "-", "│": "|", "…": "~", "–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*",
    **dict.fromkeys("▏▎▍▌▋▊▉█", "#"),
}  # fmt: skip


def _replace_missing(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    missing = error.object[error.start : error.end]
    return "".join(
        _SIMILAR.get(sign, "*" if "\u2801" <= sign <= "\u28ff" else "?") for sign in missing
    ), error.end


codecs.register_error(REPLACING, _replace_missing)


#: The name of standard output in error messages.
OUTPUT = "standard output"


class _LabelledFile(io.FileIO):
    """A descriptor whose write errors have a label in place of a file name."""

    def __init__(self, number: int, label: str) -> None:
        super().__init__(number, "w", closefd=False)
        self._label = label

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise OSError(error.errno, error.strerror, self._label) from error


class _LenientFile(io.FileIO):
    """A descriptor that ignores write errors."""

    def write(self, data: Buffer) -> int:
        try:
            return super().write(data)
        except OSError:
            return memoryview(data).nbytes


class _ClosedInput(io.RawIOBase):
    """A standard input that is closed: reading it is an error."""

    def readable(self) -> bool:
        return True

    def readinto(self, _: Any) -> int:
        raise CurationError("standard input is closed: redirect it from a file, a pipe or /dev/null")


class _TextStream(io.TextIOWrapper):
    """A text stream that hides ASCII from click.

    click considers an ASCII stream misconfigured, and would bypass it and write UTF-8.
    """

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return "ascii-only" if codecs.lookup(super().encoding).name == "ascii" else super().encoding

    @property
    def codec(self) -> str:
        """The real encoding, by its Python name."""
        return super().encoding


def prepare() -> None:
    """Replace the standard streams of the process. Call this once, at its start.

    Raises CurationError if standard output is closed.
    """
    for number in range(3):
        _open_if_closed(number)
    if sys.stdin is None:
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_ClosedInput()))
    is_closed = sys.stdout is None
    sys.stderr = _wrap(sys.stderr, _LenientFile(2, "w", closefd=False), "backslashreplace")
    sys.stdout = _wrap(sys.stdout, _LabelledFile(1, OUTPUT), REPLACING)
    if is_closed:
        raise CurationError("standard output is closed, nothing was done: redirect it to a file or /dev/null")


def _open_if_closed(number: int) -> None:
    try:
        os.fstat(number)
    except OSError:
        os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # opens the lowest free number


def _wrap(stream: TextIO | None, raw: io.FileIO, errors: str) -> TextIO:
    """Return a text stream that replaces one of Python's, with the same encoding."""
    if not isinstance(stream, io.TextIOWrapper | None):
        return stream  # another program replaced it
    encoding = "utf-8" if stream is None else stream.encoding
    is_utf8 = codecs.lookup(encoding).name == "utf-8"
    if stream is not None and (stream.errors not in ("strict", "surrogateescape") or is_utf8):
        errors = stream.errors or errors  # chosen by the caller
    is_by_line = raw.fileno() != 1 or raw.isatty()
    return _TextStream(io.BufferedWriter(raw), encoding=encoding, errors=errors, line_buffering=is_by_line)


def find_output_encoding() -> str:
    """Return the encoding of standard output, by its Python name."""
    return str(getattr(sys.stdout, "codec", sys.stdout.encoding))


def flush() -> None:
    """Write buffered standard output. If that fails, discard it and raise OSError."""
    try:
        sys.stdout.flush()
    except OSError:
        discard_output()
        raise


def discard_output() -> None:
    """Discard buffered standard output, so that the interpreter prints no error when it exits."""
    devnull = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError):
        os.dup2(devnull, 1)
    os.close(devnull)
