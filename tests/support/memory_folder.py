"""Keeps the temporary files of a test run in memory, where creating a database is many times faster."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

#: The file system in memory that Linux has. Other systems, and containers with a small one, use their disk.
MEMORY = Path("/dev/shm")

#: Bytes that must be free. A whole run on two cores takes a third of them.
NEEDED = 4 << 30


def use_memory_for_temporary_files() -> None:
    """Let this process and its children make their temporary files in memory, if there is room.

    A folder that the environment names in TMPDIR stays.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK | os.X_OK):
        return
    if shutil.disk_usage(MEMORY).free >= NEEDED:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)
