"""A query of a command's: told what it might do, ended with the command, bounded in what it takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .output import chosen_output, print_rows

if TYPE_CHECKING:
    from ..backends.queries import Query, QueryResult
    from ..queries.reports import Report
    from ..store.database import Store

#: Bytes that a query and its answer may take.
MEMORY = 2 * 1024**3


def warn_of_privileges(store: Store) -> None:
    """Says what a query of a stranger's making could do here that nothing keeps it from."""
    if power := store.backend.unsafe_privileges():
        click.echo(f"warning: {power}", err=True)


def print_query_result(store: Store, query: Query, report: Report | None = None) -> None:
    """Prints a query's answer, that of a report if it is one, as the options say; on standard output for as
    long as someone reads it."""
    if chosen_output().file is None:
        query = replace(query, is_wanted=_is_read)
    with running_query(store, query, report) as result:
        print_rows(result.columns, result.rows)


@contextmanager
def running_query(store: Store, query: Query, report: Report | None = None) -> Iterator[QueryResult]:
    """Run a query, or a report, and yield its result. The engine stops it however the command ends.

    Raises: what `reports.run_query` and `reports.run_report` raise.
    """
    from ..queries.reports import run_query, run_report

    asked = run_query(store, query) if report is None else run_report(store, report, query)
    with _bounded_memory(store.backend.mapped_bytes), asked as result:
        yield result


def _is_read() -> bool:
    """Whether someone still reads standard output: in `curation sql ... | head`, not for long."""
    import select

    if not hasattr(select, "poll"):
        return True
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
        return not any(event & select.POLLERR for _, event in poll.poll(0))
    except (OSError, ValueError):  # closed, or none of the system's
        return True


@contextmanager
def _bounded_memory(mapped_bytes: int) -> Iterator[None]:
    """Lets the process take so much memory and no more, beside the bytes of the store that are mapped into
    it: a query can build values without end, and what runs out then is the query alone. Where the system has
    no such bound, there is none."""
    try:
        import resource

        before = resource.getrlimit(resource.RLIMIT_AS)
        taken = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except (ImportError, OSError):
        yield
        return
    bounds = [taken + mapped_bytes + MEMORY, *(bound for bound in before if bound != resource.RLIM_INFINITY)]
    resource.setrlimit(resource.RLIMIT_AS, (min(bounds), before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
