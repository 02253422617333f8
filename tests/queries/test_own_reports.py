"""Reports from a user's folder, on every engine. `test_report_figures` tests the built-in reports."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

from curation.store.database import Store

from ..support.cases import some
from ..support.stores import ON_SQLITE

OWN = """-- title: Own
-- purpose: Number of articles with at least this heat.
-- parameter: heat integer 100 minimum heat
SELECT count(*) AS n FROM articles WHERE heat >= :heat
"""


def test_an_own_report_is_listed(
    edited: Store, tmp_path: Path, curation: Callable[..., Result], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "hot.sql").write_text(OWN)
    (tmp_path / "topics.sql").write_text(OWN)
    listed = json.loads(curation("report", "--reports", str(tmp_path), "--format", "json").stdout)
    purposes = {row["report"]: row["purpose"] for row in listed}
    assert purposes.keys() >= {"hot", "review"}
    assert purposes["topics"] == "Number of articles with at least this heat."  # replaces the built-in report
    monkeypatch.setenv("CURATION_REPORTS", str(tmp_path))
    assert json.loads(curation("report", "hot", "-p", "heat=7", "--format", "json").stdout) != [{"n": 0}]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("SELECT 1", "has no title"),
        ("-- title: x\nSELECT 1", "has no purpose"),
        ("-- title: x\n-- purpose: y\n-- parameter: z\nSELECT 1", "NAME TYPE DEFAULT MEANING"),
        (
            "-- title: x\n-- purpose: y\n-- parameter: z float 1 m\nSELECT 1",
            "where TYPE is integer, text, date",
        ),
        ("", "has no title"),
        ("-- title: x\n-- purpose: y\n", "has no query: add one SELECT"),
        ("-- title: x\n-- purpose: y\n;\n/* later */ ;", "has no query: add one SELECT"),
        ("-- title: x\n-- purpose: y\n-- parameter: z date today-x m\nSELECT :z", "z=today-x: date expected"),
        ("-- title: x\n-- purpose: y\n-- parameter: limit integer ten m\nSELECT 1", "limit=ten: integer"),
    ],
)
def test_an_invalid_report_is_an_error_in_one_line(
    curation: Callable[..., Result], tmp_path: Path, text: str, message: str
) -> None:
    (tmp_path / "wrong.sql").write_text(text)
    result = curation("report", "wrong", "--reports", str(tmp_path))
    assert (result.exit_code, message in result.stderr, "wrong.sql" in result.stderr) == (1, True, True)
    assert "is not a folder" in curation("report", "--reports", str(tmp_path / "wrong.sql")).stderr


@ON_SQLITE
def test_a_report_without_a_query_does_not_stop_the_others_for_datasette(
    store: Store, curation: Callable[..., Result], tmp_path: Path
) -> None:
    (tmp_path / "empty.sql").write_text("-- title: x\n-- purpose: y\n")
    (tmp_path / "hot.sql").write_text(f"\ufeff{OWN}", encoding="utf-8")
    result = curation("db", "metadata", "--reports", str(tmp_path))
    assert result.exit_code == 3, result.output
    [database] = json.loads(result.stdout)["databases"].values()
    assert database["queries"]["report_hot"]["title"] == "Own"
    assert "report_empty" not in database["queries"]
    assert "left out: " in result.stderr
    assert "empty.sql has no query" in result.stderr


def test_an_invalid_report_does_not_stop_others(
    edited: Store, tmp_path: Path, curation: Callable[..., Result]
) -> None:
    (tmp_path / "bad.sql").write_text("SELECT 1")
    (tmp_path / "folder.sql").mkdir()
    assert curation("report", "months", "--reports", str(tmp_path)).exit_code == 0
    listed = curation("report", "--reports", str(tmp_path))
    assert (listed.exit_code, listed.stderr.count("left out: ")) == (3, 2)
    assert "did you mean review?" in curation("report", "revew").stderr


@pytest.mark.any_engine
@pytest.mark.parametrize("limit", some(["-1", "9" * 25, "9" * 5000]))
def test_an_invalid_limit_is_refused(edited: Store, curation: Callable[..., Result], limit: str) -> None:
    result = curation("report", "review", "-p", f"limit={limit}")
    assert (result.exit_code, result.stderr.startswith("Error: limit=")) == (1, True), result.stderr
