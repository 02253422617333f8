"""Support for database engines. No other package names an engine.

- `base`: the interface of all engines, implemented by `sqlite` and `postgresql`
- `queries`: read-only queries, run by `sqlite_queries` and `postgresql_queries`
- `addresses`: paths and URLs of stores
- `types`: column types that mean the same on every engine

`backend_of(connection)` returns the `Backend` of a connection's engine. It provides what SQL cannot express
equally on every engine: locks, bulk writes, read-only queries, error messages.
"""

from __future__ import annotations

from importlib import import_module

import sqlalchemy as sa

from .addresses import parse_address
from .base import Backend

_BACKENDS = {"sqlite": "Sqlite", "postgresql": "Postgresql"}


def backend_for(database: str) -> Backend:
    """Return the backend for a URL or the path of an SQLite file. Raise UsageError for another engine."""
    url = parse_address(database)
    return _load(url.get_backend_name())(url)


def backend_of(connection: sa.Connection | sa.Engine) -> Backend:
    """Return the backend of an open connection or of an engine."""
    return _load(connection.dialect.name)(connection.engine.url)


def _load(family: str) -> type[Backend]:
    module = import_module(f".{family}", __name__)
    backend: type[Backend] = getattr(module, _BACKENDS[family])
    return backend
