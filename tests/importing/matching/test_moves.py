"""Matching of documents and articles by `make_plan`, without a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, strategies as st

from curation.importing.matching import moves
from curation.importing.matching.hidden_stories import (
    HiddenStories,
    make_candidate,
    withhold_hidden_stories,
)
from curation.importing.matching.moves import Candidate, Plan, UnplacedDocument
from curation.importing.merging.override_rules import Override, SetAsideOverride
from curation.importing.merging.stories import Story, digest_body
from curation.scanning import File, Kind
from curation.urls import canonicalize_url, digest_url

HIDDEN = {"published": Override(0, 1)}
REMOVED = {"removed": Override(1, 1)}
RATED = {"quality": Override(9, 1)}
SHOWN = {"published": Override(1, 1)}


def make_plan(
    unplaced: Sequence[UnplacedDocument],
    candidates: Sequence[Candidate],
    set_aside: Sequence[SetAsideOverride],
) -> Plan:
    """Plan what to do with documents, and which of them to withhold."""
    plan = moves.make_plan(unplaced, candidates, set_aside)
    hidden = [article for article in candidates if article.is_hidden]
    withhold_hidden_stories(plan, unplaced, HiddenStories(hidden, map(make_candidate, set_aside)))
    return plan


def story(title: str | None, url: str | None, body: str = "") -> Story:
    canonical = canonicalize_url(url)
    return Story(title, digest_url(canonical), canonical, digest_body(body))


ONE = story("One", "https://e.example/1", "The first.")
TWO = story("Two", "https://e.example/2", "The second.")


def doc(
    path: str, own_story: Story = ONE, text: str = "new", at: str | None = None, occupant: int | None = None
) -> UnplacedDocument:
    return UnplacedDocument(File(path, Kind.ARTICLE, None, path), b"", text, own_story, at, occupant)


def lost(
    path: str, own_story: Story = ONE, text: str = "old", overrides: Mapping[str, Override] | None = None,
    **more: Any,
) -> Candidate:  # fmt: skip
    key = more.pop("id", None) or sum(map(ord, path))
    at = more.pop("at", None)
    return Candidate(key, path, own_story, text, at, overrides or {}, **more)


def find_moves(docs: Sequence[UnplacedDocument], articles: Sequence[Candidate]) -> dict[str, str]:
    """Return the old path of each moved document, by its new path."""
    return {path: article.path for path, article in make_plan(docs, articles, []).moves.items()}


def describe_warnings(plan: Plan) -> dict[str, tuple[str, str, str | None]]:
    return {path: (issue.severity, issue.code, issue.field) for path, issue in plan.warnings.items()}


# --- certain and weak matches -----------------------------------------------------------------------------

OTHER = story("Other", "https://e.example/other", "Other words.")

#: A document and a lost article that certainly match, by what they have in common.
CERTAIN: dict[str, tuple[UnplacedDocument, Candidate]] = {
    "the same text": (doc("new.md", ONE, "t"), lost("old.md", ONE, "t")),
    "the same text without title, URL and body": (
        doc("new.md", story(None, None), "t"), lost("old.md", story(None, None), "t")
    ),
    "URL and title, another body": (doc("new.md"), lost("old.md", ONE._replace(body_digest=b"x"))),
    "URL and title as upstream tidies them": (
        doc("new.md", story("“One” ", "https://www.e.example/1/", "New.")),
        lost("old.md", story("one", "http://e.example/1", "Old.")),
    ),
    "title and body, another URL": (
        doc("new.md", story("One", "https://e.example/new", "Same.")),
        lost("old.md", story("One", "https://e.example/old", "Same.")),
    ),
    "URL and body, another title": (
        doc("new.md", story("New", "https://e.example/1", "Same.")),
        lost("old.md", story("Old", "https://e.example/1", "Same.")),
    ),
    "title and date, another body": (
        doc("new.md", story("One", None, "New."), at="2024-01-01"),
        lost("old.md", story("One", None, "Old."), at="2024-01-01"),
    ),
    "URL and date, another title": (
        doc("new.md", story("New", "https://e.example/1"), at="2024-01-01"),
        lost("old.md", story("Old", "https://e.example/1"), at="2024-01-01"),
    ),
    "body and date, another title": (
        doc("new.md", story("New", None, "Same."), at="2024-01-01"),
        lost("old.md", story("Old", None, "Same."), at="2024-01-01"),
    ),
    "URL alone, where nothing differs": (
        doc("new.md", story(None, "https://e.example/1", "")), lost("old.md", story("One", "https://e.example/1"))
    ),
    "title alone, where nothing differs": (
        doc("new.md", story("One", None, "New.")), lost("old.md", story("One", "https://e.example/1"))
    ),
}  # fmt: skip


@pytest.mark.parametrize("overrides", [{}, HIDDEN, RATED], ids=["undecided", "hidden", "rated"])
@pytest.mark.parametrize("is_missing", [False, True], ids=["gone now", "missing before"])
@pytest.mark.parametrize("case", CERTAIN)
def test_a_document_continues_an_article(
    case: str, is_missing: bool, overrides: Mapping[str, Override]
) -> None:
    document, article = CERTAIN[case]
    article = lost(
        "old.md", article.story, article.content_hash, overrides, at=article.published_at,
        is_missing=is_missing,
    )  # fmt: skip
    plan = make_plan([document], [article], [])
    assert plan.moves == {"new.md": article}
    assert (plan.warnings, plan.withheld, plan.returning) == ({}, set(), {})


#: A document and a lost article that do not match, but resemble each other.
WEAK: dict[str, tuple[UnplacedDocument, Candidate]] = {
    "URL, and another title": (
        doc("new.md", story("New", "https://e.example/1")), lost("old.md", story("Old", "https://e.example/1"))
    ),
    "URL, and another title and body": (
        doc("new.md", story("New", "https://e.example/1", "New.")),
        lost("old.md", story("Old", "https://e.example/1", "Old.")),
    ),
    "title, and another body": (
        doc("new.md", story("One", None, "New.")), lost("old.md", story("One", None, "Old."))
    ),
    "URL and date, and another title and body": (
        doc("new.md", story("New", "https://e.example/1", "New."), at="2024-01-01"),
        lost("old.md", story("Old", "https://e.example/1", "Old."), at="2024-01-01"),
    ),
    "body alone": (
        doc("new.md", story("New", "https://e.example/new", "Same.")),
        lost("old.md", story("Old", "https://e.example/old", "Same.")),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WEAK)
@pytest.mark.parametrize("overrides", [{}, HIDDEN, REMOVED, RATED, SHOWN])
def test_weak_evidence_moves_nothing_and_withholds_the_document_of_a_hidden_article(
    case: str, overrides: Mapping[str, Override]
) -> None:
    document, article = WEAK[case]
    article = lost("old.md", article.story, overrides=overrides, at=article.published_at)
    plan = make_plan([document], [article], [])
    assert plan.moves == {}
    is_hidden = overrides in (HIDDEN, REMOVED)
    field = "published" if is_hidden else None
    assert describe_warnings(plan) == ({"new.md": ("warning", "ambiguous_move", field)} if overrides else {})
    assert plan.withheld == ({"new.md"} if is_hidden else set())
    assert all("old.md" in issue.message for issue in plan.warnings.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ONE, OTHER),
        (story(None, None), story(None, None)),
        (story("", None, " "), story("", None)),
    ],
    ids=["nothing in common", "nothing at all", "nothing to see"],
)
def test_documents_and_articles_without_common_keys_do_not_match(one: Story, other: Story) -> None:
    plan = make_plan([doc("new.md", one)], [lost("old.md", other, overrides=HIDDEN)], [])
    assert plan == Plan()


@pytest.mark.parametrize(
    ("overrides", "is_missing", "withheld"),
    [(HIDDEN, False, {"new.md"}), (HIDDEN, True, set()), (RATED, False, set())],
)
def test_a_title_alone_withholds_a_document_if_the_hidden_article_was_just_lost(
    overrides: Mapping[str, Override], is_missing: bool, withheld: set[str]
) -> None:
    new, old = story("One", "https://e.example/1", "New."), story("One", "https://e.example/2", "Old.")
    plan = make_plan(
        [doc("new.md", new)], [lost("old.md", old, overrides=overrides, is_missing=is_missing)], []
    )
    assert (plan.moves, plan.withheld, set(plan.warnings)) == ({}, withheld, withheld)


# --- several documents or articles ------------------------------------------------------------------------


def test_of_several_matching_articles_none_moves_and_a_warning_names_them() -> None:
    plan = make_plan(
        [doc("new.md")], [lost("b.md"), lost("a.md", overrides=HIDDEN), lost("c.md", overrides=RATED)], []
    )
    assert plan.moves == {}
    assert describe_warnings(plan) == {"new.md": ("warning", "ambiguous_move", "published")}
    assert "a.md or c.md or b.md" in plan.warnings["new.md"].message
    assert plan.withheld == {"new.md"}


def test_if_two_documents_match_one_article_both_are_withheld() -> None:
    plan = make_plan([doc("x.md"), doc("y.md")], [lost("a.md", overrides=REMOVED)], [])
    assert (plan.moves, plan.withheld) == ({}, {"x.md", "y.md"})
    assert set(describe_warnings(plan).values()) == {("warning", "ambiguous_move", "published")}


def test_several_matching_articles_without_overrides_cause_no_warning() -> None:
    assert make_plan([doc("x.md")], [lost("a.md"), lost("b.md")], []) == Plan()


def test_a_warning_names_three_and_counts_the_others() -> None:
    many = [lost(f"a{number}.md", overrides=HIDDEN, id=number) for number in range(1, 8)]
    message = make_plan([doc("new.md")], many, []).warnings["new.md"].message
    assert "a1.md or a2.md or a3.md or 4 more" in message


def test_files_of_the_same_name_match_first() -> None:
    docs = [doc("new/a.md"), doc("new/b.md"), doc("new/c.md")]
    articles = [lost("old/b.md", overrides=HIDDEN), lost("old/a.md"), lost("old/c.md")]
    assert find_moves(docs, articles) == {f"new/{name}.md": f"old/{name}.md" for name in "abc"}


@pytest.mark.parametrize("name", ["A.md", "a.markdown", "a.html", "A.HTML", "ａ.md"])
def test_names_that_differ_by_case_suffix_or_unicode_form_match(name: str) -> None:
    docs = [doc(f"new/{name}"), doc("new/B.html")]
    assert find_moves(docs, [lost("old/b.md"), lost("old/a.md")]) == {
        f"new/{name}": "old/a.md", "new/B.html": "old/b.md",
    }  # fmt: skip


def test_the_last_remaining_pair_matches() -> None:
    docs = [doc("new/a.md"), doc("new/other.md")]
    assert find_moves(docs, [lost("old/a.md"), lost("old/b.md")]) == {
        "new/a.md": "old/a.md", "new/other.md": "old/b.md",
    }  # fmt: skip


def test_an_article_lost_in_this_import_precedes_a_missing_one() -> None:
    before, now = lost("before.md", overrides=HIDDEN, is_missing=True), lost("now.md", overrides=RATED)
    plan = make_plan([doc("new.md")], [before, now], [])
    assert plan.moves == {"new.md": now}
    assert describe_warnings(plan) == {}


def test_a_certain_match_precedes_an_article_lost_in_this_import() -> None:
    missing = lost("before.md", ONE, "t", HIDDEN, is_missing=True)
    similar = lost("now.md", story("One", None))
    assert find_moves([doc("new.md", ONE, "t")], [similar, missing]) == {"new.md": "before.md"}


def test_two_files_that_swap_names_are_matched_by_their_stories() -> None:
    first, second = lost("a.md", ONE, overrides=HIDDEN, id=1), lost("b.md", TWO, id=2)
    docs = [doc("a.md", TWO, occupant=1), doc("b.md", ONE, occupant=2)]
    plan = make_plan(docs, [first, second], [])
    assert plan.moves == {"a.md": second, "b.md": first}
    assert (plan.warnings, plan.withheld) == ({}, set())


@pytest.mark.parametrize("number", [3, 5])
def test_files_that_rotate_names_are_matched_by_their_stories(number: int) -> None:
    stories = [story(f"T{n}", f"https://e.example/{n}", f"Body {n}.") for n in range(number)]
    articles = [lost(f"{n}.md", stories[n], id=n + 1) for n in range(number)]
    docs = [doc(f"{n}.md", stories[(n + 1) % number], occupant=n + 1) for n in range(number)]
    assert find_moves(docs, articles) == {f"{n}.md": f"{(n + 1) % number}.md" for n in range(number)}


def test_many_pairs_are_ambiguous_without_being_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "MAX_PAIRS", 3)
    # If compared one by one, they would not match: the titles are equal, but URL and body differ.
    docs = [doc(f"new{n}.md", story("One", f"https://n.example/{n}", f"New {n}.")) for n in range(2)]
    articles = [
        lost(f"old{n}.md", story("One", f"https://o.example/{n}", f"Old {n}."), overrides=HIDDEN, id=n + 1)
        for n in range(2)
    ]
    plan = make_plan(docs, articles, [])
    assert (plan.moves, plan.withheld) == ({}, {"new0.md", "new1.md"})


# --- withheld documents and returned overrides ------------------------------------------------------------


@pytest.mark.parametrize("overrides", [HIDDEN, REMOVED, RATED, SHOWN])
@pytest.mark.parametrize("case", [case for case in CERTAIN if "alone" not in case])
def test_a_copy_of_a_hidden_article_is_withheld(case: str, overrides: Mapping[str, Override]) -> None:
    document, article = CERTAIN[case]
    article = lost(
        "there.md", article.story, article.content_hash, overrides, at=article.published_at, is_lost=False
    )
    plan = make_plan([document], [article], [])
    assert plan.moves == {}
    if overrides in (HIDDEN, REMOVED):
        assert describe_warnings(plan) == {"new.md": ("warning", "hidden_story", "published")}
        assert "there.md" in plan.warnings["new.md"].message
        assert plan.withheld == {"new.md"}
    else:
        assert plan == Plan()


def test_an_ambiguous_document_is_withheld_if_it_has_the_story_of_a_hidden_article() -> None:
    articles = [
        lost("a.md"),
        lost("b.md", overrides=RATED),
        lost("there.md", overrides=HIDDEN, is_lost=False),
    ]
    plan = make_plan([doc("new.md")], articles, [])
    assert (plan.moves, plan.withheld) == ({}, {"new.md"})
    assert describe_warnings(plan) == {"new.md": ("warning", "hidden_story", "published")}


def make_set_aside(
    own_story: Story, field: str = "published", value: int = 0, key: int = 1
) -> SetAsideOverride:
    return SetAsideOverride(own_story, field, Override(value, 7), key, "_news/there.md")


@pytest.mark.parametrize(
    "own_story",
    [
        ONE,
        ONE._replace(body_digest=b"x"),
        story("One", "https://e.example/new", "The first."),
        story("New", "https://e.example/1", "The first."),
        story("“ONE”", "http://www.e.example/1/", "New."),
    ],
    ids=["the same", "URL and title", "title and body", "URL and body", "tidied"],
)
def test_overrides_that_are_set_aside_return_with_their_story_at_another_path(own_story: Story) -> None:
    waiting = [make_set_aside(ONE), make_set_aside(ONE, "quality", 9, key=2), make_set_aside(TWO, key=3)]
    plan = make_plan([doc("new.md", own_story)], [], waiting)
    assert plan.returning == {"new.md": waiting[:2]}
    assert (plan.moves, plan.warnings, plan.withheld) == ({}, {}, set())


def test_overrides_return_once_and_another_copy_is_withheld() -> None:
    plan = make_plan([doc("b.md"), doc("a.md")], [], [make_set_aside(ONE)])
    assert plan.returning == {"a.md": [make_set_aside(ONE)]}
    assert describe_warnings(plan) == {"b.md": ("warning", "hidden_story", "published")}
    assert plan.withheld == {"b.md"}


def test_overrides_of_another_article_do_not_return_to_a_known_article() -> None:
    """`merging.override_rules` returns an article's own overrides. The document is withheld for the other article."""
    plan = make_plan([doc("a.md", ONE, occupant=5)], [], [make_set_aside(ONE)])
    assert plan.returning == {}
    assert plan.withheld == {"a.md"}


