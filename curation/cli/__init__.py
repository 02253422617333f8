"""The command line: each module parses, calls one function of the house, and prints.

Modules here import only click at their top, and what they need inside: SQLAlchemy takes a quarter of a
second to import, and `curation --help` needs none of it.
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import Any

import click

from .. import __version__, interrupts
from ..errors import CurationError, UsageError
from . import streams
from .groups import Group, explained

#: Command -> its module here; the command has the module's name, but for words that Python keeps.
COMMANDS = {
    "import": "import_",
    "status": "status",
    "list": "list_",
    "search": "search",
    "show": "show",
    "set": "set_",
    "publish": "set_",
    "unpublish": "set_",
    "reset": "set_",
    "log": "log",
    "revert": "revert",
    "explain": "explain",
    "score": "score",
    "source": "source",
    "issues": "issues",
    "report": "report",
    "sql": "sql",
    "export": "export",
    "db": "db",
}


class LazyGroup(Group):
    """Imports a command's module when the command is wanted, and shows errors as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f".{COMMANDS[cmd_name]}", __name__)
        command: click.Command = getattr(module, f"{cmd_name}_command")
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            with interrupts.signals_allowed():
                return super().invoke(ctx)
        except CurationError as error:
            message = interruption() if _was_interrupted(error) else str(error)
            raise (_misuse if isinstance(error, UsageError) else _one_line)(message) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError) as error:
            if (said := _said_better(error)) is not error:
                raise said from error
            raise
        except OSError as error:
            raise _one_line(_of_system(error)) from error
        except KeyboardInterrupt as error:
            raise _one_line(interruption()) from error
        except UnicodeEncodeError as error:
            raise _one_line("an argument, or a line of standard input, is not UTF-8: give text") from error
        except Exception as error:
            if os.environ.get("CURATION_DEBUG"):
                raise
            raise _one_line(_unforeseen(error, ctx)) from error


def _unforeseen(error: Exception, ctx: click.Context) -> str:
    """What is said of an error that nobody foresaw: the store may be damaged, or it is ours."""
    if _was_interrupted(error):
        return interruption()
    if damage := _damage(ctx):
        return damage
    kind = type(error).__name__
    return f"this is a fault of curation's ({kind}: {error}); CURATION_DEBUG=1 shows where"


#: What is said of an interruption. A command whose repetition does no harm (an import) is never unknown.
_INTERRUPTIONS = {
    interrupts.Outcome.NOT_DONE: "interrupted: nothing is half done; run this again to go on",
    interrupts.Outcome.DONE: "interrupted, but the work was already done: `curation log` shows it",
    interrupts.Outcome.SAVED: "interrupted, but the work was already done",
    interrupts.Outcome.UNKNOWN: (
        "interrupted while the store was committing: it may have been done;"
        " see `curation log` before you run this again"
    ),
}


def interruption() -> str:
    """Return what is said of an interruption, by what became of the command's work."""
    return _INTERRUPTIONS[interrupts.claim_outcome()]


def _of_system(error: OSError) -> str:
    """What is said of an error of the operating system's: of standard output, also whether the work was done
    of which it should have told."""
    message = f"{error.strerror or error}: {error.filename or 'input or output'}"
    done = _DONE_BEFORE.get(interrupts.claim_outcome()) if error.filename == streams.OUTPUT else None
    return f"{message}; {done}" if done else message


_DONE_BEFORE = {
    interrupts.Outcome.DONE: "the work was done before, and `curation log` shows it",
    interrupts.Outcome.SAVED: "the work was done before",
}


def _said_better(error: BaseException) -> BaseException:
    """An error of click's as it is to be said."""
    if type(error) is click.UsageError:  # click names an argument too many as it is written
        return click.UsageError(_escaped(error.format_message()), error.ctx)
    return explained(error) if isinstance(error, click.UsageError) else error


def _was_interrupted(error: BaseException | None) -> bool:
    """Whether an error is what a signal led to, such as that of a connection which was closed by it."""
    if interrupts.is_requested():
        return True
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _damage(ctx: click.Context) -> str | None:
    """What is said of a store in which something is stored that nobody stores, on which a command failed."""
    try:
        from ..store.database import Store

        store = Store(ctx.find_root().obj)
        told = store.damage() if store.backend.store_exists() else None
    except Exception:  # noqa: BLE001 - it is asked beside an error, which is told then
        return None
    return f"{store.location} is damaged ({told}): restore it from a backup" if told else None


def _escaped(message: str) -> str:
    from .output import escape

    return escape(message)


def _one_line(message: str) -> click.ClickException:
    return click.ClickException(_escaped(message))


class _Misuse(click.ClickException):
    exit_code = click.UsageError.exit_code


def _misuse(message: str) -> click.ClickException:
    """An error of usage that is no fault of the command, whose help would not help."""
    return _Misuse(_escaped(message))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `curation import FOLDER`, then `curation report`.",
)
@click.option(
    "--database",
    metavar="URL_OR_PATH",
    envvar="CURATION_DATABASE",
    default="curation.db",
    show_default=True,
    show_envvar=True,
    help="The store: the path of an SQLite file, or a postgresql:// URL.",
)
@click.version_option(__version__, package_name="curation")
@click.pass_context
def cli(ctx: click.Context, database: str) -> None:
    """Keeps editorial decisions about content that lives in front-matter files.

    Imports dumps of documents again and again, keeps what editors decide (quality, heat, published,
    removed) through every import, and answers any question in SQL.
    """
    ctx.obj = database


def main() -> None:
    """The `curation` command. However it ends, no temporary file and no process of its own is left.

    A signal ends it with one line and status 1, as any failure does: a script tells the four statuses apart,
    not signals.
    """
    # A command makes 100,000 objects that no cycle holds, when it loads modules, scans or writes a batch: to
    # look for cycles at each 700th took a fifth of an import's time.
    gc.set_threshold(200_000, 20, 20)
    if "_CURATION_COMPLETE" in os.environ:
        import_module(".shells", __name__)
    with interrupts.signal_handling(interruption):
        sys.exit(_run())


def _run() -> int:
    """Run the command, with what it printed all written; return its exit status. Says what click would say of
    Ctrl-C outside of a command."""
    is_said = True
    try:
        streams.prepare()
        status = cli(prog_name="curation", windows_expand_args=False, standalone_mode=False)
        is_said = False
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        click.echo(f"Error: {interruption()}" if interrupts.is_requested() else "Aborted!", err=True)
        status = 1
    except (CurationError, OSError) as error:  # of what comes before a command, such as --help
        _one_line(_of_system(error) if isinstance(error, OSError) else str(error)).show()
        status = 1
    except SystemExit as ended:  # partly done; or nobody reads standard output any more
        status, is_said = ended.code, False
    return _ended(status if isinstance(status, int) else 0, is_said=is_said)


def _ended(status: int, *, is_said: bool) -> int:
    """Write what is still held of standard output; return the exit status. Where it cannot be written that is
    said, unless an error was."""
    try:
        streams.flush()
    except OSError as error:
        if is_said:
            return status
        if not isinstance(error, BrokenPipeError):
            _one_line(_of_system(error)).show()
        return 1
    return status
