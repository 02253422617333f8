"""Groups of commands that suggest a correction for an unknown command or a misplaced option."""

from __future__ import annotations

import click

from .help_groups import Command, write_option_groups


class Group(click.Group):
    """A group that suggests the nearest command: `import` for `improt`."""

    command_class = Command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        is_option = name.startswith("-")
        if not (is_option or ctx.resilient_parsing) and self.get_command(ctx, name) is None:
            raise click.UsageError(f"No such command {name!r}.{_suggest_command(self, ctx, name)}", ctx)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        write_option_groups(self, ctx, formatter)
        self.format_commands(ctx, formatter)


def _suggest_command(group: click.Group, ctx: click.Context, name: str) -> str:
    """Suggest the subcommand of that name in another group, else the command with the nearest name."""
    from ..suggestions import find_nearest

    names = group.list_commands(ctx)
    subcommands = [
        f"{other} {name}"
        for other in names
        if isinstance(command := group.get_command(ctx, other), click.Group)
        and command.get_command(ctx, name) is not None
    ]
    suggestion = next(iter(subcommands), "") or find_nearest(name, names)
    return f" Did you mean '{ctx.command_path} {suggestion}'?" if suggestion else ""


def explain_misplaced_option(error: click.UsageError) -> click.UsageError:
    """Return an error that shows the right place of a misplaced global option, else the same error."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return error
    root = error.ctx.find_root()
    if error.ctx is root or not any(error.option_name in param.opts for param in root.command.params):
        return error
    place = f"{root.command_path} {error.option_name} ... {error.ctx.info_name}"
    return click.UsageError(f"{error.option_name} goes before the command: {place}", error.ctx)
