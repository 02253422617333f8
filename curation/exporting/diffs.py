"""What an export would change in a file, as `git apply` and `patch` take it."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

#: Lines around a change.
CONTEXT = 3


def unified_diff(path: str, was: bytes | None, becomes: bytes) -> Iterator[bytes]:
    """The lines of a unified diff, each with its end; `was` is None for a file that is new."""
    old, new = (_lines(was) if was is not None else []), _lines(becomes)
    same = _common_end(old, new)
    # Behind the last change only its context matters; a body of a megabyte is not compared.
    old, new = (lines[: len(lines) - max(0, same - CONTEXT)] for lines in (old, new))
    mark = b"\t" if " " in path else b""
    before = b"/dev/null" if was is None else b"a/" + path.encode() + mark
    told = difflib.diff_bytes(difflib.unified_diff, old, new, before, b"b/" + path.encode() + mark, n=CONTEXT)
    for line in told:
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    ended = [line + b"\n" for line in lines[:-1]]
    return [*ended, lines[-1]] if lines[-1] else ended


def _common_end(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    count = 0
    while count < min(len(old), len(new)) and old[-1 - count] == new[-1 - count]:
        count += 1
    return count
