"""Standard streams that are closed, full or in another encoding give one clear line and leave nothing half done.

`CURATION_STREAMS=1` has each command take every stream and encoding; without it, some in turn.
"""

from __future__ import annotations

import codecs
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from html.parser import HTMLParser
from pathlib import Path

import pytest

from curation.store.database import Store

from ..support.cases import some
from ..support.forked_commands import CommandResult, ForkedCommands, Streams
from ..support.places import SITE
from ..support.store_digest import digests

TITLE = "Zażółć — 日本 é ─ 😀"
COMMANDS = [
    "import site", "import site --dry-run", "status", "list", "search tide", "show 1", "set 1 --heat 9",
    "set 1 --heat 9 --dry-run", "publish 1", "publish -", "unpublish 1", "reset 1 --dry-run", "log", "log 1",
    "revert 1 --dry-run", "explain 1", "score --dry-run", "source list", "source show site",
    "source set site --title x", "source infer site", "issues --all", "issues --skipped", "report",
    "report providers", "report months --chart -", "sql 'SELECT 1'", "sql -", "export files out",
    "export files site --dry-run", "export files out.tar", "export articles", "export api api --check",
    "db current", "db history", "db check", "db tables", "db views", "db verify", "db metadata",
    "db backup copy.db", "db upgrade", "db downgrade 0025", "db reindex", "db repair", "log --output out.csv",
    "report --chart chart.svg --output out.csv topics", "reset 1", "source set site --title x", "score",
    "--help", "--version", "improt", "list --topic nope",
]  # fmt: skip

#: Shell redirections that make a stream closed, full or unwritable, and what they do.
CLOSED_OR_FULL: dict[str, Streams] = {
    "<&-": {0: None},
    ">&-": {1: None},
    "2>&-": {2: None},
    ">&- 2>&-": {1: None, 2: None},
    "<&- >&- 2>&-": {0: None, 1: None, 2: None},
    ">/dev/full": {1: "/dev/full"},
    "2>/dev/full": {2: "/dev/full"},
    "1</dev/null": {1: os.devnull},
}
ENCODINGS = ["ascii", "cp1252", "latin-1", "utf-16", "shift_jis"]
IS_WHOLE = bool(os.environ.get("CURATION_STREAMS"))
FORMATS = ["table", "csv", "tsv", "json", "jsonl", "markdown", "html"]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory, sqlite_site: Path) -> Path:
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copy(sqlite_site, folder / "curation.db")
    shutil.copytree(SITE, folder / "site")
    (folder / "site/_news/all.md").write_text(f"---\ntitle: '{TITLE}'\n---\nb\n")
    done = run(folder, "import site")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def world(tmp_path: Path, prepared: Path) -> Path:
    """A folder with the sample site, a document in many alphabets, and a store of both."""
    shutil.copytree(prepared, tmp_path, dirs_exist_ok=True)
    return tmp_path


@pytest.fixture(scope="session")
def forked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ForkedCommands]:
    """A server that forks a process for each command."""
    commands = ForkedCommands(tmp_path_factory.mktemp("forked"))
    yield commands
    commands.stop()


def _files(world: Path) -> set[str]:
    """Return the files, except those that SQLite creates."""
    return {str(file) for file in world.rglob("*") if not file.name.startswith("curation.db")}


def _in_turn(ways: Sequence[str], command: str) -> Sequence[str]:
    """Return every third of the ways, with another start for each command."""
    return ways if IS_WHOLE else ways[COMMANDS.index(command) % 3 :: 3]


def run(world: Path, command: str, streams: str = "", encoding: str = "utf-8") -> CommandResult:
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "CURATION_ACTOR": "ann"}
    line = f"exec {sys.executable} -m curation {command} {streams}"
    return subprocess.run(
        ["sh", "-c", line], cwd=world, env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False
    )  # fmt: skip


@pytest.mark.parametrize("command", some(COMMANDS, 30))
def test_every_command_works_with_any_streams(world: Path, forked: ForkedCommands, command: str) -> None:
    """A closed or full stream gives one error line and leaves nothing half done; any encoding works."""
    plain = forked.run(world, command, {}, "utf-8")
    rows = digests(Store(str(world / "curation.db")))
    for streams in _in_turn([*CLOSED_OR_FULL], command):
        shutil.rmtree(world / "out", ignore_errors=True)
        for name in ("out.tar", "copy.db"):
            (world / name).unlink(missing_ok=True)
        before = rows, _files(world)
        done = forked.run(world, command, CLOSED_OR_FULL[streams], "utf-8")
        rows = digests(Store(str(world / "curation.db")))
        after = rows, _files(world)
        _check_closed_or_full(command, streams, plain, done, is_changed=after != before)
    for encoding in _in_turn(ENCODINGS, command):
        _check_encoding(command, encoding, plain, forked.run(world, command, {}, encoding))


