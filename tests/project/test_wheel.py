"""The built wheel works in a clean environment, with its migrations, reports and types."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

from curation.store.database import find_head_revision

from ..support.places import CHECKOUT, SITE

ROOT = CHECKOUT

pytestmark = pytest.mark.slow


def run(*command: str | Path, cwd: Path) -> str:
    result = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, cwd=cwd, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh environment with the wheel that is built from this checkout, and nothing else of it."""
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("no checkout to build from")
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "wheel", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    venv.create(folder / "venv")
    [wheel] = folder.glob("curation-*.whl")
    run(*pip, "--python", folder / "venv", "install", wheel, cwd=folder)
    return folder / "venv" / "bin"


def test_the_wheel_creates_and_upgrades_a_store(environment: Path, tmp_path: Path) -> None:
    assert run(environment / "curation", "import", SITE, cwd=tmp_path).startswith("site: 50 added")
    assert run(environment / "curation", "db", "check", cwd=tmp_path) == "the schema matches this release\n"
    run(environment / "curation", "db", "downgrade", "base", "--yes", cwd=tmp_path)
    assert (
        run(environment / "curation", "db", "upgrade", cwd=tmp_path)
        == f"the schema is at {find_head_revision()}\n"
    )
    assert run(environment / "curation", "import", SITE, cwd=tmp_path).startswith("site: 50 added")
    assert "Lighthouses" in run(environment / "curation", "report", "topics", cwd=tmp_path)


def test_the_wheel_has_all_files(environment: Path, tmp_path: Path) -> None:
    script = (
        "from pathlib import Path; import curation;"
        "home = Path(curation.__file__).parent; print(*(p.relative_to(home) for p in home.rglob('*')))"
    )
    files = run(environment / "python", "-c", script, cwd=tmp_path).split()
    assert {"py.typed", "migrations/env.py", "migrations/versions/0001_create_tables.py"} <= set(files)
    assert "sql/reports/review.sql" in files
    assert not any(file.startswith("tests") for file in files)


def test_a_missing_postgresql_driver_is_reported(environment: Path, tmp_path: Path) -> None:
    command = [str(environment / "curation"), "--database", "postgresql://x@127.0.0.1:9/x", "status"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert result.returncode == 1
    assert "pip install 'curation[postgresql]'" in result.stderr
