"""The documentation is true: generated pages are up to date, sessions print what they show, links lead somewhere."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from curation.cli import cli
from curation.queries.reports import find_reports
from curation.store.descriptions import find_tables, find_views

from ..support.places import CHECKOUT, DOCS, README, SITE
from ..support.reference_pages import FOLDER, PAGES, VARIABLES, walk_commands
from ..support.shell import shell_environment

pytestmark = pytest.mark.skipif(not DOCS.exists(), reason="the documentation is part of a checkout")

#: Pages that people write, relative to the checkout.
WRITTEN = sorted(
    str(page.relative_to(CHECKOUT))
    for page in (README, *DOCS.rglob("*.md"))
    if page.exists() and not (page.parent == FOLDER and page.name in PAGES)
)


def sessions(page: Path) -> list[tuple[str, str]]:
    """Return each command of the console blocks of a page, with its output."""
    blocks = re.findall(r"```console\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    steps = [step for block in blocks for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]]
    return [(command, output.strip()) for command, _, output in (step.partition("\n") for step in steps)]


def without_times(text: str) -> str:
    """Return output without the times that differ from run to run."""
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?Z?", "<time>", text)
    text = re.sub(r"\(\d+\.\d s\)", "(<seconds>)", text)
    return "\n".join(line.rstrip() for line in text.splitlines()).strip()


def with_sessions() -> list[Any]:
    """Return the pages that have sessions. The quick run has those of the README."""
    pages = [page for page in WRITTEN if sessions(CHECKOUT / page)]
    return [pytest.param(page, marks=() if page == README.name else pytest.mark.slow) for page in pages]


@pytest.mark.parametrize("page", with_sessions())
def test_sessions_print_what_they_show(page: str, tmp_path: Path) -> None:
    """All sessions of a page run in order, beside a copy of the sample site."""
    subprocess.run(["cp", "-r", str(SITE), str(tmp_path / "site")], check=True)
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "site").symlink_to(SITE)
    environment = shell_environment(tmp_path) | {"COLUMNS": "100"}
    for command, output in sessions(CHECKOUT / page):
        ended = subprocess.run(
            ["bash", "-c", command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path,
            env=environment, check=False,
        )  # fmt: skip
        assert without_times(ended.stdout) == without_times(output), command


@pytest.mark.parametrize("name", sorted(PAGES))
def test_generated_pages_are_up_to_date(name: str) -> None:
    """If this fails, run `python -m tests.support.reference_pages`."""
    assert (FOLDER / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_environment_variable_is_documented() -> None:
    names: set[str] = set()
    for file in (CHECKOUT / "curation").rglob("*.py"):
        names |= set(re.findall(r"\bCURATION_[A-Z_]+\b", file.read_text(encoding="utf-8")))
    assert names - VARIABLES.keys() == set()


def guides() -> str:
    return "\n".join((CHECKOUT / page).read_text(encoding="utf-8") for page in WRITTEN)


def test_every_command_is_in_a_guide() -> None:
    paths = [
        " ".join(path)
        for path, command in walk_commands(("curation",), cli)
        if not hasattr(command, "commands")
    ]
    assert [path for path in paths if path not in guides()] == []


def test_every_report_and_view_is_in_a_guide() -> None:
    names = [report.name for report in find_reports()] + [view.name for view in find_views()]
    assert [name for name in names if f"`{name}`" not in guides()] == []


def test_every_table_is_in_the_reference() -> None:
    page = (FOLDER / "tables.md").read_text(encoding="utf-8")
    assert [table.name for table in find_tables() if f"### {table.name}\n" not in page] == []


def links_of(page: Path) -> Sequence[str]:
    """Return the relative links of a page."""
    links = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    return [link for link in links if not re.match(r"[a-z]+:", link)]


@pytest.mark.parametrize("page", [*WRITTEN, "CONTRIBUTING.md"])
def test_links_lead_to_files(page: str) -> None:
    file = CHECKOUT / page
    assert [link for link in links_of(file) if not (file.parent / link.partition("#")[0]).exists()] == []
