"""Rows on a standard output that is not UTF-8.

A table replaces characters that the encoding lacks by similar ones. JSON and HTML use their own escapes. CSV
and TSV have none, so nothing is written unless the encoding has every character.
"""

from __future__ import annotations

import codecs
import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from ...errors import CurationError
from ...temporary import open_unnamed_file
from ..streams import find_output_encoding

#: The error handlers of formats that can escape every character in ASCII.
_ESCAPES = {"json": "curation.json", "jsonl": "curation.json", "html": "xmlcharrefreplace"}

#: Formats without escapes.
_EXACT = ("csv", "tsv")


def _escape_json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


codecs.register_error("curation.json", _escape_json)


@contextmanager
def opened_text(form: str) -> Iterator[IO[str]]:
    """Yield standard output for rows of a format.

    Raises CurationError, and writes nothing, if the format has no escapes and the encoding lacks a character.
    """
    encoding = find_output_encoding()
    if codecs.lookup(encoding).name.startswith("utf") or form not in (*_ESCAPES, *_EXACT):
        yield sys.stdout
    elif form in _EXACT:
        with _all_or_nothing(encoding) as text:
            yield text
    else:
        # The page declares UTF-8, and ASCII is a subset of it.
        with _text(sys.stdout.buffer, "ascii" if form == "html" else encoding, _ESCAPES[form]) as text:
            yield text


@contextmanager
def _all_or_nothing(encoding: str) -> Iterator[IO[str]]:
    with open_unnamed_file() as buffer:
        try:
            with _text(buffer, encoding, "strict") as text:
                yield text
        except UnicodeEncodeError as error:
            missing = error.object[error.start]
            raise CurationError(
                f"standard output is {encoding}, which lacks {missing!a}: use --output FILE, or set"
                " PYTHONIOENCODING=utf-8"
            ) from error
        buffer.seek(0)
        shutil.copyfileobj(buffer, sys.stdout.buffer)


@contextmanager
def _text(binary: IO[bytes], encoding: str, errors: str) -> Iterator[IO[str]]:
    """Yield a text stream on a binary stream, which stays open."""
    sys.stdout.flush()
    text = io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="")
    try:
        yield text
    except BaseException:
        with suppress(OSError, ValueError):
            text.detach()
        raise
    text.detach()
