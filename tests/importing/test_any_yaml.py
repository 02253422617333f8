"""Import any YAML value in any field: the result is rows or an issue, and no import fails as a whole.

`CURATION_DOCUMENTS` is the number of documents (300 by default). 20,000 take seven minutes of CPU.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from hypothesis import given, settings, strategies as st

from curation.cli import cli
from curation.documents.entries import Image
from curation.documents.parsing import parse_article, parse_organization
from curation.importing.reading.files import read_files
from curation.importing.reading.rows import FACTS
from curation.importing.reading.tasks import OutcomeKind, Task
from curation.scanning import File, Kind
from curation.store.database import Store
from curation.store.schema import articles, documents, files, images, taxonomy_documents

from ..support.any_yaml import Values, write_site
from ..support.exporting_helpers import read_documents
from ..support.killed_imports import Place
from ..support.store_comparison import count, differences, rows

DOCUMENTS = int(os.environ.get("CURATION_DOCUMENTS", "300"))

#: Documents of one site: few enough to find a problem, many enough to share images and names.
SITE_SIZE = 1_000

Command = Callable[..., Result]


class Engine:
    """A store on one engine, and the command line for it."""

    def __init__(self, database: str) -> None:
        self.database = database
        self.store = Store(database)

    def run(self, *arguments: str) -> Result:
        result = CliRunner().invoke(cli, ["--database", self.database, *arguments])
        assert result.exit_code in (0, 3), f"{arguments}: {result.output}"
        assert "Traceback" not in result.output
        return result


@pytest.fixture
def new_engine(
    request: pytest.FixtureRequest, sqlite_template: Path, tmp_path: Path
) -> Iterator[Callable[[str], Engine]]:
    """Return a function that makes empty stores."""
    made: list[Engine] = []

    def make(engine: str) -> Engine:
        if engine == "sqlite":
            file = shutil.copy(sqlite_template, tmp_path / f"store-{len(made)}.db")
            made.append(Engine(str(file)))
        else:
            made.append(Engine(Place(request, tmp_path, engine).new()))
        return made[-1]

    yield make
    for one in made:
        one.store.engine.dispose()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(-(-DOCUMENTS // SITE_SIZE)))
def test_no_value_ends_an_import(new_engine: Callable[[str], Engine], tmp_path: Path, seed: int) -> None:
    root, values = tmp_path / "site", Values(Random(seed))
    engines = [new_engine("sqlite"), new_engine("postgresql")]
    size = min(SITE_SIZE, DOCUMENTS)
    for turn, numbers in enumerate((range(size), range(size // 3))):  # new, then some of them changed
        write_site(root, values, numbers)
        fresh = new_engine("sqlite")
        fresh.run("import", str(root))
        for number, engine in enumerate(engines):
            engine.run("import", str(root))
            assert_imported(engine, root, tmp_path / f"out-{turn}-{number}")
            found = differences(engine.store, fresh.store)
            # If the configuration is wrong, the settings that were read before are kept.
            assert [line for line in found if not line.startswith("source_settings:")][:3] == []


def assert_imported(engine: Engine, root: Path, out: Path) -> None:
    """Check that a store is valid and exports every document byte for byte."""
    assert rows(engine.store, sa.text("SELECT * FROM import_issues WHERE code = 'internal_error'")) == []
    assert engine.run("db", "verify").exit_code == 0
    assert read_images(engine.store) == derive_images(engine.store)
    again = engine.run("import", str(root), "--full")
    assert " 0 added, 0 updated," in again.output
    engine.run("export", "files", str(out))
    kept = set(rows(engine.store, sa.select(files.c.path).where(files.c.state == "imported")))
    assert count(engine.store, documents) > 0
    written, was = read_documents(out), read_documents(root)
    assert {path: written.get(path) for (path,) in kept} == {path: was[path] for (path,) in kept}
    for name in ("images", "providers", "topics", "clusters", "review"):
        assert engine.run("report", name, "--format", "csv").exit_code == 0


def read_images(store: Store) -> dict[str, tuple[object, ...]]:
    query = sa.select(images.c.url, *(images.c[name] for name in FACTS))
    return {url: tuple(facts) for url, *facts in rows(store, query)}


def derive_images(store: Store) -> dict[str, tuple[object, ...]]:
    """Return the values of the first use of each image.

    Articles come first, then their links, by path. Organizations come last.
    """
    query = sa.select(documents.c.content).join(articles).order_by(articles.c.path)
    query = query.where(articles.c.missing_since.is_(None))  # another document may have taken its place
    read = [document for (content,) in rows(store, query) if (document := parse_article(bytes(content)))]
    notes = sa.select(taxonomy_documents.c.content).where(taxonomy_documents.c.kind == "organization")
    shown: list[Image] = [image for document in read for image in document.images]
    shown += [image for document in read for link in document.related for image in link.images]
    last: dict[object, Sequence[Image]] = {}
    for (note,) in rows(store, notes.order_by(taxonomy_documents.c.path)):
        organization = parse_organization(bytes(note))
        if organization:
            last[organization.provider] = organization.images
    shown += [image for listed in last.values() for image in listed]
    return {image.url: image[1:6] for image in reversed(shown)}


@settings(max_examples=max(300, DOCUMENTS // 10))
@given(st.randoms(use_true_random=False))
def test_any_value_gives_rows_or_an_issue(random: Random) -> None:
    values = Values(random)
    for kind, text in (
        (Kind.ARTICLE, values.document()),
        (Kind.ORGANIZATION, values.organization()),
        (Kind.TOPIC, values.topic()),
    ):
        read = read_files([Task(File("_news/a.md", kind, None, None), None, text.encode())])
        [outcome] = read.outcomes
        codes = [issue.code for issue in outcome.issues]
        assert outcome.kind in (OutcomeKind.CHANGED, OutcomeKind.QUARANTINED), text
        assert "internal_error" not in codes, (text, outcome.issues)
        assert codes or outcome.kind is OutcomeKind.CHANGED, text
