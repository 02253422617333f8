"""Run git as a subprocess that only reads objects.

The GIT_ variables of the environment are removed. A git hook that runs an import sets them, and they would
direct git to another repository. Git runs no hook or monitor, fetches nothing and never prompts.
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

_FIXED_OPTIONS = (
    "--no-replace-objects",
    "--no-pager",
    "-c",
    "core.fsmonitor=false",
    "-c",
    "core.hooksPath=/dev/null",
)

_FIXED_ENVIRONMENT = {
    "LC_ALL": "C",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_ALLOW_PROTOCOL": "",
}

#: The settings that only a partial clone has.
_PARTIAL_CLONE_KEYS = r"^(extensions\.partialclone|remote\..*\.promisor)$"

#: Bytes of requests that are written before the answers are read. Every pipe can buffer this many bytes.
#: Otherwise git could wait for us to read while we wait for git to read.
_MAX_REQUEST_BYTES = 4096


class Git:
    """One repository, given by a folder of its work tree, or bare."""

    def __init__(self, folder: Path, *, is_bare: bool) -> None:
        self.folder = folder
        self._command = [
            "git",
            *_FIXED_OPTIONS,
            *([f"--git-dir={folder}"] if is_bare else ["-C", str(folder)]),
        ]

    def read_output(self, *arguments: str) -> bytes:
        """Return the output of a git command.

        Raises:
            ImportFailed: The command failed. The message says what to do.
        """
        done = self._run(*arguments)
        if done.returncode:
            raise ImportFailed(self._error_message(done.stderr))
        return done.stdout

    def try_read_line(self, *arguments: str) -> str | None:
        """Return the line that a git command prints, or None if the command fails."""
        done = self._run(*arguments)
        return None if done.returncode else os.fsdecode(done.stdout).removesuffix("\n")

    @cached_property
    def is_partial(self) -> bool:
        """Whether this is a partial clone, which may lack objects."""
        return self.try_read_line("config", "--get-regexp", _PARTIAL_CLONE_KEYS) is not None

    def describe_missing_objects(self, what: str) -> str:
        """Return the message for a partial clone that lacks objects, with the command that fetches them."""
        remote = self.try_read_line("config", "extensions.partialClone") or "origin"
        fetch = f"git -C {self.folder} fetch --refetch --no-filter {remote}"
        return f"{self.folder} is a partial clone and lacks {what}: run `{fetch}`, then try again"

    def start(self, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a git command whose input and output are pipes."""
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
            raise ImportFailed(
                "git is not installed, but is needed to read a repository: install git"
            ) from error
        except (OSError, ValueError) as error:
            raise ImportFailed(f"git cannot be run on {self.folder}: {error}") from error

    def _error_message(self, stderr: bytes) -> str:
        text = stderr.decode("utf-8", "replace")
        if "dubious ownership" in text:
            command = f"git config --global --add safe.directory {self.folder}"
            return f"{self.folder} belongs to another user: if you trust it, run `{command}`"
        if "not a git repository" in text:
            return f"{self.folder} is not in a git repository: omit --rev to import the folder as it is"
        lines = [line for line in text.splitlines() if line.startswith(("fatal:", "error:"))]
        last = (lines or text.splitlines() or ["no reason given"])[-1]
        return f"git cannot read {self.folder}: {last.removeprefix('fatal: ')[:300]}"


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | _FIXED_ENVIRONMENT


class Objects:
    """Access to many blobs by id, through one `git cat-file` process that starts with the first query.

    mode: `--batch-check` for sizes only, `--batch` for sizes and bytes.
    """

    def __init__(self, git: Git, mode: str) -> None:
        self._git = git
        self._mode = mode
        self._process: subprocess.Popen[bytes] | None = None

    def query(self, ids: Iterable[str]) -> Iterator[tuple[str, int | None, bytes]]:
        """Yield each id with its blob's size and, with `--batch`, its bytes.

        A missing blob has the size None.
        """
        for group in _group_ids(ids):
            yield from self._query_group(group)

    def close(self) -> None:
        if self._process is not None:
            process, self._process = self._process, None
            process.kill()
            process.communicate()

    def _query_group(self, ids: list[str]) -> Iterator[tuple[str, int | None, bytes]]:
        pipe = self._send(ids)
        for index, object_id in enumerate(ids):
            answer = self._read_answer(pipe)
            if answer is None:  # git exits at a damaged object: a new process reads the others
                self.close()
                yield object_id, None, b""
                yield from self._query_group(ids[index + 1 :]) if ids[index + 1 :] else ()
                return
            yield object_id, *answer

    def _send(self, ids: list[str]) -> IO[bytes]:
        if self._process is None or self._process.poll() is not None:
            self.close()
            self._process = self._git.start("cat-file", self._mode)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):  # reading the answer then reports that git has exited
            self._process.stdin.write("".join(f"{object_id}\n" for object_id in ids).encode())
            self._process.stdin.flush()
        return self._process.stdout

    def _read_answer(self, pipe: IO[bytes]) -> tuple[int | None, bytes] | None:
        """Return the size and bytes of the next object, or None if git has exited."""
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


def _group_ids(ids: Iterable[str]) -> Iterator[list[str]]:
    group: list[str] = []
    for object_id in ids:
        if (len(group) + 1) * (len(object_id) + 1) > _MAX_REQUEST_BYTES:
            yield group
            group = []
        group.append(object_id)
    if group:
        yield group
