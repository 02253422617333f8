"""Which article a document at another path continues: `make_plan`, without a store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from curation.importing.matching import moves
from curation.importing.matching.hidden_stories import HiddenStories, hold_documents, hold_hidden_stories
from curation.importing.matching.moves import Candidate, Plan, Unplaced
from curation.importing.merging.rules import Decision, SetAside
from curation.importing.merging.stories import Story, digest_body
from curation.scanning import File, Kind
from curation.urls import canonical_url, url_digest

HIDDEN = {"published": Decision(0, 1)}
REMOVED = {"removed": Decision(1, 1)}
RATED = {"quality": Decision(9, 1)}
SHOWN = {"published": Decision(1, 1)}


def make_plan(
    unplaced: Sequence[Unplaced], candidates: Sequence[Candidate], set_aside: Sequence[SetAside]
) -> Plan:
    """Say what becomes of documents, and which of them are held."""
    plan = moves.make_plan(unplaced, candidates, set_aside)
    hidden = [article for article in candidates if article.is_hidden]
    hold_hidden_stories(plan, unplaced, HiddenStories(hidden, map(hold_documents, set_aside)))
    return plan


def story(title: str | None, url: str | None, body: str = "") -> Story:
    canonical = canonical_url(url)
    return Story(title, url_digest(canonical), canonical, digest_body(body))


ONE = story("One", "https://e.example/1", "The first.")
TWO = story("Two", "https://e.example/2", "The second.")


def doc(
    path: str, told: Story = ONE, text: str = "new", at: str | None = None, occupant: int | None = None
) -> Unplaced:
    return Unplaced(File(path, Kind.ARTICLE, None, path), b"", text, told, at, occupant)


def lost(
    path: str, told: Story = ONE, text: str = "old", overrides: Mapping[str, Decision] | None = None,
    **more: Any,
) -> Candidate:  # fmt: skip
    key = more.pop("id", None) or sum(map(ord, path))
    at = more.pop("at", None)
    return Candidate(key, path, told, text, at, overrides or {}, **more)


def moved(docs: Sequence[Unplaced], articles: Sequence[Candidate]) -> dict[str, str]:
    """The plan's moves: the old path by the new one."""
    return {path: article.path for path, article in make_plan(docs, articles, []).moves.items()}


def said(plan: Plan) -> dict[str, tuple[str, str, str | None]]:
    return {path: (issue.severity, issue.code, issue.field) for path, issue in plan.doubts.items()}


# --- certain, and nearly so -------------------------------------------------------------------------------

OTHER = story("Other", "https://e.example/other", "Other words.")

#: Of a document and a lost article: what they tell, and what else is the same.
CERTAIN: dict[str, tuple[Unplaced, Candidate]] = {
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
    case: str, is_missing: bool, overrides: Mapping[str, Decision]
) -> None:
    document, article = CERTAIN[case]
    article = lost(
        "old.md", article.story, article.content_hash, overrides, at=article.published_at,
        is_missing=is_missing,
    )  # fmt: skip
    plan = make_plan([document], [article], [])
    assert plan.moves == {"new.md": article}
    assert (plan.doubts, plan.held, plan.returns) == ({}, set(), {})


#: What is not enough to be the same article, but enough to be in doubt.
WEAK: dict[str, tuple[Unplaced, Candidate]] = {
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
def test_a_little_in_common_moves_nothing_and_keeps_hidden_what_was(
    case: str, overrides: Mapping[str, Decision]
) -> None:
    document, article = WEAK[case]
    article = lost("old.md", article.story, overrides=overrides, at=article.published_at)
    plan = make_plan([document], [article], [])
    assert plan.moves == {}
    is_hidden = overrides in (HIDDEN, REMOVED)
    field = "published" if is_hidden else None
    assert said(plan) == ({"new.md": ("warning", "ambiguous_move", field)} if overrides else {})
    assert plan.held == ({"new.md"} if is_hidden else set())
    assert all("old.md" in issue.message for issue in plan.doubts.values())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ONE, OTHER),
        (story(None, None), story(None, None)),
        (story("", None, " "), story("", None)),
    ],
    ids=["nothing in common", "nothing at all", "nothing to see"],
)
def test_strangers_have_nothing_to_do_with_each_other(one: Story, other: Story) -> None:
    plan = make_plan([doc("new.md", one)], [lost("old.md", other, overrides=HIDDEN)], [])
    assert plan == Plan()


