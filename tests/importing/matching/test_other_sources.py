"""Imports that are refused because their documents are mostly articles of another source."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.importing.matching.additions import choose_evenly, find_additions
from curation.importing.merging.stories import fold_url, list_url_variants
from curation.scanning import find_dumps
from curation.store.database import Store
from curation.store.schema import articles, imports, overrides, sources

from ...support.cases import some
from ...support.store_comparison import count, rows
from ...support.store_digest import digests

Command = Callable[..., Result]

#: The front matter and text that `plain` writes. {0} is the number of the article.
TITLE, WORDS = "title: Story {0}", "The words of {0}."


def dump(root: Path, *numbers: int, tidied: bool = False, folder: str = "_news") -> Path:
    """Write an article for each number into a folder."""
    for number in numbers:
        file = root / folder / f"{number}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        title, scheme = (f"“Story” {number}", "http") if tidied else (f"Story {number}", "https")
        front = f"title: {title}\nwebUrl: {scheme}://e.example/{number}\n"
        file.write_text(f"---\n{front}---\nThe words of {number}{' ' * tidied}.\n")
    return root


def plain(root: Path, *numbers: int, at: str = "_news/{0}", front: str = TITLE, words: str = WORDS) -> Path:
    """Write articles without URLs into a folder. {0} in the texts is replaced by the number."""
    for number in numbers:
        file = root / f"{at.format(number)}.md"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\n{front.format(number)}\n---\n{words.format(number)}\n")
    return root


def write(root: Path, front: str) -> None:
    """Write ten articles with this front matter. {0} in it is replaced by the number."""
    for file in sorted((dump(root, *range(10)) / "_news").iterdir()):
        file.write_text(f"---\n{front.format(file.stem)}---\nWords.\n")


def source_names(store: Store) -> list[str]:
    return [name for (name,) in rows(store, sa.select(sources.c.name).order_by(sources.c.id))]


@pytest.fixture
def known(curation: Command, tmp_path: Path) -> Path:
    """Import a source of ten articles, and unpublish one of them. Return its folder."""
    root = dump(tmp_path / "site", *range(10))
    assert curation("import", str(root)).exit_code == 0
    assert curation("unpublish", "_news/3.md", "--actor", "ada").exit_code == 0
    return root


def is_refused(result: Result, name: str) -> bool:
    message = result.stderr.strip().splitlines()[-1]
    parts = (f"--source {name}", "--new-source", repr(name))
    return (
        result.exit_code == 1
        and result.exception.__class__ is SystemExit
        and all(p in message for p in parts)
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
    assert (source_names(store), count(store, imports)) == (["site"], 1)


def test_both_suggested_options_work(store: Store, curation: Command, known: Path) -> None:
    renamed = known.rename(known.with_name("site-2"))
    done = curation("import", str(renamed), "--source", "site")
    assert (done.exit_code, "10 unchanged" in done.stdout) == (0, True), done.output
    assert (source_names(store), count(store, articles)) == (["site"], 10)
    apart = Path(shutil.copytree(renamed, renamed.with_name("copy")))
    done = curation("import", str(apart), "--new-source")
    assert (done.exit_code, "10 added" in done.stdout) == (0, True), done.output
    assert (source_names(store), count(store, articles)) == (["site", "copy"], 20)
    assert count(store, overrides) == 1
    # A source that was imported with --new-source is not refused again.
    assert curation("import", str(apart)).exit_code == 0


def test_a_first_import_is_not_refused(store: Store, curation: Command, tmp_path: Path) -> None:
    assert curation("import", str(dump(tmp_path / "site", *range(3)))).exit_code == 0
    assert source_names(store) == ["site"]


#: Dumps that are imported after the known one of ten articles, and whether they are refused.
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


@pytest.mark.parametrize("case", some(ALIKE))
@pytest.mark.usefixtures("known")
def test_an_import_is_refused_if_most_articles_are_known(
    store: Store, curation: Command, tmp_path: Path, case: str
) -> None:
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
        assert source_names(store) == ["site", "comes"]


def test_the_source_that_has_most_of_them_is_named(curation: Command, known: Path) -> None:
    other = dump(known.with_name("other"), *range(4, 30))
    assert curation("import", str(other)).exit_code == 0
    assert is_refused(curation("import", str(dump(known.with_name("comes"), *range(25)))), "other")


def test_missing_articles_of_a_source_count_too(store: Store, curation: Command, known: Path) -> None:
    """Most files are deleted and become missing, and are then imported under another name."""
    comes = Path(shutil.copytree(known, known.with_name("comes")))
    for number in range(9):
        (known / "_news" / f"{number}.md").unlink()
    assert "9 missing" in curation("import", str(known)).stdout
    assert is_refused(curation("import", str(comes)), "site")
    assert source_names(store) == ["site"]


def test_an_archive_is_checked_in_the_same_way(curation: Command, known: Path) -> None:
    made = shutil.make_archive(str(known.with_name("monday")), "gztar", known)
    assert is_refused(curation("import", made), "site")
    done = curation("import", made, "--source", "site")
    assert (done.exit_code, "10 unchanged" in done.stdout) == (0, True), done.output


def test_the_folders_before_a_refused_one_are_imported(store: Store, curation: Command, known: Path) -> None:
    """A refusal does not roll back earlier imports of the command, like any other error."""
    new, renamed = dump(known.with_name("new"), *range(20, 25)), known.rename(known.with_name("renamed"))
    assert is_refused(curation("import", str(new), str(renamed)), "site")
    assert source_names(store) == ["site", "new"]
    hidden = json.loads(curation("list", "--unpublished", "--format", "json").stdout)
    assert [row["path"] for row in hidden] == ["_news/3.md"]


# --- documents without URLs -----------------------------------------------------------------------------

ELSEWHERE = {"at": "_posts/archive/{0}"}
RENAMED = {"at": "_posts/2021-05-28-story-{0}"}
STUB = {"front": "title: Untitled", "words": ""}

#: The texts of the known source of ten documents, the dump that is imported next, and whether it is refused.
WITHOUT_URLS: dict[str, tuple[dict[str, str], Callable[[Path], object], bool]] = {
    "the same": ({}, lambda root: plain(root, *range(10)), True),
    "other folders": ({}, lambda root: plain(root, *range(10), **ELSEWHERE), True),
    "other files": ({}, lambda root: plain(root, *range(10), **RENAMED), True),
    "other files without titles": (
        {"front": "price: {0}"}, lambda root: plain(root, *range(10), **RENAMED, front="price: {0}"), True
    ),
    "other files without bodies": (
        {"words": ""}, lambda root: plain(root, *range(10), **RENAMED, words=""), True
    ),
    "other secured": (
        {"front": "title: Story {0}\nsecured: QUJD"},
        lambda root: plain(root, *range(10), **RENAMED, front="title: Story {0}\nsecured: REVG"), True,
    ),
    "front matter rewritten": (
        {}, lambda root: plain(root, *range(10), **RENAMED, front="layout: post\ntitle: Story {0}"), True
    ),
    "titles tidied": (
        {}, lambda root: plain(root, *range(10), **RENAMED, front="title: “STORY”  {0}"), True
    ),
    "bodies wrapped": ({}, lambda root: plain(root, *range(10), **RENAMED, words="The\nwords\nof {0}."), True),
    "half rewritten in place": (
        {}, lambda root: plain(plain(root, *range(10)), *range(5), words="Other words of {0}."), True
    ),
    "four rewritten elsewhere": (
        {},
        lambda root: plain(plain(root, *range(10), **RENAMED), *range(4), **RENAMED, words="Other {0}."), True,
    ),
    "half rewritten elsewhere": (
        {},
        lambda root: plain(plain(root, *range(10), **RENAMED), *range(5), **RENAMED, words="Other {0}."), False,
    ),
    "each at two paths": (
        {}, lambda root: plain(plain(root, *range(10), **RENAMED), *range(10), **ELSEWHERE), True
    ),
    "others at the same paths": (
        {}, lambda root: plain(root, *range(10), front="title: Other {0}", words="Other {0}."), False
    ),
    "other texts of the same titles": (
        {}, lambda root: plain(root, *range(10), **ELSEWHERE, words="Other {0}."), False
    ),
    "one title, at the same paths": (
        {"front": "title: Untitled"},
        lambda root: plain(root, *range(10), front="title: Untitled", words="Other {0}."), False,
    ),
    "one title, the same texts": (
        {"front": "title: Untitled"},
        lambda root: plain(root, *range(10), **RENAMED, front="title: Untitled"), True,
    ),
    "without bodies": (
        {"words": ""}, lambda root: plain(root, *range(10), front="title: Other {0}", words=""), False
    ),
    "one title and no body": (STUB, lambda root: plain(root, *range(10), **ELSEWHERE, **STUB), False),
    "one title and no body, at the same paths": (STUB, lambda root: plain(root, *range(10), **STUB), False),
    "one title and one text": (
        {"words": "To do."},
        lambda root: plain(root, *range(10), **ELSEWHERE, front="title: Story 3", words="To do."), False,
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", some(WITHOUT_URLS))
def test_documents_without_urls_are_compared_by_content(
    store: Store, curation: Command, tmp_path: Path, case: str
) -> None:
    of_known, make, is_known = WITHOUT_URLS[case]
    assert curation("import", str(plain(tmp_path / "site", *range(10), **of_known))).exit_code == 0
    make(tmp_path / "comes")
    before = digests(store)
    result = curation("import", str(tmp_path / "comes"))
    if is_known:
        assert is_refused(result, "site"), result.output
        assert digests(store) == before
    else:
        assert "added" in result.stdout, result.output


@pytest.mark.parametrize(
    "url",
    [
        "http://e.example/a/{0}?x=1&y=2",
        "https://www.e.example/a/{0}/?y=2&x=1",
        "http://e.example/a/{0}?y=2&x=1",
    ],
)
def test_urls_are_folded_before_they_are_compared(curation: Command, tmp_path: Path, url: str) -> None:
    of_known = "title: Story {0}\nwebUrl: https://e.example/a/{0}?x=1&y=2"
    plain(tmp_path / "site", *range(10), front=of_known)
    assert curation("import", str(tmp_path / "site")).exit_code == 0
    front = f"title: Other {{0}}\nwebUrl: {url}"
    plain(tmp_path / "comes", *range(10), **RENAMED, front=front, words="Other {0}.")
    assert is_refused(curation("import", str(tmp_path / "comes")), "site")


def test_spellings_of_a_url_fold_alike() -> None:
    for url in ("https://www.e.example/a/?x=1&y=2", "http://e.example/", "https://e.example/a?d&c&b&a"):
        found = list(list_url_variants(url))
        assert {fold_url(one) for one in found} == {fold_url(url)}
        assert url in found
        assert len(found) == len(set(found))


def test_each_part_of_a_source_that_was_split_is_refused(
    store: Store, curation: Command, tmp_path: Path
) -> None:
    assert curation("import", str(plain(tmp_path / "site", *range(10)))).exit_code == 0
    for name, numbers in (("news", range(5)), ("views", range(5, 10))):
        part = plain(tmp_path / name, *numbers, at=f"_{name}/{{0}}")
        assert is_refused(curation("import", str(part)), "site")
    assert source_names(store) == ["site"]


def test_a_zip_under_another_name_is_refused(curation: Command, known: Path) -> None:
    made = shutil.make_archive(str(known.with_name("monday")), "zip", known)
    assert is_refused(curation("import", made), "site")


def test_a_clone_in_another_folder_is_refused(curation: Command, known: Path) -> None:
    clone = known.with_name("clone")
    for arguments in (
        ("-C", str(known), "init", "--quiet"),
        ("-C", str(known), "add", "."),
        (
            "-C",
            str(known),
            "-c",
            "user.name=a",
            "-c",
            "user.email=a@e.example",
            "commit",
            "--quiet",
            "-m",
            "1",
        ),
        ("clone", "--quiet", str(known), str(clone)),
    ):
        subprocess.run(["git", *arguments], check=True, capture_output=True)
    assert is_refused(curation("import", str(clone)), "site")
    assert is_refused(curation("import", str(clone), "--rev", "HEAD"), "site")


@pytest.mark.usefixtures("known")
def test_a_source_without_articles_is_not_refused(store: Store, curation: Command, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    result = curation("import", str(empty))
    assert (result.exit_code, "no content" in result.stderr) == (1, True), result.output
    note = tmp_path / "taxonomy" / "_data" / "organizations" / "a.md"
    note.parent.mkdir(parents=True)
    note.write_text("---\nname: A\ndomain: a.example\n---\n")
    for name in ("taxonomy", "again"):
        assert curation("import", str(note.parents[2]), "--source", name).exit_code == 0
    assert source_names(store) == ["site", "taxonomy", "again"]


def statements(store: Store, root: Path, source: str) -> list[str]:
    """Return the SQL statements that run before a folder is compared with other sources."""
    [dump] = find_dumps([root], source=source, root=None, rev=None, known={})
    recorded: list[str] = []

    def note(*event: object) -> None:
        recorded.append(str(event[2]))

    scan = dump.tree.scan(dump.within)
    with store.reading() as connection:
        sa.event.listen(store.engine, "before_cursor_execute", note)
        assert find_additions(connection, source, scan) is None
    return recorded


def test_the_only_source_is_compared_with_nothing(store: Store, curation: Command, tmp_path: Path) -> None:
    root = dump(tmp_path / "site", *range(3))
    assert len(statements(store, root, "site")) == 1
    assert curation("import", str(root)).exit_code == 0
    assert len(statements(store, dump(root, *range(20)), "site")) == 1


@pytest.mark.parametrize(("count", "total"), [(1, 1), (200, 399), (3, 10), (10, 3)])
def test_documents_are_chosen_evenly(count: int, total: int) -> None:
    chosen = list(choose_evenly(list(range(total)), count))  # type: ignore[arg-type]
    assert len(chosen) == min(count, total) == len(set(chosen))
    assert chosen == sorted(chosen)
    assert chosen[-1] >= total - total / count - 1  # type: ignore[operator]


# --- known sources --------------------------------------------------------------------------------------


def test_a_known_source_with_the_articles_of_another_is_refused(
    store: Store, curation: Command, known: Path
) -> None:
    """Another document was imported first, so that the source is not new."""
    first = dump(known.with_name("first"), 40)
    assert curation("import", str(first), "--source", "site-2").exit_code == 0
    before = digests(store)
    renamed = known.rename(known.with_name("site-2"))
    assert is_refused(curation("import", str(renamed)), "site")
    assert is_refused(curation("import", str(renamed), "--dry-run"), "site")
    assert digests(store) == before
    done = curation("import", str(renamed), "--new-source")
    assert (done.exit_code, "10 added" in done.stdout) == (0, True), done.output
    # They are articles of the source now, so they are not new to it.
    assert "10 unchanged" in curation("import", str(renamed)).stdout
    assert curation("import", str(dump(renamed, *range(10, 20)))).exit_code == 0


@pytest.fixture
def mirror(curation: Command, known: Path) -> Path:
    """Import a copy of a source as a separate source. Return its folder."""
    root = Path(shutil.copytree(known, known.with_name("mirror")))
    assert curation("import", str(root), "--new-source").exit_code == 0
    return root


def test_a_mirror_goes_on_sharing_articles(curation: Command, known: Path, mirror: Path) -> None:
    for root in (known, mirror):
        assert curation("import", str(dump(root, *range(10, 19)))).exit_code == 0
    assert curation("import", str(dump(mirror, 19) / "_news" / "19.md")).exit_code == 0


def test_a_mirror_that_moves_its_files_adds_nothing(curation: Command, known: Path, mirror: Path) -> None:
    assert curation("import", str(dump(known, *range(10, 15)))).exit_code == 0
    (mirror / "_news").rename(mirror / "_posts")
    done = curation("import", str(dump(mirror, *range(10, 15), folder="_posts")))
    assert (done.exit_code, "5 added" in done.stdout, "10 moved" in done.stdout) == (0, True, True), (
        done.output
    )


def test_a_mirror_with_mostly_new_shared_articles_is_refused(
    curation: Command, known: Path, mirror: Path
) -> None:
    more = range(10, 30)
    assert curation("import", str(dump(known, *more))).exit_code == 0
    assert is_refused(curation("import", str(dump(mirror, *more))), "site")
    assert curation("import", str(mirror), "--new-source").exit_code == 0
    assert curation("import", str(mirror), "--full").exit_code == 0


def test_sources_that_share_nothing_are_never_refused(curation: Command, known: Path) -> None:
    other = dump(known.with_name("other"), 40)
    assert curation("import", str(other)).exit_code == 0
    assert curation("import", str(dump(other, *range(40, 90)))).exit_code == 0
    assert curation("import", str(dump(known, *range(10, 39)))).exit_code == 0
    part = dump(known, 39) / "_news" / "39.md"
    assert curation("import", str(part)).exit_code == 0
