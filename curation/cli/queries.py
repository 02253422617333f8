"""Queries of `sql` and `report`: warnings, cancellation, and a limit on memory."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import get_output, print_rows

if TYPE_CHECKING:
    from ..backends.queries import Query, QueryResult
    from ..queries.reports import Report
    from ..store.database import Store

#: Bytes of memory that a query and its result may use.
MEMORY = 2 * 1024**3


def warn_of_privileges(store: Store) -> None:
    """Warn of what an untrusted query could do with the privileges of this session."""
    if privileges := store.backend.describe_unsafe_privileges():
        click.echo(f"warning: {privileges}", err=True)


def print_query_result(store: Store, query: Query, report: Report | None = None) -> None:
    """Run a query, or a report, and print its rows as the output options require.

    On standard output, the query is cancelled when the reader closes it.
    """
    if get_output().file is None:
        query = replace(query, is_wanted=_is_output_read)
    with running_query(store, query, report) as result:
        print_rows(result.columns, result.rows)


@contextmanager
def running_query(store: Store, query: Query, report: Report | None = None) -> Iterator[QueryResult]:
    """Run a query, or a report, and yield its result. The engine stops it whenever the command ends.

    Raises the errors of `reports.run_query` and `reports.run_report`.
    """
    from ..queries.reports import run_query, run_report

    running = run_query(store, query) if report is None else run_report(store, report, query)
    with _limited_memory(store.backend.mapped_bytes), running as result:
        yield result


def _is_output_read() -> bool:
    """Return whether standard output still has a reader; `curation sql ... | head` soon has none."""
    import select

    if not hasattr(select, "poll"):
        return True
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return not any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError):  # standard output is closed, or has no file descriptor
        return True


@contextmanager
def _limited_memory(mapped_bytes: int) -> Iterator[None]:
    """Limit the memory of the process to what it uses now, `MEMORY` and the mapped bytes of the store.

    A query can build values without end; with the limit, only that query fails. Systems without such limits
    run it without one.
    """
    try:
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    limits = [used + mapped_bytes + MEMORY, *(limit for limit in before if limit != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(limits), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
