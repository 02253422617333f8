"""Damaged archives do not crash an import, change the bytes of a document, or make an article count as missing.

CURATION_ARCHIVES is the number of archives to scan (50,000 in a long run). Every hundredth of them is also
imported with the command, on both engines.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from curation.cli import cli
from curation.errors import ImportFailed
from curation.scanning import Archive, Scan
from curation.store.schema import articles, documents

from ..support.archive_mutations import DOCUMENTS, ZIPS, Mutation, mutate
from ..support.cases import few_or_many
from ..support.crafted_archives import CRAFTED
from ..support.stores import make_store

ARCHIVES = int(os.environ.get("CURATION_ARCHIVES", "600"))

CODES = {
    "archive_damaged", "archive_too_large", "bad_name", "case_collision", "compression_bomb", "damaged_member",
    "duplicate_name", "encrypted", "file_too_large", "hard_link", "nested_archive", "path_too_long", "special_file",
    "symlink", "unsafe_name", "unsupported_member",
}  # fmt: skip


@few_or_many("archives", 60, ARCHIVES)
def test_damaged_archives(tmp_path: Path, archives: int) -> None:
    outcomes: Counter[str] = Counter()
    for number in range(archives):
        mutation = mutate(number)
        path = tmp_path / mutation.file
        path.write_bytes(mutation.data)
        try:
            outcomes[scan_outcome(path, mutation)] += 1
        except Exception as error:
            raise AssertionError(f"archive {number}: {mutation.description}") from error
    print(dict(outcomes))
    assert outcomes["rejected"]
    assert outcomes["damaged"]
    assert outcomes["whole"]


def scan_outcome(path: Path, mutation: Mutation) -> str:
    """Scan an archive. Return "rejected" (the whole archive), "damaged" (it has errors) or "whole"."""
    try:
        with Archive(path) as tree:
            scan = tree.scan()
            check(scan, mutation, dict(zip((f.path for f in scan.files), tree.read(scan.files), strict=True)))
    except ImportFailed:
        return "rejected"
    return "damaged" if any(issue.severity == "error" for _, issue in scan.issues) else "whole"


def check(scan: Scan, mutation: Mutation, read: dict[str, object]) -> None:
    assert {issue.code for _, issue in scan.issues} <= CODES
    if mutation.exact:
        assert read.items() <= DOCUMENTS.items()
    if mutation.complete:
        lost = DOCUMENTS.keys() - read.keys()
        assert not [path for path in lost if not path.startswith(scan.find_unread_prefixes())]


@few_or_many("archives", 100, ARCHIVES)
def test_damaged_archives_are_imported(request: pytest.FixtureRequest, tmp_path: Path, archives: int) -> None:
    engines = [_Engine(request, engine, tmp_path) for engine in ("sqlite", "postgresql")]
    good = tmp_path / "good.zip"
    good.write_bytes(ZIPS["deflated"])
    for number in range(0, archives, 100):
        mutation = mutate(number)
        path = tmp_path / mutation.file
        path.write_bytes(mutation.data)
        results = []
        for engine in engines:
            assert engine.run_import(good)[0] == 0
            before = engine.articles()
            assert {name: before[name][1:] for name in DOCUMENTS} == {
                name: (False, text) for name, text in DOCUMENTS.items()
            }
            results.append((engine.run_import(path), after := engine.articles()))
            known = {name: after[name] for name in DOCUMENTS}
            assert not mutation.complete or not any(is_missing for _, is_missing, _ in known.values()), (
                mutation.description
            )
            assert not mutation.exact or all(after[n][2] == text for n, text in DOCUMENTS.items()), (
                mutation.description
            )
        assert results[0] == results[1], mutation.description
    for engine in engines:
        assert engine.run("db", "verify").exit_code == 0
        engine.store.engine.dispose()


class _Engine:
    """A store on one engine, and the command for it."""

    def __init__(self, request: pytest.FixtureRequest, engine: str, folder: Path) -> None:
        request_for_engine = SimpleNamespace(
            param=engine, getfixturevalue=request.getfixturevalue, addfinalizer=request.addfinalizer
        )
        self.store = make_store(request_for_engine, folder)  # type: ignore[arg-type]
        self._database = self.store.backend.url.render_as_string(hide_password=False)

    def run(self, *arguments: str) -> Result:
        return CliRunner().invoke(cli, ["--database", self._database, *arguments])

    def run_import(self, path: Path) -> tuple[int, list[tuple[object, ...]]]:
        """Import a file. Return the exit code and the open issues."""
        result = self.run("import", str(path), "--source", "s")
        assert result.exit_code in (0, 1, 3), result.output
        assert "internal error" not in result.output
        issues = self.run("issues", "--format", "json").stdout
        assert "internal_error" not in issues
        open_issues = [(i["path"], i["severity"], i["code"], i["message"]) for i in json.loads(issues)]
        assert (result.exit_code == 3) is any(
            severity == "error" for _, severity, *_ in open_issues
        ) or result.exit_code == 1
        return result.exit_code, sorted(open_issues)

    def articles(self) -> dict[str, tuple[str | None, bool, bytes]]:
        """Return the title, the missing state and the bytes of each article, by its path."""
        query = sa.select(articles.c.path, articles.c.title, articles.c.missing_since, documents.c.content)
        with self.store.reading() as connection:
            rows = connection.execute(query.join(documents, documents.c.article_id == articles.c.id)).all()
        return {path: (title, since is not None, content) for path, title, since, content in rows}


#: Sizes of the small and the large archive of each kind in bytes, and the maximum factor between their times.
SMALL, LARGE, MAX_FACTOR = 1 << 17, 1 << 19, 10

#: Number of measurements before a kind counts as slow.
ATTEMPTS = 5


@pytest.mark.parametrize("kind", CRAFTED)
def test_no_archive_takes_more_than_linear_time(tmp_path: Path, kind: str) -> None:
    name, make = CRAFTED[kind]
    files = []
    for size in (SMALL, LARGE):
        files.append(tmp_path / str(size) / name)
        files[-1].parent.mkdir()
        files[-1].write_bytes(make(size))
    small, large = math.inf, math.inf
    for _ in range(ATTEMPTS):  # on a busy machine, single measurements can be slow
        small, large = min(small, _measure_seconds(files[0])), min(large, _measure_seconds(files[1]))
        if large < MAX_FACTOR * max(small, 0.05):
            return
    pytest.fail(f"{small:.3f} s for {SMALL:,} bytes, {large:.3f} s for {LARGE:,}")


def _measure_seconds(file: Path) -> float:
    """Return the processor time of scanning an archive, in seconds."""
    started = time.process_time()
    with suppress(ImportFailed), Archive(file) as tree:
        tree.scan()
    return time.process_time() - started
