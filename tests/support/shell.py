"""A shell in which `curation` is a command, for sessions and scripts of the documentation."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path


def shell_environment(folder: Path) -> dict[str, str]:
    """Return the environment of a shell whose PATH has `curation`, and whose home is a folder.

    Variables of the caller that set the command (`CURATION_...`) are left out.
    """
    program = folder / "bin" / "curation"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m curation "$@"\n')
    program.chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CURATION_")}
    return environment | {"HOME": str(folder), "PATH": f"{program.parent}:{os.environ['PATH']}"}
