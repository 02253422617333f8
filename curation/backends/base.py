"""The base class of backends: the interface that every engine implements."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL

from ..errors import ImportFailed, StoreError
from .queries import Query, QueryResult

T = TypeVar("T")

#: Rows of a bulk write, or parameters of an IN list, in one statement. The lowest limit measured is 999
#: parameters, on an old SQLite.
MAX_PARAMETERS = 500

#: Maximum time that a command waits for another one, in seconds.
LOCK_TIMEOUT = 20.0


class Term(Protocol):
    """A phrase of indexed words; with `is_prefix` the last word is a prefix (`searching.Term`)."""

    @property
    def words(self) -> Sequence[str]: ...
    @property
    def is_prefix(self) -> bool: ...


class Damage(NamedTuple):
    """Damage that an engine reports: a line of text, and whether it concerns only the full-text index.

    The full-text index can be rebuilt.
    """

    text: str
    is_of_index: bool = False


#: Problems of an article in the full-text index.
NOT_INDEXED = "not in the full-text index"

INDEXED_OTHERWISE = "the full-text index has a different text"


class Backend(ABC):
    """The operations that each engine implements in its own way.

    Methods with a connection run in its transaction and do not commit, unless they state otherwise.
    """

    name: ClassVar[str]
    #: Whether the first import creates the store if it does not exist.
    makes_store: ClassVar[bool] = False

    #: Whether several programs may have tables in one database.
    is_shared: ClassVar[bool] = False

    #: Execution options of a read-only transaction on one snapshot of the store.
    reading: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, url: URL) -> None:
        self.url = url

    @property
    @abstractmethod
    def location(self) -> str:
        """The path or URL of the store, without a password, for messages."""

    @property
    def file(self) -> Path | None:
        """The file of the store; None for a store on a server."""
        return None

    @property
    def mapped_bytes(self) -> int:
        """The bytes of the store's file that a reader maps into its memory."""
        return 0

    @abstractmethod
    def create_engine(self) -> sa.Engine:
        """Return an engine whose connections enforce types, keys and UTC; open no connection yet."""

    def short_timeouts(self, engine: sa.Engine) -> AbstractContextManager[None]:
        """Give connections that are opened in the context timeouts of a few seconds."""
        return nullcontext()

    def session_of(self, connection: sa.Connection) -> int | None:
        """Return an id for `end_session`; None if sessions always end with their connections."""
        return None

    def end_session(self, connection: sa.Connection, session: int) -> None:  # noqa: B027 - nothing to end
        """End a session whose connection was lost, if it still exists.

        `connection` is another connection, in a transaction.
        """

    def store_exists(self) -> bool:
        """Return whether there is a store to open; True if only a connection can find out."""
        return True

    @abstractmethod
    def migration_lock(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Allow one migration at a time; a second one waits. Open no transaction."""

    @abstractmethod
    def check_foreign_keys(self, connection: sa.Connection) -> None:
        """Raise StoreError if a row refers to a missing row, on engines where a migration may cause that."""

    @abstractmethod
    def find_damage(self, connection: sa.Connection) -> Iterable[Damage]:
        """Return the damage that the engine finds in its own pages, indexes and constraints."""

    @abstractmethod
    def backup(
        self, file: Path, *, replace: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Copy a snapshot of the store to `file`, while the store is in use.

        Args:
            replace: replace an existing file.
            progress: called with the number of pages done, and of all pages.

        Raises:
            StoreError: `file` exists or belongs to the store. An engine with its own backup program always
                raises it, with the command to run.
        """

    @abstractmethod
    def import_lock(self, engine: sa.Engine, source: str) -> AbstractContextManager[Callable[[], None]]:
        """Allow one import of a source at a time. Raise ImportFailed if another one is running.

        Yields a function to call before each step. It raises ImportFailed if the lock was lost.
        """

    @abstractmethod
    def scratch_copy(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        """Yield a transaction on a temporary copy of the store, to try out changes.

        It blocks nobody, and the copy is deleted at the end.
        """

    @abstractmethod
    def lock_references(self, connection: sa.Connection) -> None:
        """Prevent others from changing flags or adding providers, topics or images, until commit.

        Waits for other transactions for at most LOCK_TIMEOUT. The same limit then holds for all other waits
        of this transaction.
        """

    @abstractmethod
    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Collect statistics of a temporary table for the planner, on engines where it has none."""

    @abstractmethod
    def reserve_ids(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        """Return `count` ids of `table` that no row has or ever had, and that nobody else will get."""

    @abstractmethod
    def insert_selected(
        self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: sa.Select[Any]
    ) -> None:
        """Insert the rows of a query, each with a new id as `reserve_ids` returns them."""

    @abstractmethod
    def read_last_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> Mapping[str, int]:
        """Return the last id given out, by table name; 0 if there was none."""

    @abstractmethod
    def raise_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
        """Make the next ids of these tables greater than the ids of all their rows."""

    @abstractmethod
    def bulk_insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Insert rows in the fastest way of the engine. Without rows it does nothing.

        Values are those of the driver: text, integers, booleans, bytes, None. Instants are text in UTC.
        """

    @abstractmethod
    def bulk_update(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Update rows by their key, which is the first column; values are as for `bulk_insert`."""

    @abstractmethod
    def find_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        keys: Sequence[Any],
    ) -> Iterable[tuple[Any, ...]]:
        """Yield the rows whose first column is among `keys`, in any order, with the driver's values."""

    @abstractmethod
    def index_articles(self, connection: sa.Connection, up_to: int) -> None:
        """Update the index of the queued articles (`search_queue`) with ids up to `up_to`."""

    @abstractmethod
    def find_wrong_index(self, connection: sa.Connection) -> Iterator[tuple[int | None, str]]:
        """Yield the errors in the full-text index, except those of queued articles.

        Each is the id of the article (None if it concerns no single article) and a description.
        """

    @abstractmethod
    def clear_index(self, connection: sa.Connection) -> None:
        """Empty the full-text index, even a damaged one."""

    @abstractmethod
    def search(self, terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
        """Return a query for the articles that match all terms.

        Its columns are `article_id` and `fit`. A higher `fit` is a better match.
        """

    @abstractmethod
    def run_query(self, query: Query) -> AbstractContextManager[QueryResult]:
        """Run a read-only query. Raise QueryRefused if it is not allowed or fails."""

    def describe_unsafe_privileges(self) -> str | None:
        """Describe what a malicious query could do in `run_query`; None if nothing."""
        return None

    def make_reader_statements(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        """Return the statements that create a role which may only read these tables and views.

        Raises:
            StoreError: the engine has no roles.
            SelectionError: the name of the role is invalid.
        """
        raise StoreError(
            f"{self.location} is an SQLite file, and SQLite has no roles: set the file's permissions instead"
        )

    def find_excess_privileges(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        """Return what a role may do other than reading these tables and views, as short phrases."""
        return ()

    def find_readers_lacking_views(self, connection: sa.Connection, views: Sequence[str]) -> Sequence[str]:
        """Return the roles that are readers but may not read one of these views."""
        return ()

    def preserving_grants(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Restore the grants on views that are recreated in the context; do not commit."""
        return nullcontext()

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """Return one line for the user: what went wrong and what to do."""

    @abstractmethod
    def is_read_only(self, error: Exception) -> bool:
        """Return whether an error means that the store cannot be written to."""

    def find_unreadable(self, connection: sa.Connection, tables: Iterable[sa.Table]) -> Iterator[str]:
        """Yield a line for each table with an invalid value, which the engine itself does not detect.

        Such values come from corrupted bytes in a file. Engines with checksums yield nothing.
        """
        return iter(())


def chunks(items: Sequence[T], size: int = MAX_PARAMETERS) -> Iterator[Sequence[T]]:
    """Yield the items in sequences of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


def make_running_import_error(source: str) -> ImportFailed:
    """Return the error of an import that cannot get the import lock of its source."""
    return ImportFailed(f"another import of {source!r} is running; wait for it, then run this again")


#: Prefixes of tables that exist on one engine only. Migrations create them, and the schema does not have
#: them.
ENGINE_TABLES = ("article_search", "id_counters")
