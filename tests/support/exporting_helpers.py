"""Helpers for tests of exports: run commands and read the files that they wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Curation = Callable[..., Result]


BOLLARD = "_news/2022-10-10-the-bollard-column-again.md"


ROCK = "_news/2021-05-28-needle-rock-goes-led.md"


def read_documents(root: Path) -> dict[str, bytes]:
    """Return the non-empty documents of a folder, by path."""
    from curation.scanning import kind_of

    found = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    return {path: data for path, data in found.items() if kind_of(path) is not None and data}


def read_all_files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def override_flags(run: Curation) -> None:
    assert run("set", BOLLARD, "--quality", "75", "--published").exit_code == 0


def summary_line(result: Result) -> str:
    """Return the line of the output with the counts."""
    return next(line for line in result.output.splitlines() if "unchanged" in line)


def git(root: Path, *arguments: str) -> str:
    options = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "core.autocrlf=false")
    command = ["git", "-C", str(root), *options, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout
