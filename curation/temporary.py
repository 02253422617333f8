"""Temporary files and folders, which are removed however a command ends (except by SIGKILL).

A name is chosen and registered for removal before the file exists. So there is no moment at which a signal
would leave a file behind.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .interrupts import cleaning_up, signals_deferred


@contextmanager
def temporary_file(final: Path, *, companions: Sequence[str] = ()) -> Iterator[Path]:
    """Create an empty file in the folder of `final`, and remove it at the end unless it was renamed.

    Only its owner may read it.

    Args:
        final: the path that the file is to get when it is complete.
        companions: suffixes of further files that are removed with it.
    """
    path = final.with_name(f".{final.name[:100]}.{os.urandom(4).hex()}")

    def remove() -> None:
        for suffix in ("", *companions):
            Path(f"{path}{suffix}").unlink(missing_ok=True)

    with cleaning_up(remove):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        yield path


def find_temporary_root() -> Path:
    """Return the system's folder for temporary files.

    Python tests the folder by writing a file when it is asked for the first time. A signal must not interrupt
    this.
    """
    import tempfile

    with signals_deferred():
        return Path(tempfile.gettempdir())


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Create a folder for temporary files, and remove it at the end with everything in it."""
    import shutil

    path = find_temporary_root() / f"curation-{os.urandom(4).hex()}"
    with cleaning_up(lambda: shutil.rmtree(path, ignore_errors=True)):
        path.mkdir(0o700)
        yield path


def open_unnamed_file(mode: str = "w+b", **options: Any) -> IO[Any]:
    """Return an open file that vanishes when it is closed or its process ends. The caller closes it."""
    import tempfile

    with signals_deferred():  # on a system without unnamed files, it has a name for a moment
        return tempfile.TemporaryFile(mode, prefix="curation-", **options)