@pytest.mark.parametrize(
    ("overrides", "is_missing", "held"),
    [(HIDDEN, False, {"new.md"}), (HIDDEN, True, set()), (RATED, False, set())],
)
def test_a_title_alone_holds_for_what_is_hidden_and_lost_now(
    overrides: Mapping[str, Decision], is_missing: bool, held: set[str]
) -> None:
    new, old = story("One", "https://e.example/1", "New."), story("One", "https://e.example/2", "Old.")
    plan = make_plan(
        [doc("new.md", new)], [lost("old.md", old, overrides=overrides, is_missing=is_missing)], []
    )
    assert (plan.moves, plan.held, set(plan.doubts)) == ({}, held, held)


# --- several ----------------------------------------------------------------------------------------------


def test_of_several_that_could_be_meant_none_is_and_a_warning_names_them() -> None:
    plan = make_plan(
        [doc("new.md")], [lost("b.md"), lost("a.md", overrides=HIDDEN), lost("c.md", overrides=RATED)], []
    )
    assert plan.moves == {}
    assert said(plan) == {"new.md": ("warning", "ambiguous_move", "published")}
    assert "a.md or c.md or b.md" in plan.doubts["new.md"].message
    assert plan.held == {"new.md"}


def test_of_two_documents_neither_is_the_one_article_and_both_are_held() -> None:
    plan = make_plan([doc("x.md"), doc("y.md")], [lost("a.md", overrides=REMOVED)], [])
    assert (plan.moves, plan.held) == ({}, {"x.md", "y.md"})
    assert set(said(plan).values()) == {("warning", "ambiguous_move", "published")}


def test_of_several_nobody_has_decided_on_nothing_is_said() -> None:
    assert make_plan([doc("x.md")], [lost("a.md"), lost("b.md")], []) == Plan()


def test_a_warning_names_three_and_counts_the_others() -> None:
    many = [lost(f"a{number}.md", overrides=HIDDEN, id=number) for number in range(1, 8)]
    message = make_plan([doc("new.md")], many, []).doubts["new.md"].message
    assert "a1.md or a2.md or a3.md or 4 more" in message


def test_files_of_the_same_name_belong_together() -> None:
    docs = [doc("new/a.md"), doc("new/b.md"), doc("new/c.md")]
    articles = [lost("old/b.md", overrides=HIDDEN), lost("old/a.md"), lost("old/c.md")]
    assert moved(docs, articles) == {f"new/{name}.md": f"old/{name}.md" for name in "abc"}


@pytest.mark.parametrize("name", ["A.md", "a.markdown", "a.html", "A.HTML", "ａ.md"])
def test_names_that_differ_by_case_suffix_or_form_belong_together(name: str) -> None:
    docs = [doc(f"new/{name}"), doc("new/B.html")]
    assert moved(docs, [lost("old/b.md"), lost("old/a.md")]) == {
        f"new/{name}": "old/a.md", "new/B.html": "old/b.md",
    }  # fmt: skip


def test_the_last_one_left_is_certain() -> None:
    docs = [doc("new/a.md"), doc("new/other.md")]
    assert moved(docs, [lost("old/a.md"), lost("old/b.md")]) == {
        "new/a.md": "old/a.md", "new/other.md": "old/b.md",
    }  # fmt: skip


def test_what_is_gone_now_goes_before_what_was_missing() -> None:
    before, now = lost("before.md", overrides=HIDDEN, is_missing=True), lost("now.md", overrides=RATED)
    plan = make_plan([doc("new.md")], [before, now], [])
    assert plan.moves == {"new.md": now}
    assert said(plan) == {}


def test_a_thing_that_is_surely_the_same_goes_before_one_that_is_gone_now() -> None:
    missing = lost("before.md", ONE, "t", HIDDEN, is_missing=True)
    similar = lost("now.md", story("One", None))
    assert moved([doc("new.md", ONE, "t")], [similar, missing]) == {"new.md": "before.md"}


