"""The command line: each module parses arguments, calls one function of the package, and prints.

Modules here import only click at their top, and all else inside functions. SQLAlchemy takes a quarter of a
second to import, and `curation --help` does not need it.
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
from .groups import Group, explain_misplaced_option
from .help_groups import GENERAL, Option, option

#: Each command and its module. A module gets a trailing underscore where Python reserves or uses the name.
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
    "keep": "keep",
    "conflicts": "conflicts",
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
    """The top-level group: imports a command's module when it runs, and shows errors as one line."""

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
            raise _own_error(error) from error
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError) as error:
            if (improved := _improve_message(error)) is not error:
                raise improved from error
            raise
        except OSError as error:
            raise _error(_describe_os_error(error)) from error
        except KeyboardInterrupt as error:
            raise _error(describe_interruption()) from error
        except UnicodeEncodeError as error:
            raise _error("an argument or a line of standard input is not valid UTF-8") from error
        except Exception as error:
            if os.environ.get("CURATION_DEBUG"):
                raise
            raise _error(_describe_unexpected(error, ctx)) from error


def _own_error(error: CurationError) -> click.ClickException:
    """Return click's error for one of this package, or for the interruption that caused it."""
    message = describe_interruption() if _was_interrupted(error) else str(error)
    return _usage_error(message) if isinstance(error, UsageError) else _error(message)


def _describe_unexpected(error: Exception, ctx: click.Context) -> str:
    """Describe an unexpected error: an interruption, a damaged store, or an internal error."""
    if _was_interrupted(error):
        return describe_interruption()
    if damage := _describe_damage(ctx):
        return damage
    kind = type(error).__name__
    return f"internal error ({kind}: {error}); set CURATION_DEBUG=1 to see the traceback"


#: The message for each outcome. A command that is safe to repeat, such as an import, is never UNKNOWN.
_INTERRUPTION_MESSAGES = {
    interrupts.Outcome.NOT_DONE: "interrupted: the store is consistent. Run the command again to continue",
    interrupts.Outcome.DONE: "interrupted, but the work was already done: see `curation log`",
    interrupts.Outcome.SAVED: "interrupted, but the work was already done",
    interrupts.Outcome.UNKNOWN: (
        "interrupted during a commit: the work may have been done."
        " Check `curation log` before you run the command again"
    ),
}


def describe_interruption() -> str:
    """Return the message for an interruption, which depends on the outcome of the command's work."""
    return _INTERRUPTION_MESSAGES[interrupts.claim_outcome()]


def _describe_os_error(error: OSError) -> str:
    """Describe an error of the operating system; for standard output, also whether the work was done."""
    message = f"{error.strerror or error}: {error.filename or 'input or output'}"
    done = _DONE_BEFORE_ERROR.get(interrupts.claim_outcome()) if error.filename == streams.OUTPUT else None
    return f"{message}; {done}" if done else message


_DONE_BEFORE_ERROR = {
    interrupts.Outcome.DONE: "the work was already done: see `curation log`",
    interrupts.Outcome.SAVED: "the work was already done",
}


def _improve_message(error: BaseException) -> BaseException:
    """Return click's error with escaped text or a better hint, or the same error."""
    if type(error) is click.UsageError:  # click repeats an extra argument without escaping it
        return click.UsageError(_escaped(error.format_message()), error.ctx)
    return explain_misplaced_option(error) if isinstance(error, click.UsageError) else error


def _was_interrupted(error: BaseException | None) -> bool:
    """Return whether a signal caused an error, such as that of a connection which the signal closed."""
    if interrupts.is_requested():
        return True
    while error is not None and not isinstance(error, KeyboardInterrupt):
        error = error.__cause__ or error.__context__
    return error is not None


def _describe_damage(ctx: click.Context) -> str | None:
    """Return a message if a command failed because the store is damaged."""
    try:
        from ..store.database import Store

        store = Store(ctx.find_root().obj)
        damage = store.find_damage() if store.backend.store_exists() else None
    except Exception:  # noqa: BLE001 - the first error is reported instead
        return None
    return f"{store.location} is damaged ({damage}): restore it from a backup" if damage else None


def _escaped(message: str) -> str:
    from .output import escape

    return escape(message)


def _error(message: str) -> click.ClickException:
    return click.ClickException(_escaped(message))


class _UsageError(click.ClickException):
    """An error of usage without the hint to --help, which does not explain it."""

    exit_code = click.UsageError.exit_code


def _usage_error(message: str) -> click.ClickException:
    return _UsageError(_escaped(message))


@click.group(
    cls=LazyGroup,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Start with `curation import FOLDER`, then `curation report`.",
)
@option(
    "--database",
    metavar="URL_OR_PATH",
    envvar="CURATION_DATABASE",
    default="curation.db",
    show_default=True,
    show_envvar=True,
    help_group=GENERAL,
    help="Store: the path of an SQLite file, or a postgresql:// URL.",
)
@click.version_option(__version__, package_name="curation", cls=Option, help_group=GENERAL)
@click.pass_context
def cli(ctx: click.Context, database: str) -> None:
    """Keep editorial decisions about front-matter content in SQL.

    Import dumps of documents as often as you like. Editors' overrides of quality, heat, published and
    removed survive every import. Query everything in SQL.
    """
    ctx.obj = database


def main() -> None:
    """Run the `curation` command and exit. No temporary file or child process outlives it.

    A signal ends it with one line and exit status 1, as any failure does. Scripts can rely on the four exit
    statuses.
    """
    # A command creates 100,000 objects without reference cycles when it loads modules, scans or writes a
    # batch. A garbage collection at every 700th took a fifth of an import's time.
    gc.set_threshold(200_000, 20, 20)
    if "_CURATION_COMPLETE" in os.environ:
        import_module(".shells", __name__)
    with interrupts.signal_handling(describe_interruption):
        sys.exit(_run())


def _run() -> int:
    """Run the command, write all of its output, and return its exit status.

    Prints the errors that click's standalone mode would print, and the message for Ctrl-C outside of a
    command.
    """
    has_error = True
    try:
        streams.prepare()
        status = cli(prog_name="curation", windows_expand_args=False, standalone_mode=False)
        has_error = False
    except click.ClickException as error:
        error.show()
        status = error.exit_code
    except click.Abort:
        click.echo(f"Error: {describe_interruption()}" if interrupts.is_requested() else "Aborted!", err=True)
        status = 1
    except (CurationError, OSError) as error:  # raised outside of a command, such as by --help
        _error(_describe_os_error(error) if isinstance(error, OSError) else str(error)).show()
        status = 1
    except SystemExit as ended:  # partly done, or standard output was closed by its reader
        status, has_error = ended.code, False
    return _flush_output(status if isinstance(status, int) else 0, has_error=has_error)


def _flush_output(status: int, *, has_error: bool) -> int:
    """Write buffered output and return the exit status. Report a failure unless an error was printed."""
    try:
        streams.flush()
    except OSError as error:
        if has_error:
            return status
        if not isinstance(error, BrokenPipeError):
            _error(_describe_os_error(error)).show()
        return 1
    return status
