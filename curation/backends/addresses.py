"""What --database may be: the path of an SQLite file, or a URL. What is neither is named, but never repeated
in a message: there may be a password in it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import UsageError

_WAYS = "give the path of an SQLite file, or a URL such as postgresql://USER@HOST/NAME"

#: The driver of each engine.
DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}
_ALIASES = {"postgres": "postgresql"}  # what many services put into their connection strings

#: Texts that are no paths, and were hardly meant as one; `./` before such a name makes it a path.
_NO_PATHS = {
    r"\s*(host|hostaddr|port|dbname|user|passfile|service|sslmode|options)\s*=|.*\bpassword\s*=": (
        "a connection string of libpq"
    ),
    r"\s*(postgres|postgresql|sqlite|mysql|mariadb)(\+\w+)?:|\s*[a-z][\w+.-]+:/": (
        "no URL, for after its colon two slashes are missing"
    ),
    r"\s*(//)?[^/:@]*:[^@]*@": "no URL, for it does not begin with postgresql://",
}


def parse_address(database: str) -> URL:
    """Return the URL of a store, with engine and driver. Raises UsageError for what cannot be one."""
    url = _parse_url(database) if "://" in database else URL.create("sqlite", database=_path(database))
    engine, _, driver = url.drivername.partition("+")
    engine = _ALIASES.get(engine, engine)
    if engine not in DRIVERS:
        raise UsageError(f"no engine {engine!r}: give the path of an SQLite file or a postgresql:// URL")
    if driver not in ("", DRIVERS[engine]):
        raise UsageError(f"no driver {driver!r}: write {engine}:// in the URL")
    if not database or not (_is_named_elsewhere(engine, url.query) or url.database not in _NO_FILES):
        raise UsageError("no database named: give the path of an SQLite file or a postgresql:// URL")
    return url.set(drivername=f"{engine}+{DRIVERS[engine]}")


_NO_FILES = (None, "", ":memory:")


def _path(database: str) -> str:
    for pattern, what in _NO_PATHS.items():
        if re.match(pattern, database, re.IGNORECASE | re.DOTALL):
            raise UsageError(f"the value of --database is {what}: {_WAYS}")
    return database


def _parse_url(database: str) -> URL:
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):  # of a port that is no number
        raise UsageError(
            f"the URL of the database cannot be read: {_WAYS}, with a port that is a number"
        ) from None
    if url.port is not None and not 0 < url.port < 1 << 16:
        raise UsageError("the port in the URL of the database is not one of 1 to 65535")
    if url.drivername.startswith("postgres") and "@" in f"{url.host}{url.database}":
        raise UsageError("the URL of the database has an @ too many: write %40 for one in a password")
    return url


def _is_named_elsewhere(engine: str, query: Mapping[str, object]) -> bool:
    """Whether the database is named by an option of the URL, a service or the environment."""
    variables = ("PGDATABASE", "PGSERVICE")
    is_named = not {"dbname", "service"}.isdisjoint(query) or any(map(os.environ.get, variables))
    return engine == "postgresql" and is_named
