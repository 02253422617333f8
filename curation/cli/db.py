"""`curation db`: the schema of the store, its soundness, and copies of it."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import interrupts
from ..wording import counted
from .groups import Group
from .options import is_interactive, open_store, reports_found, reports_option
from .output import (
    Output,
    atomic_write,
    chosen_output,
    escape,
    in_a_folder,
    output_options,
    print_rows,
)
from .progress import showing_progress

if TYPE_CHECKING:
    from ..store.descriptions import Relation
    from ..verifying.findings import Finding


@click.group("db", cls=Group)
def db_command() -> None:
    """Looks after the store: its schema, its soundness, and copies of it."""


@db_command.command("upgrade")
@click.argument("revision", default="head")
def upgrade_command(revision: str) -> None:
    """Brings the schema up to this release (or to REVISION); makes it where there is none.

    \b
    Examples:
      curation db upgrade
      curation --database postgresql://news@db/news db upgrade
    """
    from ..store import migrate
    from ..store.readers import readers_lacking_views

    store = open_store(check=False)
    reached = migrate.upgrade(store, revision)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"the schema is at {reached}")
    for role in readers_lacking_views(store):
        command = f"curation db grant-reader {shlex.quote(role)} --apply"
        click.echo(escape(f"note: {role!r} may not read every view: run `{command}`"), err=True)


@db_command.command("downgrade")
@click.argument("revision")
@click.option("--yes", is_flag=True, help="Do not ask.")
def downgrade_command(revision: str, yes: bool) -> None:
    """Takes the schema back to REVISION; `base` takes every table away. What they held is lost.

    \b
    Example:
      curation db downgrade 0001
    """
    from ..store import migrate

    store = open_store(check=False)
    if not yes and is_interactive():
        click.confirm(
            f"What revisions after {revision} hold in {store.location} is lost. Go on?", abort=True, err=True
        )
    reached = migrate.downgrade(store, revision)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"the schema is at {reached or 'base: no tables'}")


@db_command.command("current")
def current_command() -> None:
    """Says at which revision the store is, and at which this release.

    \b
    Example:
      curation db current
    """
    from ..errors import StoreError
    from ..store.database import head_revision

    store = open_store(check=False)
    if not store.backend.store_exists():
        raise StoreError(f"no store at {store.location}: make one with `curation import PATH`")
    store.refuse_other_program()
    click.echo(f"{store.revision() or 'none'} (this release: {head_revision()})")


@db_command.command("history")
@output_options
def history_command() -> None:
    """Lists the revisions of the schema, oldest first.

    \b
    Example:
      curation db history
    """
    from ..store import migrate

    revisions = migrate.history(open_store(check=False))
    print_rows(("revision", "title", "applied"), [(r.revision, r.title, r.applied) for r in revisions])


@db_command.command("check")
def check_command() -> None:
    """Checks that the store's tables are exactly those of this release.

    \b
    Example:
      curation db check
    """
    from ..store import migrate

    migrate.check(open_store(check=False))
    click.echo("the schema is as it should be")


@db_command.command("tables")
@click.argument("table", required=False)
@output_options
def tables_command(table: str | None) -> None:
    """Tells what the tables hold; of one table each column. PostgreSQL knows it too, as comments.

    \b
    Examples:
      curation db tables
      curation db tables articles
    """
    from ..store.descriptions import find_tables

    _print_relations("table", find_tables(), table)


@db_command.command("views")
@click.argument("view", required=False)
@output_options
def views_command(view: str | None) -> None:
    """Tells what the views show, that reports and anyone's SQL may rely on; of one view each column.

    \b
    Examples:
      curation db views
      curation db views review_queue
    """
    from ..store.descriptions import find_views

    _print_relations("view", find_views(), view)


def _print_relations(kind: str, found: Sequence[Relation], name: str | None) -> None:
    """All that there are, or one with its columns."""
    from ..errors import SelectionError
    from ..suggestions import unknown_name

    known = {relation.name: relation for relation in found}
    if name is None:
        told = f"what it {'holds' if kind == 'table' else 'shows'}"
        print_rows((kind, "columns", told), [(r.name, len(r.columns), r.purpose) for r in found])
    elif name in known:
        print_rows(("column", "meaning"), known[name].columns.items())
    else:
        raise SelectionError(unknown_name(kind, name, known, f"curation db {kind}s"))


@db_command.command("metadata")
@click.option(
    "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE",
    callback=in_a_folder, help="Write to a file instead, whole or not at all.",
)  # fmt: skip
@reports_option
def metadata_command(output: Path | None, folder: Path | None) -> None:
    """Writes what Datasette needs to know of an SQLite store: what tables, views and columns hold, and the
    named reports as queries.

    The tables that hold documents, and with them what is secured, are closed, and so is SQL of visitors'
    own. Give the file to Datasette by -m, beside a store of the name that it was made for.

    \b
    Examples:
      curation db metadata --output metadata.json
      datasette curation.db -m metadata.json
      curation --database shown.db db metadata --reports ~/reports --output metadata.json
    """
    import json

    from ..queries.datasette import describe
    from .output.encoding import opened_text

    with reports_found(folder) as reports:
        told = describe(open_store(check=False), reports)
        text = json.dumps(told, indent=2, ensure_ascii=False) + "\n"
        if output is None or output == Path("-"):
            with opened_text("json") as told_here:
                told_here.write(text)
            return
        with atomic_write(output) as stream:
            stream.write(text.encode())


@db_command.command("grant-reader")
@click.argument("role")
@click.option("--apply", is_flag=True, help="Run the statements, in one transaction.")
def grant_reader_command(role: str, apply: bool) -> None:
    """Prints the SQL that makes ROLE one of PostgreSQL that reads the views and nothing else.

    The role is for BI tools and analysts; `curation sql`, and the reports that ask views alone, run as it too
    (for these it also reads at which revision the schema is). A new role has no password: \\password in psql
    sets one. A role that is there keeps its settings, and is granted what it lacks. From then on nobody makes
    temporary tables, or tables in the store's schema, just by being let in; those who write to the store, and
    its owner, are granted it by name.

    \b
    Examples:
      curation db grant-reader analyst
      curation db grant-reader analyst --apply
      curation --database postgresql://analyst@db/news sql "SELECT * FROM review_queue"
    """
    from ..store.readers import grant_reader, reader_statements

    store = open_store()
    if apply:
        grant_reader(store, role)
        interrupts.record_outcome(interrupts.Outcome.SAVED)
        click.echo(escape(f"{role!r} reads the views of {store.location} and nothing else"))
    else:
        lines = ["BEGIN", *reader_statements(store, role), "COMMIT"]
        click.echo("".join(f"{escape(line)};\n" for line in lines), nl=False)


@db_command.command("verify")
@click.option("--verbose", is_flag=True, help="Without a terminal too, say every few seconds how far it is.")
@output_options
def verify_command(verbose: bool) -> None:
    """Checks that what the store holds is sound; changes nothing.

    Every reference leads somewhere; every article has its document and its file; each stored document,
    parsed again, says what the tables say; every flag is what upstream and editors make it, and its history
    leads there; links name the articles they ought to; earlier versions of files can be given back; the
    full-text index has each article as it is. It reads all of the store in one transaction, while others go
    on working. Whatever is wrong is listed; then the exit status is 1.

    The README lists what is compared, and what nothing else tells: such as names and settings of sources,
    times, actors, reasons and issues. What is derived is rebuilt by `curation db reindex`.

    Check `outdated` lists documents that an older release read otherwise. They are no damage: the next import
    of their files reads them again, and the exit status is 0 if nothing else is listed.

    \b
    Examples:
      curation db verify
      curation --database backups/monday.db db verify --format jsonl
    """
    from ..errors import StoreError
    from ..verifying.findings import OUTDATED, Finding
    from ..verifying.run import count, verify

    store, checks = open_store(), Counter[str]()
    with store.reading() as connection, showing_progress("verifying", verbose=verbose) as progress:
        counts = count(connection)
        findings = _noted(verify(connection, progress), checks)
        first = list(filter(None, [next(findings, None)]))
        if first or chosen_output() != Output():
            print_rows(Finding._fields, chain(first, findings))
    if found := checks.total() - checks[OUTDATED]:
        raise StoreError(f"{counted(found, 'finding')}: {_advice(checks)}")
    told = ", ".join(f"{number:,} {noun}" for noun, number in counts._asdict().items())
    click.echo(f"the store is sound: {told} checked", err=chosen_output() != Output())
    if waiting := checks[OUTDATED]:
        noun, them = ("document is", "it") if waiting == 1 else ("documents are", "them")
        click.echo(
            f"note: {waiting:,} {noun} as an older release read {them}:"
            " run `curation import` on their sources again",
            err=True,
        )


def _advice(checks: Counter[str]) -> str:
    """What to do about what was found."""
    from ..verifying.findings import DERIVED, OUTDATED

    if checks["session"]:
        return "`curation db repair` fixes those of check 'session'; then verify again"
    if checks.keys() - DERIVED - {OUTDATED}:
        return (
            "restore a backup that `curation db verify` finds sound; if there is none, keep a copy"
            " (`curation db backup FILE`) and report what is listed"
        )
    return "run `curation db reindex`, which makes them anew from the rest; then verify again"


def _noted(findings: Iterator[Finding], checks: Counter[str]) -> Iterator[Finding]:
    """The findings; how many there are of each check is noted as they go by."""
    for finding in findings:
        checks[finding.check] += 1
        yield finding


@db_command.command("reindex")
@click.option("--verbose", is_flag=True, help="Without a terminal too, say every few seconds how far it is.")
def reindex_command(verbose: bool) -> None:
    """Rebuild what is derived from the rest of the store.

    This is the full-text index, the values of images that several documents show, the targets of related
    links and collection items, unused providers, topics and images, and the counters of ids. `curation db
    verify` lists what is wrong with them as checks `search`, `images`, `links`, `orphans` and `ids`.

    It is one transaction, which can be run again. It fails while an import is running, and other commands
    that write wait for it.

    \b
    Example:
      curation db reindex
    """
    from ..verifying.reindexing import reindex

    store = open_store()
    with showing_progress("indexing", verbose=verbose) as progress:
        done = reindex(store, progress)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    removed = f", {counted(done.orphans, 'unused row')} removed" if done.orphans else ""
    click.echo(f"rebuilt the index of {counted(done.articles, 'article')}{removed}")


@db_command.command("repair")
@click.option("--verbose", is_flag=True, help="Without a terminal too, say every few seconds how far it is.")
def repair_command(verbose: bool) -> None:
    """Rewrite dates that an earlier release stored in a wrong time zone.

    Earlier releases shifted dates on PostgreSQL where PGTZ was set, and stored digests as text where
    standard_conforming_strings was off. `curation db verify` lists both as check `session`. Dates and digests
    of articles and related links are read from the stored documents again; nothing else changes.

    \b
    Example:
      curation db repair
    """
    from ..verifying.repair import repair

    store = open_store()
    with showing_progress("repairing", verbose=verbose) as progress:
        fixed, links = repair(store, progress)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"rewrote {counted(fixed, 'article')} and {counted(links, 'related link')}")


@db_command.command("backup")
@click.argument("file", metavar="FILE", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@click.option("--verbose", is_flag=True, help="Without a terminal too, say every few seconds how far it is.")
def backup_command(file: Path, force: bool, verbose: bool) -> None:
    """Copies the store to FILE as it is at this moment, while others go on working.

    The copy is one SQLite file, which appears only once it is whole and checked; give it to --database, or
    put it in the place of a store that nobody has open (with no -wal or -shm file of the old one left
    there). It holds all that the store holds, what is secured too. For PostgreSQL this only says which
    command of PostgreSQL's makes a backup.

    \b
    Examples:
      curation db backup backups/monday.db
      curation db backup latest.db --force
      curation --database latest.db db verify
    """
    store = open_store(check=False)
    store.refuse_other_program()
    with showing_progress("copying pages", verbose=verbose) as progress:
        store.backend.backup(file, replace=force, progress=progress)
    click.echo(f"copied {store.location} to {file}")
