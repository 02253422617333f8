"""The README says what is true: its session is run, its commands are those that CI runs."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from .conftest import SITE

README = Path(__file__).parents[1] / "README.md"

pytestmark = pytest.mark.skipif(not README.exists(), reason="the README is part of a checkout")


def told_sessions() -> list[tuple[str, str]]:
    """(command, what it prints) of each command of the console blocks."""
    blocks = re.findall(r"```console\n(.*?)```", README.read_text(), re.DOTALL)
    steps = [step for block in blocks for step in block.split("$ ")[1:]]
    return [(command, output.strip()) for command, _, output in (step.partition("\n") for step in steps)]


def without_times(text: str) -> str:
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", "<now>", text)
    return re.sub(r"\(\d+\.\d s\)", "(<time>)", text).strip()


def test_the_session_prints_what_it_says(tmp_path: Path) -> None:
    (tmp_path / "tests").symlink_to(SITE.parent)
    program = f"{shlex.quote(sys.executable)} -m curation"
    environment = {k: v for k, v in os.environ.items() if not k.startswith("CURATION_")}
    assert len(told_sessions()) == 6
    for command, output in told_sessions():
        ended = subprocess.run(
            ["bash", "-c", command.replace("curation ", f"{program} ", 1)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path, env=environment, check=True,
        )  # fmt: skip
        assert without_times(ended.stdout) == without_times(output), command


def test_two_commands_do_all_the_set_up() -> None:
    commands = re.findall(r"```sh\n(python3 -m venv .*)\n```", README.read_text())
    assert len(commands) == 2
    ci = (README.parent / ".ci" / "run").read_text()
    assert 'grep -x "python3 -m venv .venv .*pytest" README.md' in ci
    assert commands[1].endswith("pytest")
