"""A document that its reader never finishes, or that crashes it, is an issue of its file.

The import continues, wherever files are read, and the stored version of the file is kept.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.errors import ImportFailed
from curation.importing.reading import pipeline, processes, timeouts
from curation.store.database import Store
from curation.store.schema import articles, import_issues

from ...support import stuck_readers
from ...support.cases import some
from ...support.importing_helpers import import_folder
from ...support.places import CHECKOUT

#: Where files are read (in this process, in a pool of child processes, by an executor that is given), and what
#: some documents do there. Only the pool survives documents that hold the interpreter's lock or kill the process.
PLACES: dict[str, tuple[Callable[[], AbstractContextManager[Executor | None]], dict[str, str]]] = {
    "here": (nullcontext, {"b": "loop", "d": "match", "e": "sleep"}),
    "processes": (
        lambda: processes.process_pool(2),
        {"b": "hold", "c": "die", "d": "match", "f": "crash", "h": "loop"},
    ),
    "threads": (lambda: ThreadPoolExecutor(2), {"c": "nap"}),
}
CODES = {"die": "read_crashed", "crash": "read_crashed"}


@pytest.fixture(autouse=True)
def short_time_limit(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Read documents with `stuck_readers` and a time limit of one second."""
    for module in (timeouts, pipeline):
        monkeypatch.setattr(module, "read_files", stuck_readers.read_files)
    monkeypatch.setattr(processes, "MAX_SECONDS", 1.0)
    monkeypatch.syspath_prepend(str(CHECKOUT))  # processes import `tests.support.stuck_readers`
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def write_site(root: Path, **actions: str) -> Path:
    """Write the documents a to h, of which some do something to their reader."""
    folder = root / "site" / "_news"
    folder.mkdir(parents=True, exist_ok=True)
    for name in "abcdefgh":
        line = f"do: {actions[name]}\n" if name in actions else ""
        (folder / f"{name}.md").write_text(f"---\ntitle: {name}\n{line}---\nbody of {name}\n")
    return root / "site"


def titles(store: Store) -> list[str | None]:
    with store.reading() as connection:
        query = sa.select(articles.c.title).where(articles.c.missing_since.is_(None))
        return list(connection.scalars(query.order_by(articles.c.path)))


def open_issues(store: Store) -> dict[str, str]:
    table = import_issues.c
    query = sa.select(table.path, table.code).where(table.resolved_import_id.is_(None))
    with store.reading() as connection:
        return {Path(path).stem: code for path, code in connection.execute(query)}


@pytest.mark.parametrize("place", some(PLACES))
def test_a_document_is_quarantined_and_the_others_are_read(store: Store, tmp_path: Path, place: str) -> None:
    make_executor, actions = PLACES[place]
    with make_executor() as executor:
        summary = import_folder(store, write_site(tmp_path, **actions), executor=executor)
    assert open_issues(store) == {
        name: CODES.get(action, "read_timed_out") for name, action in actions.items()
    }
    assert titles(store) == [name for name in "abcdefgh" if name not in actions]
    assert (summary.added, summary.quarantined) == (8 - len(actions), len(actions))


def test_a_thread_other_than_the_main_one_has_a_process_read(store: Store, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(import_folder, store, write_site(tmp_path, c="loop", f="die")).result()
    assert open_issues(store) == {"c": "read_timed_out", "f": "read_crashed"}
    assert titles(store) == list("abdegh")


def test_a_large_file_is_read_by_a_process(store: Store, tmp_path: Path) -> None:
    site = write_site(tmp_path, c="hold")
    with (site / "_news" / "c.md").open("a") as file:
        file.write("x\n" * timeouts.MAX_LOCAL_BYTES)
    import_folder(store, site)
    assert (open_issues(store), titles(store)) == ({"c": "read_timed_out"}, list("abdefgh"))


def test_files_of_usual_size_start_no_process(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "process_pool", None)
    assert import_folder(store, write_site(tmp_path)).added == 8


@pytest.mark.slow
def test_an_article_stays_as_it_was_until_its_file_can_be_read(
    store: Store, tmp_path: Path, curation: Callable[..., Result]
) -> None:
    site = write_site(tmp_path)
    assert curation("import", str(site)).exit_code == 0
    assert curation("unpublish", "_news/c.md").exit_code == 0
    before = json.loads(curation("show", "_news/c.md", "--format", "json").stdout)
    write_site(tmp_path, c="loop")
    for _ in range(2):  # it is read again, although the file is unchanged
        result = curation("import", str(site))
        assert (result.exit_code, open_issues(store)) == (3, {"c": "read_timed_out"})
        assert json.loads(curation("show", "_news/c.md", "--format", "json").stdout) == before
    assert "Traceback" not in result.output
    write_site(tmp_path)
    assert (curation("import", str(site)).exit_code, open_issues(store)) == (0, {})


def test_processes_that_cannot_start_end_the_import(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_serve", stuck_readers.exit_at_once)
    with processes.process_pool(1) as executor, pytest.raises(ImportFailed, match="exit at startup"):
        import_folder(store, write_site(tmp_path), executor=executor)