def test_two_that_swap_names_follow_their_stories() -> None:
    first, second = lost("a.md", ONE, overrides=HIDDEN, id=1), lost("b.md", TWO, id=2)
    docs = [doc("a.md", TWO, occupant=1), doc("b.md", ONE, occupant=2)]
    plan = make_plan(docs, [first, second], [])
    assert plan.moves == {"a.md": second, "b.md": first}
    assert (plan.doubts, plan.held) == ({}, set())


@pytest.mark.parametrize("number", [3, 5])
def test_a_ring_of_names_follows_its_stories(number: int) -> None:
    told = [story(f"T{n}", f"https://e.example/{n}", f"Body {n}.") for n in range(number)]
    articles = [lost(f"{n}.md", told[n], id=n + 1) for n in range(number)]
    docs = [doc(f"{n}.md", told[(n + 1) % number], occupant=n + 1) for n in range(number)]
    assert moved(docs, articles) == {f"{n}.md": f"{(n + 1) % number}.md" for n in range(number)}


def test_many_pairs_are_in_doubt_without_being_compared_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(moves, "MAX_PAIRS", 3)
    # Compared, these would have nothing to do with each other: title alone, URL and body differ.
    docs = [doc(f"new{n}.md", story("One", f"https://n.example/{n}", f"New {n}.")) for n in range(2)]
    articles = [
        lost(f"old{n}.md", story("One", f"https://o.example/{n}", f"Old {n}."), overrides=HIDDEN, id=n + 1)
        for n in range(2)
    ]
    plan = make_plan(docs, articles, [])
    assert (plan.moves, plan.held) == ({}, {"new0.md", "new1.md"})


# --- held, and given back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("overrides", [HIDDEN, REMOVED, RATED, SHOWN])
@pytest.mark.parametrize("case", [case for case in CERTAIN if "alone" not in case])
def test_a_copy_of_what_an_editor_hides_is_held(case: str, overrides: Mapping[str, Decision]) -> None:
    document, article = CERTAIN[case]
    article = lost(
        "there.md", article.story, article.content_hash, overrides, at=article.published_at, is_lost=False
    )
    plan = make_plan([document], [article], [])
    assert plan.moves == {}
    if overrides in (HIDDEN, REMOVED):
        assert said(plan) == {"new.md": ("warning", "hidden_story", "published")}
        assert "there.md" in plan.doubts["new.md"].message
        assert plan.held == {"new.md"}
    else:
        assert plan == Plan()


def test_a_document_that_could_be_several_is_held_if_it_tells_what_is_hidden_where_it_was() -> None:
    articles = [
        lost("a.md"),
        lost("b.md", overrides=RATED),
        lost("there.md", overrides=HIDDEN, is_lost=False),
    ]
    plan = make_plan([doc("new.md")], articles, [])
    assert (plan.moves, plan.held) == ({}, {"new.md"})
    assert said(plan) == {"new.md": ("warning", "hidden_story", "published")}


def aside(told: Story, field: str = "published", value: int = 0, key: int = 1) -> SetAside:
    return SetAside(told, field, Decision(value, 7), key, "_news/there.md")


@pytest.mark.parametrize(
    "told",
    [
        ONE,
        ONE._replace(body_digest=b"x"),
        story("One", "https://e.example/new", "The first."),
        story("New", "https://e.example/1", "The first."),
        story("“ONE”", "http://www.e.example/1/", "New."),
    ],
    ids=["the same", "URL and title", "title and body", "URL and body", "tidied"],
)
def test_overrides_that_wait_for_their_story_come_back_at_another_path(told: Story) -> None:
    waiting = [aside(ONE), aside(ONE, "quality", 9, key=2), aside(TWO, key=3)]
    plan = make_plan([doc("new.md", told)], [], waiting)
    assert plan.returns == {"new.md": waiting[:2]}
    assert (plan.moves, plan.doubts, plan.held) == ({}, {}, set())


