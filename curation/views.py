"""What the views show, column by column: read from the files that the migrations make them of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .database import PACKAGE

#: What a comment says of a column.
_COLUMN = re.compile(r"([a-z_]+): (.*)")


@dataclass(frozen=True, slots=True)
class View:
    """A view of the store: its name, what it shows, and the meaning of each column, in order."""

    name: str
    purpose: str
    columns: Mapping[str, str]


def find_views() -> list[View]:
    """Every view, by name, as the newest revision has it."""
    newest = {file.stem: file for file in sorted((PACKAGE / "sql" / "views").glob("*/*.sql"))}
    return [_read_view(newest[name]) for name in sorted(newest)]


def _read_view(file: Path) -> View:
    """A view from the comment of its file: its purpose, then a line `column: meaning` for each column."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    columns = {match[1]: match[2] for line in comment if (match := _COLUMN.fullmatch(line))}
    purpose = " ".join(line for line in comment if not _COLUMN.fullmatch(line))
    return View(file.stem, purpose, columns)
