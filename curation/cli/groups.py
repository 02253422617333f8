"""Groups of commands, which say what may have been meant by a command or an option that there is not."""

from __future__ import annotations

import click


class Group(click.Group):
    """A group that names the nearest command: `improt` is answered with `import`."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0]
        is_option = name.startswith("-")
        if not (is_option or ctx.resilient_parsing) and self.get_command(ctx, name) is None:
            raise click.UsageError(f"No such command {name!r}.{_advice(self, ctx, name)}", ctx)
        return super().resolve_command(ctx, args)


def _advice(group: click.Group, ctx: click.Context, name: str) -> str:
    """The nearest command of a group, or the one of that name in a group within it."""
    from ..suggestions import nearest

    names = group.list_commands(ctx)
    within = [
        f"{other} {name}"
        for other in names
        if isinstance(command := group.get_command(ctx, other), click.Group)
        and command.get_command(ctx, name) is not None
    ]
    meant = next(iter(within), "") or nearest(name, names)
    return f" Did you mean '{ctx.command_path} {meant}'?" if meant else ""


def explained(error: click.UsageError) -> click.UsageError:
    """The error of an option that stands in the wrong place as one that says where it goes."""
    if not isinstance(error, click.NoSuchOption) or error.ctx is None:
        return error
    root = error.ctx.find_root()
    if error.ctx is root or not any(error.option_name in param.opts for param in root.command.params):
        return error
    place = f"{root.command_path} {error.option_name} ... {error.ctx.info_name}"
    return click.UsageError(f"{error.option_name} goes before the command: {place}", error.ctx)
