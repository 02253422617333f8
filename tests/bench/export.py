"""Measure the export of files as whole processes: `python -m tests.bench.export FOLDER [DATABASE]`.

FOLDER is a dump that is imported first. Each round exports all of it to a new folder, and compares
with `cp -r`. Then, with one article in a hundred edited, it exports to three places, and compares with
`git status`:

- a git checkout of the dump, whose timestamps are useless, so that every file is read
- the same checkout again, with nothing to write
- the imported tree, whose timestamps are useful

It prints a JSON line for each: median seconds, and peak memory in MB. This is not a test, because only
figures of one run can be compared.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROUNDS = 5

GIT = ("git", "-c", "user.name=bench", "-c", "user.email=bench@example.org", "-c", "gc.auto=0")


class Bench:
    """Commands on one store, with measured times and memory."""

    def __init__(self, database: str) -> None:
        self._command = (sys.executable, "-m", "curation", "--database", database)
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self._memory: dict[str, int] = defaultdict(int)

    def curation(self, *arguments: str | Path, label: str | None = None, stdin: str | None = None) -> None:
        self.run(label, *self._command, *arguments, stdin=stdin)

    def run(
        self, label: str | None, *command: str | Path, cwd: Path | None = None, stdin: str | None = None
    ) -> None:
        started = time.monotonic()
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=cwd,
            text=True,
        ) as running:
            assert running.stdin is not None
            running.stdin.write(stdin or "")
            running.stdin.close()
            assert running.stderr is not None
            output = running.stderr.read()
            _, status, used = os.wait4(running.pid, 0)
            running.returncode = os.waitstatus_to_exitcode(status)
        assert running.returncode == 0, output
        if label is not None:
            self._seconds[label].append(time.monotonic() - started)
            self._memory[label] = max(self._memory[label], used.ru_maxrss // 1024)

    def print_results(self) -> None:
        for label, seconds in self._seconds.items():
            output = {
                "what": label,
                "seconds": round(statistics.median(seconds), 2),
                "MB": self._memory[label],
            }
            print(json.dumps(output), flush=True)


def main() -> None:
    dump = Path(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary:
        folder = Path(temporary)
        bench = Bench(sys.argv[2] if len(sys.argv) > 2 else str(folder / "store.db"))
        tree, checkout = folder / "tree", folder / "checkout"
        shutil.copytree(dump, tree)
        shutil.copytree(dump, checkout)
        for command in (("init", "-q"), ("add", "-A"), ("commit", "-qm", "all")):
            bench.run(None, *GIT, *command, cwd=checkout)
        time.sleep(0.2)
        bench.curation("import", tree, "--source", "bench")
        paths = sorted(str(file.relative_to(tree)) for file in tree.rglob("*.md"))
        few = "\n".join(paths[::100])
        for number in range(ROUNDS):
            _round(bench, folder, dump, few, number)
        bench.print_results()


def _round(bench: Bench, folder: Path, dump: Path, few: str, number: int) -> None:
    tree, checkout = folder / "tree", folder / "checkout"
    for name in ("out", "copied"):
        shutil.rmtree(folder / name, ignore_errors=True)
    for path in sorted(dump.rglob("*")):  # fills the cache, so that no reader waits for the disk
        if path.is_file():
            path.read_bytes()
    bench.curation("export", "files", folder / "out", label="all, into a new folder")
    bench.run("cp -r", "cp", "-r", dump, folder / "copied")
    bench.curation(
        "set", "-", "--quality", str(200 + number), "--heat", f"={300 + number}", "--yes", stdin=few
    )
    bench.curation("export", "files", checkout, label="1 % changed, into a checkout")
    bench.run("git status", "git", "status", "--short", cwd=checkout)
    bench.curation("export", "files", checkout, label="nothing, into a checkout")
    bench.curation("export", "files", tree, label="1 % changed, into the imported tree")
    bench.run(None, *GIT, "commit", "-qam", "edited", cwd=checkout)
    bench.curation("import", tree, "--source", "bench")
    bench.curation("export", "files", tree, label="nothing, into the imported tree")


if __name__ == "__main__":
    main()
