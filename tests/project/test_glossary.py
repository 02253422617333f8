"""`docs/glossary.md` is the only source of words: help texts, views, columns and modules use no others."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from curation.cli import cli
from curation.queries.reports import find_reports
from curation.store.descriptions import find_tables, find_views

from ..support.places import CHECKOUT
from ..support.reference_pages import help_of, walk_commands

GLOSSARY = CHECKOUT / "docs" / "glossary.md"

pytestmark = pytest.mark.skipif(not GLOSSARY.exists(), reason="the documentation is part of a checkout")

#: Words that are in the way as names, though they are good English in a sentence.
NOT_IN_NAMES = {"told", "taken", "besides", "wish", "held", "course", "books", "standing", "plumbing", "of"}


def banned_words() -> list[str]:
    """Return the words of the last column of the glossary's tables."""
    rows = re.findall(
        r"^\| [^|]+ \| [^|]+ \| ([^|]*) \|$", GLOSSARY.read_text(encoding="utf-8"), re.MULTILINE
    )
    words = [word.strip() for row in rows for word in row.split(",")]
    return [word for word in words if word and word != "do not write"]


def found_words(text: str) -> list[str]:
    """Return the banned words of a text, whatever their case."""
    pattern = "|".join(map(re.escape, sorted(banned_words(), key=len, reverse=True)))
    return re.findall(rf"\b(?:{pattern})\b", re.sub(r"\s+", " ", text), re.IGNORECASE)


def texts() -> Iterator[tuple[str, str]]:
    """Yield each text that users see in help, views, tables and reports, with where it is."""
    for path, command in walk_commands(("curation",), cli):
        yield " ".join(path), help_of(path, command)
    for relation in (*find_views(), *find_tables()):
        yield relation.name, f"{relation.name.replace('_', ' ')}. {relation.purpose}"
        for column, meaning in relation.columns.items():
            yield f"{relation.name}.{column}", f"{column.replace('_', ' ')}. {meaning}"
    for report in find_reports():
        yield f"report {report.name}", f"{report.name}. {report.title}. {report.purpose}"
        for parameter in report.parameters:
            yield f"report {report.name} {parameter.name}", f"{parameter.name}. {parameter.meaning}"


def module_names() -> list[str]:
    """Return the names of the package's modules and packages, without their extension."""
    folder = CHECKOUT / "curation"
    files = [file.relative_to(folder) for file in folder.rglob("*.py")]
    return sorted(
        {part.removesuffix(".py").strip("_") for file in files for part in file.parts} - {"init", "main"}
    )


def test_the_glossary_bans_words() -> None:
    assert {"told", "parted", "picture", "fault", "standing"} <= set(banned_words())


@pytest.mark.parametrize(
    "text", ["What is told of an article.", "Flags that PARTED from\n upstream.", "put\naside"]
)
def test_a_banned_word_is_found(text: str) -> None:
    assert found_words(text)


def test_texts_use_the_words_of_the_glossary() -> None:
    assert {where: words for where, text in texts() if (words := found_words(text))} == {}


def test_modules_use_the_words_of_the_glossary() -> None:
    banned = NOT_IN_NAMES | {word for word in banned_words() if " " not in word}
    assert [name for name in module_names() if banned & set(name.split("_"))] == []
