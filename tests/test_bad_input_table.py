"""Every code that an issue can have is in the README's table, and the table names no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import curation

ROOT = Path(curation.__file__).parent
README = Path(__file__).parents[1] / "README.md"

#: What makes a fault, and the position of the code among its arguments.
MAKERS = {
    "Fault": 1,
    "fault": 1,
    "DocumentError": 0,
    "StoppedShort": 0,
    "_fault": 0,
    "_warn": 0,
    "refuse": 0,
    "refused": 0,
}
CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+|symlink|encrypted|submodule|unreadable")


def codes_made(tree: ast.AST) -> Iterator[str]:
    """The codes of the faults that a module makes, where they are written out."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            position = MAKERS.get(name)
            if position is not None and len(node.args) > position:
                code = node.args[position]
                if (
                    isinstance(code, ast.Constant)
                    and isinstance(code.value, str)
                    and CODE.fullmatch(code.value)
                ):
                    yield code.value
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple):
            # A notice that is handed on: `notice = ("code", "message")`.
            first = node.value.elts[0]
            if isinstance(first, ast.Constant) and any(
                getattr(t, "id", "") == "notice" for t in node.targets
            ):
                yield str(first.value)


def codes_in_table() -> set[str]:
    section = README.read_text().split("## Bad input\n")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {code for row in rows for code in re.findall(r"`([a-z0-9_]+)`", row.split("|")[1])}


def test_the_table_names_every_code_and_no_other() -> None:
    made = {code for file in ROOT.rglob("*.py") for code in codes_made(ast.parse(file.read_text()))}
    assert len(made) > 60
    assert codes_in_table() == made
