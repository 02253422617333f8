"""Choose how many cases of a test run, and what happens to a test that cannot run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NoReturn

import pytest


def few_or_many(name: str, few: int, many: int) -> pytest.MarkDecorator:
    """Parametrize a test with few rounds in the quick run and many in the slow run (`-m slow`).

    If `many` is not greater than `few`, there is only the quick run.
    """
    more = [pytest.param(many, id="many", marks=pytest.mark.slow)] if many > few else []
    return pytest.mark.parametrize(name, [pytest.param(few, id="few"), *more])


def some(cases: Iterable[Any], every: int = 4) -> list[Any]:
    """Return the cases of a long table; the quick run takes the first and every `every`th after it.

    A case that is a tuple has the values of several arguments.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if number % every == 0 else pytest.mark.slow,
        )
        for number, case in enumerate(cases)
    ]


def share(count: int, engine: str) -> range:
    """Return the numbers of the random cases that an engine runs.

    PostgreSQL runs the last third, SQLite the others. Of one or two cases, both engines run the first.

    Args:
        count: The number of cases on both engines.
        engine: `sqlite` or `postgresql`.
    """
    if count < 3:
        return range(count if engine == "sqlite" else min(count, 1))
    first = count - count // 3
    return range(first, count) if engine == "postgresql" else range(first)


def skip_or_fail(reason: str) -> NoReturn:
    """Skip a test because an engine, a browser or another program is not installed; in CI, fail.

    Raises:
        Exception: The outcome of pytest.
    """
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
