"""An import under way: what is imported, in which transactions, and the books that are kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import ClassVar

import sqlalchemy as sa

from ..errors import ImportFailed
from ..scanning import Dump
from ..store.database import Store
from ..store.schema import imports
from .audit import Audit
from .files import FileBook
from .issues import IssueBook
from .summary import Options, Summary
from .versions import Versions


class Transactions:
    """Where the transactions of an import begin and end."""

    #: Whether each is committed by itself.
    are_separate: ClassVar[bool] = False

    def __init__(self, store: Store) -> None:
        self.store = store

    def reading(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError


class Separately(Transactions):
    """Each is its own, and begins only while `check_lock` does not raise: the import's lock is still held."""

    def __init__(self, store: Store, check_lock: Callable[[], None]) -> None:
        super().__init__(store)
        self._check_lock = check_lock

    are_separate = True

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return self.store.reading()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        self._check_lock()
        return self.store.writing(repeatable=True)  # an import that is run again goes on


class AtOnce(Transactions):
    """All are part of one that is open already."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        super().__init__(store)
        self._connection = connection

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)


@dataclass(slots=True)
class Books:
    """Whose import it is, and what it keeps account of beside the rows.

    publish_until: instant (UTC, as text) after which a date is to come, and its article not published yet;
        None where the source publishes such articles too.
    doubts: paths of documents that an editor must look at.
    """

    source_id: int
    import_id: int
    issues: IssueBook
    audit: Audit
    versions: Versions
    publish_until: str | None = None
    doubts: set[str] = field(default_factory=set)

    def hold(self, connection: sa.Connection) -> None:
        """Keeps another import of the source from beginning until commit. Raises ImportFailed if one has
        begun, which is told by this one's status: its lock was lost meanwhile. Rows may still refer to
        the import: PostgreSQL asks for that where an editor changes an article twice."""
        table = imports.c
        mine = sa.select(table.id).where(table.id == self.import_id, table.status == "running")
        if connection.scalar(mine.with_for_update(key_share=True)) is None:
            raise ImportFailed(
                f"import {self.import_id} lost its lock, and another one of the source has begun: it goes on"
                " from what this one has committed"
            )

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was noted; the caller commits."""
        self.audit.flush(connection)
        self.issues.flush(connection)
        self.versions.flush(connection)


@dataclass(frozen=True, slots=True)
class Course:
    """All that the steps of an import share. `is_first`: the store knows nothing of the source yet."""

    transactions: Transactions
    dump: Dump
    options: Options
    summary: Summary
    books: Books
    files: FileBook
    is_first: bool
