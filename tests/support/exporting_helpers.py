"""The command on a site, and the files that it wrote."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Curation = Callable[..., Result]


BOLLARD = "_news/2022-10-10-the-bollard-column-again.md"


ROCK = "_news/2021-05-28-needle-rock-goes-led.md"


def content(root: Path) -> dict[str, bytes]:
    """The documents of a folder, by path."""
    from curation.scanning import kind_of

    found = {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}
    return {path: data for path, data in found.items() if kind_of(path) is not None and data}


def everything(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in root.rglob("*") if file.is_file()}


def decide(run: Curation) -> None:
    assert run("set", BOLLARD, "--quality", "75", "--published").exit_code == 0


def told(result: Result) -> str:
    """The summary line."""
    return next(line for line in result.output.splitlines() if "unchanged" in line)


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=ann", "-c", "user.email=ann@example.org", "-c", "core.autocrlf=false")
    ended = subprocess.run(["git", "-C", root, *who, *arguments], capture_output=True, text=True, check=True)
    return ended.stdout
