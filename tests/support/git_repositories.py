"""Git repositories for tests."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path


def git(folder: Path, *arguments: str, text: str | None = None) -> str:
    """Runs git as somebody, whatever the machine's own settings are."""
    identity = ("-c", "user.name=A", "-c", "user.email=a@example", "-c", "commit.gpgsign=false")
    surroundings = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1"}
    command = ["git", *identity, "-C", str(folder), *arguments]
    done = subprocess.run(command, input=text, env=surroundings, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def commit(root: Path) -> str:
    git(root, "add", "-A", "-f")
    git(root, "commit", "-qm", "a pass", "--allow-empty")
    return git(root, "rev-parse", "HEAD")
