"""References and filters on every engine."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.articles.searching import index_queued
from curation.articles.selecting import Filters, find_article, make_filter_conditions
from curation.errors import SelectionError
from curation.store.database import Store
from curation.store.schema import articles

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.site_documents import front_matters

LEADER = "_news/2021-05-28-needle-rock-goes-led.md"


@pytest.fixture
def filled(imported: Store) -> Store:
    return imported


def paths(store: Store, filters: Filters) -> set[str]:
    index_queued(store)
    with store.reading() as connection:
        return set(
            connection.scalars(sa.select(articles.c.path).where(*make_filter_conditions(connection, filters)))
        )


@pytest.mark.parametrize(
    "reference",
    [LEADER, "needle-rock-goes-led.md", "needle-rock-goes-led", "https://keeperslog.example/2021/needle-rock-goes-led",
     "HTTPS://keeperslog.EXAMPLE:443/2021/needle-rock-goes-led?utm_source=feed#top"],
)  # fmt: skip
def test_a_reference_is_a_path_an_end_or_a_url(filled: Store, reference: str) -> None:
    with filled.reading() as connection:
        found = find_article(connection, reference)
        assert connection.scalar(sa.select(articles.c.path).where(articles.c.id == found)) == LEADER
        assert find_article(connection, str(found)) == found


@pytest.mark.parametrize("reference", ["no-such", "999999", "https://nowhere.example/", "%", "_"])
def test_a_reference_without_an_article_is_an_error(filled: Store, reference: str) -> None:
    with filled.reading() as connection, pytest.raises(SelectionError, match=r"no article|several"):
        find_article(connection, reference)


def test_an_ambiguous_end_lists_its_candidates(filled: Store) -> None:
    with filled.reading() as connection, pytest.raises(SelectionError) as caught:
        find_article(connection, "how-to-read-a-lighthouse-without-being-rude")
    assert "_archive/_news/2019-03-02" in str(caught.value)
    assert "_news/2019-11-18" in str(caught.value)


def test_the_same_path_in_two_sources_is_ambiguous(filled: Store) -> None:
    import_folder(filled, SITE, actor="tester", source="copy")
    with filled.reading() as connection, pytest.raises(SelectionError, match=r"\(copy\).*\(site\)"):
        find_article(connection, LEADER)


def test_filters_agree_with_the_files(filled: Store) -> None:
    files = front_matters()

    def having(test: object) -> set[str]:
        return {path for path, fm in files.items() if test(fm)}  # type: ignore[operator]

    assert len(files) == 50
    assert paths(filled, Filters()) == set(files)
    assert paths(filled, Filters(topic=("Tides",))) == having(lambda fm: "Tides" in (fm.get("topics") or []))
    assert paths(filled, Filters(type=("video", "course"))) == having(
        lambda fm: fm.get("type") in ("video", "course")
    )
    assert paths(filled, Filters(category=("stats",))) == having(lambda fm: fm.get("category") == "stats")
    assert paths(filled, Filters(domain=("tube.example",))) == having(
        lambda fm: (fm.get("provider") or {}).get("domain") == "tube.example"
    )
    assert paths(filled, Filters(quality=(60, 90))) == having(
        lambda fm: 60 <= (fm.get("quality") or -1) <= 90
    )
    assert paths(filled, Filters(heat=(None, -1))) == having(
        lambda fm: fm.get("heat") is not None and fm["heat"] <= -1
    )
    assert paths(filled, Filters(published=False)) == having(
        lambda fm: fm.get("published") is False or fm.get("removed") is True
    )
    since, until = dt.datetime(2021, 5, 26, tzinfo=dt.UTC), dt.datetime(2021, 9, 9, tzinfo=dt.UTC)
    assert paths(filled, Filters(since=since, until=until)) == having(
        lambda fm: "publishedDateTime" in fm and since <= fm["publishedDateTime"] < until
    )
    assert paths(filled, Filters(collection=("learning",))) == {
        p for p in files if p.startswith("_learning/")
    }
    assert paths(filled, Filters(collection=("news",))) == {p for p in files if p.startswith("_news/")}


def test_search_matches_every_word_in_any_case(filled: Store) -> None:
    assert LEADER in paths(filled, Filters(search="NEEDLE moths"))
    assert LEADER not in paths(filled, Filters(search="needle zebra"))
    assert LEADER in paths(filled, Filters(search="keeper's"))  # its provider
    assert paths(filled, Filters(search="Fresnel")) >= paths(filled, Filters(topic=("Fresnel Lenses",)))


@pytest.mark.parametrize("word", ["%x", "_x_", "\\ x", "' OR 1=1 --", '"; DROP TABLE articles; --'])
def test_sql_in_a_filter_is_plain_text(filled: Store, word: str) -> None:
    found = paths(filled, Filters(search=word, topic=()))
    assert len(found) < 50
    with pytest.raises(SelectionError, match="no topic"):
        paths(filled, Filters(topic=(word,)))
    assert len(paths(filled, Filters())) == 50


@pytest.mark.parametrize("query", ["%", "\\", '""', "*", '"" "*'])
def test_a_query_without_a_word_is_refused(filled: Store, query: str) -> None:
    with pytest.raises(SelectionError, match="no word"):
        paths(filled, Filters(search=query))


def test_missing_and_overridden(filled: Store, tmp_path: Path) -> None:
    assert paths(filled, Filters(missing=True)) == set()
    assert paths(filled, Filters(overridden=True)) == set()


def test_filters_are_false_if_empty() -> None:
    assert not Filters()
    assert Filters(published=False)
    assert Filters(quality=(None, 3))
    assert Filters(search="x")
