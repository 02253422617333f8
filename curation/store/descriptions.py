"""What the tables and views hold, column by column: read from the files that the migrations tell it by."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .database import PACKAGE

#: What a view's comment says of a column.
_COLUMN = re.compile(r"([a-z_]+): (.*)")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view of the store: its name, what it holds, and the meaning of each column, in order."""

    name: str
    purpose: str
    columns: Mapping[str, str]


def find_tables() -> list[Relation]:
    """Every table, in the order of the schema, as the newest revision that tells of it does."""
    sections: dict[str, dict[str, Any]] = {}
    for file in sorted((PACKAGE / "sql" / "tables").glob("*.toml")):
        sections |= tomllib.loads(file.read_text(encoding="utf-8"))
    return [Relation(name, told["purpose"], told["columns"]) for name, told in sections.items()]


def find_views() -> list[Relation]:
    """Every view, by name, as the newest revision has it."""
    newest = {file.stem: file for file in sorted((PACKAGE / "sql" / "views").glob("*/*.sql"))}
    return [_read_view(newest[name]) for name in sorted(newest)]


def with_comments(metadata: sa.MetaData) -> sa.MetaData:
    """The tables with what is told of them, as an engine that keeps comments has them."""
    for told in find_tables():
        table = metadata.tables[told.name]
        table.comment = told.purpose
        for column, meaning in told.columns.items():
            table.c[column].comment = meaning
    return metadata


def _read_view(file: Path) -> Relation:
    """A view from the comment of its file: its purpose, then a line `column: meaning` for each column."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    columns = {match[1]: match[2] for line in comment if (match := _COLUMN.fullmatch(line))}
    purpose = " ".join(line for line in comment if not _COLUMN.fullmatch(line))
    return Relation(file.stem, purpose, columns)
