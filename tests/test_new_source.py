"""A dump that comes under a new name and is a known source's: refused, with both ways on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.database import Store
from curation.schema import articles, imports, overrides, sources

from .digest import digests
from .likeness import count, rows

Command = Callable[..., Result]


def dump(root: Path, *numbers: int, tidied: bool = False, folder: str = "_news") -> Path:
    """A folder with an article for each number."""
    for number in numbers:
        file = root / folder / f"{number}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        title, scheme = (f"“Story” {number}", "http") if tidied else (f"Story {number}", "https")
        front = f"title: {title}\nwebUrl: {scheme}://e.example/{number}\n"
        file.write_text(f"---\n{front}---\nThe words of {number}{' ' * tidied}.\n")
    return root


def write(root: Path, front: str) -> None:
    """A folder with ten articles of this front matter, which has each one's number in it."""
    for file in sorted((dump(root, *range(10)) / "_news").iterdir()):
        file.write_text(f"---\n{front.format(file.stem)}---\nWords.\n")


def names(store: Store) -> list[str]:
    return [name for (name,) in rows(store, sa.select(sources.c.name).order_by(sources.c.id))]


@pytest.fixture
def known(curation: Command, tmp_path: Path) -> Path:
    """A source of ten articles, one of which an editor hides."""
    root = dump(tmp_path / "site", *range(10))
    assert curation("import", str(root)).exit_code == 0
    assert curation("unpublish", "_news/3.md", "--actor", "ada").exit_code == 0
    return root


def is_refused(result: Result, name: str) -> bool:
    told = result.stderr.strip().splitlines()[-1]
    parts = (f"--source {name}", "--new-source", repr(name))
    return (
        result.exit_code == 1 and result.exception.__class__ is SystemExit and all(p in told for p in parts)
    )


def test_a_folder_that_was_renamed_is_refused_and_nothing_is_written(
    store: Store, curation: Command, known: Path
) -> None:
    before = digests(store)
    renamed = known.rename(known.with_name("site-2"))
    assert is_refused(curation("import", str(renamed)), "site")
    assert is_refused(curation("import", str(renamed), "--dry-run"), "site")
    assert is_refused(curation("import", str(renamed), "--source", "other"), "site")
    assert digests(store) == before
    assert (names(store), count(store, imports)) == (["site"], 1)


def test_both_ways_on_do_what_they_say(store: Store, curation: Command, known: Path) -> None:
    renamed = known.rename(known.with_name("site-2"))
    done = curation("import", str(renamed), "--source", "site")
    assert (done.exit_code, "10 unchanged" in done.stdout) == (0, True), done.output
    assert (names(store), count(store, articles)) == (["site"], 10)
    apart = Path(shutil.copytree(renamed, renamed.with_name("copy")))
    done = curation("import", str(apart), "--new-source")
    assert (done.exit_code, "10 added" in done.stdout) == (0, True), done.output
    assert (names(store), count(store, articles)) == (["site", "copy"], 20)
    assert count(store, overrides) == 1
    # Once it is a source, nobody asks any more.
    assert curation("import", str(apart)).exit_code == 0


def test_a_first_import_asks_nobody(store: Store, curation: Command, tmp_path: Path) -> None:
    assert curation("import", str(dump(tmp_path / "site", *range(3)))).exit_code == 0
    assert names(store) == ["site"]


#: Dumps that come beside the known one of ten, and whether they are taken for it.
ALIKE: dict[str, tuple[Callable[[Path], object], bool]] = {
    "tidied": (lambda root: dump(root, *range(10), tidied=True), True),
    "other folders": (lambda root: dump(root, *range(10), folder="_posts/archive"), True),
    "a part": (lambda root: dump(root, 3, 4), True),
    "one article": (lambda root: dump(root, 3), True),
    "six of ten": (lambda root: dump(root, 0, 1, 2, 3, 4, 5, 20, 21, 22, 23), True),
    "a half": (lambda root: dump(root, 0, 1, 2, 3, 4, 20, 21, 22, 23, 24), False),
    "others": (lambda root: dump(root, *range(20, 30)), False),
    "others at the same paths": (
        lambda root: write(root, "title: Other {0}\nwebUrl: https://o.example/{0}\n"), False
    ),
    "nothing to know them by": (lambda root: write(root, "price: {0}\n"), False),
    "most of them broken": (
        lambda root: [
            dump(root, *range(10)),
            *((root / "_news" / f"{n}.md").write_text("---\n[\n---\n") for n in range(8)),
        ],
        True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", ALIKE)
@pytest.mark.usefixtures("known")
def test_most_of_the_articles_tell(store: Store, curation: Command, tmp_path: Path, case: str) -> None:
    make, is_known = ALIKE[case]
    root = tmp_path / "comes"
    make(root)
    before = digests(store)
    result = curation("import", str(root))
    if is_known:
        assert is_refused(result, "site"), result.output
        assert digests(store) == before
    else:
        assert "added" in result.stdout, result.output
        assert names(store) == ["site", "comes"]


def test_the_source_that_has_most_of_them_is_named(curation: Command, known: Path) -> None:
    other = dump(known.with_name("other"), *range(4, 30))
    assert curation("import", str(other)).exit_code == 0
    assert is_refused(curation("import", str(dump(known.with_name("comes"), *range(25)))), "other")


def test_what_is_gone_from_a_source_is_known_too(store: Store, curation: Command, known: Path) -> None:
    """A folder is taken away, an import sees that, and it comes back under another name."""
    comes = Path(shutil.copytree(known, known.with_name("comes")))
    for number in range(9):
        (known / "_news" / f"{number}.md").unlink()
    assert "9 missing" in curation("import", str(known)).stdout
    assert is_refused(curation("import", str(comes)), "site")
    assert names(store) == ["site"]


def test_an_archive_is_looked_at_in_the_same_way(curation: Command, known: Path) -> None:
    made = shutil.make_archive(str(known.with_name("monday")), "gztar", known)
    assert is_refused(curation("import", made), "site")
    done = curation("import", made, "--source", "site")
    assert (done.exit_code, "10 unchanged" in done.stdout) == (0, True), done.output


def test_the_other_folders_of_one_command_are_imported(store: Store, curation: Command, known: Path) -> None:
    """What was done before the refusal stays done, as with every other error."""
    new, renamed = dump(known.with_name("new"), *range(20, 25)), known.rename(known.with_name("renamed"))
    assert is_refused(curation("import", str(new), str(renamed)), "site")
    assert names(store) == ["site", "new"]
    hidden = json.loads(curation("list", "--unpublished", "--format", "json").stdout)
    assert [row["path"] for row in hidden] == ["_news/3.md"]
