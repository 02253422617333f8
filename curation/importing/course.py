"""An import under way: what is imported, in which transactions, and the books that are kept."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import sqlalchemy as sa

from ..database import Store
from ..scanning import Dump
from .audit import Audit
from .files import FileBook
from .issues import IssueBook
from .summary import Options, Summary
from .versions import Versions


class Transactions:
    """Where the transactions of an import begin and end."""

    def __init__(self, store: Store) -> None:
        self.store = store

    def reading(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[sa.Connection]:
        raise NotImplementedError


class Separately(Transactions):
    """Each is its own."""

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return self.store.reading()

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return self.store.writing()


class AtOnce(Transactions):
    """All are part of one that is open already."""

    def __init__(self, store: Store, connection: sa.Connection) -> None:
        super().__init__(store)
        self._connection = connection

    def reading(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)

    def writing(self) -> AbstractContextManager[sa.Connection]:
        return nullcontext(self._connection)


@dataclass(frozen=True, slots=True)
class Books:
    """Whose import it is, and what it keeps account of beside the rows."""

    source_id: int
    import_id: int
    issues: IssueBook
    audit: Audit
    versions: Versions

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
