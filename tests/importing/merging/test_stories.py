"""Whether two documents tell the same story: pairs of titles, of URLs and of bodies."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from curation.importing.merging.stories import (
    Story,
    digest_body,
    fold_title,
    fold_url,
    has_same_body,
    has_same_title_or_url,
    is_different_story,
)
from curation.urls import canonicalize_url, digest_url

SAME_TITLES = [
    ("It's a story", "It’s a story"),
    ("It's a story", "its a story"),
    ('"Low water": a study', "“Low water”: a study"),
    ("‘Low water’", "Low water"),
    ("«Ebbe» und Flut", "»Ebbe« und Flut"),
    ("„Ebbe“ und Flut", "Ebbe und Flut"),
    ("Low water", "LOW WATER"),
    ("Low water", "low Water "),
    ("Low  water", "Low\u00a0water"),
    ("Low water", "Low\twater\n"),
    ("Low water", "Low\u200b water"),
    ("Low water", "\ufeffLow water"),
    ("Lowwater", "Low\u00adwater"),
    ("Café", "Cafe\u0301"),
    ("ﬁsh", "fish"),
    ("Ｌow water", "Low water"),
    ("STRASSE", "Straße"),
    ("Ebb &amp; flow", "Ebb & flow"),
    ("&quot;Ebb&quot;", "Ebb"),
    ("Ebb &#8217;n&#8217; flow", "Ebb 'n' flow"),
    ("ΟΔΟΣ", "οδος"),
    ("5′ 10″", "5' 10\""),
    (None, None),
    (None, ""),
]  # fmt: skip

OTHER_TITLES = [
    ("Low water", "High water"),
    ("Low water 1", "Low water 2"),
    ("Low water", "Low water!"),
    ("C", "C++"),
    ("C#", "C"),
    ("Ebb - flow", "Ebb flow"),
    ("Cafe", "Café"),
    ("Low water", None),
    ("1.2", "12"),
    ("日本", "日本語"),
    ("👍", "👎"),
]

SAME_URLS = [
    ("http://e.example/a", "https://e.example/a"),
    ("http://e.example/a", "https://www.e.example/a/"),
    ("https://www.e.example/a", "https://e.example/a"),
    ("https://e.example/a", "https://e.example/a/"),
    ("https://E.Example/a", "https://e.example/a"),
    ("https://e.example:443/a", "https://e.example/a"),
    ("http://e.example:80/a", "https://e.example/a"),
    ("https://e.example/a?x=1&y=2", "https://e.example/a?y=2&x=1"),
    ("https://e.example/a/?x=1", "https://e.example/a?x=1"),
    ("https://e.example/a?utm_source=n&x=1", "https://e.example/a?x=1"),
    ("https://e.example/a?utm_medium=m", "http://www.e.example/a"),
    ("https://e.example/a?fbclid=1", "https://e.example/a"),
    ("https://e.example/a#part", "https://e.example/a"),
    ("https://e.example/a?x=1&", "https://e.example/a?x=1"),
    ("https://e.example/a?x=1&&y=2", "https://e.example/a?x=1&y=2"),
    ("https://e.example", "https://www.e.example/"),
    ("https://x.org/foo", "http://x.org/foo"),
    ("https://x.org/f/", "https://x.org/f"),
]

OTHER_URLS = [
    ("https://e.example/a", "https://e.example/b"),
    ("https://e.example/a", "https://e.example/A"),
    ("https://e.example/a", "https://f.example/a"),
    ("https://e.example/a", "https://m.e.example/a"),
    ("https://e.example/a?x=1", "https://e.example/a?x=2"),
    ("https://e.example/a?x=1", "https://e.example/a"),
    ("https://e.example/a?x=1&x=2", "https://e.example/a?x=1"),
    ("https://e.example/a", "https://e.example/a/b"),
    ("https://e.example/?id=1", "https://e.example/?id=2"),
    ("https://e.example:8080/a", "https://e.example/a"),
    ("https://e.example/a", None),
]


def story(title: str | None = None, url: str | None = None, body: str = "") -> Story:
    canonical = canonicalize_url(url)
    return Story(title, digest_url(canonical), canonical, digest_body(body))


@pytest.mark.parametrize(("one", "other"), SAME_TITLES)
def test_equal_titles(one: str | None, other: str | None) -> None:
    assert fold_title(one) == fold_title(other)
    first, second = (
        story(one, "https://e.example/1", "one"),
        story(other, "https://e.example/2", "two"),
    )
    assert has_same_title_or_url(first, second)
    assert not is_different_story(first, second)


@pytest.mark.parametrize(("one", "other"), OTHER_TITLES)
def test_different_titles(one: str | None, other: str | None) -> None:
    assert fold_title(one) != fold_title(other)
    assert is_different_story(
        story(one, "https://e.example/1", "one"), story(other, "https://e.example/2", "two")
    )


@pytest.mark.parametrize(("one", "other"), SAME_URLS)
def test_equal_urls(one: str, other: str) -> None:
    assert fold_url(canonicalize_url(one)) == fold_url(canonicalize_url(other)) is not None
    assert has_same_title_or_url(story("one", one, "one"), story("two", other, "two"))
    assert not is_different_story(story("one", one, "one"), story("two", other, "two"))


@pytest.mark.parametrize(("one", "other"), OTHER_URLS)
def test_different_urls(one: str, other: str | None) -> None:
    assert fold_url(canonicalize_url(one)) != fold_url(canonicalize_url(other))
    assert is_different_story(story("one", one, "one"), story("two", other, "two"))


@pytest.mark.parametrize(
    ("one", "other", "are_same"),
    [
        ("the same words", "the same words", True),
        ("the same words", "the  same\n\nwords\n", True),
        ("the same words", "thesamewords", True),
        ("the same words", "The same words", False),
        ("the same words", "the same word", False),
        ("", "", False),
        (" \n", "\t", False),
        ("", "words", False),
    ],
)
def test_bodies(one: str, other: str, are_same: bool) -> None:
    first, second = story("one", "https://e.example/1", one), story("two", "https://e.example/2", other)
    assert has_same_body(first, second) is are_same
    assert is_different_story(first, second) is not are_same


def test_a_tidied_title_and_url_at_once_are_the_same_story() -> None:
    assert not is_different_story(
        story("It's a story", "http://x.org/foo", "the same words"),
        story("It’s a story", "https://x.org/foo", "the same words"),
    )
    assert not is_different_story(
        story("Cafe", "https://x.org/f", "the same words"), story("“Cafe” ", "https://x.org/f/", "others")
    )
    # Title and URL are really different, and the body alone is equal.
    assert not is_different_story(
        story("Café", "https://x.org/f", "the same words"), story("Cafe", "https://x.org/g", "the same words")
    )


def test_rows_of_older_releases_have_only_the_digest_of_the_url() -> None:
    now = story("two", "https://e.example/a", "two")
    assert not is_different_story(Story("one", now.canonical_digest), now)
    assert is_different_story(Story("one", digest_url("https://e.example/b")), now)
    assert is_different_story(
        Story("one", digest_url("http://e.example/a")), now
    )  # a digest cannot be normalized


TITLES = st.none() | st.text("aAéE ’'\u200b", max_size=4)
URLS = st.none() | st.builds(
    "{}://{}e.example/{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["", "www."]),
    st.sampled_from(["", "a", "a/", "b"]),
    st.sampled_from(["", "?x=1", "?x=1&y=2", "?y=2&x=1"]),
)
BODIES = st.sampled_from(["", " ", "a", "a ", "b"])
STORIES = st.builds(story, TITLES, URLS, BODIES)


@given(STORIES, STORIES)
def test_comparison_is_symmetric_and_reflexive(one: Story, other: Story) -> None:
    assert is_different_story(one, other) == is_different_story(other, one)
    assert has_same_title_or_url(one, other) == has_same_title_or_url(other, one)
    assert not is_different_story(one, one)


@given(TITLES, URLS)
def test_folding_is_idempotent(title: str | None, url: str | None) -> None:
    assert fold_title(fold_title(title)) == fold_title(title)
    folded = fold_url(canonicalize_url(url))
    assert folded is None or fold_url(f"https://{folded}") == folded
