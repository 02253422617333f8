"""The set-up commands of the README are those that CI runs, and the recipe of the guide works."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import pytest

from ..support.cases import skip_or_fail
from ..support.places import DOCS, README, SITE
from ..support.shell import shell_environment

pytestmark = pytest.mark.skipif(not README.exists(), reason="the README is part of a checkout")


def test_two_commands_do_all_the_set_up() -> None:
    commands = re.findall(r"```sh\n(python3 -m venv .*)\n```", README.read_text())
    assert len(commands) == 2
    ci = (README.parent / ".ci" / "run").read_text()
    assert 'grep -x "python3 -m venv .venv .*pytest" README.md' in ci
    assert commands[1].endswith("pytest")


def test_ci_runs_lint_the_tests_and_then_all_other_tests() -> None:
    script = (README.parent / ".ci" / "run").read_text()
    steps = (
        "export CI=true",
        "ruff",
        "mypy",
        "rm -rf .venv",
        '-c "$tests"',
        'wait "$checking"',
        "\n.venv/bin/pytest -m 'slow or crash' ",
    )
    places = [script.find(step) for step in steps]
    assert -1 not in places
    assert places == sorted(places)


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_what_is_not_installed_is_skipped_and_fails_in_ci(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="no browser"):
        skip_or_fail("no browser")


@pytest.mark.slow
def test_the_job_between_a_repository_and_its_site(tmp_path: Path) -> None:
    """The recipe is run as written: first with an override, then with nothing to do."""
    [recipe] = [
        block
        for block in re.findall(
            r"```sh\n(.*?)```", (DOCS / "guides" / "writing-back.md").read_text(), re.DOTALL
        )
        if "rebase" in block
    ]
    who = "git config --global user.name ann; git config --global user.email ann@example.org; "
    set_up = (
        f"{who} git init --quiet --bare upstream.git; git clone --quiet upstream.git site 2>/dev/null;"
        f" cp -r {shlex.quote(str(SITE))}/. site; git -C site add --all; git -C site commit --quiet --message all;"
        " git -C site push --quiet; curation import site; curation set the-bollard-column-again --quality 75 --published"
    )
    environment = shell_environment(tmp_path)

    def run(script: str) -> str:
        result = subprocess.run(
            ["bash", "-euc", script], capture_output=True, text=True, cwd=tmp_path, env=environment
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def counts() -> dict[str, str]:
        lines = run("curation status --format csv").splitlines()
        return dict(zip(lines[0].split(","), lines[1].split(","), strict=True))

    run(set_up)
    assert "1 written, 59 unchanged, 0 left" in run(recipe)
    changed = run("git -C site show --stat --format= HEAD").splitlines()[-1].strip()
    assert changed == "1 file changed, 2 insertions(+), 2 deletions(-)"
    assert (counts()["overridden"], counts()["conflicts"], counts()["adopted"]) == ("1", "0", "2")
    again = run(recipe)
    assert "0 written, 60 unchanged, 0 left" in again
    assert re.search("public: 0 written, [1-9][0-9]* unchanged, 0 removed", again)
    assert run("git -C site rev-list --count HEAD") == "2\n"

    # The pipeline overwrites the file, and the next round restores it.
    run("git -C site revert --no-edit HEAD; git -C site push --quiet")
    assert "1 written, 59 unchanged, 0 left" in run(recipe)
    assert run("git -C site diff HEAD~2") == ""

    # Adopted overrides are removed, and then there is nothing to write.
    assert "1 of 1 article" in run("curation reset --adopted")
    assert counts()["overridden"] == "0"
    assert "0 written, 60 unchanged, 0 left" in run("curation export files site")
