"""Option groups in the help of commands.

Each option names its group. Every command prints the groups in the order of `HELP_GROUPS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.types import OptionHelpExtra

#: What the command works on: articles, files, a query.
SELECTION = "Selection"
#: What the command changes.
CHANGES = "Changes"
#: How results and progress are shown.
OUTPUT = "Output"
#: All else, such as --dry-run and --help.
GENERAL = "General"

#: The headings of options, in the order in which help prints them.
HELP_GROUPS = (SELECTION, CHANGES, OUTPUT, GENERAL)

#: The widest name of an option that has its text on the same line; click's own limit.
NAME_WIDTH = 30


#: What adds an option to a command.
Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


class Option(click.Option):
    """An option that help lists under the heading `help_group`."""

    def __init__(self, *args: Any, help_group: str = GENERAL, **settings: Any) -> None:
        super().__init__(*args, **settings)
        self.help_group = help_group

    def get_help_extra(self, ctx: click.Context) -> OptionHelpExtra:
        """Return what help adds in brackets, without ranges: most are bounds of 64-bit numbers."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


def option(*names: str, help_group: str, **settings: Any) -> Decorator:
    """Return a decorator that adds an option, as `click.option` does, in a group of the help."""
    return click.option(*names, cls=Option, help_group=help_group, **settings)


class Command(click.Command):
    """A command whose help lists options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_option_groups(self, ctx, formatter)


def write_option_groups(command: click.Command, ctx: click.Context, formatter: click.HelpFormatter) -> None:
    """Write the options of a command, a section for each group that has any, with aligned texts."""
    groups: dict[str, list[tuple[str, str]]] = {name: [] for name in HELP_GROUPS}
    for param in command.get_params(ctx):
        record = param.get_help_record(ctx)
        if isinstance(param, click.Option) and record is not None:
            groups[getattr(param, "help_group", GENERAL)].append(record)
    names = [name for records in groups.values() for name, _ in records]
    width = min(max(map(len, names)), NAME_WIDTH)
    for heading, records in groups.items():
        if records:
            with formatter.section(heading):
                formatter.write_dl([(name.ljust(width), text) for name, text in records])
