"""`curation db`: the schema, integrity and backups of the store."""

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
from .help_groups import GENERAL, OUTPUT, option
from .options import all_reports, is_interactive, open_store, reports_option, verbose_option
from .output import (
    Output,
    atomic_write,
    check_folder,
    escape,
    get_output,
    output_options,
    print_rows,
)
from .progress import showing_progress

if TYPE_CHECKING:
    from ..store.descriptions import Relation
    from ..verifying.findings import Finding


@click.group("db", cls=Group)
def db_command() -> None:
    """Manage the store: schema, integrity, backups."""


@db_command.command("upgrade")
@click.argument("revision", default="head")
def upgrade_command(revision: str) -> None:
    """Upgrade the schema to this release, or create it.

    REVISION upgrades only up to that revision. The upgrade is one transaction.

    \b
    Examples:
      curation db upgrade
      curation --database postgresql://news@db/news db upgrade
    """
    from ..store import migrate
    from ..store.readers import find_readers_lacking_views

    store = open_store(check=False)
    new_revision = migrate.upgrade(store, revision)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"the schema is at {new_revision}")
    for role in find_readers_lacking_views(store):
        command = f"curation db grant-reader {shlex.quote(role)} --apply"
        click.echo(escape(f"note: role {role!r} cannot read every view: run `{command}`"), err=True)


@db_command.command("downgrade")
@click.argument("revision")
@option("--yes", is_flag=True, help_group=GENERAL, help="Do not ask for confirmation.")
def downgrade_command(revision: str, yes: bool) -> None:
    """Downgrade the schema to an earlier revision.

    Data that the earlier schema has no place for is lost. The revision `base` drops all tables.

    \b
    Example:
      curation db downgrade 0001
    """
    from ..store import migrate

    store = open_store(check=False)
    if not yes and is_interactive():
        click.confirm(
            f"This deletes the data of all revisions after {revision} in {store.location}. Continue?",
            abort=True,
            err=True,
        )
    new_revision = migrate.downgrade(store, revision)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    click.echo(f"the schema is at {new_revision or 'base: no tables'}")


@db_command.command("current")
def current_command() -> None:
    """Show the schema revision of the store and of this release.

    \b
    Example:
      curation db current
    """
    from ..errors import StoreError
    from ..store.database import find_head_revision

    store = open_store(check=False)
    if not store.backend.store_exists():
        raise StoreError(f"no store at {store.location}: create one with `curation import PATH`")
    store.refuse_other_program()
    click.echo(f"{store.read_revision() or 'none'} (this release: {find_head_revision()})")


@db_command.command("history")
@output_options
def history_command() -> None:
    """List the schema revisions, oldest first.

    \b
    Example:
      curation db history
    """
    from ..store import migrate

    revisions = migrate.list_revisions(open_store(check=False))
    print_rows(("revision", "title", "applied"), [(r.revision, r.title, r.applied) for r in revisions])


@db_command.command("check")
def check_command() -> None:
    """Check that the tables match this release.

    \b
    Example:
      curation db check
    """
    from ..store import migrate

    migrate.check(open_store(check=False))
    click.echo("the schema matches this release")


