"""Make git repositories for tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, text: str | None = None) -> str:
    """Run git with a fixed identity and without the machine's settings. Return its output."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example", "-c", "commit.gpgsign=false")
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *identity, "-C", str(folder), *arguments]
    process = subprocess.run(command, input=text, env=environment, capture_output=True, text=True, check=True)
    return process.stdout.strip()


def commit(root: Path) -> str:
    """Commit all files of a repository. Return the id of the commit."""
    git(root, "add", "-A", "-f")
    git(root, "commit", "-qm", "a pass", "--allow-empty")
    return git(root, "rev-parse", "HEAD")
