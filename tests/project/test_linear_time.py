"""The time to read, search, write or print an input is linear in its size.

The environment variable `CURATION_LINEAR` is the largest size in bytes, for example 16777216 for a long run.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ..support.cases import some
from ..support.crafted_inputs import CASES
from ..support.measuring_process import Measurer

LARGEST = int(os.environ.get("CURATION_LINEAR", "131072"))
FIRST = LARGEST // 4 if "CURATION_LINEAR" in os.environ else 4096

#: If four times the size takes more than this many times as long, it is not noise. Linear time gives 4,
#: quadratic time 16.
GROWTH = 9

#: Maximum number of seconds for a byte on a slow machine, and for each case.
PER_BYTE = 40e-6
LIMIT = 30.0 + LARGEST * PER_BYTE


@pytest.fixture(scope="module")
def measurer() -> Iterator[Measurer]:
    measurer = Measurer(FIRST, LARGEST, least=0.002, limit=LIMIT)
    yield measurer
    measurer.close()


def growth(figures: list[tuple[int, float]]) -> float:
    return figures[-1][1] / max(figures[0][1], 1e-4)


@pytest.mark.parametrize("name", some(CASES))
def test_four_times_the_size_takes_four_times_as_long(measurer: Measurer, name: str) -> None:
    for _ in range(4):  # another process may have disturbed the measurement
        figures = measurer.figures(name)
        assert len(figures) == 3, f"it took over {LIMIT:.0f} s, or its process died: {figures}"
        if growth(figures) < GROWTH:
            break
    else:
        pytest.fail(f"the time grows faster than the size: {figures}")
    print(name, *(f"{size // 1024} KB: {elapsed * 1000:.1f} ms" for size, elapsed in figures), sep=" | ")
    size, elapsed = figures[-1]
    assert elapsed < 0.5 + size * PER_BYTE, figures


def test_there_are_cases_of_every_kind() -> None:
    counts = {job: sum(case.job == job for case in CASES.values()) for job in {c.job for c in CASES.values()}}
    assert counts.keys() == {"read", "search", "write", "diff", "print"}
    assert sum(counts.values()) > 100
