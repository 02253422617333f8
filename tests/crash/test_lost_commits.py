"""If a COMMIT or its answer is lost, the messages are true, and no work is lost or done twice.

The environment variable `CURATION_CUTS` is how often a connection is cut (default 28).
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

from ..support.commit_proxy import AFTER, BEFORE, DURING, UNANSWERED, WITHHELD, Plan, Proxy, proxied
from ..support.killed_imports import CommandResult, Imports, change_dump, make_dump, opened
from ..support.stores import new_database

CUTS = int(os.environ.get("CURATION_CUTS", "28"))
#: Seconds within which a command ends after a signal, and extra seconds for a busy machine.
EXIT_SECONDS, SLACK = 2.0, float(os.environ.get("CURATION_SLACK", "1"))
SEED = int(os.environ.get("CURATION_SEED", "3"))

DONE_OR_NOT = "may have been done"
RUN_AGAIN = re.compile("[Rr]un (this|the command) again")


@pytest.fixture(scope="module")
def dumps(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two versions of a dump."""
    folder = tmp_path_factory.mktemp("dumps")
    make_dump(folder / "0", 100)
    shutil.copytree(folder / "0", folder / "1")
    change_dump(folder / "1", random.Random(SEED))
    return [folder / "0", folder / "1"]


class ProxiedStore:
    """A store that is reached through a proxy or directly."""

    def __init__(self, proxy: Proxy, database: str, started: Imports) -> None:
        self.proxy, self.started, self.direct_url = proxy, started, database
        self.proxied_url = f"{proxy.url}/{database.rpartition('/')[2]}"

    def run(self, *command: object, database: str | None = None) -> CommandResult:
        result = self.started.run("--database", database or self.direct_url, *command)
        assert "Traceback" not in result.err, result.err
        return result

    def count(self, query: sa.Select[int]) -> int:
        with opened(self.direct_url) as store, store.reading() as connection:
            return connection.scalar(query) or 0

    def changesets(self) -> int:
        return self.count(sa.select(sa.func.count()).select_from(changesets))

    def heat(self) -> int:
        return self.count(sa.select(articles.c.heat).where(articles.c.id == 1))


@pytest.fixture(scope="module")
def world(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, dumps: list[Path]
) -> Iterator[ProxiedStore]:
    url, template = (request.getfixturevalue(f"postgresql_{name}") for name in ("url", "template"))
    with Imports(tmp_path_factory.mktemp("started")) as started, proxied(url) as proxy:
        proxied_store = ProxiedStore(proxy, new_database(url, f" TEMPLATE {template}"), started)
        proxied_store.run("import", dumps[0], "--source", "site", "--jobs", 1)
        proxied_store.run("set", 1, "--heat", 41)
        yield proxied_store


@dataclass(frozen=True)
class Step:
    """A command, and a check that it has been done exactly once."""

    command: tuple[object, ...]
    is_done_once: Callable[[], bool]
    is_import: bool = False


def edit(world: ProxiedStore, _: random.Random) -> Step:
    heat, count = world.heat(), world.changesets()
    return Step(
        ("set", 1, "--heat", "+=10"), lambda: (world.heat(), world.changesets()) == (heat + 10, count + 1)
    )


def revert(world: ProxiedStore, rng: random.Random) -> Step:
    heat = world.heat()
    world.run("set", 1, "--heat", f"+{rng.randint(1, 9)}")
    count = world.changesets()
    last = world.count(sa.select(sa.func.max(changesets.c.id)))
    return Step(("revert", last), lambda: (world.heat(), world.changesets()) == (heat, count + 1))


def setting(world: ProxiedStore, rng: random.Random) -> Step:
    title, bonus = f"T{rng.randint(0, 10**9)}", rng.randint(1, 10**9)
    setting_count = (
        sa.select(sa.func.count()).select_from(source_settings).where(source_settings.c.value == title)
    )
    source_count = sa.select(sa.func.count()).select_from(sources).where(sources.c.related_bonus == bonus)
    command = ("source", "set", "site", "--title", title, "--related-bonus", bonus)
    return Step(command, lambda: (world.count(setting_count), world.count(source_count)) == (1, 1))


