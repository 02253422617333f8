"""Documents that have a story which an editor hides, now or before: told through the command, on both engines."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.importing.merging import stored_state
from curation.store.database import Store
from curation.store.schema import former_stories

from ...support.editor_session import Curation, Desk

TEXT = "What the council did not want to hear."
DAY = "2026-11-26"


@pytest.fixture
def desk(curation: Curation, tmp_path: Path) -> Desk:
    return Desk(curation, tmp_path)


def hide(desk: Desk, title: str = "T", url: str | None = "u", body: str = TEXT, **flags: object) -> None:
    """Import an article that an editor then hides, at `_news/a.md`."""
    desk.write("_news/a.md", title, url, body, **flags)
    desk.write("_news/y.md", "Y", None, "Of another matter altogether.")
    desk.take_in()
    desk.run("unpublish", "_news/a.md")


def assert_held(desk: Desk, *paths: str) -> None:
    assert not set(paths) & set(desk.shown)
    assert {path for code, path in desk.issues if code in ("hidden_story", "ambiguous_move")} >= set(paths)
    desk.run("db", "verify")


@pytest.mark.parametrize("steps", [2, 3])
def test_an_article_that_says_again_what_was_hidden_is_not_shown(desk: Desk, steps: int) -> None:
    hide(desk)
    desk.write("_news/a.md", "T1", "u1", TEXT)
    desk.take_in()
    desk.write("_news/a.md", "T1", "u1", "Of the first other matter.")
    desk.take_in()
    if steps == 3:
        desk.write("_news/a.md", "T2", "u2", "Of the second other matter.")
        desk.take_in(status=3)
    desk.write("_news/a.md", "T", "u", TEXT)
    desk.take_in(status=3)
    assert_held(desk, "_news/a.md")


def test_a_copy_of_a_hidden_article_is_not_shown_in_place_of_a_lost_one(desk: Desk) -> None:
    hide(desk, "Morning briefing")
    desk.write("_news/x.md", "Morning briefing", None, "")
    desk.take_in()
    desk.drop("_news/x.md")
    desk.write("_news/c.md", "Morning briefing", "u", TEXT)
    desk.take_in(status=3)
    assert_held(desk, "_news/c.md")


def test_a_copy_of_an_earlier_text_of_a_hidden_article_is_not_shown(desk: Desk) -> None:
    hide(desk)
    desk.write("_news/a.md", "T", "u", "Of what came of it.")
    desk.take_in()
    desk.write("_news/c.md", "T", "other", TEXT)
    desk.take_in(status=3)
    assert_held(desk, "_news/c.md")


def test_a_copy_of_an_earlier_version_is_known_by_its_bytes(desk: Desk) -> None:
    """It has neither URL nor text; its title and its date are those of before."""
    hide(desk, "T", None, "", publishedDateTime=DAY)
    desk.write("_news/a.md", "T1", None, "", publishedDateTime=DAY)
    desk.take_in()
    desk.write("_news/c.md", "T", None, "", publishedDateTime=DAY)
    desk.take_in(status=3)
    assert_held(desk, "_news/c.md")


def test_what_a_hidden_article_said_before_is_known_wherever_its_veto_goes(desk: Desk) -> None:
    hide(desk)
    desk.write("_news/a.md", "T1", "u1", TEXT)
    desk.take_in()
    desk.write("_news/a.md", "T1", "u1", "Of the first other matter.")
    desk.take_in()
    desk.write("_news/a.md", "T2", "u2", "Of the second other matter.")
    desk.take_in(status=3)
    desk.write("_news/q.md", "T1", "u1", "Of the first other matter.")
    desk.take_in()
    assert desk.overrides == {"_news/q.md": "published"}
    desk.write("_news/r.md", "T", "u", TEXT)
    desk.take_in(status=3)
    assert_held(desk, "_news/r.md")


@pytest.mark.parametrize("path", ["_news/n.md", "_news/y.md"])
def test_a_text_that_an_editor_hid_is_enough_for_a_document_to_be_held(desk: Desk, path: str) -> None:
    """Be it new, or one that an article had already."""
    hide(desk)
    desk.write("_news/a.md", "T2", "u2", "Of the second other matter.")
    desk.take_in(status=3)
    desk.write(path, "Y", None, TEXT)
    desk.take_in(status=3)
    assert_held(desk, path)


def test_the_url_of_a_hidden_article_is_enough_for_a_document_to_be_held(desk: Desk) -> None:
    hide(desk)
    desk.write("_news/b.md", "T, updated", "u", "What the council heard in the end.")
    desk.take_in(status=3)
    assert_held(desk, "_news/b.md")


def test_what_many_documents_say_holds_none(desk: Desk) -> None:
    """A placeholder, and a title that comes each day."""
    hide(desk, "Morning briefing", None, "Coming soon.", publishedDateTime=DAY)
    desk.write("_news/a.md", "Morning briefing", None, TEXT, publishedDateTime=DAY)
    desk.take_in()
    desk.write("_news/n.md", "N", None, "Coming soon.")
    desk.write(
        "_news/o.md", "Morning briefing", "o", "Of that day's other matters.", publishedDateTime="2026-11-27"
    )
    desk.take_in()
    assert sorted(desk.shown) == ["_news/n.md", "_news/o.md", "_news/y.md"]


def test_the_same_title_and_day_is_not_enough_where_all_else_differs(desk: Desk) -> None:
    hide(desk, "Morning briefing", publishedDateTime=DAY)
    desk.write("_news/o.md", "Morning briefing", "o", "Of the day's other matters.", publishedDateTime=DAY)
    desk.take_in()
    assert sorted(desk.shown) == ["_news/o.md", "_news/y.md"]


def test_an_article_that_had_the_text_already_is_held_once_it_has_the_title_too(desk: Desk) -> None:
    desk.write("_news/n.md", "N", None, TEXT, publishedDateTime=DAY)
    hide(desk, "T", None, publishedDateTime=DAY)
    desk.write("_news/n.md", "T", None, TEXT, publishedDateTime=DAY)
    desk.take_in(status=3)
    assert_held(desk, "_news/n.md")


def test_an_article_that_the_editor_left_beside_the_hidden_one_is_not_held(desk: Desk) -> None:
    desk.write("_news/n.md", "T", "u", "What else there is to say.")
    hide(desk)
    desk.write("_news/n.md", "T", "u", TEXT)
    desk.take_in()
    assert "_news/n.md" in desk.shown


def test_the_last_versions_of_a_hidden_article_are_kept(
    desk: Desk, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stored_state, "KEPT_STORIES", 2)
    hide(desk, "T0")
    for number in range(1, 5):
        desk.write("_news/a.md", f"T{number}", "u", TEXT)
        desk.take_in()
    with store.reading() as connection:
        kept = connection.scalars(sa.select(former_stories.c.title).order_by(former_stories.c.import_id))
        assert list(kept) == ["T2", "T3"]


def test_an_import_that_is_undone_holds_nothing_any_more(desk: Desk) -> None:
    hide(desk)
    desk.write("_news/y.md", "T", "u", TEXT)
    desk.take_in(status=3)
    assert_held(desk, "_news/y.md")
    desk.run("revert", "3")
    assert (desk.shown, desk.issues) == (["_news/y.md"], set())
    desk.run("db", "verify")
    desk.write("_news/y.md", "Y", None, "Of another matter altogether.")
    desk.take_in()
    assert desk.shown == ["_news/y.md"]


def test_a_hidden_article_that_goes_to_another_source_is_not_shown(
    curation: Curation, tmp_path: Path
) -> None:
    site, other = Desk(curation, tmp_path / "one"), Desk(curation, tmp_path / "two", "other")
    hide(site)
    other.write("_news/o.md", "O", "o", "Of the other source's matters.")
    other.write("_news/p.md", "P", "p", "Of more of the other source's matters.")
    other.take_in()
    site.drop("_news/a.md")
    site.take_in()
    other.write("_news/z.md", "T", "u", TEXT)
    other.take_in(status=3)
    assert_held(other, "_news/z.md")
