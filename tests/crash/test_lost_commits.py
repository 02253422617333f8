"""Whatever becomes of a COMMIT or its answer, what the user is told is true: nothing is lost, nothing doubled.

`CURATION_CUTS` is how often a connection is cut (28).
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.interrupts import Outcome
from curation.store.database import Store
from curation.store.schema import articles, changesets, source_settings, sources, units_of_work
from curation.verifying.run import verify

from ..support.cases import few_or_many
from ..support.commit_proxy import AFTER, BEFORE, DURING, UNANSWERED, WITHHELD, Plan, Proxy, proxied
from ..support.killed_imports import Ended, Imports, change_dump, make_dump, opened
from ..support.stores import new_database

CUTS = int(os.environ.get("CURATION_CUTS", "28"))
#: Seconds within which a command ends after a signal; and what a machine that does much else adds.
SOON, SLACK = 2.0, float(os.environ.get("CURATION_SLACK", "1"))
SEED = int(os.environ.get("CURATION_SEED", "3"))

DONE_OR_NOT = "may have been done"
AGAIN = re.compile("[Rr]un (this|the command) again")


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two days of a dump."""
    folder = tmp_path_factory.mktemp("dumps")
    make_dump(folder / "0", 100)
    shutil.copytree(folder / "0", folder / "1")
    change_dump(folder / "1", random.Random(SEED))
    return [folder / "0", folder / "1"]


class World:
    """A store that is reached through a proxy, and straight."""

    def __init__(self, proxy: Proxy, database: str, started: Imports) -> None:
        self.proxy, self.started, self.straight = proxy, started, database
        self.through = f"{proxy.url}/{database.rpartition('/')[2]}"

    def run(self, *command: object, database: str | None = None) -> Ended:
        ended = self.started.run("--database", database or self.straight, *command)
        assert "Traceback" not in ended.err, ended.err
        return ended

    def count(self, query: sa.Select[int]) -> int:
        with opened(self.straight) as store, store.reading() as connection:
            return connection.scalar(query) or 0

    def changesets(self) -> int:
        return self.count(sa.select(sa.func.count()).select_from(changesets))

    def heat(self) -> int:
        return self.count(sa.select(articles.c.heat).where(articles.c.id == 1))


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dumps: list[Path]
) -> Iterator[World]:
    url, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("url", "template"))
    with Imports(tmp_path_factory.mktemp("started")) as started, proxied(url) as proxy:
        made = World(proxy, new_database(url, f" TEMPLATE {template}"), started)
        made.run("import", dumps[0], "--source", "site", "--jobs", 1)
        made.run("set", 1, "--heat", 41)
        yield made


@dataclass(frozen=True)
class Work:
    """A command, and whether the store is as it is after doing it once."""

    command: tuple[object, ...]
    is_once: Callable[[], bool]
    is_import: bool = False


def edit(world: World, _: random.Random) -> Work:
    heat, count = world.heat(), world.changesets()
    return Work(
        ("set", 1, "--heat", "+=10"), lambda: (world.heat(), world.changesets()) == (heat + 10, count + 1)
    )


def revert(world: World, chance: random.Random) -> Work:
    heat = world.heat()
    world.run("set", 1, "--heat", f"+{chance.randint(1, 9)}")
    count = world.changesets()
    last = world.count(sa.select(sa.func.max(changesets.c.id)))
    return Work(("revert", last), lambda: (world.heat(), world.changesets()) == (heat, count + 1))


def setting(world: World, chance: random.Random) -> Work:
    title, bonus = f"T{chance.randint(0, 10**9)}", chance.randint(1, 10**9)
    given = sa.select(sa.func.count()).select_from(source_settings).where(source_settings.c.value == title)
    ruled = sa.select(sa.func.count()).select_from(sources).where(sources.c.related_bonus == bonus)
    command = ("source", "set", "site", "--title", title, "--related-bonus", bonus)
    return Work(command, lambda: (world.count(given), world.count(ruled)) == (1, 1))


def importing(dumps: list[Path]) -> Callable[[World, random.Random], Work]:
    days = [1]

    def make(world: World, _: random.Random) -> Work:
        day = days[0]
        days[0] = 1 - day
        once = world.count(sa.select(sa.func.max(changesets.c.id)))

        def is_once() -> bool:
            made = world.count(
                sa.select(sa.func.count()).where(changesets.c.id > once, changesets.c.kind == "import")
            )
            again = world.run("import", dumps[day], "--source", "site", "--jobs", 1)
            return made >= 1 and " 0 added, 0 updated" in again.out

        return Work(("import", dumps[day], "--source", "site", "--jobs", 1), is_once, is_import=True)

    return make


