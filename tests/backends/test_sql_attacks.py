"""What hostile SQL gets: nothing. `sql_attacks.py` is the table of attacks and of how each ends."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from curation.backends.queries import SECRET_TABLES
from curation.cli import cli
from curation.store import migrate
from curation.store.database import Store
from curation.store.descriptions import find_views
from curation.store.schema import metadata

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.sql_attacks import ATTACKS, Attack
from ..support.store_digest import digests

#: What no output may have, as it is, in hexadecimal or in Base64: planted in a `secured` of now, in an
#: earlier one, in what only the bytes of a taxonomy document hold, and in a large object.
MARKER = "Sq7secret9Kd"
MARKED = re.compile(f"{MARKER}|{MARKER.encode().hex()}|U3E3c2VjcmV0OUtk", re.IGNORECASE)

ARTICLE = "_news/2023-03-01-storm-agatha-meets-the-breakwater.md"

WHO = ("sqlite", "reader", "owner", "superuser")


@dataclass
class OutputFolder:
    """A store, as some role asks it; `watch` is the store as one who may read all."""

    database: str
    watch: Store
    folder: Path
    names: Mapping[str, object]
    digests: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def state(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """What all tables hold, and what all files of the folder do, but those that come and go with a reader."""
        files = {
            str(file): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in self.folder.rglob("*")
            if file.is_file() and not file.name.endswith(("-wal", "-shm"))
        }
        return digests(self.watch), files


def fill(store: Store, folder: Path) -> None:
    """Imports the site twice, with another `secured` and another heat the second time."""
    site = Path(shutil.copytree(SITE, folder / "site"))
    article, plain = site / ARTICLE, (site / ARTICLE).read_text()
    organization = next((site / "_data" / "organizations").iterdir())
    organization.write_text(organization.read_text().replace("\n", f"\n# {MARKER}\n", 1))
    for secured, heat in (("first", 11), ("second", 12)):
        told = re.sub(r"^(secured|heat):.*\n", "", plain, flags=re.MULTILINE)
        article.write_text(told.replace("\n", f'\nheat: {heat}\nsecured: "{MARKER} {secured}"\n', 1))
        import_folder(store, site)
    with store.reading() as connection:
        held = connection.scalar(sa.text("SELECT count(*) FROM file_versions WHERE delta IS NOT NULL"))
    assert held


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the server may write to, whichever user it runs as."""
    with tempfile.TemporaryDirectory(prefix="curation-attacks-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture(scope="module")
def sqlite_target(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> OutputFolder:
    store = Store(str(folder / "store.db"))
    migrate.upgrade(store)
    fill(store, tmp_path_factory.mktemp("filled"))
    with store.writing() as connection:
        connection.execute(sa.text("CREATE VIEW leaking_view AS SELECT content FROM documents"))
    with closing(store.engine.raw_connection()) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    names = {
        "big": "printf('%15000000d', 1)", "all": "group_concat", "owner": "x", "object": 1, "toast": "x",
        "unclosed": "json(replace(printf('%900000d', 1), ' ', '['))",
    }  # fmt: skip
    return OutputFolder(str(folder / "store.db"), store, folder, names)


@pytest.fixture(scope="module")
def server_store(postgresql_url: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that a role of its own made, and a reader's rights on it as a DBA would grant them."""
    with psycopg.connect(f"{postgresql_url}/postgres", autocommit=True) as connection:
        connection.execute("CREATE ROLE attacked_owner LOGIN")
        connection.execute("CREATE ROLE attacking_reader LOGIN")
        connection.execute("CREATE DATABASE attacked OWNER attacked_owner")
    store = Store(f"{postgresql_url.replace('curation@', 'attacked_owner@')}/attacked")
    migrate.upgrade(store)
    fill(store, tmp_path_factory.mktemp("filled"))
    open_to_all = [*(metadata.tables.keys() - SECRET_TABLES), *(view.name for view in find_views())]
    with store.writing() as connection:
        for statement in (
            f"GRANT SELECT ON curation_version, article_search, {', '.join(open_to_all)} TO attacking_reader",
            "CREATE VIEW leaking_view AS SELECT content FROM documents",
            "CREATE FUNCTION leaking_function() RETURNS SETOF bytea LANGUAGE sql SECURITY DEFINER AS 'TABLE leaking_view'",
            "GRANT SELECT ON leaking_view TO attacking_reader",
        ):
            connection.execute(sa.text(statement))
    with psycopg.connect(f"{postgresql_url}/attacked", autocommit=True) as connection:
        connection.execute("ANALYZE")
    return store


@pytest.fixture(scope="module")
def server_names(server_store: Store, postgresql_url: str) -> Mapping[str, object]:
    with psycopg.connect(f"{postgresql_url}/attacked", autocommit=True) as connection:
        [large] = connection.execute("SELECT lo_from_bytea(0, %s)", [MARKER.encode()]).fetchone() or (0,)
        [toast] = connection.execute(
            "SELECT reltoastrelid::regclass::text FROM pg_class WHERE oid = 'documents'::regclass"
        ).fetchone() or ("",)
    return {
        "big": "repeat('x', 15000000)", "all": "string_agg", "owner": "attacked_owner", "object": large,
        "toast": toast, "unclosed": "repeat('[', 100000)::json",
    }  # fmt: skip


@pytest.fixture(scope="module")
def targets() -> dict[str, OutputFolder]:
    return {}


@pytest.fixture
def target(request: pytest.FixtureRequest, targets: dict[str, OutputFolder], folder: Path) -> OutputFolder:
    """Who asks, made when first wanted: without PostgreSQL, SQLite is attacked all the same."""
    who = request.param
    if who not in targets:
        targets[who] = _target(request, who, folder)
        targets[who].digests, targets[who].files = targets[who].state()
    return targets[who]


def _target(request: pytest.FixtureRequest, who: str, folder: Path) -> OutputFolder:
    if who == "sqlite":
        made: OutputFolder = request.getfixturevalue("sqlite_target")
        return made
    url, watch = request.getfixturevalue("postgresql_url"), request.getfixturevalue("server_store")
    role = {"reader": "attacking_reader", "owner": "attacked_owner", "superuser": "curation"}[who]
    database = f"{url.replace('curation@', f'{role}@')}/attacked"
    return OutputFolder(database, watch, folder, request.getfixturevalue("server_names"))


@contextmanager
def _session(database: str) -> Iterator[int]:
    """A session to be ended, by its number; without a database there is none."""
    if "://" not in database:
        yield 0
        return
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection.info.backend_pid


def run_query(target: OutputFolder, attack: Attack, timeout: int, **sessions: int) -> Result:
    sql = attack.sql
    for name, value in {**target.names, "folder": target.folder, **sessions}.items():
        sql = sql.replace(f"{{{name}}}", str(value))
    arguments = ["--database", target.database, "sql", "--timeout", str(timeout), "--format", "jsonl"]
    return CliRunner().invoke(cli, [*arguments, *attack.parameters, "--", sql])


def outcome(ended: Result) -> str:
    """The letter of how it ended."""
    told = [line for line in ended.stderr.splitlines() if not line.startswith("warning: ")]
    if ended.exit_code == 0:
        assert told == []
        return "A"
    assert ended.exit_code == 1, ended.output
    assert told[0].startswith("Error: ")
    assert len(told) in (1, 3), told  # with the line of the query and the mark below it
    assert "internal error" not in ended.stderr
    return "T" if "longer than" in told[0] else "R"


#: Who attacks with what: all with all under CURATION_FULL=1, else the owner and the superuser with every
#: fifth, and with what is let through.
ASKED = [
    pytest.param(who, attack, id=f"{who}-{attack.name}", marks=() if number % 10 == 0 else pytest.mark.long)
    for who, place in zip(WHO, range(len(WHO)), strict=True)
    for number, attack in enumerate(ATTACKS)
    if (wanted := attack.outcomes[place]) != "."
    and (os.environ.get("CURATION_FULL") or place < 2 or wanted == "L" or number % 5 == 0)
]


@pytest.mark.parametrize(("target", "attack"), ASKED, indirect=["target"])
def test_an_attack_ends_as_the_table_says(
    target: OutputFolder, attack: Attack, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = request.node.callspec.params["target"]
    wanted = attack.outcomes[WHO.index(who)]
    monkeypatch.setenv("TMPDIR", str(target.folder))
    superuser = f"{request.getfixturevalue('postgresql_url')}/postgres" if "{victim}" in attack.sql else ""
    with (
        _session(superuser) as victim,
        _session(target.database if "{colleague}" in attack.sql else "") as colleague,
    ):
        ended = run_query(target, attack, 1 if wanted in "TS" else 30, victim=victim, colleague=colleague)
    print(ended.stderr)  # for whoever looks at a failure
    assert outcome(ended) in {"S": "TR", "L": "AR"}.get(wanted, wanted)
    is_warned = ended.stderr.startswith("warning: ")
    assert is_warned == (who in ("owner", "superuser"))
    if wanted == "L":
        (target.folder / "exported").unlink(missing_ok=True)
    else:
        assert not MARKED.search(ended.output)
    assert target.state() == (target.digests, target.files)


def test_there_are_attacks_enough_and_each_has_a_name() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 60
    assert all(len(attack.outcomes) == len(WHO) for attack in ATTACKS)


def test_what_holds_bytes_of_documents_is_out_of_reach() -> None:
    def holds_bytes(column: sa.Column[object]) -> bool:
        return isinstance(column.type, sa.LargeBinary) and column.type.length is None

    assert {
        table.name for table in metadata.tables.values() if any(map(holds_bytes, table.c))
    } == SECRET_TABLES
