"""Progress of long work, on standard error: a bar on a terminal, or lines with --verbose."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from ..progress import Progress

#: Seconds between two lines of --verbose.
EVERY = 3.0


@contextmanager
def showing_progress(label: str, *, verbose: bool, bar: bool = True) -> Iterator[Progress]:
    """Yield a function that shows progress: a bar on a terminal, lines with `verbose`, else nothing."""
    if bar and sys.stderr.isatty():
        with _showing_bar(label) as advance:
            yield advance
    else:
        yield _line_printer(label) if verbose else _show_nothing


@contextmanager
def _showing_bar(label: str) -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress as Bar, TextColumn, TimeRemainingColumn

    from .output import escape

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True, highlight=False), transient=True) as bar:
        task = bar.add_task(escape(label).replace("[", r"\["), total=None, rate="")
        rate = _start_rate()

        def advance(done: int, total: int) -> None:
            bar.update(task, completed=done, total=total, rate=f"{rate(done):,.0f}/s")

        yield advance


def _show_nothing(done: int, total: int) -> None:
    pass


def _line_printer(label: str) -> Progress:
    last = time.monotonic()
    rate = _start_rate()

    def advance(done: int, total: int) -> None:
        nonlocal last
        speed = rate(done)
        if time.monotonic() - last >= EVERY:
            last = time.monotonic()
            left = (total - done) / speed if speed else 0.0
            click.echo(f"{label}: {done:,} of {total:,}, {speed:,.0f}/s, {left:.0f} s left", err=True)

    return advance


def _start_rate() -> Callable[[int], float]:
    """Return a function that computes the items per second since now."""
    began = time.monotonic()

    def rate(done: int) -> float:
        return done / max(time.monotonic() - began, 0.001)

    return rate
