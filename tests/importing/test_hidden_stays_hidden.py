"""What an editor hid is shown only by an editor's command: random histories on both engines, and named cases.

How an article could become public, or lose an override, and what happens instead. The laws are in `histories`.

| how | what happens |
|---|---|
| its document moves, also with an edit, a folder, a swap | it is the same article; its overrides follow |
| the document may be one of several, or is only similar | a new article that is not published, a warning, exit code 3 |
| a copy of it appears, its own document still there | a new article that is not published, a warning, exit code 3 |
| another story takes its path, and its own is elsewhere | the article follows its story |
| another story takes its path, and its own is nowhere | the override is set aside: a warning; exit code 3 for a veto |
| neither story has a URL, and the first is nowhere else | it is taken for the same story; the override stands |
| its story comes back at the path, or at another | the override stands again |
| title, URL or body are tidied or rewritten, not all three | the override stands |
| its file goes and comes back | the override stands |
| its file is no document any more, or is broken | it stays as it was; an error, exit code 3 |
| upstream's flags change | the override stands; a notice |
| a flag cannot be read | it is as it was before, of this story; a new one is not published |
| a draft, or a date to come | not published by upstream |
| an import of a part, or one that is cut off, dry or strict | the same, for what it has written |
| an import is undone | overrides stand, or are set aside with their story |
| a score, or a revert of another decision | the override stands |

`CURATION_HISTORIES` is how many histories there are, on both engines together; `CURATION_SEED` is the first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.history import HistoryFilters, list_changes
from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.importing.records.summary import Options, Summary
from curation.importing.run import import_dump, scan_dump
from curation.importing.steps import Importer
from curation.scanning import find_dumps
from curation.store.database import Store
from curation.store.schema import articles, overrides
from curation.verifying.run import Finding, verify

from ..support.importing_helpers import import_folder, undo_one_import
from ..support.random_histories import make_steps, run

HISTORIES = int(os.environ.get("CURATION_HISTORIES", "8"))
FIRST = int(os.environ.get("CURATION_SEED", "0"))
STEPS = 14

#: Histories of one test, in a store that is emptied each time.
SHARE = 8


@pytest.mark.parametrize(
    ("share", "size"),
    [
        pytest.param(0, 1, id="few"),
        *(
            pytest.param(
                first, min(SHARE, HISTORIES // 2 - first), id=f"many-{first}", marks=pytest.mark.long
            )
            for first in range(0, HISTORIES // 2, SHARE)
        ),
    ],
)
def test_whatever_happens_what_an_editor_hid_stays_hidden(
    store: Store, tmp_path: Path, share: int, size: int
) -> None:
    first = FIRST + share + (1_000_000 if store.backend.name == "postgresql" else 0)
    for seed in range(first, first + size):
        run(store, tmp_path / str(seed), seed, make_steps(seed, STEPS))


# --- named cases ----------------------------------------------------------------------------------------


def write(root: Path, path: str, number: int | None = None, *flags: str, **told: str) -> None:
    """Write a document of a story with a title and a body, and a URL if `url` is given."""
    title, body = told.get("title", f"Story {number}"), told.get("body", f"Text {number}.")
    url = [f"originalUrl: {told['url']}"] if "url" in told else []
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("\n".join(["---", f"title: {title}", *url, *flags, "---", body, ""]))


def decide(store: Store, path: str, **decisions: int) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection([path]), decisions, actor="editor", reason=None)


def shown(store: Store) -> dict[str, str]:
    """Return the titles of what is published, by path."""
    article = articles.c
    query = sa.select(article.path, article.title).where(article.published.is_(sa.true()))
    with store.reading() as connection:
        return dict(map(tuple, connection.execute(query)))


def findings(store: Store) -> list[Finding]:
    with store.reading() as connection:
        return list(verify(connection))


def test_files_without_urls_that_change_places_keep_their_decisions(store: Store, tmp_path: Path) -> None:
    for path, number in (("_news/a.md", 1), ("_news/b.md", 2)):
        write(tmp_path, path, number)
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", removed=1)
    write(tmp_path, "_news/a.md", 2)
    write(tmp_path, "_news/b.md", 1)
    assert import_folder(store, tmp_path).moved == 2
    assert shown(store) == {"_news/a.md": "Story 2"}


def test_a_moved_story_without_url_leaves_its_path_to_another(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1)
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", published=0)
    write(tmp_path, "_posts/a.md", 1)
    write(tmp_path, "_news/a.md", 2)
    import_folder(store, tmp_path)
    assert shown(store) == {"_news/a.md": "Story 2"}


def test_a_rewritten_document_without_url_keeps_its_decision(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1)
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", published=0)
    write(tmp_path, "_news/a.md", 2)
    assert import_folder(store, tmp_path).updated == 1
    assert shown(store) == {}


def test_an_import_cut_off_behind_a_move_leaves_a_sound_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    write(tmp_path, "_news/b.md", 2, url="https://e.org/2")
    import_folder(store, tmp_path)
    (tmp_path / "_news/a.md").rename(tmp_path / "_news/b.md")

    def cut(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Importer, "_finish", cut)
        with pytest.raises(KeyboardInterrupt):
            import_folder(store, tmp_path)
    assert findings(store) == []
    import_folder(store, tmp_path)
    assert findings(store) == []


def test_another_story_at_a_path_has_nothing_of_the_flags_before(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, "published: true", url="https://e.org/1")
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 2, "published: flase", url="https://e.org/2")
    assert import_folder(store, tmp_path).status == "partial"
    assert shown(store) == {}


@pytest.mark.parametrize("flags", [("removed: ture",), ("published: flase", "removed: true")])
def test_what_is_held_back_for_a_flag_stays_so_until_it_can_be_read(
    store: Store, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    write(tmp_path, "_news/a.md", 1, *flags)
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 1, flags[0], body="Corrected.")
    import_folder(store, tmp_path)
    assert shown(store) == {}
    write(tmp_path, "_news/a.md", 1)
    import_folder(store, tmp_path)
    assert shown(store) == {"_news/a.md": "Story 1"}


def test_an_unreadable_flag_does_not_show_what_upstream_removed(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, "removed: true")
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 1, "published: flase")
    import_folder(store, tmp_path)
    assert shown(store) == {}


def test_a_draft_with_an_unreadable_flag_is_no_less_a_draft(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, "published: true")
    import_folder(store, tmp_path)
    (tmp_path / "_news/a.md").unlink()
    write(tmp_path, "_drafts/a.md", 1, "published: flase")
    import_folder(store, tmp_path)
    assert shown(store) == {}


def test_a_document_that_takes_over_a_hidden_story_is_not_shown(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    write(tmp_path, "_news/b.md", 2, url="https://e.org/2")
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", published=0)
    write(tmp_path, "_news/b.md", title="Story 2", url="https://e.org/1", body="Text 1.")
    assert import_folder(store, tmp_path).status == "partial"
    assert shown(store) == {}
    decide(store, "_news/b.md", published=1)
    import_folder(store, tmp_path)
    assert shown(store) == {"_news/b.md": "Story 2"}


def test_a_document_that_returns_to_a_story_set_aside_under_its_new_title_is_not_shown(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", published=0)
    write(tmp_path, "_news/a.md", 2, url="https://e.org/2")
    import_folder(store, tmp_path)
    assert shown(store) == {"_news/a.md": "Story 2"}
    write(tmp_path, "_news/a.md", title="Story 2", url="https://e.org/1", body="Text 1.")
    import_folder(store, tmp_path)
    assert shown(store) == {}


def test_of_two_copies_that_are_gone_the_shown_one_does_not_speak_for_the_hidden(
    store: Store, tmp_path: Path
) -> None:
    for path in ("_news/a.md", "_news/b.md"):
        write(tmp_path, path, 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", removed=1)
    (tmp_path / "_news/a.md").unlink()
    (tmp_path / "_news/b.md").rename(tmp_path / "_news/c.md")
    assert import_folder(store, tmp_path).to_review == 1
    assert shown(store).keys() == {"_news/b.md"}  # it is missing


def test_what_was_hidden_is_known_where_its_own_document_is_rewritten_too(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", removed=1)
    write(tmp_path, "_news/a.md", title="Story 2", body="Text 1.", url="https://e.org/2")
    write(tmp_path, "_news/b.md", title="Story 1", body="Text 3.", url="https://e.org/1")
    assert import_folder(store, tmp_path).to_review == 1
    assert shown(store) == {}


def test_what_has_the_address_of_an_article_in_doubt_is_not_shown(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    decide(store, "_news/a.md", removed=1)
    (tmp_path / "_news/a.md").unlink()
    for path in ("_posts/b.md", "_posts/c.md"):
        write(tmp_path, path, 1, url="https://e.org/1")
    write(tmp_path, "_posts/d.md", 2, url="https://e.org/1")
    assert import_folder(store, tmp_path).to_review == 3
    assert shown(store) == {}


def test_a_path_that_a_later_import_has_changed_is_not_given_back(store: Store, tmp_path: Path) -> None:
    for path, number in (("_news/a.md", 1), ("_news/b.md", 2)):
        write(tmp_path, path, number, url=f"https://e.org/{number}")
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 2, url="https://e.org/2")
    write(tmp_path, "_news/b.md", 1, url="https://e.org/1")
    swapped = import_folder(store, tmp_path).changeset_id
    (tmp_path / "_news/b.md").rename(tmp_path / "_news/c.md")
    moved = import_folder(store, tmp_path).changeset_id
    assert swapped is not None
    assert moved is not None
    kept = undo_one_import(store, swapped, actor="ann").kept
    assert {path for path, _ in kept} >= {"_news/a.md", "_news/c.md"}
    assert findings(store) == []
    for changeset_id in (moved, swapped):
        assert undo_one_import(store, changeset_id, actor="ann").kept == []
    assert findings(store) == []
    assert shown(store) == {"_news/a.md": "Story 1", "_news/b.md": "Story 2"}


# --- a repository whose posts are all moved -------------------------------------------------------------

#: Documents of the repository (CURATION_FULL=1: as many as were once moved in a real one), and decided ones.
POSTS = 3_500 if os.environ.get("CURATION_FULL") else 350
DECIDED = 9


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    subprocess.run(("git", "-C", str(root), *who, *arguments), check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the tags `before`, `moved` (all posts to `_posts/_archive`) and `edited` (all posts,
    in their places)."""
    root = tmp_path_factory.mktemp("repository")
    git(root, "init", "-q")
    for tag, folder, flags in (
        ("before", "_posts", "heat: 1"), ("moved", "_posts/_archive", "heat: 1"), ("edited", "_posts", "heat: 2"),
    ):  # fmt: skip
        shutil.rmtree(root / "_posts", ignore_errors=True)
        for number in range(POSTS):
            write(root, f"{folder}/2021-01-01-post-{number}.md", number, flags, url=f"https://e.org/{number}")
        git(root, "add", "-A")
        git(root, "commit", "-q", "-m", tag)
        git(root, "tag", tag)
    return root


