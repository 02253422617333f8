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
    """Return which of a number of random cases a test runs on an engine.

    PostgreSQL runs the last third, SQLite the others. So the engines do not repeat each other's cases. Each runs
    at least one.

    Args:
        count: The number of cases on both engines.
        engine: `sqlite` or `postgresql`.
    """
    third = max(count // 3, 1)
    return range(count - third, count) if engine == "postgresql" else range(max(count - third, 1))


def skip_or_fail(reason: str) -> NoReturn:
    """Skip a test because an engine, a browser or another program is not installed; in CI, fail.

    Raises:
        Exception: The outcome of pytest.
    """
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