def importing(dumps: list[Path]) -> Callable[[ProxiedStore, random.Random], Step]:
    days = [1]

    def make(world: ProxiedStore, _: random.Random) -> Step:
        day = days[0]
        days[0] = 1 - day
        once = world.count(sa.select(sa.func.max(changesets.c.id)))

        def is_done_once() -> bool:
            count = world.count(
                sa.select(sa.func.count()).where(changesets.c.id > once, changesets.c.kind == "import")
            )
            again = world.run("import", dumps[day], "--source", "site", "--jobs", 1)
            return count >= 1 and " 0 added, 0 updated" in again.out

        return Step(("import", dumps[day], "--source", "site", "--jobs", 1), is_done_once, is_import=True)

    return make


def follow_message(world: ProxiedStore, step: Step, result: CommandResult) -> str:
    """Do what the error message recommends, and return what that was."""
    if result.status in (0, 3):
        return "done"
    assert result.err.count("\n") == 1, result.err
    if DONE_OR_NOT in result.err:
        assert not step.is_import
        if step.is_done_once():  # as `curation log` shows
            return "looked: done"
        world.run(*step.command)
        return "looked: not done"
    assert RUN_AGAIN.search(result.err), result.err
    assert world.run(*step.command).status in (0, 3)
    return "again"


def test_a_connection_cut_around_commit_loses_and_doubles_nothing(
    world: ProxiedStore, dumps: list[Path]
) -> None:
    rng, outcomes = random.Random(SEED), Counter[str]()
    kinds = {"edit": edit, "revert": revert, "setting": setting, "import": importing(dumps)}
    points = [BEFORE, DURING, AFTER]
    for number in range(CUTS):
        kind = list(kinds)[number % len(kinds)]
        step = kinds[kind](world, rng)
        plan = Plan(
            points[number // len(kinds) % 3],
            number=rng.randint(1, 3) if step.is_import else 1,
            is_half=number % 7 != 6 and rng.random() < 0.5,
            is_away=number % 7 == 6,
        )
        world.proxy.plan = plan
        result = world.run(*step.command, database=world.proxied_url)
        world.proxy.plan = None
        outcome = follow_message(world, step, result)
        outcomes[f"{plan.point}{' and away' if plan.is_away else ''}, {kind}: {outcome}"] += 1
        assert step.is_done_once(), (kind, plan, result, outcome)
        if plan.reached.is_set() and not plan.is_away and kind in ("edit", "revert"):
            assert outcome == ("again" if plan.point == BEFORE else "done"), (plan, result)
    print(f"{CUTS} cuts: {dict(sorted(outcomes.items()))}")
    with opened(world.direct_url) as store, store.reading() as connection:
        assert list(verify(connection)) == []


@pytest.mark.parametrize("point", [UNANSWERED, WITHHELD])
@pytest.mark.parametrize("is_away", [False, True], ids=["there", "away"])
def test_ctrl_c_during_commit_reports_the_outcome(world: ProxiedStore, point: str, is_away: bool) -> None:
    step = edit(world, random.Random(SEED))
    world.proxy.plan = plan = Plan(point, is_away=is_away)
    process = world.started.start("--database", world.proxied_url, *step.command)
    assert plan.reached.wait(20)
    started_at = time.monotonic()
    process.kill(group=True, by=signal.SIGINT)
    result = process.wait()
    seconds = time.monotonic() - started_at
    world.proxy.plan = None
    outcome = follow_message(world, step, result)
    assert step.is_done_once(), (result, outcome)
    assert seconds < EXIT_SECONDS + SLACK
    if is_away:
        assert outcome.startswith("looked")
    else:
        assert outcome == ("done" if point == UNANSWERED else "again"), result


def test_a_dry_run_leaves_no_key_and_old_keys_are_deleted(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def keys() -> int:
        with store.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(units_of_work)) or 0

    # The random key decides whether old keys are deleted.
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


def test_an_interruption_after_commit_looks_up_the_outcome(store: Store) -> None:
    """In another program that uses the package, Ctrl-C may come right after the driver has committed."""
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
