"""Compiles each SQL statement once in a test run, and not once for each test's store.

SQLAlchemy keeps compiled statements for each engine, and each test has engines of its own. Without this a
quarter of the time of a test goes into compiling what the test before it compiled too.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableMapping
from typing import Any

import sqlalchemy as sa


class _CompiledStatements(MutableMapping[Any, Any]):
    """Compiled statements of all engines of one kind: their keys without the dialect of the one engine."""

    def __init__(self) -> None:
        self._statements: dict[Any, Any] = {}

    def __getitem__(self, key: tuple[Any, ...]) -> Any:
        return self._statements[_without_dialect(key)]

    def __setitem__(self, key: tuple[Any, ...], statement: Any) -> None:
        self._statements[_without_dialect(key)] = statement

    def __delitem__(self, key: tuple[Any, ...]) -> None:
        del self._statements[_without_dialect(key)]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._statements)

    def __len__(self) -> int:
        return len(self._statements)


def _without_dialect(key: tuple[Any, ...]) -> tuple[Any, ...]:
    return tuple(part for part in key if not isinstance(part, sa.Dialect))


_OF_KIND: dict[tuple[str, Any], _CompiledStatements] = {}


def share_compiled_statements() -> None:
    """Let all engines of a kind in this process use the same compiled statements."""
    sa.event.listen(sa.Engine, "engine_connect", _use_shared)


def _use_shared(connection: sa.Connection) -> None:
    dialect = connection.dialect
    # How texts are quoted depends on a setting of PostgreSQL's server.
    kind = (dialect.name, getattr(dialect, "_backslash_escapes", None))
    connection.execution_options(compiled_cache=_OF_KIND.setdefault(kind, _CompiledStatements()))
