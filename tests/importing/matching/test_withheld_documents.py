"""Documents that an import withholds, imported by the command on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.store.database import Store

from ...support.editor_session import Curation, EditorSession


@pytest.fixture
def session(curation: Curation, tmp_path: Path) -> EditorSession:
    return EditorSession(curation, tmp_path)


def test_an_override_that_shows_an_article_does_not_apply_to_another_story(session: EditorSession) -> None:
    session.write("_news/a.md", "A", "a", "body a")
    session.write("_news/z.md", "Z", "z", "body z")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.run("set", "_news/z.md", "--removed")
    session.run("set", "_news/z.md", "--restored")
    session.write("_news/z.md", "A", "a", "body z")
    session.import_files(status=3)
    assert session.shown == []
    assert session.issues == {("hidden_story", "_news/z.md"), ("override_set_aside", "_news/z.md")}
    session.run("db", "verify")


def test_a_hidden_article_whose_title_turns_up_elsewhere_is_not_shown(session: EditorSession) -> None:
    """Its URL changes with its folder, and its text is edited in the same import."""
    session.write("_news/a.md", "A story", "news/a", "one two")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.delete("_news/a.md")
    session.write("_archive/a.md", "A story", "archive/a", "one two three")
    session.import_files(status=3)
    assert (session.shown, session.issues) == ([], {("ambiguous_move", "_archive/a.md")})
    session.run("publish", "_archive/a.md")
    session.import_files()
    assert (session.shown, session.issues) == (["_archive/a.md"], set())


def test_a_former_hidden_story_is_found_by_its_url(session: EditorSession) -> None:
    session.write("_news/a.md", "A", "a", "body a")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.write("_news/a.md", "Other", "o", "body o")
    session.import_files(status=3)
    session.write("_news/c.md", "A, tidied", "a", "edited")
    session.import_files(status=3)
    assert session.shown == ["_news/a.md"]
    session.run("db", "verify")


@pytest.mark.parametrize("first", ["_news/a.md", "_news/c.md"])
def test_a_hidden_story_without_url_that_was_replaced_is_not_shown_elsewhere(
    session: EditorSession, first: str
) -> None:
    """The story returns at a new path, or at the path of another article."""
    session.write("_news/a.md", "A", None, "body a")
    session.write("_news/z.md", "Z", None, "body z")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.write("_news/a.md", "Other", None, "body o")
    session.import_files()
    back = "_news/z.md" if first == "_news/a.md" else first
    session.write(back, "A", None, "body a")
    session.import_files(status=3)
    assert back not in session.shown
    assert session.issues == {("hidden_story", back)}
    session.run("db", "verify")
    session.run("publish", back)
    session.import_files()
    assert back in session.shown
    assert session.issues == set()


def test_a_hidden_story_that_was_replaced_step_by_step_is_not_shown_elsewhere(session: EditorSession) -> None:
    session.write("_news/a.md", "A", "a", "body a")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.write("_news/a.md", "Other", "o", "body a")
    session.import_files()
    session.write("_news/a.md", "Other", "o", "body o")
    session.import_files()
    session.write("_news/c.md", "A, tidied", "a", "body a, edited")
    session.import_files(status=3)
    assert (session.shown, session.issues) == ([], {("hidden_story", "_news/c.md")})
    session.run("db", "verify")


def test_a_story_of_a_reverted_import_is_not_hidden(session: EditorSession) -> None:
    session.write("_news/a.md", "A", None, "body a")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.write("_news/a.md", "Other", None, "body o")
    session.import_files()
    session.run("revert", "3")
    session.write("_news/a.md", "A", None, "body a")
    session.write("_news/c.md", "Other", None, "body o")
    session.import_files()
    assert (session.shown, session.issues) == (["_news/c.md"], set())


def test_the_former_stories_of_an_article_that_is_shown_again_are_not_hidden(session: EditorSession) -> None:
    session.write("_news/a.md", "A", None, "body a")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.write("_news/a.md", "Other", None, "body o")
    session.import_files()
    session.run("reset", "_news/a.md", "--removed")
    session.write("_news/c.md", "A", None, "body a")
    session.import_files()
    assert session.shown == ["_news/a.md", "_news/c.md"]


def test_an_import_of_a_part_moves_articles_with_their_overrides(session: EditorSession) -> None:
    for name in "ab":
        session.write(f"_news/{name}.md", name.upper(), None, f"body {name}")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.run("set", "_news/b.md", "--quality", "90")
    session.delete("_news/a.md")
    session.write("_late/a.md", "A", None, "body a")
    session.write("_late/b.md", "B", None, "body b")  # a copy: the original still exists
    session.import_files("_late")
    assert session.overrides == {"_late/a.md": "removed", "_news/b.md": "quality"}
    assert session.shown == ["_late/b.md", "_news/b.md"]
    session.delete("_news/b.md")
    session.import_files(status=3)
    assert session.issues == {("ambiguous_move", "_late/b.md")}
    session.run("db", "verify")


def test_a_possible_copy_of_a_hidden_article_in_a_part_is_withheld(session: EditorSession) -> None:
    session.write("_news/a.md", "A story", "news/a", "one two")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.delete("_news/a.md")
    session.write("_late/c.md", "A story", "late/a", "one two three")
    session.import_files("_late/c.md", status=3)
    assert (session.shown, session.issues) == ([], {("ambiguous_move", "_late/c.md")})


@pytest.mark.parametrize("is_decided", [False, True])
def test_a_copy_of_an_article_that_goes_missing_with_its_overrides_has_a_warning(
    session: EditorSession, is_decided: bool
) -> None:
    session.write("_news/a.md", "A", None, "body a")
    session.write("_news/b.md", "A", None, "another body")
    session.write("_news/c.md", "A", None, "body a")  # exists when the editor decides
    session.import_files()
    session.run("set", "_news/a.md", "--quality", "90")
    session.write("_late/a.md", "A", None, "body a")
    session.import_files()
    if is_decided:
        session.run("set", "_late/a.md", "--quality", "80")
    session.delete("_news/a.md")
    session.import_files(status=0 if is_decided else 3)
    assert session.issues == (set() if is_decided else {("ambiguous_move", "_late/a.md")})
    session.run("set", "_late/a.md", "--quality", "90")
    session.import_files()
    assert session.issues == set()


def test_a_hidden_article_that_returns_to_its_path_is_not_matched_elsewhere(session: EditorSession) -> None:
    session.write("_news/a.md", "A", "a", "body a")
    session.write("_news/z.md", "Z", "z", "body z")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.delete("_news/a.md")
    session.import_files()
    session.write("_news/a.md", "A", "a", "body a")
    session.write("_news/c.md", "A", "c", "")  # only the title is the same
    session.import_files()
    assert (session.shown, session.issues) == (["_news/c.md", "_news/z.md"], set())


def test_a_hidden_story_of_an_older_release_is_found_by_any_spelling_of_its_url(
    session: EditorSession, store: Store
) -> None:
    """Such a row has a digest of the URL, but not the URL, and no digest of the body."""
    session.write("_news/a.md", "A", "a", "body a")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.write("_news/a.md", "Other", "o", "body o")
    session.import_files(status=3)
    with store.writing() as connection:
        connection.execute(sa.text("UPDATE set_aside_overrides SET canonical_url = NULL, body_digest = NULL"))
        connection.execute(sa.text("DELETE FROM former_stories"))
    session.write("_news/c.md", "A, tidied", "a/", "edited")
    session.import_files(status=3)
    assert session.shown == ["_news/a.md"]


def test_reset_adopted_keeps_a_veto_that_upstream_does_not_state(session: EditorSession) -> None:
    """The article is scheduled, a flag cannot be read, or an import made the override."""
    session.write("_news/a.md", "A", "a", "body a", date="2090-01-01")
    session.write("_news/b.md", "B", "b", "body b", published="flase")
    session.write("_news/c.md", "C", "c", "body c")
    session.write("_news/d.md", "D", "d", "body d", published="false")
    session.import_files(status=3)
    session.run("unpublish", "_news/a.md", "_news/b.md", "_news/c.md", "_news/d.md")
    session.write(
        "_news/e.md", "C", "c", "body c", published="false"
    )  # withheld, and unpublished by upstream
    session.import_files(status=3)
    session.run("reset", "--adopted")
    assert session.overrides == {f"_news/{name}.md": "published" for name in "abce"}


def test_a_score_publishes_nothing_whose_flag_cannot_be_read(session: EditorSession) -> None:
    session.write("_news/a.md", "A", "a", "body a", published="flase", quality=90, heat=95)
    session.write("_news/b.md", "B", "b", "body b", published="false", quality=90, heat=95)
    session.import_files(status=3)
    session.run("source", "set", "site", "--related-bonus", "10", "--publish-threshold", "70")
    session.run("set", "_news/a.md", "_news/b.md", "--quality", "95")
    session.run("score")
    assert session.shown == ["_news/b.md"]


def test_a_heat_override_that_returns_with_its_story_does_not_publish_it(session: EditorSession) -> None:
    for name in "ab":
        session.write(f"_news/{name}.md", "S", "s", "body s")
    session.import_files()
    session.run("set", "_news/a.md", "--removed")
    session.run("set", "_news/b.md", "--heat", "5")
    session.write("_news/b.md", "Other", "o", "body o")
    session.import_files()
    session.write("_news/c.md", "S", "s", "body s")
    session.import_files(status=3)
    assert (session.shown, session.issues) == (
        ["_news/b.md"],
        {("hidden_story", "_news/c.md")},
    )


def test_a_part_of_a_known_source_under_a_new_name_is_refused(
    session: EditorSession, curation: Curation, tmp_path: Path
) -> None:
    session.write("_news/a.md", "A", "a", "body a")
    session.import_files()
    (tmp_path / "site").rename(tmp_path / "renamed")
    result = curation("import", str(tmp_path / "renamed" / "_news"), "--root", str(tmp_path / "renamed"))
    assert result.exit_code == 1
    assert "--source site" in result.output


def test_a_story_that_returns_is_stored_with_its_current_title_and_url(
    session: EditorSession, store: Store
) -> None:
    """Otherwise a revert of a decision would treat it as another story."""
    session.write("_news/a.md", "A", "a", "body a")
    session.import_files()
    session.run("set", "_news/a.md", "--heat", "5")
    session.write("_news/a.md", "B", "b", "body b")
    session.import_files()
    for address in ("a", "a2"):
        session.write("_news/a.md", "A", address, "body a")
        session.import_files()
    with store.reading() as connection:
        stories = connection.execute(sa.text("SELECT title, canonical_url FROM story_takeovers")).all()
        now = connection.execute(sa.text("SELECT title, canonical_url FROM articles")).all()
    assert set(now) <= set(stories)
