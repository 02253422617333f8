"""The help of all commands: summaries that fit, options in groups, and an example for each command."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations

import click
import pytest
from click.testing import CliRunner

from curation.cli import cli
from curation.cli.help_groups import CHANGES, GENERAL, HELP_GROUPS, SELECTION, Command, Option, option

#: A summary has at most this many characters.
SUMMARY_LENGTH = 60


def walk(command: click.Command, name: str = "") -> Iterator[tuple[str, click.Command]]:
    """Yield the names of a command and all commands below it, with the commands."""
    yield name, command
    if isinstance(command, click.Group):
        context = click.Context(command)
        for sub in command.list_commands(context):
            found = command.get_command(context, sub)
            assert found is not None
            yield from walk(found, f"{name} {sub}".strip())


ALL = dict(walk(cli))
GROUPS = [name for name, command in ALL.items() if isinstance(command, click.Group)]


def help_of(name: str) -> str:
    """Return the help of a command as on a terminal of 80 columns, where click uses 78."""
    result = CliRunner().invoke(cli, [*name.split(), "--help"], terminal_width=78)
    assert result.exit_code == 0, result.output
    return result.output


def headings_of(text: str) -> list[str]:
    return [line[:-1] for line in text.splitlines() if re.fullmatch(r"[A-Z]\w+:", line)]


def options_of(command: click.Command) -> list[click.Option]:
    return [param for param in command.params if isinstance(param, click.Option)]


def test_all_commands_are_found() -> None:
    assert GROUPS == ["", "source", "export", "db"]
    assert len(cli.list_commands(click.Context(cli))) == 21
    assert {"set", "db upgrade", "export files", "source infer"} <= set(ALL)


@pytest.mark.parametrize("name", GROUPS)
def test_the_summaries_of_a_group_fit_80_columns(name: str) -> None:
    text = help_of(name)
    assert max(map(len, text.splitlines())) <= 80
    listed = dict(re.findall(r"^  ([a-z-]+)  +(\S.*)$", text.partition("Commands:\n")[2], re.MULTILINE))
    group = ALL[name]
    assert isinstance(group, click.Group)
    assert sorted(listed) == sorted(group.list_commands(click.Context(group)))
    assert [summary for summary in listed.values() if not re.fullmatch(r"[A-Z].*[^.]\.", summary)] == []


@pytest.mark.parametrize("name", [name for name in ALL if name])
def test_a_summary_is_short_and_imperative(name: str) -> None:
    summary = (ALL[name].help or "").partition("\n\n")[0]
    assert len(summary) <= SUMMARY_LENGTH
    assert re.fullmatch(r"[A-Z].*\w\.", summary)
    assert not summary.split()[0].endswith("s"), "an imperative, not the third person"


@pytest.mark.parametrize("name", ALL)
def test_every_option_has_a_text_and_a_group(name: str) -> None:
    assert isinstance(ALL[name], Command | click.Group)
    for param in options_of(ALL[name]):
        assert isinstance(param, Option), param.opts
        assert param.help_group in HELP_GROUPS, param.opts
        assert re.fullmatch(r"(?s)[A-Z].*\.", param.help or ""), param.opts


@pytest.mark.parametrize("name", ALL)
def test_help_lists_each_option_in_its_group_and_the_groups_in_order(name: str) -> None:
    text = help_of(name)
    headings = [heading for heading in headings_of(text) if heading in HELP_GROUPS]
    assert headings == [group for group in HELP_GROUPS if group in headings]
    assert headings[-1] == GENERAL
    assert "Options:" not in text
    sections = dict(
        zip(headings, re.split(rf"^(?:{'|'.join(HELP_GROUPS)}):$", text, flags=re.MULTILINE)[1:], strict=True)
    )
    for param in options_of(ALL[name]):
        assert isinstance(param, Option)
        assert re.search(rf"^  .*{re.escape(param.opts[-1])}\b", sections[param.help_group], re.MULTILINE), (
            param.opts
        )


def test_shared_options_have_the_same_order_in_all_commands() -> None:
    before: dict[tuple[str, str], str] = {}
    for name, command in ALL.items():
        for group in HELP_GROUPS:
            options = [p.opts[-1] for p in options_of(command) if getattr(p, "help_group", None) == group]
            for first, second in combinations(options, 2):
                assert (second, first) not in before, (name, before[second, first], first, second)
                before[first, second] = name


def test_an_option_has_the_same_group_in_all_commands_unless_it_means_something_else() -> None:
    groups: dict[str, set[str]] = {}
    for command in ALL.values():
        for param in options_of(command):
            groups.setdefault(param.opts[-1], set()).add(getattr(param, "help_group", ""))
    several = {name: found for name, found in groups.items() if len(found) > 1}
    in_filters_and_changes = ("--quality", "--heat", "--published", "--removed", "--topic")
    expected = {name: {SELECTION, CHANGES} for name in in_filters_and_changes}
    assert several == {**expected, "--actor": {SELECTION, GENERAL}, "--until": {SELECTION, CHANGES}}


@pytest.mark.parametrize("name", ALL)
def test_no_help_shows_an_internal_range(name: str) -> None:
    assert not re.search(r"x\s*[<>]|[<>]=?\s*x\b|\d{10,}", " ".join(help_of(name).split()))


def test_a_range_without_a_metavar_is_not_shown_either() -> None:
    @click.command(cls=Command)
    @option(
        "--count",
        type=click.IntRange(0, 2**63 - 1),
        show_default=True,
        default=3,
        help_group=GENERAL,
        help="Count.",
    )
    def command(count: int) -> None:
        raise NotImplementedError

    text = CliRunner().invoke(command, ["--help"]).output
    assert "[default: 3]" in text
    assert "<=" not in text


@pytest.mark.parametrize("name", [name for name in ALL if name not in GROUPS])
def test_every_command_has_an_example(name: str) -> None:
    examples = help_of(name).partition("Example")[2]
    assert f"curation {name}" in examples or f" {name} " in examples