def test_the_latest_of_two_overrides_returns() -> None:
    both = [make_set_aside(ONE, "quality", 3, key=1), make_set_aside(ONE, "quality", 4, key=2)]
    assert make_plan([doc("a.md")], [], both).returning == {"a.md": [both[1]]}


# --- properties of every plan -----------------------------------------------------------------------------

STORIES = st.builds(
    story,
    st.sampled_from(["One", "Two", None]),
    st.sampled_from(["https://e.example/1", "https://e.example/2", None]),
    st.sampled_from(["", "a", "b"]),
)
OVERRIDES = st.sampled_from([{}, HIDDEN, REMOVED, RATED, SHOWN])
DOCS = st.lists(
    st.builds(doc, st.sampled_from(["x/a.md", "x/b.md", "y/a.md", "z.md"]), STORIES, st.sampled_from("tuv")),
    unique_by=lambda one: one.path,
    max_size=4,
)


@st.composite
def draw_articles(draw: st.DrawFn) -> list[Candidate]:
    paths = draw(st.lists(st.sampled_from(["o/a.md", "o/b.md", "p/a.md", "q.md"]), unique=True))
    found = []
    for number, path in enumerate(paths):
        own_story, overrides = draw(STORIES), draw(OVERRIDES)
        text, is_missing, is_lost = draw(st.sampled_from("tuv")), draw(st.booleans()), draw(st.booleans())
        is_hidden = overrides in (HIDDEN, REMOVED)
        found.append(
            lost(path, own_story, text, overrides, id=number + 1, is_missing=is_missing,
                 is_lost=is_lost or is_missing or not is_hidden)
        )  # fmt: skip
    return found


