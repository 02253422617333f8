"""git, as a subprocess that reads objects and does nothing else.

The environment's GIT_ variables are taken away (a hook that calls an import sets them, and they would
point git at another repository), no hook or monitor is run, nothing is fetched, nobody is asked.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import IO

from ..errors import ImportFailed

_FIXED = (
    "--no-replace-objects",
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)

_SURROUNDINGS = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
}

#: The settings that a partial clone has.
_PARTIAL = r"^(extensions\.partialclone|remote\..*\.promisor)$"

#: Bytes of requests that are written before answers are read: every pipe holds so much, so that git never
#: waits for us to read while we wait for it to.
_PIPE = 4096


class Git:
    """One repository, found from a folder of its work tree, or bare."""

    def __init__(self, folder: Path, *, is_bare: bool) -> None:
        self.folder = folder
        self._command = ["git", *_FIXED, *([f"--git-dir={folder}"] if is_bare else ["-C", str(folder)])]

    def output(self, *arguments: str) -> bytes:
        """What a command prints. Raises ImportFailed, with a line that says what to do, where it fails."""
        done = self._run(*arguments)
        if done.returncode:
            raise ImportFailed(self._in_words(done.stderr))
        return done.stdout

    def attempt(self, *arguments: str) -> str | None:
        """The line that a command prints; None where it fails for what it was asked for."""
        done = self._run(*arguments)
        return None if done.returncode else os.fsdecode(done.stdout).removesuffix("\n")

    @cached_property
    def is_partial(self) -> bool:
        """Whether it is a partial clone, which may lack what another repository has."""
        return self.attempt("config", "--get-regexp", _PARTIAL) is not None

    def lacks(self, what: str) -> str:
        """What is said of a partial clone that lacks something, with the command that fetches all of it."""
        remote = self.attempt("config", "extensions.partialClone") or "origin"
        fetch = f"git -C {self.folder} fetch --refetch --no-filter {remote}"
        return f"{self.folder} is a partial clone and lacks {what}: run `{fetch}`, then this again"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """A process to be asked and read from."""
        return subprocess.Popen(  # noqa: S603 - no shell; revisions follow --end-of-options
            [*self._command, *arguments],
            env=_environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [*self._command, *arguments]
        try:
            return subprocess.run(  # noqa: S603 - as above
                command, env=_environment(), stdin=subprocess.DEVNULL, capture_output=True, check=False
            )
        except FileNotFoundError as error:
            raise ImportFailed("git is not installed, and a repository is read by it: install git") from error
        except (OSError, ValueError) as error:
            raise ImportFailed(f"git cannot be run on {self.folder}: {error}") from error

    def _in_words(self, complaint: bytes) -> str:
        told = complaint.decode("utf-8", "replace")
        if "dubious ownership" in told:
            advice = f"git config --global --add safe.directory {self.folder}"
            return f"{self.folder} belongs to another user; if you trust it: {advice}"
        if "not a git repository" in told:
            return f"{self.folder} is not in a git repository: leave --rev out to import the folder as it is"
        lines = [line for line in told.splitlines() if line.startswith(("fatal:", "error:"))]
        last = (lines or told.splitlines() or ["no reason given"])[-1]
        return f"git cannot read {self.folder}: {last.removeprefix('fatal: ')[:300]}"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | _SURROUNDINGS


class Objects:
    """Blobs by their ids, in bulk, from one `git cat-file` that is started when the first is wanted."""

    def __init__(self, git: Git, mode: str) -> None:
        self._git = git
        self._mode = mode
        self._process: subprocess.Popen[bytes] | None = None

    def answers(self, ids: Iterable[str]) -> Iterator[tuple[str, int | None, bytes]]:
        """For each id its size, None for one that is not there, and with `--batch` the bytes."""
        for group in _groups(ids):
            yield from self._ask(group)

    def close(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.communicate()

    def _ask(self, ids: list[str]) -> Iterator[tuple[str, int | None, bytes]]:
        pipe = self._request(ids)
        for index, object_id in enumerate(ids):
            answer = self._answer(pipe)
            if answer is None:  # git dies of a damaged object: the others are asked of another
                self.close()
                yield object_id, None, b""
                yield from self._ask(ids[index + 1 :]) if ids[index + 1 :] else ()
                return
            yield object_id, *answer

    def _request(self, ids: list[str]) -> IO[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._git.start("cat-file", self._mode)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # then there is no answer either
            self._process.stdin.write("".join(f"{object_id}\n" for object_id in ids).encode())
            self._process.stdin.flush()
        return self._process.stdout

    def _answer(self, pipe: IO[bytes]) -> tuple[int | None, bytes] | None:
        """Size and bytes of the next object; None where git is gone."""
        words = pipe.readline().split()
        if len(words) < 2:
            return None
        if words[1] != b"blob":
            return None, b""
        size = int(words[2])
        if self._mode == "--batch-check":
            return size, b""
        data = pipe.read(size + 1)
        return (size, data[:-1]) if len(data) == size + 1 else None


def _groups(ids: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for object_id in ids:
        if (len(group) + 1) * (len(object_id) + 1) > _PIPE:
            yield group
            group = []
        group.append(object_id)
    if group:
        yield group
