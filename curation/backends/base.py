"""What every engine must be able to do: the base class of backends."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.engine import URL

from ..errors import StoreError
from .queries import Query, QueryResult

T = TypeVar("T")

#: Rows of a bulk write or binds of an IN list that go in one statement: far below the least limit
#: measured (999 binds on an old SQLite).
CHUNK = 500

#: How long a command waits for another, in seconds.
PATIENCE = 20.0


class Term(Protocol):
    """Words of the index that are to follow each other; with `is_prefix` the last one may go on
    (`searching.Term`)."""

    @property
    def words(self) -> Sequence[str]: ...
    @property
    def is_prefix(self) -> bool: ...


class Damage(NamedTuple):
    """What an engine finds wrong with its own: a line, and whether that is of the full-text index, which can
    be made anew."""

    text: str
    is_of_index: bool = False


#: What an engine finds wrong with an article's row of the full-text index.
NOT_INDEXED = "it is not in the index"

INDEXED_OTHERWISE = "the index has another text of it"


class Backend(ABC):
    """What one engine does in its own way."""

    name: ClassVar[str]
    #: Whether a store that is absent is made at the first import.
    makes_store: ClassVar[bool] = False

    #: Whether several programs may keep tables in one database.
    is_shared: ClassVar[bool] = False

    #: Execution options of a transaction that only reads, and sees one state of the store.
    reading: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, url: URL) -> None:
        self.url = url

    @property
    @abstractmethod
    def location(self) -> str:
        """Where the store is, fit to be shown: without a password."""

    @property
    def file(self) -> Path | None:
        """The file that the store is; None where it is a server's."""
        return None

    @property
    def mapped_bytes(self) -> int:
        """Bytes of the store that a reader maps into its memory: pages of a file, not of its own."""
        return 0

    @abstractmethod
    def create_engine(self) -> sa.Engine:
        """An engine whose connections enforce types, keys and UTC; nothing is opened yet."""

    def short_timeouts(self, engine: sa.Engine) -> AbstractContextManager[None]:
        """Connections that are made meanwhile answer, or are given up, within a few seconds."""
        return nullcontext()

    def session_of(self, connection: sa.Connection) -> int | None:
        """What names a session to `end_session`; None where no session outlives its connection."""
        return None

    def end_session(self, connection: sa.Connection, session: int) -> None:  # noqa: B027 - nothing to end
        """Ends a session of which the connection was lost, if it is still there. `connection` is another one,
        in a transaction."""

    def store_exists(self) -> bool:
        """Whether there is something to open; True where only a connection can tell."""
        return True

    @abstractmethod
    def migration_lock(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Lets one runner at a time migrate; a second one waits. Opens no transaction."""

    @abstractmethod
    def check_foreign_keys(self, connection: sa.Connection) -> None:
        """Raises StoreError if a row refers to one that is not there, where migrating may cause that."""

    @abstractmethod
    def find_damage(self, connection: sa.Connection) -> Iterable[Damage]:
        """What the engine finds wrong with its own pages, indexes and constraints."""

    @abstractmethod
    def backup(
        self, file: Path, *, replace: bool = False, progress: Callable[[int, int], None] | None = None
    ) -> None:
        """Copies the store as it now is to `file`, while it is in use; `progress` is told pages done, of all.

        Raises StoreError if `file` is there and not to be replaced, or is the store's own; and where the
        engine has a program for it: that names the command to type, and nothing is done.
        """

    @abstractmethod
    def import_lock(self, engine: sa.Engine, source: str) -> AbstractContextManager[Callable[[], None]]:
        """Lets one import of a source run at a time; raises ImportFailed if another does.

        What it gives is to be called before each step: it raises ImportFailed if the lock was lost.
        """

    @abstractmethod
    def scratch_copy(self, engine: sa.Engine) -> AbstractContextManager[sa.Connection]:
        """A transaction on a copy of the store as it now is, which goes with it: what is done there is as it
        would be in the store, and nobody waits for it."""

    @abstractmethod
    def lock_references(self, connection: sa.Connection) -> None:
        """Until commit, no one else decides, or adds providers, topics or images; waits for who does, for
        PATIENCE at most, and so does whatever else this transaction waits for."""

    @abstractmethod
    def analyze(self, connection: sa.Connection, table: sa.Table) -> None:
        """Tells the planner about the rows of a temporary table, where it would not know."""

    @abstractmethod
    def reserve_ids(self, connection: sa.Connection, table: sa.Table, count: int) -> Sequence[int]:
        """`count` ids of `table` that no row has or ever had, and that no one else will use."""

    @abstractmethod
    def insert_selected(
        self, connection: sa.Connection, table: sa.Table, columns: Sequence[str], rows: sa.Select[Any]
    ) -> None:
        """Writes the rows that a query finds, each with an id as `reserve_ids` gives them."""

    @abstractmethod
    def last_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> Mapping[str, int]:
        """By table, the id after which the next ones are given; 0 where none was."""

    @abstractmethod
    def raise_ids(self, connection: sa.Connection, tables: Sequence[sa.Table]) -> None:
        """Has the next ids of these tables be given after the greatest that a row has."""

    @abstractmethod
    def bulk_insert(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Writes rows by the engine's fastest road, within the connection's transaction; none
        costs nothing.

        Values are as drivers take them: text, whole numbers, flags, bytes, None; instants are text of UTC.
        """

    @abstractmethod
    def bulk_update(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        rows: Sequence[Sequence[Any]],
    ) -> None:
        """Changes rows by their key, which is the first column; values are as for `bulk_insert`."""

    @abstractmethod
    def find_rows(
        self,
        connection: sa.Connection,
        table: sa.Table,
        columns: Sequence[str],
        wanted: Sequence[Any],
    ) -> Iterable[tuple[Any, ...]]:
        """The rows whose first column is among `wanted`, in any order, as the driver gives them."""

    @abstractmethod
    def index_articles(self, connection: sa.Connection, up_to: int) -> None:
        """Takes the queued articles (`search_queue`) with ids up to this one into the full-text index anew;
        those that are gone it forgets."""

    @abstractmethod
    def find_wrong_index(self, connection: sa.Connection) -> Iterator[tuple[int | None, str]]:
        """What is wrong with the full-text index, but for queued articles: the id of the article that is not
        in it as it ought to be (None: something else), and what is wrong."""

    @abstractmethod
    def clear_index(self, connection: sa.Connection) -> None:
        """Makes the full-text index empty, also one that is damaged, within the connection's transaction."""

    @abstractmethod
    def search(self, terms: Sequence[Term]) -> sa.Select[tuple[int, float]]:
        """The articles that say all terms: `article_id`, and `fit`, the higher the better."""

    @abstractmethod
    def run_query(self, query: Query) -> AbstractContextManager[QueryResult]:
        """Runs a query that can change nothing; raises QueryRefused where it will not run."""

    def unsafe_privileges(self) -> str | None:
        """What `run_query` cannot keep a hostile query from, in words; None if nothing."""
        return None

    def reader_statements(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        """The statements, to be run in this order, that make a role which reads these tables and views and
        nothing else. Raises StoreError where the engine has no roles, SelectionError for a bad name."""
        raise StoreError(
            f"{self.location} is a file: its permissions say who may read it; roles are PostgreSQL's"
        )

    def excess_privileges(
        self, connection: sa.Connection, role: str, readable: Sequence[str]
    ) -> Sequence[str]:
        """What a role may do to the store beyond reading these tables and views, each in a few words."""
        return ()

    def readers_lacking_views(self, connection: sa.Connection, views: Sequence[str]) -> Sequence[str]:
        """The roles that were made readers, and may not read one of these views."""
        return ()

    def preserving_grants(self, connection: sa.Connection) -> AbstractContextManager[None]:
        """Views that are made anew meanwhile are granted again to whom they were; commits nothing."""
        return nullcontext()

    @abstractmethod
    def explain(self, error: Exception) -> str:
        """One line for the user: what went wrong and what to do."""

    @abstractmethod
    def is_read_only(self, error: Exception) -> bool:
        """Whether an error says that nothing can be written to the store."""

    def find_unreadable(self, connection: sa.Connection, tables: Iterable[sa.Table]) -> Iterator[str]:
        """What is stored as this program stores nothing, where the engine itself sees no damage, a line each:
        bytes of a file that changed by themselves. Nothing for an engine that has checksums."""
        return iter(())


def chunks(items: Sequence[T], size: int = CHUNK) -> Iterator[Sequence[T]]:
    """The items in runs of at most `size`."""
    for start in range(0, len(items), size):
        yield items[start : start + size]


#: What the names of tables begin with that are an engine's own: migrations make them, and no schema has them.
ENGINE_TABLES = ("article_search", "id_counters")