def import_revision(store: Store, root: Path, revision: str) -> Summary:
    [dump] = find_dumps([root], source="posts", root=None, rev=revision, known={})
    with dump.tree:
        return import_dump(store, dump, scan_dump(dump), Options(actor="pipeline"))


def decided(store: Store) -> dict[str, tuple[int, str, int, int]]:
    """Return what is decided of the articles, by the names of their files."""
    override = overrides.c
    query = sa.select(
        articles.c.path, articles.c.id, override.field, override.value, override.changeset_id
    ).join_from(articles, overrides)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return {row.path.rpartition("/")[2]: tuple(row[1:]) for row in rows}


@pytest.mark.long
def test_all_decisions_follow_when_a_repository_moves_all_posts(store: Store, repository: Path) -> None:
    import_revision(store, repository, "before")
    for number in range(DECIDED):
        path = f"_posts/2021-01-01-post-{number * (POSTS // DECIDED)}.md"
        decide(store, path, **[{"removed": 1}, {"published": 0}, {"quality": 90}][number % 3])
    before = decided(store)
    began = time.perf_counter()
    summary = import_revision(store, repository, "moved")
    took = time.perf_counter() - began
    assert (summary.moved, summary.added, summary.missing, summary.to_review) == (POSTS, 0, 0, 0)
    assert len(before) == DECIDED
    assert decided(store) == before
    assert len(shown(store)) == POSTS - 6
    with store.reading() as connection:
        for key, *_ in before.values():
            flags = [row[6] for row in list_changes(connection, HistoryFilters(article_id=key)).rows]
            assert flags[0] == "path"
            assert set(flags[1:]) <= {"removed", "published", "quality"}
            assert len(flags) > 1
    assert findings(store) == []
    print(f"{store.backend.name}: {POSTS:,} posts moved in {took:.2f} s")


def test_the_time_of_an_import_that_moves_all(store: Store, repository: Path) -> None:
    """Print how long an import takes that finds all posts edited in their places, to compare."""
    import_revision(store, repository, "before")
    began = time.perf_counter()
    assert import_revision(store, repository, "edited").updated == POSTS
    print(f"{store.backend.name}: {POSTS:,} posts edited in {time.perf_counter() - began:.2f} s")
