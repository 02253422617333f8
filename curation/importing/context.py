"""What the steps of an import share: the dump, the transactions, and the records of the import."""

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

    #: Whether each transaction is committed separately.
    are_separate: ClassVar[bool] = False

    def __init__(self, store: Store) -> None:
        self.store = store

    def reading(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError


class SeparateTransactions(Transactions):
    """Transactions that are committed one by one."""

    are_separate = True

    def __init__(self, store: Store, check_lock: Callable[[], None]) -> None:
        """Prepare the transactions.

        Args:
            check_lock: Raises ImportFailed if the import has lost its lock. No transaction that writes begins
                then.
        """
        super().__init__(store)
        self._check_lock = check_lock

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return self.store.reading()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        self._check_lock()
        return self.store.writing(repeatable=True)  # an import that is run again continues


class SingleTransaction(Transactions):
    """Parts of one transaction that is already open."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        super().__init__(store)
        self._connection = connection

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)


@dataclass(frozen=True, slots=True)
class ImportContext:
    """What the steps of an import share.

    Attributes:
        files: The files as they were when they were last read.
        is_first: The store has nothing of the source yet.
    """

    transactions: Transactions
    dump: Dump
    options: Options
    summary: Summary
    records: ImportRecords
    files: FileTracker
    is_first: bool
