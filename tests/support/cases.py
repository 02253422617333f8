"""How many cases of a test run at once, and what becomes of one that cannot run."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, NoReturn

import pytest


def few_or_many(name: str, few: int, many: int) -> pytest.MarkDecorator:
    """Have a test take a few rounds in the quick run of all tests, and many in the long one (`-m long`).

    Where `many` is no more than `few`, there is the quick run only.
    """
    more = [pytest.param(many, id="many", marks=pytest.mark.long)] if many > few else []
    return pytest.mark.parametrize(name, [pytest.param(few, id="few"), *more])


def some(cases: Iterable[Any], every: int = 4) -> list[Any]:
    """Return the cases of a long table, of which the quick run takes the first and each `every`th after it.

    A case that is a tuple has the values of several arguments.
    """
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if number % every == 0 else pytest.mark.long,
        )
        for number, case in enumerate(cases)
    ]


def miss(reason: str) -> NoReturn:
    """Skip what needs an engine, a browser or another program that is not installed; in CI, fail.

    Raises: an outcome of pytest.
    """
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)
