"""Time grows with the size of what is read, searched, written back or printed, and no faster.

`CURATION_LINEAR` is the size in bytes to go up to, in the long run (16777216); it prints the figures.
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

#: A figure of these: where four times the size takes more than so many times as long, it is no noise. Linear
#: is 4, quadratic 16.
GROWTH = 9

#: Seconds that a byte may take on a slow machine; and any case, whatever its size.
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
    for _ in range(4):  # another process may have been in the way
        figures = measurer.figures(name)
        assert len(figures) == 3, f"it took over {LIMIT:.0f} s, or its process died: {figures}"
        if growth(figures) < GROWTH:
            break
    else:
        pytest.fail(f"the time grows faster than the size: {figures}")
    print(name, *(f"{size // 1024} KB: {took * 1000:.1f} ms" for size, took in figures), sep=" | ")
    size, took = figures[-1]
    assert took < 0.5 + size * PER_BYTE, figures


def test_there_are_cases_of_every_kind() -> None:
    counts = {job: sum(case.job == job for case in CASES.values()) for job in {c.job for c in CASES.values()}}
    assert counts.keys() == {"read", "search", "write", "diff", "print"}
    assert sum(counts.values()) > 100
