"""Malicious SQL does no harm. `tests/support/sql_attacks.py` lists the attacks and their expected outcomes."""

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

#: A text that no output may have, also not in hexadecimal or Base64. It is in a `secured` value, in an earlier
#: version, in the bytes of a taxonomy document, and in a large object.
MARKER = "Sq7secret9Kd"
MARKED = re.compile(f"{MARKER}|{MARKER.encode().hex()}|U3E3c2VjcmV0OUtk", re.IGNORECASE)

ARTICLE = "_news/2023-03-01-storm-agatha-meets-the-breakwater.md"

WHO = ("sqlite", "reader", "owner", "superuser")


@dataclass
class AttackTarget:
    """A store as one role sees it; `watch` is the same store with all privileges."""

    database: str
    watch: Store
    folder: Path
    names: Mapping[str, object]
    digests: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)

    def state(self) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Return digests of all tables and of all files of the folder, except those that readers create."""
        files = {
            str(file): hashlib.sha256(file.read_bytes()).hexdigest()
            for file in self.folder.rglob("*")
            if file.is_file() and not file.name.endswith(("-wal", "-shm"))
        }
        return digests(self.watch), files


def fill(store: Store, folder: Path) -> None:
    """Import the site twice, with different `secured` and heat values."""
    site = Path(shutil.copytree(SITE, folder / "site"))
    article, plain = site / ARTICLE, (site / ARTICLE).read_text()
    organization = next((site / "_data" / "organizations").iterdir())
    organization.write_text(organization.read_text().replace("\n", f"\n# {MARKER}\n", 1))
    for secured, heat in (("first", 11), ("second", 12)):
        text = re.sub(r"^(secured|heat):.*\n", "", plain, flags=re.MULTILINE)
        article.write_text(text.replace("\n", f'\nheat: {heat}\nsecured: "{MARKER} {secured}"\n', 1))
        import_folder(store, site)
    with store.reading() as connection:
        deltas = connection.scalar(sa.text("SELECT count(*) FROM file_versions WHERE delta IS NOT NULL"))
    assert deltas


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that the server may write to, as any user."""
    with tempfile.TemporaryDirectory(prefix="curation-attacks-") as name:
        Path(name).chmod(0o777)
        yield Path(name)


@pytest.fixture(scope="module")
def sqlite_target(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> AttackTarget:
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
    return AttackTarget(str(folder / "store.db"), store, folder, names)


@pytest.fixture(scope="module")
def server_store(postgresql_url: str, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """A store that is owned by its own role, with the grants that a DBA would give to a reader."""
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
def targets() -> dict[str, AttackTarget]:
    return {}


@pytest.fixture
def target(request: pytest.FixtureRequest, targets: dict[str, AttackTarget], folder: Path) -> AttackTarget:
    """The target of a role, created on first use, so that SQLite is tested even without PostgreSQL."""
    who = request.param
    if who not in targets:
        targets[who] = _target(request, who, folder)
        targets[who].digests, targets[who].files = targets[who].state()
    return targets[who]


def _target(request: pytest.FixtureRequest, who: str, folder: Path) -> AttackTarget:
    if who == "sqlite":
        made: AttackTarget = request.getfixturevalue("sqlite_target")
        return made
    url, watch = request.getfixturevalue("postgresql_url"), request.getfixturevalue("server_store")
    role = {"reader": "attacking_reader", "owner": "attacked_owner", "superuser": "curation"}[who]
    database = f"{url.replace('curation@', f'{role}@')}/attacked"
    return AttackTarget(database, watch, folder, request.getfixturevalue("server_names"))


@contextmanager
def _session(database: str) -> Iterator[int]:
    """Yield the process id of a session that an attack tries to end; 0 without a server."""
    if "://" not in database:
        yield 0
        return
    with psycopg.connect(database, autocommit=True) as connection:
        yield connection.info.backend_pid


def run_query(target: AttackTarget, attack: Attack, timeout: int, **sessions: int) -> Result:
    sql = attack.sql
    for name, value in {**target.names, "folder": target.folder, **sessions}.items():
        sql = sql.replace(f"{{{name}}}", str(value))
    arguments = ["--database", target.database, "sql", "--timeout", str(timeout), "--format", "jsonl"]
    return CliRunner().invoke(cli, [*arguments, *attack.parameters, "--", sql])


def outcome(ended: Result) -> str:
    """Return the letter of the outcome."""
    lines = [line for line in ended.stderr.splitlines() if not line.startswith("warning: ")]
    if ended.exit_code == 0:
        assert lines == []
        return "A"
    assert ended.exit_code == 1, ended.output
    assert lines[0].startswith("Error: ")
    assert len(lines) in (1, 3), lines  # with the line of the query and the mark below the error
    assert "internal error" not in ended.stderr
    return "T" if "longer than" in lines[0] else "R"


#: Combinations of roles and attacks: all with CURATION_FULL=1. Otherwise the owner and the superuser try every
#: fifth attack, and all that are let through.
CASES = [
    pytest.param(who, attack, id=f"{who}-{attack.name}", marks=() if number % 10 == 0 else pytest.mark.slow)
    for who, place in zip(WHO, range(len(WHO)), strict=True)
    for number, attack in enumerate(ATTACKS)
    if (expected := attack.outcomes[place]) != "."
    and (os.environ.get("CURATION_FULL") or place < 2 or expected == "L" or number % 5 == 0)
]


@pytest.mark.parametrize(("target", "attack"), CASES, indirect=["target"])
def test_attacks_end_as_expected(
    target: AttackTarget, attack: Attack, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    who = request.node.callspec.params["target"]
    expected = attack.outcomes[WHO.index(who)]
    monkeypatch.setenv("TMPDIR", str(target.folder))
    superuser = f"{request.getfixturevalue('postgresql_url')}/postgres" if "{victim}" in attack.sql else ""
    with (
        _session(superuser) as victim,
        _session(target.database if "{colleague}" in attack.sql else "") as colleague,
    ):
        ended = run_query(target, attack, 1 if expected in "TS" else 30, victim=victim, colleague=colleague)
    print(ended.stderr)  # shown for a failed test
    assert outcome(ended) in {"S": "TR", "L": "AR"}.get(expected, expected)
    is_warned = ended.stderr.startswith("warning: ")
    assert is_warned == (who in ("owner", "superuser"))
    if expected == "L":
        (target.folder / "exported").unlink(missing_ok=True)
    else:
        assert not MARKED.search(ended.output)
    assert target.state() == (target.digests, target.files)


def test_attacks_are_many_and_have_unique_names() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS) >= 60
    assert all(len(attack.outcomes) == len(WHO) for attack in ATTACKS)


def test_tables_with_bytes_of_documents_are_secret() -> None:
    def holds_bytes(column: sa.Column[object]) -> bool:
        return isinstance(column.type, sa.LargeBinary) and column.type.length is None

    assert {
        table.name for table in metadata.tables.values() if any(map(holds_bytes, table.c))
    } == SECRET_TABLES
