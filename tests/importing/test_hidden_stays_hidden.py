"""Check that only an editor's command publishes a hidden article: random histories and named cases.

The table lists how an article could become public or lose an override, and what happens instead. The rules
for random histories are in `support.random_histories`.

| how | what happens |
|---|---|
| its document moves, also edited, with its folder, or swapped | it is the same article; its overrides follow |
| the document may be one of several, or is only similar | a new article that is not published, a warning, exit code 3 |
| a copy of it appears, and its own document stays | a new article that is not published, a warning, exit code 3 |
| another story takes its path, and its own has moved | the article follows its story |
| another story takes its path, and its own is gone | the override is set aside: a warning; exit code 3 for a veto |
| neither story has a URL, and the first is nowhere else | it counts as the same story; the override is kept |
| its story returns at the path, or at another | the override returns |
| title, URL or body are tidied or rewritten, not all three | the override is kept |
| its file is missing and returns | the override is kept |
| its file is no longer a document, or is broken | it stays as it was; an error, exit code 3 |
| upstream's flags change | the override is kept; a notice |
| a flag cannot be read | it keeps its earlier value; a new article is not published |
| a draft, or a future date | not published by upstream |
| an import of a part, or one that is interrupted, dry or strict | the same, for the rows it has written |
| an import is reverted | overrides are kept, or set aside with their story |
| a score, or a revert of another changeset | the override is kept |

`CURATION_HISTORIES` is the number of histories on both engines together. `CURATION_SEED` is the first one.
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

from ..support.importing_helpers import import_folder, revert_one_import
from ..support.random_histories import make_steps, run

HISTORIES = int(os.environ.get("CURATION_HISTORIES", "8"))
FIRST = int(os.environ.get("CURATION_SEED", "0"))
STEPS = 14

#: Number of histories in one test. The store is emptied before each.
HISTORIES_PER_TEST = 8


@pytest.mark.parametrize(
    ("offset", "size"),
    [
        pytest.param(0, 1, id="few"),
        *(
            pytest.param(
                first,
                min(HISTORIES_PER_TEST, HISTORIES // 2 - first),
                id=f"many-{first}",
                marks=pytest.mark.slow,
            )
            for first in range(0, HISTORIES // 2, HISTORIES_PER_TEST)
        ),
    ],
)
def test_a_hidden_story_stays_hidden_in_any_history(
    store: Store, tmp_path: Path, offset: int, size: int
) -> None:
    first = FIRST + offset + (1_000_000 if store.backend.name == "postgresql" else 0)
    for seed in range(first, first + size):
        run(store, tmp_path / str(seed), seed, make_steps(seed, STEPS))


# --- named cases ----------------------------------------------------------------------------------------


def write(root: Path, path: str, number: int | None = None, *flags: str, **fields: str) -> None:
    """Write a document of a story with a title and a body, and a URL if `url` is given."""
    title, body = fields.get("title", f"Story {number}"), fields.get("body", f"Text {number}.")
    url = [f"originalUrl: {fields['url']}"] if "url" in fields else []
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_text("\n".join(["---", f"title: {title}", *url, *flags, "---", body, ""]))


def set_overrides(store: Store, path: str, **decisions: int) -> None:
    with store.writing() as connection:
        set_flags(connection, Selection([path]), decisions, actor="editor", reason=None)


def find_published(store: Store) -> dict[str, str]:
    """Return the titles of the published articles, by path."""
    article = articles.c
    query = sa.select(article.path, article.title).where(article.published.is_(sa.true()))
    with store.reading() as connection:
        return dict(map(tuple, connection.execute(query)))


def find_problems(store: Store) -> list[Finding]:
    with store.reading() as connection:
        return list(verify(connection))


def test_swapped_files_without_urls_keep_their_overrides(store: Store, tmp_path: Path) -> None:
    for path, number in (("_news/a.md", 1), ("_news/b.md", 2)):
        write(tmp_path, path, number)
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", removed=1)
    write(tmp_path, "_news/a.md", 2)
    write(tmp_path, "_news/b.md", 1)
    assert import_folder(store, tmp_path).moved == 2
    assert find_published(store) == {"_news/a.md": "Story 2"}


def test_a_moved_story_without_url_leaves_its_path_to_another(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1)
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", published=0)
    write(tmp_path, "_posts/a.md", 1)
    write(tmp_path, "_news/a.md", 2)
    import_folder(store, tmp_path)
    assert find_published(store) == {"_news/a.md": "Story 2"}


def test_a_rewritten_document_without_url_keeps_its_override(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1)
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", published=0)
    write(tmp_path, "_news/a.md", 2)
    assert import_folder(store, tmp_path).updated == 1
    assert find_published(store) == {}


def test_an_import_interrupted_after_a_move_leaves_a_valid_store(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    write(tmp_path, "_news/b.md", 2, url="https://e.org/2")
    import_folder(store, tmp_path)
    (tmp_path / "_news/a.md").rename(tmp_path / "_news/b.md")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Importer, "_finish", interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_folder(store, tmp_path)
    assert find_problems(store) == []
    import_folder(store, tmp_path)
    assert find_problems(store) == []


def test_another_story_at_a_path_inherits_no_flags(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, "published: true", url="https://e.org/1")
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 2, "published: flase", url="https://e.org/2")
    assert import_folder(store, tmp_path).status == "partial"
    assert find_published(store) == {}


@pytest.mark.parametrize("flags", [("removed: ture",), ("published: flase", "removed: true")])
def test_an_article_is_withheld_until_its_flag_can_be_read(
    store: Store, tmp_path: Path, flags: tuple[str, ...]
) -> None:
    write(tmp_path, "_news/a.md", 1, *flags)
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 1, flags[0], body="Corrected.")
    import_folder(store, tmp_path)
    assert find_published(store) == {}
    write(tmp_path, "_news/a.md", 1)
    import_folder(store, tmp_path)
    assert find_published(store) == {"_news/a.md": "Story 1"}


def test_an_unreadable_flag_does_not_publish_a_removed_article(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, "removed: true")
    import_folder(store, tmp_path)
    write(tmp_path, "_news/a.md", 1, "published: flase")
    import_folder(store, tmp_path)
    assert find_published(store) == {}


def test_a_draft_with_an_unreadable_flag_is_a_draft(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, "published: true")
    import_folder(store, tmp_path)
    (tmp_path / "_news/a.md").unlink()
    write(tmp_path, "_drafts/a.md", 1, "published: flase")
    import_folder(store, tmp_path)
    assert find_published(store) == {}


def test_a_document_that_takes_over_a_hidden_story_is_withheld(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    write(tmp_path, "_news/b.md", 2, url="https://e.org/2")
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", published=0)
    write(tmp_path, "_news/b.md", title="Story 2", url="https://e.org/1", body="Text 1.")
    assert import_folder(store, tmp_path).status == "partial"
    assert find_published(store) == {}
    set_overrides(store, "_news/b.md", published=1)
    import_folder(store, tmp_path)
    assert find_published(store) == {"_news/b.md": "Story 2"}


def test_a_document_that_returns_to_a_set_aside_story_under_another_title_is_withheld(
    store: Store, tmp_path: Path
) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", published=0)
    write(tmp_path, "_news/a.md", 2, url="https://e.org/2")
    import_folder(store, tmp_path)
    assert find_published(store) == {"_news/a.md": "Story 2"}
    write(tmp_path, "_news/a.md", title="Story 2", url="https://e.org/1", body="Text 1.")
    import_folder(store, tmp_path)
    assert find_published(store) == {}


def test_a_moved_copy_does_not_replace_its_hidden_copy(store: Store, tmp_path: Path) -> None:
    for path in ("_news/a.md", "_news/b.md"):
        write(tmp_path, path, 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", removed=1)
    (tmp_path / "_news/a.md").unlink()
    (tmp_path / "_news/b.md").rename(tmp_path / "_news/c.md")
    assert import_folder(store, tmp_path).to_review == 1
    assert find_published(store).keys() == {"_news/b.md"}  # it is missing


def test_a_hidden_story_is_recognised_after_its_document_is_rewritten(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", removed=1)
    write(tmp_path, "_news/a.md", title="Story 2", body="Text 1.", url="https://e.org/2")
    write(tmp_path, "_news/b.md", title="Story 1", body="Text 3.", url="https://e.org/1")
    assert import_folder(store, tmp_path).to_review == 1
    assert find_published(store) == {}


def test_a_document_with_the_url_of_a_doubtful_article_is_withheld(store: Store, tmp_path: Path) -> None:
    write(tmp_path, "_news/a.md", 1, url="https://e.org/1")
    import_folder(store, tmp_path)
    set_overrides(store, "_news/a.md", removed=1)
    (tmp_path / "_news/a.md").unlink()
    for path in ("_posts/b.md", "_posts/c.md"):
        write(tmp_path, path, 1, url="https://e.org/1")
    write(tmp_path, "_posts/d.md", 2, url="https://e.org/1")
    assert import_folder(store, tmp_path).to_review == 3
    assert find_published(store) == {}


def test_a_path_that_a_later_import_changed_is_not_restored(store: Store, tmp_path: Path) -> None:
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
    kept = revert_one_import(store, swapped, actor="ann").kept
    assert {path for path, _ in kept} >= {"_news/a.md", "_news/c.md"}
    assert find_problems(store) == []
    for changeset_id in (moved, swapped):
        assert revert_one_import(store, changeset_id, actor="ann").kept == []
    assert find_problems(store) == []
    assert find_published(store) == {"_news/a.md": "Story 1", "_news/b.md": "Story 2"}


# --- a repository whose posts are all moved -------------------------------------------------------------

#: Number of documents in the repository, and of those with overrides. CURATION_FULL=1 takes as many documents
#: as a real repository once moved.
POSTS = 3_500 if os.environ.get("CURATION_FULL") else 350
OVERRIDDEN = 9


def git(root: Path, *arguments: str) -> None:
    who = ("-c", "user.name=tester", "-c", "user.email=tester@example.org")
    subprocess.run(("git", "-C", str(root), *who, *arguments), check=True, capture_output=True)


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a repository with three tags.

    `before` is the first state. In `moved` all posts are in `_posts/_archive`. In `edited` all posts are back
    and edited.
    """
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


