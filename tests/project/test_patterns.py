"""Every regular expression of the package takes linear time.

Each is attacked with repeated texts of its own letters, as attackers search for weak patterns.
"""

from __future__ import annotations

import ast
import importlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

import curation

from ..support.places import CHECKOUT

ROOT = Path(curation.__file__).parent

METHODS = ("match", "fullmatch", "search", "sub", "split", "findall", "finditer")

#: Letters of an attack. A quadratic pattern takes seconds for them, a linear one a few milliseconds.
LENGTH = int(os.environ.get("CURATION_PATTERN_LENGTH", "50000"))
SECONDS = 0.25


class Pattern(NamedTuple):
    """A pattern of the package: its place, text and flags, and the methods that use it."""

    where: str
    text: str
    flags: int
    is_bytes: bool
    methods: tuple[str, ...]


def patterns() -> Iterator[Pattern]:
    """Yield the patterns of all modules: named ones, and those that are written where they are used."""
    for file in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(file.read_text())
        used = methods_by_name(tree)
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call) or not is_of_re(node.func):
                continue
            name = assigned_name(tree, node)
            method = getattr(node.func, "attr", "")
            methods = tuple(sorted(used.get(name, ()))) if method == "compile" else (method,)
            for text in [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []:
                flags = sum(getattr(re, flag) for flag in FLAGS if f"re.{flag}" in ast.unparse(node))
                where = f"{file.relative_to(ROOT)}:{node.lineno}"
                assert isinstance(text, str | bytes)
                as_text = text.decode("latin-1") if isinstance(text, bytes) else text
                yield Pattern(where, as_text, flags, isinstance(text, bytes), methods or ("match", "search"))
            if not isinstance(node.args[0], ast.Constant):
                yield from composed_patterns(file, name, methods)


def composed_patterns(file: Path, name: str, methods: tuple[str, ...]) -> Iterator[Pattern]:
    """Yield patterns whose text is composed, from the attributes of their module."""
    module = ".".join(("curation", *file.relative_to(ROOT).with_suffix("").parts))
    value = getattr(importlib.import_module(module), name, ())
    for number, one in enumerate(value if isinstance(value, tuple) else (value,)):
        is_bytes = isinstance(one.pattern, bytes)
        text = one.pattern.decode("latin-1") if is_bytes else one.pattern
        yield Pattern(
            f"{module}.{name}[{number}]", text, one.flags & ~re.UNICODE, is_bytes, methods or ("search",)
        )


FLAGS = ("VERBOSE", "MULTILINE", "DOTALL", "IGNORECASE", "ASCII")


def is_of_re(node: ast.expr) -> bool:
    is_re = isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "re"
    return is_re and getattr(node, "attr", "") in (*METHODS, "compile")


def methods_by_name(tree: ast.AST) -> dict[str, set[str]]:
    """Return the methods that each name is used with, such as `_WORD.finditer`."""
    found: dict[str, set[str]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.attr in METHODS:
            found.setdefault(node.value.id, set()).add(node.attr)
    return found


def assigned_name(tree: ast.AST, call: ast.Call) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and any(inner is call for inner in ast.walk(node.value)):
            return getattr(node.targets[0], "id", "")
    return ""


ALL = list(patterns())


@pytest.fixture(scope="module")
def slow() -> dict[str, Any]:
    """The attacks that took too long, by pattern.

    A separate process tries them, and is killed if an attack never ends.
    """
    found: dict[str, Any] = {}
    left = ALL
    while left:
        command = [sys.executable, "-m", "tests.support.pattern_attacks", str(LENGTH), str(SECONDS)]
        with subprocess.Popen(
            command, cwd=CHECKOUT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            try:
                answer, _ = process.communicate(json.dumps(left), timeout=60 + len(left))
            except subprocess.TimeoutExpired:
                process.kill()
                answer, _ = process.communicate()
        done = [json.loads(line) for line in answer.splitlines()]
        found |= {name: attack for name, attack in done if attack}
        if len(done) < len(left):
            found[left[len(done)].where] = "never ended"
        left = left[len(done) + 1 :]
    return found


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ALL, ids=lambda pattern: pattern.where)
def test_no_pattern_is_worse_than_linear(slow: dict[str, Any], pattern: Pattern) -> None:
    assert pattern.where not in slow, slow[pattern.where]


@pytest.mark.slow
def test_patterns_are_found_and_weak_ones_are_detected() -> None:
    assert len(ALL) > 50
    weak = [
        Pattern("exponential", r"(?:a+)+b", 0, False, ("match",)),
        Pattern("quadratic", r"a+b", 0, False, ("search",)),
        Pattern("blanks", r"x[ \t]*[ \t]*y", 0, False, ("match",)),
        Pattern("comments", r"#.*\n(?:\s*(?:#.*)?\n)*[ ]+0", 0, False, ("search",)),
    ]
    assert [pattern.where for pattern in weak if find_attack(pattern, LENGTH, SECONDS) is None] == []
    assert find_attack(weak[1], 5_000, 0.01) not in (None, "never ended")
    assert find_attack(Pattern("linear", r"a+", 0, False, ("search",)), LENGTH, SECONDS) is None


def find_attack(pattern: Pattern, length: int, seconds: float) -> Any:
    """Return an attack on a pattern that takes too long; None if there is none.

    Args:
        pattern: The pattern.
        length: Letters of an attack.
        seconds: An attack that takes longer is too long. All attacks together may take 3 seconds.
    """
    command = [sys.executable, "-m", "tests.support.pattern_attacks", str(length), str(seconds)]
    try:
        result = subprocess.run(
            command, cwd=CHECKOUT, input=json.dumps([pattern]), capture_output=True, text=True, timeout=3
        )
    except subprocess.TimeoutExpired:
        return "never ended"
    return json.loads(result.stdout)[1]
