"""Completion in shells: bash needs quoting, zsh and fish quote names themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.completing import complete, complete_article
from curation.cli.shells import Fish, Zsh, quote_word, split
from curation.store.database import Store
from curation.store.schema import articles, topics

from ..support.cases import some
from ..support.cli_helpers import LEADER
from ..support.stores import ON_SQLITE

NAMES = [
    "Microsoft Learn", "Microsoft Teams", "MINI", "Mist", "mixed", "Ed's \"own\" $HOME", "a,b", "Tides: an intro",
    "Überfahrt", "x\ny", "50 % off; `ls`", "Canvas apps",
]  # fmt: skip


@pytest.fixture
def named(imported: Store) -> Store:
    """A store with topics whose names need quoting in many ways."""
    with imported.writing() as connection:
        template = connection.execute(sa.select(topics).limit(1)).mappings().one()
        last = connection.scalar(sa.select(sa.func.max(topics.c.id))) or 0
        for number, name in enumerate(NAMES, last + 1):
            values = {**template, "id": number, "name": name, "slug": f"slug-{number}", "parent_id": None}
            values["digest"] = number.to_bytes(32)
            connection.execute(sa.insert(topics).values(values))
    return imported


@pytest.mark.parametrize(
    ("prefix", "offered"),
    [
        ("Mi", ["Microsoft Learn", "Microsoft Teams", "Mist"]),
        ("mi", ["mixed"]),
        ("MI", ["MINI"]),
        ("can", ["Canvas apps"]),
        ("mIC", ["Microsoft Learn", "Microsoft Teams"]),
        ("mI", []),  # the matching names spell these letters in different ways
        ("x", []),  # a name with a line break cannot be typed
        ("Ü", ["Überfahrt"]),
        ("%", []),
    ],
)
def test_names_continue_what_was_typed(named: Store, prefix: str, offered: list[str]) -> None:
    with named.reading() as connection:
        assert sorted(complete(connection, "topic", prefix)) == offered


def test_articles_continue_what_was_typed(imported: Store) -> None:
    with imported.reading() as connection:
        assert complete_article(connection, "2021-05-28-needle") == [LEADER.removeprefix("_news/")]
        assert complete_article(connection, "_news/2021-05-28-needle") == [LEADER]
        assert complete_article(connection, "NEEDLE") == []
        every = connection.scalars(sa.select(articles.c.path)).all()
        assert sorted(complete_article(connection, "")) == sorted(every)
        for prefix in ("2", "_", "t"):
            assert all(found.startswith(prefix) for found in complete_article(connection, prefix))


@pytest.mark.parametrize(
    ("line", "words", "raw", "meant", "quote"),
    [
        ("curation list --topic ", ["curation", "list", "--topic"], "", "", ""),
        ("curation list --topic Can", ["curation", "list", "--topic"], "Can", "Can", ""),
        ("a Canvas\\ a", ["a"], "Canvas\\ a", "Canvas a", ""),
        ('a "Canvas a', ["a"], '"Canvas a', "Canvas a", '"'),
        ("a 'it''s ", ["a"], "'it''s ", "its ", "'"),
        ("a '' --x='b c", ["a", ""], "--x='b c", "--x=b c", "'"),
        ('a "\\$x\\n', ["a"], '"\\$x\\n', "$x\\n", '"'),
    ],
)
def test_a_line_is_split_as_a_shell_does(
    line: str, words: list[str], raw: str, meant: str, quote: str
) -> None:
    assert split(line) == (words, raw, meant, quote)


@pytest.mark.parametrize("name", [name for name in NAMES if name.isprintable()])
def test_a_quoted_name_is_one_word_in_bash(name: str) -> None:
    for quote in ("", '"', "'"):
        line = f"printf %s {quote}{quote_word(name, quote)}{quote}"
        done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=True)
        assert done.stdout == name


BASH = """
source <(_CURATION_COMPLETE=bash_source curation)
COMP_LINE=$1 COMP_POINT=${#1} COMP_WORDS=("${@:2}") COMP_CWORD=$(($# - 2))
_curation_completion curation "${COMP_WORDS[COMP_CWORD]}" x
printf '%s\\n' "${COMPREPLY[@]}"
"""

#: The typed text, the words that bash splits its end into, and the replacements of the last one.
TYPED = [
    ("--topic Canv", ["--topic", "Canv"], ["Canvas\\ apps"]),
    ("--topic Micro", ["--topic", "Micro"], ["Microsoft\\ Learn", "Microsoft\\ Teams"]),
    ("--topic Microsoft\\ L", ["--topic", "Microsoft\\ L"], ["Microsoft\\ Learn"]),
    ('--topic "Microsoft L', ["--topic", '"Microsoft L'], ["Microsoft Learn"]),
    ("--topic 'Ed", ["--topic", "'Ed"], ["Ed'\\''s \"own\" $HOME"]),
    ("--topic Ed", ["--topic", "Ed"], ['Ed\\\'s\\ \\"own\\"\\ \\$HOME']),
    ("--topic=Canv", ["--topic", "=", "Canv"], ["Canvas\\ apps"]),
    ("--topic=", ["--topic", "="], None),
    ("--topic Tides:\\ a", ["--topic", "Tides", ":", "\\ a"], ["\\ an\\ intro"]),
    ("--topic a,", ["--topic", "a,"], ["a,b"]),
    ("--topic 50", ["--topic", "50"], ["50\\ %\\ off\\;\\ \\`ls\\`"]),
    ("--top", ["--top"], ["--topic"]),
]


@ON_SQLITE
@pytest.mark.parametrize(("typed", "words", "offered"), some(TYPED, 3))
def test_bash_gets_the_replacement_of_the_last_word(
    named: Store, tmp_path: Path, typed: str, words: list[str], offered: list[str] | None
) -> None:
    paths = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "CURATION_DATABASE": named.location, "PATH": paths}
    command = ["bash", "--norc", "-c", BASH, "bash", f"curation list {typed}", "curation", "list", *words]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    found = done.stdout.splitlines()
    if offered is None:
        assert "Canvas\\ apps" in found
        assert not any(line.startswith("--topic") for line in found)
    else:
        assert found == offered


@ON_SQLITE
@pytest.mark.parametrize("shell", [Zsh, Fish])
@pytest.mark.parametrize(
    ("prefix", "value"), [("Canv", "Canvas apps"), ("--topic=Canv", "--topic=Canvas apps"), ("a,", "a,b")]
)
def test_zsh_and_fish_get_the_whole_word(
    named: Store, shell: type[Zsh] | type[Fish], prefix: str, value: str
) -> None:
    from curation.cli import cli

    completer = shell(cli, {}, "curation", "_CURATION_COMPLETE")
    args = ["--database", named.location, "list", *([] if "=" in prefix else ["--topic"])]
    [item] = completer.get_completions(args, prefix)
    assert item.value == value
    assert value in completer.format_completion(item)