def read_overrides(store: Store) -> dict[str, tuple[int, str, int, int]]:
    """Return an override of each article that has one, by the name of its file."""
    override = overrides.c
    query = sa.select(
        articles.c.path, articles.c.id, override.field, override.value, override.changeset_id
    ).join_from(articles, overrides)
    with store.reading() as connection:
        rows = connection.execute(query).all()
    return {row.path.rpartition("/")[2]: tuple(row[1:]) for row in rows}


@pytest.mark.slow
def test_all_overrides_follow_when_a_repository_moves_all_posts(store: Store, repository: Path) -> None:
    import_revision(store, repository, "before")
    for number in range(OVERRIDDEN):
        path = f"_posts/2021-01-01-post-{number * (POSTS // OVERRIDDEN)}.md"
        set_overrides(store, path, **[{"removed": 1}, {"published": 0}, {"quality": 90}][number % 3])
    before = read_overrides(store)
    began = time.perf_counter()
    summary = import_revision(store, repository, "moved")
    took = time.perf_counter() - began
    assert (summary.moved, summary.added, summary.missing, summary.to_review) == (POSTS, 0, 0, 0)
    assert len(before) == OVERRIDDEN
    assert read_overrides(store) == before
    assert len(find_published(store)) == POSTS - 6
    with store.reading() as connection:
        for key, *_ in before.values():
            flags = [row[6] for row in list_changes(connection, HistoryFilters(article_id=key)).rows]
            assert flags[0] == "path"
            assert set(flags[1:]) <= {"removed", "published", "quality"}
            assert len(flags) > 1
    assert find_problems(store) == []
    print(f"{store.backend.name}: {POSTS:,} posts moved in {took:.2f} s")


def test_the_time_of_an_import_that_edits_all_posts(store: Store, repository: Path) -> None:
    """Print how long an import takes if all posts are edited in place, for comparison."""
    import_revision(store, repository, "before")
    began = time.perf_counter()
    assert import_revision(store, repository, "edited").updated == POSTS
    print(f"{store.backend.name}: {POSTS:,} posts edited in {time.perf_counter() - began:.2f} s")
