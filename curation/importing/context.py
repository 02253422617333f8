"""An import under way: what is imported, in which transactions, and the books that are kept."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import ClassVar

import sqlalchemy as sa

from ..scanning import Dump
from ..store.database import Store
from .records.files import FileTracker
from .records.import_records import ImportRecords
from .records.summary import Options, Summary


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


class PerBatch(Transactions):
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


class SingleTransaction(Transactions):
    """All are part of one that is open already."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        super().__init__(store)
        self._connection = connection

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)


@dataclass(frozen=True, slots=True)
class ImportContext:
    """All that the steps of an import share. `is_first`: the store knows nothing of the source yet."""

    transactions: Transactions
    dump: Dump
    options: Options
    summary: Summary
    records: ImportRecords
    files: FileTracker
    is_first: bool
