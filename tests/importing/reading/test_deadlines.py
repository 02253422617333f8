"""A document that takes its reader for ever, or kills it, is an issue of its file: the import goes on, wherever
files are read, and what the store has of the file stays as it was."""

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
from curation.importing.reading import deadlines, pipeline, processes
from curation.store.database import Store
from curation.store.schema import articles, import_issues

from ...support import stuck_readers
from ...support.cases import some
from ...support.importing_helpers import import_folder
from ...support.places import CHECKOUT

#: Where files are read (here, in processes of ours, by an executor that is given), and what some documents do
#: there. What holds the interpreter's lock, or kills its process, is for processes of ours.
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
def hurried(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Documents are read by readers that some of them are too much for, within a second."""
    for module in (deadlines, pipeline):
        monkeypatch.setattr(module, "read_files", stuck_readers.read_files)
    monkeypatch.setattr(processes, "SECONDS", 1.0)
    monkeypatch.syspath_prepend(str(CHECKOUT))  # processes import `tests.support.stuck_readers`
    yield
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def write_site(root: Path, **does: str) -> Path:
    """Documents a, b, c …, of which some do something to their reader."""
    folder = root / "site" / "_news"
    folder.mkdir(parents=True, exist_ok=True)
    for name in "abcdefgh":
        line = f"do: {does[name]}\n" if name in does else ""
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
def test_a_document_is_refused_and_the_others_are_read(store: Store, tmp_path: Path, place: str) -> None:
    make, does = PLACES[place]
    with make() as executor:
        summary = import_folder(store, write_site(tmp_path, **does), executor=executor)
    assert open_issues(store) == {name: CODES.get(what, "read_timed_out") for name, what in does.items()}
    assert titles(store) == [name for name in "abcdefgh" if name not in does]
    assert (summary.added, summary.quarantined) == (8 - len(does), len(does))


def test_a_thread_other_than_the_main_one_has_a_process_read(store: Store, tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as thread:
        thread.submit(import_folder, store, write_site(tmp_path, c="loop", f="die")).result()
    assert open_issues(store) == {"c": "read_timed_out", "f": "read_crashed"}
    assert titles(store) == list("abdegh")


def test_a_large_file_is_read_by_a_process(store: Store, tmp_path: Path) -> None:
    site = write_site(tmp_path, c="hold")
    with (site / "_news" / "c.md").open("a") as file:
        file.write("x\n" * deadlines.LARGEST_HERE)
    import_folder(store, site)
    assert (open_issues(store), titles(store)) == ({"c": "read_timed_out"}, list("abdefgh"))


def test_files_of_usual_size_start_no_process(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "process_pool", None)
    assert import_folder(store, write_site(tmp_path)).added == 8


@pytest.mark.long
def test_an_article_stays_as_it_was_until_its_file_can_be_read(
    store: Store, tmp_path: Path, curation: Callable[..., Result]
) -> None:
    site = write_site(tmp_path)
    assert curation("import", str(site)).exit_code == 0
    assert curation("unpublish", "_news/c.md").exit_code == 0
    before = json.loads(curation("show", "_news/c.md", "--format", "json").stdout)
    write_site(tmp_path, c="loop")
    for _ in range(2):  # it is tried again, though the file is as it was
        result = curation("import", str(site))
        assert (result.exit_code, open_issues(store)) == (3, {"c": "read_timed_out"})
        assert json.loads(curation("show", "_news/c.md", "--format", "json").stdout) == before
    assert "Traceback" not in result.output
    write_site(tmp_path)
    assert (curation("import", str(site)).exit_code, open_issues(store)) == (0, {})


def test_processes_that_cannot_begin_end_the_import(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_serve", stuck_readers.leave)
    with processes.process_pool(1) as executor, pytest.raises(ImportFailed, match="end as they begin"):
        import_folder(store, write_site(tmp_path), executor=executor)