def follow(world: World, work: Work, ended: Ended) -> str:
    """Does what the user is told to do; returns what that was."""
    if ended.status in (0, 3):
        return "done"
    assert ended.err.count("\n") == 1, ended.err
    if DONE_OR_NOT in ended.err:
        assert not work.is_import
        if work.is_once():  # as `curation log` tells
            return "looked: done"
        world.run(*work.command)
        return "looked: not done"
    assert AGAIN.search(ended.err), ended.err
    assert world.run(*work.command).status in (0, 3)
    return "again"


@few_or_many("cuts", 2, CUTS)
def test_a_connection_cut_around_commit_loses_and_doubles_nothing(
    world: World, dumps: list[Path], cuts: int
) -> None:
    chance, outcomes = random.Random(SEED), Counter[str]()
    kinds = {"edit": edit, "revert": revert, "setting": setting, "import": importing(dumps)}
    points = [BEFORE, DURING, AFTER]
    for number in range(cuts):
        kind = list(kinds)[number % len(kinds)]
        work = kinds[kind](world, chance)
        plan = Plan(
            points[number // len(kinds) % 3],
            number=chance.randint(1, 3) if work.is_import else 1,
            is_half=number % 7 != 6 and chance.random() < 0.5,
            is_away=number % 7 == 6,
        )
        world.proxy.plan = plan
        ended = world.run(*work.command, database=world.through)
        world.proxy.plan = None
        told = follow(world, work, ended)
        outcomes[f"{plan.point}{' and away' if plan.is_away else ''}, {kind}: {told}"] += 1
        assert work.is_once(), (kind, plan, ended, told)
        if plan.reached.is_set() and not plan.is_away and kind in ("edit", "revert"):
            assert told == ("again" if plan.point == BEFORE else "done"), (plan, ended)
    print(f"{cuts} cuts: {dict(sorted(outcomes.items()))}")
    with opened(world.straight) as store, store.reading() as connection:
        assert list(verify(connection)) == []


@pytest.mark.parametrize("point", [UNANSWERED, WITHHELD])
@pytest.mark.parametrize("is_away", [False, True], ids=["there", "away"])
def test_ctrl_c_during_commit_says_what_became_of_it(world: World, point: str, is_away: bool) -> None:
    work = edit(world, random.Random(SEED))
    world.proxy.plan = plan = Plan(point, is_away=is_away)
    process = world.started.start("--database", world.through, *work.command)
    assert plan.reached.wait(20)
    begun = time.monotonic()
    process.kill(group=True, by=signal.SIGINT)
    ended = process.wait()
    seconds = time.monotonic() - begun
    world.proxy.plan = None
    told = follow(world, work, ended)
    assert work.is_once(), (ended, told)
    assert seconds < SOON + SLACK
    if is_away:
        assert told.startswith("looked")
    else:
        assert told == ("done" if point == UNANSWERED else "again"), ended


def test_a_dry_run_leaves_no_key_and_old_keys_go(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def keys() -> int:
        with store.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(units_of_work)) or 0

    # Which key is drawn says whether old keys go.
    monkeypatch.setattr("curation.store.database.os.urandom", lambda size: b"\x01" * size)
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE units_of_work SET finished_at = '2020-01-01 00:00:00'"))
        connection.execute(
            sa.insert(units_of_work), [{"key": f"old {n}", "finished_at": _day(2020)} for n in range(3)]
        )
    before = keys()
    assert before >= 4
    with store.writing() as connection:
        connection.rollback()
    assert keys() == before
    monkeypatch.setattr("curation.store.database.os.urandom", lambda size: bytes(size))
    with store.writing() as connection:
        connection.execute(sa.select(1))
    assert keys() < before - 1


def _day(year: int) -> object:
    import datetime as dt

    return dt.datetime(year, 1, 1, tzinfo=dt.UTC)


def test_an_interruption_after_commit_is_no_reason_to_run_again(store: Store) -> None:
    """Ctrl-C in another program that uses the package comes when sqlite3 or psycopg has committed."""
    from curation.store import database

    seen = []
    look_up = database._look_up

    def looked_up(*arguments: object) -> object:
        seen.append(look_up(*arguments))  # type: ignore[arg-type]
        return seen[-1]

    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):  # noqa: PT012
        patch.setattr(database, "_look_up", looked_up)
        with store.writing() as connection:
            transaction = connection.get_transaction()
            assert transaction is not None
            sa.event.listen(store.engine, "commit", _commit_and_raise, once=True)
    assert seen == [Outcome.DONE]


def _commit_and_raise(connection: sa.Connection) -> None:
    connection.connection.driver_connection.commit()  # type: ignore[union-attr]
    raise KeyboardInterrupt
