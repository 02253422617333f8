"""Documents that are held back: each told in one import, through the command, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.store.database import Store

from ...support.editor_session import Curation, Desk


@pytest.fixture
def desk(curation: Curation, tmp_path: Path) -> Desk:
    return Desk(curation, tmp_path)


def test_an_override_that_shows_was_about_what_the_article_told_before(desk: Desk) -> None:
    desk.write("_news/a.md", "A", "a", "body a")
    desk.write("_news/z.md", "Z", "z", "body z")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.run("set", "_news/z.md", "--removed")
    desk.run("set", "_news/z.md", "--restored")
    desk.write("_news/z.md", "A", "a", "body z")
    desk.take_in(status=3)
    assert desk.shown == []
    assert desk.issues == {("hidden_story", "_news/z.md"), ("override_set_aside", "_news/z.md")}
    desk.run("db", "verify")


def test_a_hidden_article_whose_title_turns_up_elsewhere_is_not_shown(desk: Desk) -> None:
    """Its permalink follows its folder, and it was edited in the same step."""
    desk.write("_news/a.md", "A story", "news/a", "one two")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.drop("_news/a.md")
    desk.write("_archive/a.md", "A story", "archive/a", "one two three")
    desk.take_in(status=3)
    assert (desk.shown, desk.issues) == ([], {("ambiguous_move", "_archive/a.md")})
    desk.run("publish", "_archive/a.md")
    desk.take_in()
    assert (desk.shown, desk.issues) == (["_archive/a.md"], set())


def test_a_hidden_story_that_no_article_tells_is_known_by_its_url(desk: Desk) -> None:
    desk.write("_news/a.md", "A", "a", "body a")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.write("_news/a.md", "Other", "o", "body o")
    desk.take_in(status=3)
    desk.write("_news/c.md", "A, tidied", "a", "edited")
    desk.take_in(status=3)
    assert desk.shown == ["_news/a.md"]
    desk.run("db", "verify")


@pytest.mark.parametrize("first", ["_news/a.md", "_news/c.md"])
def test_a_hidden_story_without_url_that_was_replaced_is_not_shown_elsewhere(desk: Desk, first: str) -> None:
    """Whether it comes back at a new path, or to an article of another story."""
    desk.write("_news/a.md", "A", None, "body a")
    desk.write("_news/z.md", "Z", None, "body z")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.write("_news/a.md", "Other", None, "body o")
    desk.take_in()
    back = "_news/z.md" if first == "_news/a.md" else first
    desk.write(back, "A", None, "body a")
    desk.take_in(status=3)
    assert back not in desk.shown
    assert desk.issues == {("hidden_story", back)}
    desk.run("db", "verify")
    desk.run("publish", back)
    desk.take_in()
    assert back in desk.shown
    assert desk.issues == set()


def test_a_hidden_story_that_was_replaced_step_by_step_is_not_shown_elsewhere(desk: Desk) -> None:
    desk.write("_news/a.md", "A", "a", "body a")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.write("_news/a.md", "Other", "o", "body a")
    desk.take_in()
    desk.write("_news/a.md", "Other", "o", "body o")
    desk.take_in()
    desk.write("_news/c.md", "A, tidied", "a", "body a, edited")
    desk.take_in(status=3)
    assert (desk.shown, desk.issues) == ([], {("hidden_story", "_news/c.md")})
    desk.run("db", "verify")


def test_a_story_that_an_article_had_before_its_import_was_undone_is_not_hidden(desk: Desk) -> None:
    desk.write("_news/a.md", "A", None, "body a")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.write("_news/a.md", "Other", None, "body o")
    desk.take_in()
    desk.run("revert", "3")
    desk.write("_news/a.md", "A", None, "body a")
    desk.write("_news/c.md", "Other", None, "body o")
    desk.take_in()
    assert (desk.shown, desk.issues) == (["_news/c.md"], set())


def test_an_article_that_an_editor_shows_again_keeps_nothing_hidden(desk: Desk) -> None:
    desk.write("_news/a.md", "A", None, "body a")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.write("_news/a.md", "Other", None, "body o")
    desk.take_in()
    desk.run("reset", "_news/a.md", "--removed")
    desk.write("_news/c.md", "A", None, "body a")
    desk.take_in()
    assert desk.shown == ["_news/a.md", "_news/c.md"]


def test_a_part_that_holds_a_moved_article_brings_its_overrides(desk: Desk) -> None:
    for name in "ab":
        desk.write(f"_news/{name}.md", name.upper(), None, f"body {name}")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.run("set", "_news/b.md", "--quality", "90")
    desk.drop("_news/a.md")
    desk.write("_late/a.md", "A", None, "body a")
    desk.write("_late/b.md", "B", None, "body b")  # a copy: the original is there
    desk.take_in("_late")
    assert desk.overrides == {"_late/a.md": "removed", "_news/b.md": "quality"}
    assert desk.shown == ["_late/b.md", "_news/b.md"]
    desk.drop("_news/b.md")
    desk.take_in(status=3)
    assert desk.issues == {("ambiguous_move", "_late/b.md")}
    desk.run("db", "verify")


def test_a_part_in_which_a_hidden_article_may_be_is_not_shown(desk: Desk) -> None:
    desk.write("_news/a.md", "A story", "news/a", "one two")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.drop("_news/a.md")
    desk.write("_late/c.md", "A story", "late/a", "one two three")
    desk.take_in("_late/c.md", status=3)
    assert (desk.shown, desk.issues) == ([], {("ambiguous_move", "_late/c.md")})


@pytest.mark.parametrize("is_decided", [False, True])
def test_a_copy_of_an_article_that_goes_missing_with_its_overrides_is_in_doubt(
    desk: Desk, is_decided: bool
) -> None:
    desk.write("_news/a.md", "A", None, "body a")
    desk.write("_news/b.md", "A", None, "another body")
    desk.write("_news/c.md", "A", None, "body a")  # there when the editor decides
    desk.take_in()
    desk.run("set", "_news/a.md", "--quality", "90")
    desk.write("_late/a.md", "A", None, "body a")
    desk.take_in()
    if is_decided:
        desk.run("set", "_late/a.md", "--quality", "80")
    desk.drop("_news/a.md")
    desk.take_in(status=0 if is_decided else 3)
    assert desk.issues == (set() if is_decided else {("ambiguous_move", "_late/a.md")})
    desk.run("set", "_late/a.md", "--quality", "90")
    desk.take_in()
    assert desk.issues == set()


def test_a_hidden_article_that_is_back_at_its_path_is_not_looked_for_elsewhere(desk: Desk) -> None:
    desk.write("_news/a.md", "A", "a", "body a")
    desk.write("_news/z.md", "Z", "z", "body z")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.drop("_news/a.md")
    desk.take_in()
    desk.write("_news/a.md", "A", "a", "body a")
    desk.write("_news/c.md", "A", "c", "")  # of the same title, and no more
    desk.take_in()
    assert (desk.shown, desk.issues) == (["_news/c.md", "_news/z.md"], set())


def test_a_hidden_story_of_an_older_release_is_known_by_its_url_however_it_is_spelled(
    desk: Desk, store: Store
) -> None:
    """Its row has a digest of the URL in place of the URL itself, and none of the body."""
    desk.write("_news/a.md", "A", "a", "body a")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.write("_news/a.md", "Other", "o", "body o")
    desk.take_in(status=3)
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE set_aside_overrides SET canonical_url = NULL, body_digest = NULL"))
        connection.execute(sa.text("DELETE FROM former_stories"))
    desk.write("_news/c.md", "A, tidied", "a/", "edited")
    desk.take_in(status=3)
    assert desk.shown == ["_news/a.md"]


def test_reset_agreed_releases_no_veto_that_upstream_does_not_state(desk: Desk) -> None:
    """Not that of an article which waits for its date, or whose flag cannot be read; nor an import's own."""
    desk.write("_news/a.md", "A", "a", "body a", date="2090-01-01")
    desk.write("_news/b.md", "B", "b", "body b", published="flase")
    desk.write("_news/c.md", "C", "c", "body c")
    desk.write("_news/d.md", "D", "d", "body d", published="false")
    desk.take_in(status=3)
    desk.run("unpublish", "_news/a.md", "_news/b.md", "_news/c.md", "_news/d.md")
    desk.write("_news/e.md", "C", "c", "body c", published="false")  # held, and unpublished by upstream
    desk.take_in(status=3)
    desk.run("reset", "--adopted")
    assert desk.overrides == {f"_news/{name}.md": "published" for name in "abce"}


