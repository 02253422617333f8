"""TODO."""

from __future__ import annotations

import datetime as dt
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest

from curation.articles.selecting import Filters, Selection
from curation.editing.flags import set_flags
from curation.store.database import Store

from .importing_helpers import import_folder
from .places import DATA, SITE


@pytest.fixture(
    scope="module",
    params=["site", *(pytest.param(name, marks=pytest.mark.long) for name in ("powerapps", "diablo4"))],
)
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump: the sample site, and the real ones where they lie beside the checkout."""
    if request.param == "site":
        return SITE
    name, part = {"powerapps": ("powerapps", "powerapps"), "diablo4": ("diablo4-snapshots", "03")}[
        request.param
    ]
    archive = DATA / f"{name}.tar.gz"
    if not archive.exists():
        pytest.skip(f"no {archive}")
    folder = tmp_path_factory.mktemp(name)
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / part


def moment(value: Any) -> str | None:
    """An instant as far as both engines tell it alike: to the second, UTC."""
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    if value is None:
        return None
    value = value if value.tzinfo else value.replace(tzinfo=dt.UTC)
    return value.astimezone(dt.UTC).isoformat(" ")[:19]


@pytest.fixture
def edited(store: Store, tmp_path: Path) -> Store:
    """The sample site with decisions, a broken file, and an upstream that parts from a decision."""
    root = Path(shutil.copytree(SITE, tmp_path / "site"))
    import_folder(store, root, source="site", actor="bot")
    with store.writing() as connection:
        news = Selection((), Filters(collection=("news",)))
        set_flags(connection, news, {"heat": 7}, actor="ann", reason="calm")
        one = Selection(["needle-rock-goes-led"])
        set_flags(connection, one, {"quality": 80, "published": 0}, actor="bob", reason=None)
    leader = root / "_news" / "2021-05-28-needle-rock-goes-led.md"
    leader.write_text(leader.read_text().replace("quality: 62", "quality: 99"))
    (root / "_news" / "2020-01-01-broken.md").write_text("---\na: [\n---\n")
    import_folder(store, root, source="site", actor="bot")
    return store
