"""Temporary files and folders, none of which a command leaves behind, however it ends (but for SIGKILL).

The name is chosen and noted before anything has it: no moment is left at which a signal makes a file stay.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .interrupts import cleaning, held_back


@contextmanager
def temporary_file(final: Path, *, companions: Sequence[str] = ()) -> Iterator[Path]:
    """A new, empty file beside the one whose place it is to take; gone at the end, unless it was renamed.

    Only its owner may read it. `companions` are suffixes of further files that go with it.
    """
    path = final.with_name(f".{final.name[:100]}.{os.urandom(4).hex()}")

    def remove() -> None:
        for suffix in ("", *companions):
            Path(f"{path}{suffix}").unlink(missing_ok=True)

    with cleaning(remove):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield path


def temporary_root() -> Path:
    """Return the system's folder for temporary files.

    Python tries it out by writing a file when it is first asked: no signal may come in between.
    """
    import tempfile

    with held_back():
        return Path(tempfile.gettempdir())


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder among the system's temporary ones; gone at the end, with all that is in it."""
    import shutil

    path = temporary_root() / f"curation-{os.urandom(4).hex()}"
    with cleaning(lambda: shutil.rmtree(path, ignore_errors=True)):
        path.mkdir(0o700)
        yield path


def unnamed_file(mode: str = "w+b", **options: Any) -> IO[Any]:
    """A file that is gone once it is closed, or its process ends. Who calls closes it."""
    import tempfile

    with held_back():  # where the system has no unnamed files, it has a name for a moment
        return tempfile.TemporaryFile(mode, prefix="curation-", **options)