def test_overrides_come_back_once_and_another_copy_is_held() -> None:
    plan = make_plan([doc("b.md"), doc("a.md")], [], [aside(ONE)])
    assert plan.returns == {"a.md": [aside(ONE)]}
    assert said(plan) == {"b.md": ("warning", "hidden_story", "published")}
    assert plan.held == {"b.md"}


def test_what_waits_of_another_article_is_no_concern_of_one_that_has_an_article() -> None:
    """`merging.rules` gives an article its own overrides back; the document is held if its story is hidden elsewhere."""
    plan = make_plan([doc("a.md", ONE, occupant=5)], [], [aside(ONE)])
    assert plan.returns == {}
    assert plan.held == {"a.md"}


def test_the_latest_of_two_that_wait_comes_back() -> None:
    both = [aside(ONE, "quality", 3, key=1), aside(ONE, "quality", 4, key=2)]
    assert make_plan([doc("a.md")], [], both).returns == {"a.md": [both[1]]}


# --- whatever happens ---------------------------------------------------------------------------------------

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
def articles_of(draw: st.DrawFn) -> list[Candidate]:
    paths = draw(st.lists(st.sampled_from(["o/a.md", "o/b.md", "p/a.md", "q.md"]), unique=True))
    found = []
    for number, path in enumerate(paths):
        told, overrides = draw(STORIES), draw(OVERRIDES)
        text, is_missing, is_lost = draw(st.sampled_from("tuv")), draw(st.booleans()), draw(st.booleans())
        is_hidden = overrides in (HIDDEN, REMOVED)
        found.append(
            lost(path, told, text, overrides, id=number + 1, is_missing=is_missing,
                 is_lost=is_lost or is_missing or not is_hidden)
        )  # fmt: skip
    return found


@given(DOCS, articles_of(), st.lists(st.builds(aside, STORIES), max_size=2))
def test_every_plan_is_closed(
    docs: list[Unplaced], articles: list[Candidate], waiting: list[SetAside]
) -> None:
    waiting = [kept._replace(id=number) for number, kept in enumerate(waiting, 1)]
    plan = make_plan(docs, articles, waiting)
    # No article is in two places, and none that is where it was moves.
    assert len({a.id for a in plan.moves.values()}) == len(plan.moves)
    assert all(article.is_lost for article in plan.moves.values())
    # A document is one of: moved, in doubt, with overrides that came back.
    assert not plan.moves.keys() & plan.returns.keys()
    assert not plan.moves.keys() & plan.doubts.keys() - plan.held
    assert plan.held <= plan.doubts.keys()
    given_back = [kept.id for some in plan.returns.values() for kept in some]
    assert len(given_back) == len(set(given_back))
    # One that has text, or URL and title, of an article that an editor hides is hidden too, or that article.
    for document in docs:
        for article in articles:
            is_same = document.content_hash == article.content_hash or _is_told_alike(document, article)
            if article.is_hidden and is_same:
                follows = plan.moves.get(document.path)
                is_shut = document.path in plan.held or "published" in {
                    kept.field for kept in plan.returns.get(document.path, ())
                }
                assert is_shut or follows is not None


def _is_told_alike(document: Unplaced, article: Candidate) -> bool:
    one, other = document.story, article.story
    return None not in (one.title, one.canonical_url) and one[:3] == other[:3]


@given(DOCS, articles_of(), st.randoms())
def test_a_plan_does_not_depend_on_the_order_of_files(
    docs: list[Unplaced], articles: list[Candidate], chance: Any
) -> None:
    plan = make_plan(docs, articles, [])
    chance.shuffle(docs)
    chance.shuffle(articles)
    again = make_plan(docs, articles, [])
    assert (again.moves, again.held, again.doubts.keys()) == (plan.moves, plan.held, plan.doubts.keys())


def test_an_override_that_returns_and_hides_nothing_keeps_no_document_from_being_held() -> None:
    """Its heat comes back with its story; another article that tells it is hidden all the same."""
    aside = SetAside(doc("old.md").story, "heat", Decision(5, 1), 1, "old.md")
    hidden = lost("there.md", overrides=HIDDEN, is_lost=False)
    plan = make_plan([doc("new.md")], [hidden], [aside])
    assert (set(plan.returns), plan.held) == ({"new.md"}, {"new.md"})
