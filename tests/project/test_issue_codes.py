"""Every code that an issue can have is in the table of the documentation, with its severity, and the table names no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import curation
from curation.flags import is_about_flag

from ..support.places import DOCS

ROOT = Path(curation.__file__).parent

TREES = {file: ast.parse(file.read_text()) for file in sorted(ROOT.rglob("*.py"))}

#: Functions that make issues: the position of the code among the arguments, and the severity (None: the
#: argument before it). A name with an underscore may mean another function in another module.
ISSUE_FUNCTIONS: dict[str, tuple[int, str | None]] = {
    "Issue": (1, None),
    "add_issue": (1, None),
    "DocumentError": (0, "error"),
    "PartialArchiveError": (0, "error"),
    "make_error": (0, "error"),
    "_yaml_error": (0, "error"),
    "_warn": (0, "warning"),
    "_add_error": (2, "error"),
}


def calls() -> Iterator[tuple[Path, str, ast.Call]]:
    """Yield every call of such a function: its file, the function's name, and the call."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in ISSUE_FUNCTIONS:
                    yield file, name, node


def texts(node: ast.AST | None) -> set[str]:
    """Return the texts in an argument: a literal, or both sides of a conditional."""
    found = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)} if node else set()
    return {text for text in found if isinstance(text, str)}


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return call.args[position] if len(call.args) > position else named[0] if named else None


def issued_codes() -> dict[str, set[str]]:
    """Return the severities of each code in the package."""
    severities: dict[str, set[str]] = {}
    for _, name, call in calls():
        position, severity = ISSUE_FUNCTIONS[name]
        if argument(call, position, "code") is None:
            continue
        found = {severity} if severity else texts(argument(call, position - 1, "severity"))
        for code in texts(argument(call, position, "code")):
            severities.setdefault(code, set()).update(found)
    for code in passed_notices():
        severities.setdefault(code, set()).add("notice")
    return severities


def passed_notices() -> set[str]:
    """Return the codes of notices that are passed between functions.

    They are assigned (`notice = ("code", "message")`) or returned by functions named `..._notice`.
    """
    tuples: list[ast.expr | None] = []
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and [getattr(t, "id", "") for t in node.targets] == ["notice"]:
                tuples.append(node.value)
            elif isinstance(node, ast.FunctionDef) and node.name.endswith("_notice"):
                tuples += [inner.value for inner in ast.walk(node) if isinstance(inner, ast.Return)]
    return {str(ast.literal_eval(found.elts[0])) for found in tuples if isinstance(found, ast.Tuple)}


def table() -> dict[str, set[str]]:
    """The severities of each code, as the documentation has them."""
    page = (DOCS / "reference" / "issues.md").read_text(encoding="utf-8")
    section = page.split("\n## Codes\n")[1].split("\n## ")[0]
    rows = [line.split("|") for line in section.splitlines() if line.startswith("| `")]
    return {
        code: set(row[2].strip().split(" or "))
        for row in rows
        for code in re.findall(r"`([a-z0-9_]+)`", row[1])
    }


def test_the_table_has_exactly_the_codes() -> None:
    assert len(issued_codes()) > 60
    assert set(table()) == set(issued_codes())


def test_the_table_has_the_severities_of_the_code() -> None:
    codes = issued_codes()
    wrong = {
        code: (severities, codes[code])
        for code, severities in table().items()
        if not severities <= codes[code]
    }
    assert not wrong


def test_codes_of_flags_may_be_errors_in_the_table() -> None:
    found = table()
    both = {code for code, severities in found.items() if severities == {"error", "warning"}}
    assert both == {code for code in found if is_about_flag(code, "published")}
    assert len(both) == 7


def test_codes_are_short_and_plain() -> None:
    assert not [code for code in issued_codes() if not re.fullmatch(r"[a-z][a-z0-9_]{2,40}", code)]


def test_every_code_is_a_literal_where_its_issue_is_made() -> None:
    # A code that is composed cannot be found, neither by this test nor by a search. A code that is only
    # passed on has the name `code`, or is unpacked.
    for file, name, call in calls():
        code = argument(call, ISSUE_FUNCTIONS[name][0], "code")
        passed = isinstance(code, ast.Name | ast.Attribute) and ast.unparse(code).split(".")[-1] == "code"
        unpacked = any(isinstance(value, ast.Starred) for value in call.args)
        own = name.startswith("_")  # may be another function of that module
        where = f"{file.relative_to(ROOT)}:{call.lineno}"
        assert texts(code) or passed or unpacked or own, f"{where}: {ast.unparse(call)}"