def _check_closed_or_full(
    command: str, streams: str, plain: CommandResult, done: CommandResult, *, is_changed: bool
) -> None:
    """Check what a command did with closed or full streams.

    Args:
        command: The command line.
        streams: The redirections of the shell.
        plain: What the command did before with usual streams.
        done: What it did with these.
        is_changed: Whether the rows of the store or the files have changed.
    """
    message = done.stderr.decode()
    assert done.returncode in (0, 1, 2, 3), streams
    for sign in ("internal error", "Traceback", "Exception ignored"):
        assert sign not in message
    if ">&-" in streams.replace("2>&-", ""):
        expected = "" if "2>" in streams else "Error: standard output is closed, nothing was done"
        assert (done.returncode, message[: len(expected)]) == (1, expected), streams
        assert not is_changed, streams
    elif streams == "<&-" and command in ("publish -", "sql -"):
        assert (done.returncode, message[:32]) == (1, "Error: standard input is closed:")
    elif streams in ("<&-", "2>&-", "2>/dev/full"):
        assert done.returncode == plain.returncode, streams
    elif plain.stdout and plain.returncode != 1:
        why = "No space left on device" if "full" in streams else "Bad file descriptor"
        last = [line[: 7 + len(why)] for line in message.splitlines()[-1:]]
        assert (done.returncode, last) == (1, [f"Error: {why}"]), streams
        assert is_changed <= ("the work was already done" in message), (command, message)


def _check_encoding(command: str, encoding: str, plain: CommandResult, done: CommandResult) -> None:
    """Check that a command printed in this encoding as many lines as it printed before in UTF-8."""
    message = done.stderr.decode(encoding)
    for sign in ("internal error", "not valid UTF-8"):
        assert sign not in message
    if not command.startswith(("revert", "set", "publish", "unpublish", "db backup", "export files out")):
        assert done.returncode == plain.returncode, encoding
        lines = plain.stdout.decode().splitlines()
        assert len(done.stdout.decode(encoding).splitlines()) == len(lines), encoding


@pytest.mark.slow
@pytest.mark.parametrize("command", ["status", "improt", "publish -", "list --search Zażółć"])
def test_a_forked_command_prints_what_one_in_a_new_process_prints(
    world: Path, forked: ForkedCommands, command: str
) -> None:
    for shell, streams in CLOSED_OR_FULL.items():
        done, expected = forked.run(world, command, streams, "utf-8"), run(world, command, shell)
        assert (done.returncode, done.stdout, done.stderr) == (
            expected.returncode, expected.stdout, expected.stderr
        ), shell  # fmt: skip
    for encoding in ENCODINGS:
        done, expected = forked.run(world, command, {}, encoding), run(world, command, encoding=encoding)
        for text, wanted in ((done.stdout, expected.stdout), (done.stderr, expected.stderr)):
            assert text.decode(encoding) == wanted.decode(encoding), encoding


@pytest.mark.slow
def test_work_done_before_the_disk_was_full_is_reported(world: Path) -> None:
    done = run(world, "set 1 --heat 9", ">/dev/full")
    message = (
        "Error: No space left on device: standard output; the work was already done: see `curation log`\n"
    )
    assert (done.returncode, done.stderr.decode()) == (1, message)
    assert b"heat" in run(world, "log 3 --format csv").stdout
    for command in ("export files out", "export files out.zip", "export api api", "db backup copy.db"):
        message = "Error: No space left on device: standard output; the work was already done\n"
        assert run(world, command, ">/dev/full").stderr.decode() == message, command
    for command in (
        "report providers --chart c.svg --format csv",
        "export files out --check",
        "export api api --check",
    ):
        assert b"already done" not in run(world, command, ">/dev/full").stderr, command
    assert run(world, "status", ">/dev/full").stderr == b"Error: No space left on device: standard output\n"
    assert run(world, "list --format jsonl", ">/dev/full").returncode == 1


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", some(FORMATS, 3))
def test_rows_are_complete_or_an_error_names_the_encoding(
    world: Path, forked: ForkedCommands, form: str, encoding: str
) -> None:
    command = f"list --columns title,path --search Zażółć --format {form}"
    is_pipe = encoding == "utf-16"  # which begins differently in a file
    done = run(world, command, encoding=encoding) if is_pipe else forked.run(world, command, {}, encoding)
    if form in ("csv", "tsv") and encoding != "utf-16":
        name = codecs.lookup(encoding).name
        message = (
            f"Error: standard output is {name}, which lacks '\\u017c': use --output FILE, or set PYTHONIO"
        )
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr.decode(encoding).startswith(message)
        return
    assert done.returncode == 0
    text = done.stdout.decode(encoding)
    if encoding == "utf-16":
        assert text == forked.run(world, command, {}, "utf-8").stdout.decode()
    elif form.startswith("json"):
        rows = json.loads(text)
        assert (rows if form == "jsonl" else rows[0])["title"] == TITLE
    elif form == "html":
        assert TITLE in cells(done.stdout.decode("ascii"))
    else:
        lacking = TITLE.encode(encoding, "ignore").decode(encoding)
        assert [sign for sign in lacking if sign not in text] == []
        assert "?" in text
        assert text.count("\n") == 3


def test_csv_keeps_what_the_encoding_has(world: Path) -> None:
    done = run(world, "sql \"SELECT 'café — x' AS text\" --format csv", encoding="cp1252")
    assert done.stdout.decode("cp1252") == "text\ncafé — x\n"


def cells(page: str) -> list[str]:
    found: list[str] = []

    class Cells(HTMLParser):
        def handle_data(self, data: str) -> None:
            found.append(data)

    Cells().feed(page)
    return found


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_standard_input_in_another_encoding_is_read_or_refused(world: Path, encoding: str) -> None:
    line = f"printf '\\377\\376\\330' | {sys.executable} -m curation publish - --dry-run"
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "CURATION_ACTOR": "ann"}
    done = subprocess.run(["sh", "-c", line], cwd=world, env=environment, capture_output=True, check=False)
    message = done.stderr.decode(encoding)
    assert (done.returncode, message[:6], "internal error" in message) == (1, "Error:", False)