@db_command.command("tables")
@click.argument("table", required=False)
@output_options
def tables_command(table: str | None) -> None:
    """Describe the tables, or the columns of one table.

    In PostgreSQL, the comments of tables and columns have the same texts.

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
    """Describe the views, or the columns of one view.

    Reports and your own SQL can rely on the views: they have the same columns on every engine.

    \b
    Examples:
      curation db views
      curation db views review_queue
    """
    from ..store.descriptions import find_views

    _print_relations("view", find_views(), view)


def _print_relations(kind: str, relations: Sequence[Relation], name: str | None) -> None:
    """Print all tables or views, or the columns of the one with a name."""
    from ..errors import SelectionError
    from ..suggestions import describe_unknown_name

    by_name = {relation.name: relation for relation in relations}
    if name is None:
        heading = f"what it {'holds' if kind == 'table' else 'shows'}"
        print_rows((kind, "columns", heading), [(r.name, len(r.columns), r.purpose) for r in relations])
    elif name in by_name:
        print_rows(("column", "meaning"), by_name[name].columns.items())
    else:
        raise SelectionError(describe_unknown_name(kind, name, by_name, f"curation db {kind}s"))


@db_command.command("metadata")
@option(
    "--output", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path), metavar="FILE",
    callback=check_folder, help_group=OUTPUT, help="Write to a file instead, completely or not at all.",
)  # fmt: skip
@reports_option
def metadata_command(output: Path | None, folder: Path | None) -> None:
    """Write metadata for Datasette.

    It describes the tables, views and columns of an SQLite store, and includes the named reports as queries.
    It blocks the tables that contain documents, and so the `secured` fields, and SQL by visitors. Pass the
    file to Datasette with -m, together with a store of the same name.

    \b
    Examples:
      curation db metadata --output metadata.json
      datasette curation.db -m metadata.json
      curation --database shown.db db metadata --reports ~/reports --output metadata.json
    """
    import json

    from ..queries.datasette import describe
    from .output.encoding import opened_text

    with all_reports(folder) as reports:
        metadata = describe(open_store(check=False), reports)
        text = json.dumps(metadata, indent=2, ensure_ascii=False) + "\n"
        if output is None or output == Path("-"):
            with opened_text("json") as text_stream:
                text_stream.write(text)
            return
        with atomic_write(output) as stream:
            stream.write(text.encode())


@db_command.command("grant-reader")
@click.argument("role")
@option("--apply", is_flag=True, help_group=GENERAL, help="Run the SQL in one transaction.")
def grant_reader_command(role: str, apply: bool) -> None:
    """Print SQL for a PostgreSQL role that reads only the views.

    The role is for BI tools and analysts. `curation sql` works with it too, and so do the reports that use
    only views (for these, the role can also read the schema revision). A new role has no password: set one
    with \\password in psql. An existing role keeps its settings and gets the privileges that it lacks.

    The SQL also revokes the right of PUBLIC to create temporary tables, or tables in the store's schema. The
    store's owner and the roles that write to the store are granted it by name.

    \b
    Examples:
      curation db grant-reader analyst
      curation db grant-reader analyst --apply
      curation --database postgresql://analyst@db/news sql "SELECT * FROM review_queue"
    """
    from ..store.readers import grant_reader, make_reader_statements

    store = open_store()
    if apply:
        grant_reader(store, role)
        interrupts.record_outcome(interrupts.Outcome.SAVED)
        click.echo(escape(f"role {role!r} can read the views of {store.location} and nothing else"))
    else:
        lines = ["BEGIN", *make_reader_statements(store, role), "COMMIT"]
        click.echo("".join(f"{escape(line)};\n" for line in lines), nl=False)


@db_command.command("verify")
@verbose_option
@output_options
def verify_command(verbose: bool) -> None:
    """Check the integrity of the store without changing it.

    \b
    The checks cover:
      - references between rows
      - articles with their documents and files
      - stored documents, which are parsed again and compared with the tables
      - flags with upstream values, overrides and history
      - links, earlier versions of files, and the full-text index

    They read the whole store in one transaction, while others continue to work. All findings are listed, and
    the exit status is 1 if there are any.

    The guide to operations lists what is compared, and what cannot be checked: names and settings of sources,
    times, actors, reasons and issues. `curation db reindex` rebuilds derived data.

    The check `outdated` lists documents that an older release parsed differently. They are not damaged: the
    next import of their files reads them again. If nothing else is listed, the exit status is 0.

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
        findings = _count_checks(verify(connection, progress), checks)
        first = list(filter(None, [next(findings, None)]))
        if first or get_output() != Output():
            print_rows(Finding._fields, chain(first, findings))
    if found := checks.total() - checks[OUTDATED]:
        raise StoreError(f"{counted(found, 'finding')}: {_advise(checks)}")
    summary = ", ".join(f"{number:,} {noun}" for noun, number in counts._asdict().items())
    click.echo(f"no problems found: {summary} checked", err=get_output() != Output())
    if outdated := checks[OUTDATED]:
        verb = "was" if outdated == 1 else "were"
        click.echo(
            f"note: {counted(outdated, 'document')} {verb} parsed by an older release:"
            " run `curation import` on the sources again",
            err=True,
        )


def _advise(checks: Counter[str]) -> str:
    """Return what to do about the findings."""
    from ..verifying.findings import DERIVED, OUTDATED

    if checks["session"]:
        return "run `curation db repair`, which fixes check 'session', then `curation db verify` again"
    if checks.keys() - DERIVED - {OUTDATED}:
        return (
            "restore a backup that passes `curation db verify`; if there is none, keep a copy"
            " (`curation db backup FILE`) and report the findings"
        )
    return "run `curation db reindex`, which rebuilds this data, then `curation db verify` again"


def _count_checks(findings: Iterator[Finding], checks: Counter[str]) -> Iterator[Finding]:
    """Yield the findings, and count those of each check."""
    for finding in findings:
        checks[finding.check] += 1
        yield finding


@db_command.command("reindex")
@verbose_option
def reindex_command(verbose: bool) -> None:
    """Rebuild derived data such as the full-text index.

    This also covers the values of images that several documents show, the targets of related links and
    collection items, unused providers, topics and images, and the counters of ids. `curation db verify`
    reports problems with them as checks `search`, `images`, `links`, `orphans` and `ids`.

    The command is one transaction and can be repeated. It fails while an import is running. Other commands
    that write wait for it.

    \b
    Example:
      curation db reindex
    """
    from ..verifying.reindexing import reindex

    store = open_store()
    with showing_progress("indexing", verbose=verbose) as progress:
        result = reindex(store, progress)
    interrupts.record_outcome(interrupts.Outcome.SAVED)
    deleted = f", {counted(result.orphans, 'unused row')} deleted" if result.orphans else ""
    click.echo(f"rebuilt the index of {counted(result.articles, 'article')}{deleted}")


@db_command.command("repair")
@verbose_option
def repair_command(verbose: bool) -> None:
    """Rewrite dates that an earlier release stored wrongly.

    Earlier releases shifted dates on PostgreSQL where PGTZ was set, and stored digests as text where
    standard_conforming_strings was off. `curation db verify` lists both as check `session`. Dates and digests
    of articles and related links are read from the stored documents again. Nothing else changes.

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
@option("--force", is_flag=True, help_group=GENERAL, help="Overwrite FILE if it exists.")
@verbose_option
def backup_command(file: Path, force: bool, verbose: bool) -> None:
    """Copy the store to a file while it is in use.

    The copy is one SQLite file, which appears only once it is complete and checked. Use it with --database,
    or in place of a store that nobody has open; first delete the -wal and -shm files of the old store. It
    contains everything, `secured` fields included. For PostgreSQL, the command only names PostgreSQL's own
    backup command.

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
