"""The architecture: which package may import which, and where database engines are named."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import curation

from ..support.places import CHECKOUT

ROOT = Path(curation.__file__).parent
FILES = sorted(f for f in ROOT.rglob("*.py") if "migrations" not in f.relative_to(ROOT).parts)

#: Layers from the bottom up. A module imports only from its own package or from lower layers.
LAYERS = (
    "cell_text errors flags integers interrupts paths progress suggestions urls wording",
    "temporary",
    "documents backends",
    "scanning store",
    "articles sources",
    "importing editing queries",
    "scoring verifying charts exporting",
    "cli",
    "__main__",
)
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names.split()}


def part_of(file: Path) -> str:
    """Return the top package or module of a file."""
    return file.relative_to(ROOT).parts[0].removesuffix(".py")


def imported_parts(file: Path) -> set[str]:
    """Return the top packages and modules that a file imports, anywhere in it."""
    package = file.relative_to(ROOT).parent.parts
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            path = (*base, *(node.module.split(".") if node.module else ()))
            found |= {path[0]} if path else {alias.name for alias in node.names}
    return found & LEVEL.keys()


def test_every_part_has_a_layer() -> None:
    assert {part_of(file) for file in FILES} - {"__init__"} == set(LEVEL)


def test_imports_run_downward() -> None:
    for file in FILES:
        mine = part_of(file)
        for other in imported_parts(file) - {mine}:
            assert LEVEL[other] < LEVEL[mine], f"{file.relative_to(ROOT)} imports {other}"


def test_only_backends_name_an_engine() -> None:
    named = re.compile(r"""["'](sqlite|postgresql|mysql|mariadb)["']|import (sqlite3|psycopg)""")
    for file in FILES:
        # The definitions of columns have options for each engine.
        if part_of(file) != "backends" and file != ROOT / "store" / "columns.py":
            assert not named.search(file.read_text()), file


def test_errors_are_distinguished_by_codes() -> None:
    """Messages are in the server's language. SQLite has only one, and some errors have no code."""
    by_message = re.compile(
        r"""["'][A-Za-z ]{4,}["'] (not )?in (text|message|told|str\()|\b(text|message)\.startswith"""
    )
    for file in FILES:
        if part_of(file) in ("backends", "store") and file.name != "sqlite_queries.py":
            assert not by_message.search(file.read_text()), file


def test_only_migrate_imports_alembic() -> None:
    for file in FILES:
        if file != ROOT / "store" / "migrate.py":
            assert not re.search(r"^\s*(from|import) alembic", file.read_text(), re.MULTILINE), file


def test_commands_import_only_click_at_their_top() -> None:
    ours = {"queries", "completion", "edits", "interrupts", "options", "output", "progress", "cell_text"}
    ours |= {"groups", "help_groups", "streams"}
    ours |= {"temporary", "wording"}  # load nothing
    ours |= {"api", "articles", "files"}  # commands of a group
    allowed = {"click", "errors", "cli", "", "__version__", *ours}
    for file in (ROOT / "cli").rglob("*.py"):
        for node in ast.parse(file.read_text()).body:
            if isinstance(node, ast.Import):
                modules = {alias.name.split(".")[0] for alias in node.names}
                assert modules <= {"click", *_standard()}, (file, modules)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                assert (node.module or "").split(".")[0] in {"click", *_standard()}, (file, node.module)
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "") in allowed, (file, node.module)


def _standard() -> frozenset[str]:
    return sys.stdlib_module_names


#: Files and folders at the top level, except those whose names begin with a dot.
TOP = {
    "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "README.md", "alembic.ini", "curation", "docs", "migrations",
    "mkdocs.yml", "pyproject.toml", "tests",
}  # fmt: skip


def test_the_top_level_has_only_known_files() -> None:
    """Only committed files count, since a store or an environment may be there too."""
    checkout = CHECKOUT
    if not (checkout / ".git").exists():  # an unpacked archive
        return
    command = ["git", "-C", str(checkout), "ls-files"]
    files = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    found = {file.partition("/")[0] for file in files}
    assert {name for name in found if not name.startswith(".")} <= TOP


def test_modules_are_short() -> None:
    long = {str(f.relative_to(ROOT)): n for f in FILES if (n := len(f.read_text().splitlines())) > 450}
    assert long == {}


def test_the_tables_load_no_dialect() -> None:
    """Loading a dialect that is not used costs a command 20 ms."""
    program = "import sys, curation.store.schema; print([m for m in sys.modules if m.startswith('sqlalchemy.dialects.')])"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