@given(DOCS, draw_articles(), st.lists(st.builds(make_set_aside, STORIES), max_size=2))
def test_every_plan_is_consistent(
    docs: list[UnplacedDocument], articles: list[Candidate], waiting: list[SetAsideOverride]
) -> None:
    waiting = [kept._replace(id=number) for number, kept in enumerate(waiting, 1)]
    plan = make_plan(docs, articles, waiting)
    # No article moves to two paths, and only lost articles move.
    assert len({a.id for a in plan.moves.values()}) == len(plan.moves)
    assert all(article.is_lost for article in plan.moves.values())
    # A document is only one of: moved, with a warning, with returned overrides.
    assert not plan.moves.keys() & plan.returning.keys()
    assert not plan.moves.keys() & plan.warnings.keys() - plan.withheld
    assert plan.withheld <= plan.warnings.keys()
    given_back = [kept.id for some in plan.returning.values() for kept in some]
    assert len(given_back) == len(set(given_back))
    # A document with the text, or URL and title, of a hidden article is withheld, or it is that article.
    for document in docs:
        for article in articles:
            is_same = document.content_hash == article.content_hash or _has_same_title_and_url(
                document, article
            )
            if article.is_hidden and is_same:
                follows = plan.moves.get(document.path)
                is_withheld = document.path in plan.withheld or "published" in {
                    kept.field for kept in plan.returning.get(document.path, ())
                }
                assert is_withheld or follows is not None


def _has_same_title_and_url(document: UnplacedDocument, article: Candidate) -> bool:
    one, other = document.story, article.story
    return None not in (one.title, one.canonical_url) and one[:3] == other[:3]


@given(DOCS, draw_articles(), st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_files(
    docs: list[UnplacedDocument], articles: list[Candidate], chance: Any
) -> None:
    plan = make_plan(docs, articles, [])
    chance.shuffle(docs)
    chance.shuffle(articles)
    again = make_plan(docs, articles, [])
    assert (again.moves, again.withheld, again.warnings.keys()) == (
        plan.moves,
        plan.withheld,
        plan.warnings.keys(),
    )


def test_a_document_is_withheld_even_if_an_override_that_does_not_hide_it_returns() -> None:
    """A heat override returns with the story, but an editor hides another article with this story."""
    set_aside = SetAsideOverride(doc("old.md").story, "heat", Override(5, 1), 1, "old.md")
    hidden = lost("there.md", overrides=HIDDEN, is_lost=False)
    plan = make_plan([doc("new.md")], [hidden], [set_aside])
    assert (set(plan.returning), plan.withheld) == ({"new.md"}, {"new.md"})
