"""Rows on a standard output that is not UTF-8: changed where they are for eyes, and nowhere else.

A table has something similar in place of what the encoding lacks. JSON and HTML say it by their own escapes.
CSV and TSV have none: nothing is written unless all of it can be.
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
from ...temporary import unnamed_file
from ..streams import output_encoding

#: The names of the error handlers of forms that can say every character in ASCII.
_ESCAPES = {"json": "curation.json", "jsonl": "curation.json", "html": "xmlcharrefreplace"}

#: Forms that say a character as it is or not at all.
_EXACT = ("csv", "tsv")


def _json(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be")
    pairs = (units[at : at + 2].hex() for at in range(0, len(units), 2))
    return "".join(f"\\u{pair}" for pair in pairs), error.end


codecs.register_error("curation.json", _json)


@contextmanager
def opened_text(form: str) -> Iterator[IO[str]]:
    """Standard output for rows of a form. Raises CurationError, and writes nothing, where its encoding lacks
    a character that has to be there."""
    encoding = output_encoding()
    if codecs.lookup(encoding).name.startswith("utf") or form not in (*_ESCAPES, *_EXACT):
        yield sys.stdout
    elif form in _EXACT:
        with _all_or_nothing(encoding) as text:
            yield text
    else:
        # A page says that it is UTF-8, of which ASCII is a part.
        with _text(sys.stdout.buffer, "ascii" if form == "html" else encoding, _ESCAPES[form]) as text:
            yield text


@contextmanager
def _all_or_nothing(encoding: str) -> Iterator[IO[str]]:
    with unnamed_file() as waiting:
        try:
            with _text(waiting, encoding, "strict") as text:
                yield text
        except UnicodeEncodeError as error:
            lacking = error.object[error.start]
            raise CurationError(
                f"standard output is {encoding}, which lacks {lacking!a}: give --output FILE, or set"
                " PYTHONIOENCODING=utf-8"
            ) from error
        waiting.seek(0)
        shutil.copyfileobj(waiting, sys.stdout.buffer)


@contextmanager
def _text(binary: IO[bytes], encoding: str, errors: str) -> Iterator[IO[str]]:
    """Text for a stream of bytes, which stays open."""
    sys.stdout.flush()
    text = io.TextIOWrapper(binary, encoding=encoding, errors=errors, newline="")
    try:
        yield text
    except BaseException:
        with suppress(OSError, ValueError):
            text.detach()
        raise
    text.detach()
