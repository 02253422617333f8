"""Runs commands in processes that are forked from one that has loaded all modules.

Starting Python and loading the modules takes several times as long as most commands. A forked process has its
own standard streams. They are files, not pipes, and Python's last garbage collection is left out.
"""

from __future__ import annotations

import atexit
import codecs
import gc
import io
import json
import os
import pkgutil
import shlex
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import TextIO

from .places import CHECKOUT

CommandResult = subprocess.CompletedProcess[bytes]

#: Files to which standard input, output and error are redirected; None closes the stream.
Streams = Mapping[int, str | None]


class ForkedCommands:
    """Runs commands one after the other.

    Args:
        folder: A folder for the output of the commands.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server = subprocess.Popen(
            [sys.executable, "-c", f"from {__name__} import serve; serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=CHECKOUT,
        )  # fmt: skip

    def run(self, folder: Path, command: str, streams: Streams, encoding: str) -> CommandResult:
        """Run a command to its end.

        Args:
            folder: The current folder of the command.
            command: The arguments of `curation`, as in a shell.
            streams: What is redirected. Otherwise standard input is empty.
            encoding: The encoding of the standard streams.

        Returns:
            The exit status, and what was written to standard output and standard error.
        """
        out, err = self._folder / "out", self._folder / "err"
        given = {0: os.devnull, 1: str(out), 2: str(err)} | dict(streams)
        out.write_bytes(b"")
        err.write_bytes(b"")
        assert self._server.stdin is not None
        assert self._server.stdout is not None
        self._server.stdin.write(json.dumps([str(folder), command, list(given.items()), encoding]).encode())
        self._server.stdin.write(b"\n")
        self._server.stdin.flush()
        status = int(self._server.stdout.readline())
        return CommandResult(command, status, out.read_bytes(), err.read_bytes())

    def stop(self) -> None:
        """Stop the server process."""
        self._server.communicate()


def serve() -> None:
    """Fork a process for each line of standard input, and print its exit status."""
    import curation

    for module in pkgutil.walk_packages(curation.__path__, "curation."):
        if not module.name.startswith(("curation.migrations", "curation.__main__")):
            import_module(module.name)
    gc.freeze()
    for line in sys.stdin:
        child = os.fork()
        if not child:
            _run_command(*json.loads(line))
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)


def _run_command(folder: str, command: str, streams: list[tuple[int, str | None]], encoding: str) -> None:
    """Run a command in this process, and end it."""
    os.chdir(folder)
    os.environ.update(CURATION_ACTOR="ann", PYTHONIOENCODING=encoding)
    for number, file in streams:
        if file is not None:
            opened = os.open(file, os.O_RDONLY if file == os.devnull else os.O_WRONLY)
            os.dup2(opened, number)
            os.close(opened)
    for number, file in streams:
        if file is None:
            os.close(number)
    encoding = codecs.lookup(encoding).name
    sys.stdin = _open_stream(0, "r", encoding, "strict")
    sys.stdout = _open_stream(1, "w", encoding, "strict")
    sys.stderr = _open_stream(2, "w", encoding, "backslashreplace")
    sys.argv[1:] = shlex.split(command)
    from curation.__main__ import main

    try:
        main()
    except SystemExit as ended:
        _exit(ended.code if isinstance(ended.code, int) else 1)
    _exit(0)


def _exit(status: int) -> None:
    """End this process without freeing each module, which takes longer than most commands.

    As when Python ends, functions of `atexit` are called and the streams are written out.
    """
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            print("Exception ignored:", error, file=sys.stderr)
            status = 120
    os._exit(status)


def _open_stream(number: int, mode: str, encoding: str, errors: str) -> TextIO:
    """Return a standard stream, opened much as Python does; None if it is closed, which its type does not say."""
    try:
        os.fstat(number)
    except OSError:
        return None  # type: ignore[return-value]
    buffer = open(number, f"{mode}b", closefd=False)  # noqa: SIM115 - a number, open until the end
    return io.TextIOWrapper(buffer, encoding, errors, newline="\n", line_buffering=number == 2)
