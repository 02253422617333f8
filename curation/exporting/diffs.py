"""Unified diffs of what an export would change, for `git apply` and `patch`."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence

#: Lines of context around a change.
CONTEXT = 3


def make_diff(path: str, old: bytes | None, new: bytes) -> Iterator[bytes]:
    """Yield the lines of a unified diff, with line ends; `old` is None for a new file."""
    old_lines, new_lines = (_lines(old) if old is not None else []), _lines(new)
    same = _common_end(old_lines, new_lines)
    # After the last change only the context matters. This avoids comparing a body of a megabyte.
    old_lines, new_lines = (lines[: len(lines) - max(0, same - CONTEXT)] for lines in (old_lines, new_lines))
    tab = b"\t" if " " in path else b""
    old_name = b"/dev/null" if old is None else b"a/" + path.encode() + tab
    new_name = b"b/" + path.encode() + tab
    diff = difflib.diff_bytes(difflib.unified_diff, old_lines, new_lines, old_name, new_name, n=CONTEXT)
    for line in diff:
        yield line if line.endswith(b"\n") else line + b"\n\\ No newline at end of file\n"


def _lines(data: bytes) -> list[bytes]:
    lines = data.split(b"\n")
    terminated = [line + b"\n" for line in lines[:-1]]
    return [*terminated, lines[-1]] if lines[-1] else terminated


def _common_end(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    count = 0
    while count < min(len(old), len(new)) and old[-1 - count] == new[-1 - count]:
        count += 1
    return count