def test_a_score_publishes_nothing_whose_flag_cannot_be_read(desk: Desk) -> None:
    desk.write("_news/a.md", "A", "a", "body a", published="flase", quality=90, heat=95)
    desk.write("_news/b.md", "B", "b", "body b", published="false", quality=90, heat=95)
    desk.take_in(status=3)
    desk.run("source", "set", "site", "--related-bonus", "10", "--publish-threshold", "70")
    desk.run("set", "_news/a.md", "_news/b.md", "--quality", "95")
    desk.run("score")
    assert desk.shown == ["_news/b.md"]


def test_a_heat_that_returns_with_its_story_shows_nothing(desk: Desk) -> None:
    for name in "ab":
        desk.write(f"_news/{name}.md", "S", "s", "body s")
    desk.take_in()
    desk.run("set", "_news/a.md", "--removed")
    desk.run("set", "_news/b.md", "--heat", "5")
    desk.write("_news/b.md", "Other", "o", "body o")
    desk.take_in()
    desk.write("_news/c.md", "S", "s", "body s")
    desk.take_in(status=3)
    assert (desk.shown, desk.issues) == (
        ["_news/b.md"],
        {("hidden_story", "_news/c.md")},
    )


def test_a_part_of_a_known_source_under_a_new_name_is_refused(
    desk: Desk, curation: Curation, tmp_path: Path
) -> None:
    desk.write("_news/a.md", "A", "a", "body a")
    desk.take_in()
    (tmp_path / "site").rename(tmp_path / "renamed")
    result = curation("import", str(tmp_path / "renamed" / "_news"), "--root", str(tmp_path / "renamed"))
    assert result.exit_code == 1
    assert "--source site" in result.output


def test_a_story_that_is_back_is_kept_as_it_is_told_now(desk: Desk, store: Store) -> None:
    """Else what undoes a decision would take it for another one."""
    desk.write("_news/a.md", "A", "a", "body a")
    desk.take_in()
    desk.run("set", "_news/a.md", "--heat", "5")
    desk.write("_news/a.md", "B", "b", "body b")
    desk.take_in()
    for address in ("a", "a2"):
        desk.write("_news/a.md", "A", address, "body a")
        desk.take_in()
    with store.reading() as connection:
        stories = connection.execute(sa.text("SELECT title, canonical_url FROM story_takeovers")).all()
        now = connection.execute(sa.text("SELECT title, canonical_url FROM articles")).all()
    assert set(now) <= set(stories)
