"""Documents with a current or former story of a hidden article, imported by the command on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.importing.merging import stored_state
from curation.store.database import Store
from curation.store.schema import former_stories

from ...support.editor_session import Curation, EditorSession

TEXT = "What the council did not want to hear."
DAY = "2026-11-26"


@pytest.fixture
def session(curation: Curation, tmp_path: Path) -> EditorSession:
    return EditorSession(curation, tmp_path)


def import_and_hide(
    session: EditorSession, title: str = "T", url: str | None = "u", body: str = TEXT, **flags: object
) -> None:
    """Import an article at `_news/a.md`, and unpublish it as an editor."""
    session.write("_news/a.md", title, url, body, **flags)
    session.write("_news/y.md", "Y", None, "Of another matter altogether.")
    session.import_files()
    session.run("unpublish", "_news/a.md")


def assert_withheld(session: EditorSession, *paths: str) -> None:
    assert not set(paths) & set(session.shown)
    assert {path for code, path in session.issues if code in ("hidden_story", "ambiguous_move")} >= set(paths)
    session.run("db", "verify")


@pytest.mark.parametrize("steps", [2, 3])
def test_an_article_whose_hidden_story_returns_is_withheld(session: EditorSession, steps: int) -> None:
    import_and_hide(session)
    session.write("_news/a.md", "T1", "u1", TEXT)
    session.import_files()
    session.write("_news/a.md", "T1", "u1", "Of the first other matter.")
    session.import_files()
    if steps == 3:
        session.write("_news/a.md", "T2", "u2", "Of the second other matter.")
        session.import_files(status=3)
    session.write("_news/a.md", "T", "u", TEXT)
    session.import_files(status=3)
    assert_withheld(session, "_news/a.md")


def test_a_copy_of_a_hidden_article_that_also_resembles_a_lost_one_is_withheld(
    session: EditorSession,
) -> None:
    import_and_hide(session, "Morning briefing")
    session.write("_news/x.md", "Morning briefing", None, "")
    session.import_files()
    session.delete("_news/x.md")
    session.write("_news/c.md", "Morning briefing", "u", TEXT)
    session.import_files(status=3)
    assert_withheld(session, "_news/c.md")


def test_a_copy_of_an_earlier_text_of_a_hidden_article_is_not_shown(session: EditorSession) -> None:
    import_and_hide(session)
    session.write("_news/a.md", "T", "u", "Of what came of it.")
    session.import_files()
    session.write("_news/c.md", "T", "other", TEXT)
    session.import_files(status=3)
    assert_withheld(session, "_news/c.md")


def test_a_copy_of_an_earlier_version_is_found_by_its_bytes(session: EditorSession) -> None:
    """The copy has neither URL nor text, but the title and date of the earlier version."""
    import_and_hide(session, "T", None, "", publishedDateTime=DAY)
    session.write("_news/a.md", "T1", None, "", publishedDateTime=DAY)
    session.import_files()
    session.write("_news/c.md", "T", None, "", publishedDateTime=DAY)
    session.import_files(status=3)
    assert_withheld(session, "_news/c.md")


def test_former_stories_of_a_hidden_article_follow_its_override(session: EditorSession) -> None:
    import_and_hide(session)
    session.write("_news/a.md", "T1", "u1", TEXT)
    session.import_files()
    session.write("_news/a.md", "T1", "u1", "Of the first other matter.")
    session.import_files()
    session.write("_news/a.md", "T2", "u2", "Of the second other matter.")
    session.import_files(status=3)
    session.write("_news/q.md", "T1", "u1", "Of the first other matter.")
    session.import_files()
    assert session.overrides == {"_news/q.md": "published"}
    session.write("_news/r.md", "T", "u", TEXT)
    session.import_files(status=3)
    assert_withheld(session, "_news/r.md")


@pytest.mark.parametrize("path", ["_news/n.md", "_news/y.md"])
def test_the_text_of_a_former_hidden_story_is_enough_to_withhold_a_document(
    session: EditorSession, path: str
) -> None:
    """The document is new, or belongs to a known article."""
    import_and_hide(session)
    session.write("_news/a.md", "T2", "u2", "Of the second other matter.")
    session.import_files(status=3)
    session.write(path, "Y", None, TEXT)
    session.import_files(status=3)
    assert_withheld(session, path)


def test_the_url_of_a_hidden_article_is_enough_to_withhold_a_document(session: EditorSession) -> None:
    import_and_hide(session)
    session.write("_news/b.md", "T, updated", "u", "What the council heard in the end.")
    session.import_files(status=3)
    assert_withheld(session, "_news/b.md")


def test_a_common_text_or_title_does_not_withhold_documents(session: EditorSession) -> None:
    """The text is a placeholder, and the title is used every day."""
    import_and_hide(session, "Morning briefing", None, "Coming soon.", publishedDateTime=DAY)
    session.write("_news/a.md", "Morning briefing", None, TEXT, publishedDateTime=DAY)
    session.import_files()
    session.write("_news/n.md", "N", None, "Coming soon.")
    session.write(
        "_news/o.md", "Morning briefing", "o", "Of that day's other matters.", publishedDateTime="2026-11-27"
    )
    session.import_files()
    assert sorted(session.shown) == ["_news/n.md", "_news/o.md", "_news/y.md"]


def test_the_same_title_and_day_is_not_enough_where_all_else_differs(session: EditorSession) -> None:
    import_and_hide(session, "Morning briefing", publishedDateTime=DAY)
    session.write("_news/o.md", "Morning briefing", "o", "Of the day's other matters.", publishedDateTime=DAY)
    session.import_files()
    assert sorted(session.shown) == ["_news/o.md", "_news/y.md"]


def test_an_article_that_had_the_text_is_withheld_once_it_has_the_title_too(session: EditorSession) -> None:
    session.write("_news/n.md", "N", None, TEXT, publishedDateTime=DAY)
    import_and_hide(session, "T", None, publishedDateTime=DAY)
    session.write("_news/n.md", "T", None, TEXT, publishedDateTime=DAY)
    session.import_files(status=3)
    assert_withheld(session, "_news/n.md")


def test_an_article_that_already_had_the_hidden_story_is_not_withheld(session: EditorSession) -> None:
    session.write("_news/n.md", "T", "u", "What else there is to say.")
    import_and_hide(session)
    session.write("_news/n.md", "T", "u", TEXT)
    session.import_files()
    assert "_news/n.md" in session.shown


def test_the_last_versions_of_a_hidden_article_are_kept(
    session: EditorSession, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_state, "KEPT_STORIES", 2)
    import_and_hide(session, "T0")
    for number in range(1, 5):
        session.write("_news/a.md", f"T{number}", "u", TEXT)
        session.import_files()
    with store.reading() as connection:
        kept = connection.scalars(sa.select(former_stories.c.title).order_by(former_stories.c.import_id))
        assert list(kept) == ["T2", "T3"]


def test_a_reverted_import_withholds_nothing(session: EditorSession) -> None:
    import_and_hide(session)
    session.write("_news/y.md", "T", "u", TEXT)
    session.import_files(status=3)
    assert_withheld(session, "_news/y.md")
    session.run("revert", "3")
    assert (session.shown, session.issues) == (["_news/y.md"], set())
    session.run("db", "verify")
    session.write("_news/y.md", "Y", None, "Of another matter altogether.")
    session.import_files()
    assert session.shown == ["_news/y.md"]


def test_a_hidden_article_that_moves_to_another_source_is_withheld(
    curation: Curation, tmp_path: Path
) -> None:
    site, other = (
        EditorSession(curation, tmp_path / "one"),
        EditorSession(curation, tmp_path / "two", "other"),
    )
    import_and_hide(site)
    other.write("_news/o.md", "O", "o", "Of the other source's matters.")
    other.write("_news/p.md", "P", "p", "Of more of the other source's matters.")
    other.import_files()
    site.delete("_news/a.md")
    site.import_files()
    other.write("_news/z.md", "T", "u", TEXT)
    other.import_files(status=3)
    assert_withheld(other, "_news/z.md")
