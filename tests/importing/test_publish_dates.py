"""Import drafts and articles with a future date. Upstream does not publish them, but an editor can."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from hypothesis import given, strategies as st

from curation.documents.due_dates import find_due_date
from curation.importing import publish_dates, steps
from curation.importing.records.summary import Summary
from curation.store.database import Store
from curation.store.schema import articles, changes, changesets, import_issues
from curation.verifying.run import verify

from ..support.cases import some
from ..support.importing_helpers import import_folder
from ..support.store_comparison import rows

Command = Callable[..., Result]

PUBLISH_TIME = dt.datetime(2031, 5, 1, 12, tzinfo=dt.UTC)
BEFORE, AFTER = PUBLISH_TIME - dt.timedelta(seconds=1), PUBLISH_TIME + dt.timedelta(seconds=1)
DATED = "publishedDateTime: 2031-05-01T12:00:00Z\n"
A = "_news/a.md"


class Source:
    """A source that is imported at given times."""

    def __init__(self, store: Store, root: Path, patch: pytest.MonkeyPatch) -> None:
        self.store, self.root, self._patch = store, root, patch
        self.write("_news/always.md", "title: Always\n")

    def write(self, path: str, front: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"---\n{front}---\nThe words of {path}.\n")

    def configure(self, text: str) -> None:
        (self.root / "_config.yml").write_text(text)

    def run_import(self, moment: dt.datetime = BEFORE, **options: Any) -> Summary:
        self._patch.setattr(publish_dates, "now", lambda: moment)
        return import_folder(self.store, self.root, source="s", **options)

    def state(self, path: str = A) -> tuple[bool, bool | None, str | None]:
        """Return whether an article is published, its upstream value of `published`, and `upstream_status`."""
        a = articles.c
        query = sa.select(a.published, a.upstream_published, a.upstream_status).where(a.path == path)
        [row] = rows(self.store, query)
        return row[0], row[1], row[2]


@pytest.fixture
def source(store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Source:
    return Source(store, tmp_path / "s", monkeypatch)


SCHEDULED, PUBLISHED, STATED_PUBLISHED = (False, False, "scheduled"), (True, None, None), (True, True, None)


@pytest.mark.any_engine
@pytest.mark.parametrize(("front", "then"), [("", PUBLISHED), ("published: true\n", STATED_PUBLISHED)])
def test_an_article_is_published_by_the_first_import_after_its_date(
    source: Source, front: str, then: tuple[Any, ...]
) -> None:
    source.write(A, f"title: A\n{DATED}{front}")
    for moment in (BEFORE - dt.timedelta(days=900), BEFORE):
        source.run_import(moment)
        assert source.state() == SCHEDULED
    summary = source.run_import(AFTER)
    assert source.state() == then
    assert (summary.updated, summary.unchanged, summary.status) == (1, 1, "succeeded")
    summary = source.run_import(AFTER)
    assert (source.state(), summary.updated, summary.changeset_id) == (then, 0, None)
    by_import = sa.select(changes.c.field, changes.c.old_value, changes.c.new_value, changesets.c.kind).join(
        changesets, changesets.c.id == changes.c.changeset_id
    )
    assert rows(source.store, by_import) == [("published", 0, 1, "import")]


def test_an_article_is_published_in_the_second_of_its_date(source: Source) -> None:
    source.write(A, f"title: A\n{DATED}")
    source.run_import(PUBLISH_TIME)
    assert source.state() == PUBLISHED


def test_a_time_zone_is_respected(source: Source) -> None:
    source.write(A, "title: A\npublishedDateTime: 2031-05-01T14:00:00+03:00\n")
    source.run_import(PUBLISH_TIME - dt.timedelta(hours=1, seconds=1))
    assert source.state() == SCHEDULED
    source.run_import(PUBLISH_TIME - dt.timedelta(minutes=59))
    assert source.state() == PUBLISHED


def test_a_changed_date_schedules_and_publishes(source: Source) -> None:
    source.write(A, "title: A\npublishedDateTime: 2020-01-01T00:00:00Z\n")
    source.run_import()
    assert source.state() == PUBLISHED
    source.write(A, f"title: A\n{DATED}")
    source.run_import()
    assert source.state() == SCHEDULED
    source.write(A, "title: A\n")
    source.run_import()
    assert source.state() == PUBLISHED


def test_an_article_published_by_a_clock_that_was_ahead_is_scheduled_again(source: Source) -> None:
    source.write(A, f"title: A\n{DATED}")
    source.run_import(AFTER)
    assert source.state() == PUBLISHED
    source.run_import(BEFORE)
    assert source.state() == SCHEDULED


@pytest.mark.parametrize("front", ["published: false\n", "published: false\nremoved: true\n"])
def test_an_article_that_upstream_hides_stays_hidden_after_its_date(source: Source, front: str) -> None:
    source.write(A, f"title: A\n{DATED}{front}")
    for moment in (BEFORE, AFTER):
        source.run_import(moment)
        assert source.state() == (False, False, None)


def test_a_removed_article_stays_removed_after_its_date(source: Source) -> None:
    source.write(A, f"title: A\n{DATED}removed: true\n")
    source.run_import(BEFORE)
    assert not source.state()[0]
    source.run_import(AFTER)
    assert not source.state()[0]


@pytest.mark.parametrize(
    ("decision", "before", "after"),
    [("--unpublished", False, False), ("--removed", False, False), ("--published", True, True)],
)
def test_an_override_is_kept_before_and_after_the_date(
    source: Source, curation: Command, decision: str, before: bool, after: bool
) -> None:
    source.write(A, f"title: A\n{DATED}")
    source.run_import()
    assert curation("set", A, decision, "--actor", "ada").exit_code == 0
    for moment, expected in ((BEFORE, before), (AFTER, after), (BEFORE, before)):
        source.run_import(moment, full=True)
        assert source.state()[0] is expected


def test_a_reset_article_follows_its_date_again(source: Source, curation: Command) -> None:
    source.write(A, f"title: A\n{DATED}")
    source.run_import()
    assert curation("publish", A, "--actor", "ada").exit_code == 0
    assert curation("reset", A, "--actor", "ada").exit_code == 0
    assert source.state() == SCHEDULED
    source.run_import(AFTER)
    assert source.state() == PUBLISHED


def test_a_future_date_with_an_unreadable_flag(source: Source) -> None:
    source.write(A, f"title: A\n{DATED}published: flase\n")
    for moment in (BEFORE, AFTER):
        source.run_import(moment)
        assert not source.state()[0]
    source.write(A, f"title: A\n{DATED}published: true\n")
    source.run_import(AFTER)
    assert source.state() == STATED_PUBLISHED
    source.write(A, f"title: A\n{DATED}published: flase\n")
    source.run_import(AFTER)
    assert source.state() == STATED_PUBLISHED


# --- dates that are no `publishedDateTime` --------------------------------------------------------------------

BY_NAME = "_posts/2031-5-1-a.md"
MIDNIGHT = dt.datetime(2031, 5, 1, tzinfo=dt.UTC)
EVE = MIDNIGHT - dt.timedelta(seconds=1)

#: Paths and front matter of articles that are published from `MIDNIGHT` on.
OTHER_DATES = {
    "by its name": (BY_NAME, "title: A\n"),
    "by its name in another folder": ("_news/old/2031-05-01-a.md", "title: A\n"),
    "by a year of two digits": ("_posts/31-05-01-a.html", "title: A\n"),
    "by its name, with empty fields": (BY_NAME, "title: A\npublishedDateTime:\ndate:\n"),
    "by Jekyll's field": (A, "title: A\ndate: 2031-05-01 02:00:00 +0200\n"),
    "by a field in another case": (A, "title: A\nDate: 2031-05-01\n"),
    "by a field, not its name": ("_posts/2020-01-01-a.md", "title: A\ndate: 2031-05-01\n"),
    "by a field, not a later name": ("_posts/2099-01-01-a.md", "title: A\ndate: 2031-05-01\n"),
}


@pytest.mark.any_engine
@pytest.mark.parametrize("kind", some(OTHER_DATES))
def test_an_article_is_published_by_the_first_import_after_its_date_of_another_kind(
    source: Source, kind: str
) -> None:
    path, front = OTHER_DATES[kind]
    source.write(path, front)
    for moment in (EVE - dt.timedelta(days=900), EVE):
        summary = source.run_import(moment)
        assert source.state(path) == SCHEDULED
    assert (summary.updated, summary.unchanged) == (0, 2)
    summary = source.run_import(MIDNIGHT)
    assert source.state(path) == PUBLISHED
    assert (summary.updated, summary.unchanged) == (1, 1)
    summary = source.run_import(MIDNIGHT)
    assert (source.state(path), summary.updated, summary.changeset_id) == (PUBLISHED, 0, None)
    with source.store.reading() as connection:
        assert not list(verify(connection))
    dated = sa.select(articles.c.published_at).where(articles.c.path == path)
    assert rows(source.store, dated) == [(None,)]  # only the value of the document is stored


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("path", "front"),
    [
        (BY_NAME, "publishedDateTime: 2020-01-01\n"),
        (BY_NAME, "date: 2020-01-01\n"),
        (A, "publishedDateTime: 2020-01-01\ndate: 2099-01-01\n"),
        ("_posts/99-01-01-a.md", ""),
        ("_posts/209-01-01-a.md", ""),
        ("_posts/30-60-90-day-plan.md", ""),
        ("_posts/2099-01-01.md", ""),
        ("_posts/2099-01-a.md", ""),
        ("_posts/a-2099-01-01-b.md", ""),
        ("_posts/2099-01-01-a/b.md", ""),
    ],
)
def test_no_future_date(source: Source, path: str, front: str) -> None:
    source.write(path, f"title: A\n{front}")
    source.run_import()
    assert source.state(path) == PUBLISHED


@pytest.mark.any_engine
@pytest.mark.parametrize("kind", some(OTHER_DATES))
def test_the_setting_applies_to_other_kinds_of_dates(source: Source, curation: Command, kind: str) -> None:
    path, front = OTHER_DATES[kind]
    source.write(path, front)
    source.configure("future: true\n")
    for text, expected in (
        ("future: true\n", PUBLISHED),
        ("title: S\n", SCHEDULED),
        ("future: true\n", PUBLISHED),
    ):
        source.configure(text)
        source.run_import(EVE)
        assert source.state(path) == expected, text
    for arguments, expected in ((("--future", "false"), SCHEDULED), (("--unset", "future"), PUBLISHED)):
        assert curation("source", "set", "s", *arguments).exit_code == 0
        summary = source.run_import(EVE)
        assert source.state(path) == expected, arguments
        assert summary.updated == 1


def test_an_article_dated_by_its_name_is_scheduled_again_after_a_clock_was_ahead(
    source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.write(BY_NAME, "title: A\n")
    monkeypatch.setattr(steps, "now", lambda: MIDNIGHT)
    source.run_import(MIDNIGHT)
    assert source.state(BY_NAME) == PUBLISHED
    monkeypatch.undo()
    monkeypatch.setattr(publish_dates, "now", lambda: EVE)
    import_folder(source.store, source.root, source="s")
    assert source.state(BY_NAME) == SCHEDULED


#: Unreadable dates of 2090 or later, in front matter or in the name of the file.
UNREADABLE_DATES = {
    "an invalid month": (A, 'publishedDateTime: "2090-13-45 at noon"'),
    "a text": (A, "publishedDateTime: January 5, 2090"),
    "a year": (A, "publishedDateTime: 2090"),
    "a quoted year": (A, 'publishedDateTime: "2090"'),
    "without separators": (A, "publishedDateTime: 20900105"),
    "full width": (A, "publishedDateTime: \uff12\uff10\uff19\uff10\u5e741\u6708"),
    "a list": (A, "publishedDateTime: [2090-01-05]"),
    "a year of five digits": (A, "publishedDateTime: 12090-01-01"),
    "a year of eight digits": (A, "publishedDateTime: 20200101-01-01"),
    "a number of five digits": (A, "publishedDateTime: 12090"),
    "another field": (A, 'date: "2090-13-45"'),
    "an invalid month in a name": ("_posts/2090-13-45-a.md", "related: []"),
    "a field without a date and a name with one": ("_posts/2090-01-01-a.md", "publishedDateTime: soon"),
}


@pytest.mark.any_engine
@pytest.mark.parametrize("kind", some(UNREADABLE_DATES))
def test_an_unreadable_date_schedules_until_the_end_of_its_year(
    source: Source, curation: Command, kind: str
) -> None:
    path, front = UNREADABLE_DATES[kind]
    source.write(path, f"title: A\n{front}\n")
    for _ in range(2):
        summary = source.run_import()
        assert source.state(path) == SCHEDULED
    assert (summary.updated, summary.quarantined) == (0, 0)
    for arguments, expected in ((("--future", "true"), PUBLISHED), (("--future", "false"), SCHEDULED)):
        assert curation("source", "set", "s", *arguments).exit_code == 0
        source.run_import()
        assert source.state(path) == expected, arguments
    if "five" not in kind and "eight" not in kind:
        source.run_import(dt.datetime(2089, 12, 31, tzinfo=dt.UTC))
        assert source.state(path) == SCHEDULED
        source.run_import(dt.datetime(2091, 1, 1, tzinfo=dt.UTC))
        assert source.state(path) == PUBLISHED
    assert path != A or "date" in front[:4] or _codes(source) <= {"not_an_instant", "year_out_of_range"}


def _codes(source: Source) -> set[str]:
    return {code for (code,) in rows(source.store, sa.select(import_issues.c.code))}


@pytest.mark.any_engine
@pytest.mark.parametrize(
    "written", some(["soon", "2031", "Jan 2031", "tomorrow", "20310101", "99", "0000-01-01"])
)
def test_an_unreadable_date_without_a_later_year_is_published(source: Source, written: str) -> None:
    source.write(A, f'title: A\npublishedDateTime: "{written}"\n')
    source.run_import()
    assert source.state() == PUBLISHED


#: Dates that are not ISO 8601, and the time (UTC) from which they are certainly in the past.
LATEST_DATES = {
    "2031": "2031-01-01",
    "2031-12": "2031-12-01",
    "20311224": "2031-12-24",
    "1955750400": "2031-12-23",
    "1955750400000": "2031-12-23",
    "Dec 24, 2031": "2031-12-25",
    "5th of January 2031 at 10:30": "2031-01-06",
    "Thu, 06 Nov 2031 10:00:00 +0100": "2031-11-06T09:00:00",
    "Nov 2031": "2031-12-01",
    "3/11/2031": "2031-11-04",
    "13/11/2031": "2031-11-14",
    "2031/11/03": "2031-11-04",
    "\uff12\uff10\uff13\uff11\u5e7411\u67083\u65e5": "2031-11-04",
    "2031-02-30": "2032-01-01",
    "Monday 2031": "2032-01-01",
    "31 December 9998": "9999-01-01",
}


@pytest.mark.parametrize("written", LATEST_DATES)
def test_an_unreadable_date_counts_as_the_latest_possible_one(written: str) -> None:
    expected = dt.datetime.fromisoformat(LATEST_DATES[written]).replace(tzinfo=dt.UTC)
    assert find_due_date("_news/a.md", {"date": written}) == expected
    assert find_due_date("_news/a.md", {"date": int(written) if written.isdecimal() else written}) == expected


@pytest.mark.parametrize("value", ["9" * 100_000, "0" * 100_000 + "12090-01-01", "9999-12-31T23:59-05:00"])
def test_a_number_of_thousands_of_digits_is_in_the_future(value: str) -> None:
    expected = find_due_date("_news/a.md", {"publishedDateTime": value})
    assert expected is not None
    assert expected.year == 9999


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text("0129-T:/ x\u0662"), st.lists
    )
)
def test_any_value_of_a_date_is_read(value: object) -> None:
    expected = find_due_date("_news/a.md", {"date": value})
    assert expected is None or expected.tzinfo is dt.UTC


# --- the setting --------------------------------------------------------------------------------------------


def test_a_source_may_publish_before_the_date(source: Source, curation: Command) -> None:
    source.write(A, f"title: A\n{DATED}")
    source.run_import()
    for arguments, expected in (
        (("--future", "true"), PUBLISHED),
        (("--future", "false"), SCHEDULED),
        (("--future", "TRUE"), PUBLISHED),
        (("--unset", "future"), SCHEDULED),
    ):
        assert curation("source", "set", "s", *arguments).exit_code == 0
        source.run_import()
        assert source.state() == expected, arguments
        source.run_import(full=True)
        assert source.state() == expected, arguments


def test_the_setting_is_read_from_the_site_and_a_given_one_has_priority(
    source: Source, curation: Command
) -> None:
    source.write(A, f"title: A\n{DATED}")
    for text, expected in (
        ("title: S\n", SCHEDULED),
        ("future: true\n", PUBLISHED),
        ("future: false\n", SCHEDULED),
    ):
        source.configure(text)
        source.run_import()
        assert source.state() == expected, text
    source.configure("future: true\n")
    assert curation("source", "set", "s", "--future", "false").exit_code == 0
    source.run_import()
    assert source.state() == SCHEDULED
    assert curation("source", "set", "s", "--unset", "future").exit_code == 0
    source.run_import()
    assert source.state() == PUBLISHED


@pytest.mark.any_engine
@pytest.mark.parametrize("value", some(["maybe", "1", "[true]", "''"]))
def test_an_invalid_setting_publishes_nothing(source: Source, curation: Command, value: str) -> None:
    source.write(A, f"title: A\n{DATED}")
    source.configure(f"future: {value}\n")
    source.run_import()
    assert source.state() == SCHEDULED
    refused = curation("source", "set", "s", "--future", value)
    assert refused.exit_code != 0
    source.run_import()
    assert source.state() == SCHEDULED


# --- drafts -------------------------------------------------------------------------------------------------

DRAFTS = {
    "by its field": (A, "title: A\ndraft: true\n"),
    "by a word": (A, "title: A\ndraft: yes\n"),
    "with published: true": (A, "title: A\ndraft: true\npublished: true\n"),
    "by its folder": ("_drafts/a.md", "title: A\n"),
    "by a folder below another": ("_news/_drafts/a.md", "title: A\n"),
    "by its folder in title case": ("_Drafts/a.md", "title: A\n"),
    "by its folder in upper case": ("_news/_DRAFTS/old/a.md", "title: A\n"),
    "by its folder, with draft: false": ("_drafts/a.md", "title: A\ndraft: false\npublished: true\n"),
    "with a past date": ("_drafts/a.md", "title: A\npublishedDateTime: 2020-01-01T00:00:00Z\n"),
    "with a future date": (A, f"title: A\ndraft: true\n{DATED}"),
}


@pytest.mark.any_engine
@pytest.mark.parametrize("kind", some(DRAFTS))
def test_a_draft_is_not_published_at_any_date(source: Source, curation: Command, kind: str) -> None:
    path, front = DRAFTS[kind]
    source.write(path, front)
    source.configure("future: true\n")
    for moment in (BEFORE, AFTER):
        source.run_import(moment, full=True)
        shown, upstream, status = source.state(path)
        assert (shown, upstream, status) == (False, False, "draft")
    assert curation("publish", path, "--actor", "ada").exit_code == 0
    source.run_import(AFTER, full=True)
    assert source.state(path) == (True, False, "draft")


def test_a_former_draft_is_published(source: Source) -> None:
    source.write(A, "title: A\ndraft: true\n")
    source.run_import()
    source.write(A, "title: A\ndraft: false\n")
    source.run_import()
    assert source.state() == PUBLISHED


def test_a_draft_that_leaves_its_folder_is_published_and_the_same_article(source: Source) -> None:
    source.write("_drafts/a.md", "title: A\n")
    source.run_import()
    [(before,)] = rows(source.store, sa.select(articles.c.id).where(articles.c.title == "A"))
    (source.root / "_news").mkdir(exist_ok=True)
    (source.root / "_drafts" / "a.md").rename(source.root / A)
    assert source.run_import().moved == 1
    assert source.state() == PUBLISHED
    assert rows(source.store, sa.select(articles.c.id).where(articles.c.path == A)) == [(before,)]


def test_a_hidden_draft_that_leaves_its_folder_stays_hidden(source: Source, curation: Command) -> None:
    source.write("_drafts/a.md", "title: A\n")
    source.run_import()
    assert curation("unpublish", "_drafts/a.md", "--actor", "ada").exit_code == 0
    (source.root / "_drafts" / "a.md").rename(source.root / A)
    assert source.run_import().moved == 1
    assert source.state() == (False, None, None)


# --- misspelt keys --------------------------------------------------------------------------------------------


@pytest.mark.any_engine
@pytest.mark.parametrize("typo", some(["publised: false", "Published: false", "removd: true", "darft: true"]))
@pytest.mark.parametrize("before", ["published: true", "published: false"])
def test_a_misspelt_key_hides_a_new_article_and_changes_no_known_one(
    source: Source, typo: str, before: str
) -> None:
    source.write(A, f"title: A\n{typo}\n")
    source.write("_news/b.md", f"title: B\n{before}\n")
    summary = source.run_import()
    assert (source.state(), summary.added) == ((False, False, None), 3)
    assert (summary.status, summary.quarantined, summary.to_review) == ("partial", 0, 1)
    was = source.state("_news/b.md")
    source.write("_news/b.md", f"title: B\n{typo}\n")
    summary = source.run_import()
    assert (summary.updated, summary.status, summary.to_review) == (1, "partial", 2)
    assert source.state("_news/b.md")[0] is was[0]
    with source.store.reading() as connection:
        assert not list(verify(connection))
    for path in (A, "_news/b.md"):
        source.write(path, f"title: {path}\n")
    assert source.run_import().status == "succeeded"
    assert source.state() == source.state("_news/b.md") == PUBLISHED
