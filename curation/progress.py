"""The type of functions that report the progress of long work."""

from __future__ import annotations

from collections.abc import Callable

#: A function that long work calls now and then, with the number of units done and the number of all units.
#: The caller decides the unit: files, articles, documents or pages.
Progress = Callable[[int, int], None]
