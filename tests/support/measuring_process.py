"""A process that measures crafted inputs (`crafted_inputs`), and is killed if one takes too long."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from queue import Empty, Queue
from threading import Thread
from typing import IO

from .places import CHECKOUT

ROOT = CHECKOUT


class Measurer:
    """A measuring process. `limit` is the maximum number of seconds for each figure."""

    def __init__(self, first: int, largest: int, *, least: float, limit: float) -> None:
        self._arguments = [str(first), str(largest), str(least)]
        self._limit = limit
        self._start()

    def _start(self) -> None:
        command = [sys.executable, "-m", "tests.support.crafted_inputs", *self._arguments]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self._lines: Queue[str] = Queue()
        assert self._process.stdout is not None
        Thread(target=_read_lines, args=(self._process.stdout, self._lines), daemon=True).start()

    def figures(self, name: str) -> list[tuple[int, float]]:
        """Return sizes in bytes with the seconds that each took.

        There are fewer than three if one took longer than the limit or the process died.
        """
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name}\n")
        self._process.stdin.flush()
        found: list[tuple[int, float]] = []
        with suppress(Empty):
            while (line := self._lines.get(timeout=self._limit)) not in ("null\n", ""):
                size, elapsed = json.loads(line)
                found.append((size, elapsed))
            if line:
                return found
        self.close()
        self._start()
        return found

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def _read_lines(stream: IO[str], lines: Queue[str]) -> None:
    with suppress(ValueError):  # the stream was closed
        for line in stream:
            lines.put(line)
    lines.put("")
