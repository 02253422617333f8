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

#: What makes an issue: the position of the code among its arguments, and the severity (None: the argument
#: before it). The names with an underscore are functions of a module's own, and other modules may have others.
MAKERS: dict[str, tuple[int, str | None]] = {
    "Issue": (1, None),
    "add_issue": (1, None),
    "DocumentError": (0, "error"),
    "PartialArchiveError": (0, "error"),
    "error_at": (0, "error"),
    "_yaml_error": (0, "error"),
    "_warn": (0, "warning"),
    "_add_error": (2, "error"),
}


def calls() -> Iterator[tuple[Path, str, ast.Call]]:
    """Every call of a maker: where it is, the maker's name, and the call."""
    for file, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "attr", getattr(node.func, "id", ""))
                if name in MAKERS:
                    yield file, name, node


def texts(node: ast.AST | None) -> set[str]:
    """The texts that an argument can be: itself, or both sides of a choice."""
    found = {n.value for n in ast.walk(node) if isinstance(n, ast.Constant)} if node else set()
    return {text for text in found if isinstance(text, str)}


def argument(call: ast.Call, position: int, name: str) -> ast.expr | None:
    named = [keyword.value for keyword in call.keywords if keyword.arg == name]
    return call.args[position] if len(call.args) > position else named[0] if named else None


def made() -> dict[str, set[str]]:
    """The severities of each code."""
    severities: dict[str, set[str]] = {}
    for _, name, call in calls():
        position, severity = MAKERS[name]
        if argument(call, position, "code") is None:
            continue
        told = {severity} if severity else texts(argument(call, position - 1, "severity"))
        for code in texts(argument(call, position, "code")):
            severities.setdefault(code, set()).update(told)
    for code in handed_on():
        severities.setdefault(code, set()).add("notice")
    return severities


def handed_on() -> set[str]:
    """Notices that one function gives to another: `notice = ("code", "message")`."""
    return {
        str(ast.literal_eval(node.value.elts[0]))
        for tree in TREES.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign)
        and isinstance(node.value, ast.Tuple)
        and [getattr(target, "id", "") for target in node.targets] == ["notice"]
    }


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


def test_the_table_names_every_code_and_no_other() -> None:
    assert len(made()) > 60
    assert set(table()) == set(made())


def test_the_table_gives_severities_that_the_code_has() -> None:
    codes = made()
    wrong = {code: (said, codes[code]) for code, said in table().items() if not said <= codes[code]}
    assert not wrong


def test_the_table_says_of_each_code_of_a_flag_that_it_may_be_an_error() -> None:
    told = table()
    both = {code for code, severities in told.items() if severities == {"error", "warning"}}
    assert both == {code for code in told if is_about_flag(code, "published")}
    assert len(both) == 7


def test_codes_are_short_and_plain() -> None:
    assert not [code for code in made() if not re.fullmatch(r"[a-z][a-z0-9_]{2,40}", code)]


def test_every_code_is_written_out_where_its_fault_is_made() -> None:
    # One that is put together is found by nobody: neither by this test nor by who looks for it. What
    # is only handed on has the name `code`, or is unpacked.
    for file, name, call in calls():
        code = argument(call, MAKERS[name][0], "code")
        passed = isinstance(code, ast.Name | ast.Attribute) and ast.unparse(code).split(".")[-1] == "code"
        unpacked = any(isinstance(value, ast.Starred) for value in call.args)
        own = name.startswith("_")  # a module's own function may be of another kind
        where = f"{file.relative_to(ROOT)}:{call.lineno}"
        assert texts(code) or passed or unpacked or own, f"{where}: {ast.unparse(call)}"
