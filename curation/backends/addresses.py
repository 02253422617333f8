"""Parses the value of --database: the path of an SQLite file, or a URL.

Messages about an invalid value never repeat it, because it may contain a password.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from ..errors import UsageError

_ADVICE = "give the path of an SQLite file, or a URL such as postgresql://USER@HOST/NAME"

#: The driver of each engine.
DRIVERS = {"sqlite": "pysqlite", "postgresql": "psycopg"}
_ALIASES = {"postgres": "postgresql"}  # used by many services in their connection strings

#: Patterns of texts that are hardly meant as paths, and what they are. With `./` before it, any text is a
#: path.
_NO_PATHS = {
    r"\s*(host|hostaddr|port|dbname|user|passfile|service|sslmode|options)\s*=|.*\bpassword\s*=": (
        "a connection string of libpq, not a URL"
    ),
    r"\s*(postgres|postgresql|sqlite|mysql|mariadb)(\+\w+)?:|\s*[a-z][\w+.-]+:/": (
        "an invalid URL without :// after the scheme"
    ),
    r"\s*(//)?[^/:@]*:[^@]*@": "an invalid URL without postgresql:// at its start",
}


def parse_address(database: str) -> URL:
    """Return the URL of a store, with engine and driver. Raise UsageError for an invalid value."""
    url = _parse_url(database) if "://" in database else URL.create("sqlite", database=_path(database))
    engine, _, driver = url.drivername.partition("+")
    engine = _ALIASES.get(engine, engine)
    if engine not in DRIVERS:
        raise UsageError(
            f"unsupported engine {engine!r}: give the path of an SQLite file or a postgresql:// URL"
        )
    if driver not in ("", DRIVERS[engine]):
        raise UsageError(f"unsupported driver {driver!r}: write {engine}:// in the URL")
    if not database or not (_is_named_elsewhere(engine, url.query) or url.database not in _NO_FILES):
        raise UsageError("no database name: give the path of an SQLite file or a postgresql:// URL")
    return url.set(drivername=f"{engine}+{DRIVERS[engine]}")


_NO_FILES = (None, "", ":memory:")


def _path(database: str) -> str:
    for pattern, what in _NO_PATHS.items():
        if re.match(pattern, database, re.IGNORECASE | re.DOTALL):
            raise UsageError(f"the value of --database is {what}: {_ADVICE}")
    return database


def _parse_url(database: str) -> URL:
    try:
        url = make_url(database)
    except (ArgumentError, ValueError):  # ValueError for a port that is not a number
        raise UsageError(f"the database URL is invalid: {_ADVICE}, with a number as its port") from None
    if url.port is not None and not 0 < url.port < 1 << 16:
        raise UsageError("the port in the database URL is invalid: give a number from 1 to 65535")
    if url.drivername.startswith("postgres") and "@" in f"{url.host}{url.database}":
        raise UsageError("the database URL has more than one @: write %40 for an @ in a password")
    return url


def _is_named_elsewhere(engine: str, query: Mapping[str, object]) -> bool:
    """Return whether an option of the URL, a service or the environment names the database."""
    variables = ("PGDATABASE", "PGSERVICE")
    is_named = not {"dbname", "service"}.isdisjoint(query) or any(map(os.environ.get, variables))
    return engine == "postgresql" and is_named
