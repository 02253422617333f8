"""Descriptions of tables, views and their columns, from the files that the migrations read too."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from .columns import copy_metadata
from .database import PACKAGE

#: A line about a column in the comment of a view.
_COLUMN = re.compile(r"([a-z_]+): (.*)")


@dataclass(frozen=True, slots=True)
class Relation:
    """A table or view of the store: its name, its purpose, and the meaning of each column, in order."""

    name: str
    purpose: str
    columns: Mapping[str, str]


def find_tables() -> list[Relation]:
    """Return every table with its newest description."""
    sections: dict[str, dict[str, Any]] = {}
    for file in sorted((PACKAGE / "sql" / "tables").glob("*.toml")):
        sections |= tomllib.loads(file.read_text(encoding="utf-8"))
    return [Relation(name, section["purpose"], section["columns"]) for name, section in sections.items()]


def find_views() -> list[Relation]:
    """Return every view with its newest description, in the order of names."""
    newest = {file.stem: file for file in sorted((PACKAGE / "sql" / "views").glob("*/*.sql"))}
    return [_read_view(newest[name]) for name in sorted(newest)]


def with_comments(metadata: sa.MetaData) -> sa.MetaData:
    """Return a copy of the tables with their descriptions as comments, for engines that keep comments."""
    copy = copy_metadata(metadata)
    for relation in find_tables():
        table = copy.tables[relation.name]
        table.comment = relation.purpose
        for column, meaning in relation.columns.items():
            table.c[column].comment = meaning
    return copy


def _read_view(file: Path) -> Relation:
    """Return a view from the comment of its file: a purpose, then `column: meaning` for each column."""
    lines = file.read_text(encoding="utf-8").splitlines()
    comment = [line.removeprefix("-- ") for line in lines if line.startswith("-- ")]
    columns = {match[1]: match[2] for line in comment if (match := _COLUMN.fullmatch(line))}
    purpose = " ".join(line for line in comment if not _COLUMN.fullmatch(line))
    return Relation(file.stem, purpose, columns)
