"""The rules of upstream against editor, as laws over random histories: stories that come, change, go and
come back at one path, upstream values, and decisions in between; and what is said of it in a store."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.flags import FLAGS, Flags
from curation.importing.merging import rules as rules
from curation.importing.merging.rules import (
    NOTICES,
    Decision,
    Merged,
    SetAside,
    effective,
    merge,
)
from curation.importing.merging.stories import Story, is_another
from curation.store.database import Store
from curation.store.schema import import_issues

from ...support.cases import some
from ...support.importing_helpers import import_folder
from ...support.places import README
from ...support.store_comparison import rows
from ...support.upstream_changes import Site

NUMBERS = st.integers(0, 3)
SWITCHES = st.booleans()
UPSTREAM = st.builds(
    Flags,
    st.none() | NUMBERS,
    st.none() | NUMBERS,
    st.none() | SWITCHES,
    st.none() | SWITCHES,
)
#: A canonical URL by its digest; of one that an older release kept, the digest alone is known.
URLS: dict[bytes | None, tuple[str | None, ...]] = {
    None: (None,),
    b"1": ("https://a.example/1", "http://www.a.example/1/", None),
    b"2": ("https://a.example/2",),
    b"3": ("https://a.example/3", None),
}
ADDRESSES = st.sampled_from([(digest, url) for digest, urls in URLS.items() for url in urls])
#: Few titles, URLs and bodies, so that stories come back whole and in part; some documents have none of them.
STORIES = st.builds(
    lambda title, address, body: Story(title, address[0], address[1], body),
    st.sampled_from([None, "a", "A ", "b", "c"]),
    ADDRESSES,
    st.sampled_from([None, None, b"x", b"y"]),
)
VALUES = st.fixed_dictionaries(
    {}, optional={flag: NUMBERS if flag in FLAGS[:2] else st.integers(0, 1) for flag in FLAGS}
)


class Document(NamedTuple):
    """A document that comes in."""

    story: Story
    upstream: Flags


DOCUMENTS = st.builds(Document, STORIES, UPSTREAM)
HISTORIES = st.lists(DOCUMENTS | VALUES, min_size=1, max_size=14)


class Place:
    """One path of a source: what stands, what is set aside, which notices are open."""

    def __init__(self, first: Document) -> None:
        self.document = first
        self.overrides: dict[str, Decision] = {}
        self.set_aside: list[SetAside] = []
        self.notices: set[tuple[str, str | None]] = set()
        self._ids = iter(range(1, 10_000))
        self._changesets = iter(range(1, 10_000))

    def decide(self, values: dict[str, int]) -> None:
        changeset = next(self._changesets)
        self.overrides |= {flag: Decision(value, changeset) for flag, value in values.items()}

    def merged(self, document: Document) -> Merged:
        said = {field for code, field in self.notices if code == "upstream_changed" and field}
        stories = (self.document.story, document.story)
        was = self.document.upstream
        return merge(was, document.upstream, stories, self.overrides, self.set_aside, said)

    def take_in(self, document: Document) -> Merged:
        merged = self.merged(document)
        self.document = document
        self.overrides = dict(merged.overrides)
        # As the store does: all are written anew, in their order.
        self.set_aside = [kept._replace(id=next(self._ids)) for kept in merged.set_aside]
        self.notices = {(issue.code, issue.field) for issue in merged.notices}
        return merged

    @property
    def decisions(self) -> Counter[tuple[str, Decision]]:
        """All that was decided and not decided anew, standing or set aside."""
        return Counter([*self.overrides.items(), *((kept.field, kept.decision) for kept in self.set_aside)])


class Happened(NamedTuple):
    """A document that came in, and what was made of it."""

    before: Document
    now: Document
    overrides: dict[str, Decision]
    set_aside: list[SetAside]
    said: set[str | None]
    decisions: Counter[tuple[str, Decision]]
    merged: Merged
    path: Place


def happened(first: Document, history: list[Document | dict[str, int]]) -> list[Happened]:
    """What was made of each document of a history; `path` is as it is at the end."""
    path, found = Place(first), []
    for event in history:
        if isinstance(event, dict):
            path.decide(event)
            continue
        said = {field for code, field in path.notices if code == "upstream_changed"}
        before = (path.document, event, dict(path.overrides), list(path.set_aside), said, path.decisions)
        found.append(Happened(*before, path.take_in(event), path))
    return found


@given(DOCUMENTS, HISTORIES)
def test_no_decision_ever_disappears(first: Document, history: list[Document | dict[str, int]]) -> None:
    """It stands, or it is set aside with the story that it was about; and none comes from nowhere."""
    for was in happened(first, history):
        now = Counter([*was.merged.overrides.items(), *((k.field, k.decision) for k in was.merged.set_aside)])
        assert now == was.decisions
        for kept in was.merged.set_aside:
            assert kept in was.set_aside or kept == SetAside(
                was.before.story, kept.field, was.overrides[kept.field]
            )


@given(DOCUMENTS, HISTORIES)
def test_decisions_stand_as_long_as_the_story_does(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for was in happened(first, history):
        if not is_another(was.before.story, was.now.story):
            assert was.merged.overrides == was.overrides
            assert was.merged.set_aside == was.set_aside
        else:
            assert not set(was.merged.overrides.values()) & set(was.overrides.values())


@given(DOCUMENTS, VALUES, st.lists(DOCUMENTS | VALUES, max_size=10))
def test_a_story_that_comes_back_has_its_own_decisions_and_no_others(
    first: Document, values: dict[str, int], meanwhile: list[Document | dict[str, int]]
) -> None:
    """However many stories came in between, and whatever was decided about them."""
    path = Place(first)
    path.decide(values)
    due = dict(path.overrides)
    others = [e for e in meanwhile if isinstance(e, dict) or _are_strangers(e.story, first.story)]
    for event in others:
        path.decide(event) if isinstance(event, dict) and path.document != first else None
        path.take_in(event) if isinstance(event, Document) else None
    if path.document == first:
        return
    path.take_in(first)
    assert path.overrides == due


def _are_strangers(story: Story, other: Story) -> bool:
    return is_another(story, other)


@given(DOCUMENTS, DOCUMENTS, VALUES, VALUES)
def test_two_stories_may_flap_for_ever(
    one: Document, other: Document, of_one: dict[str, int], of_other: dict[str, int]
) -> None:
    if not is_another(one.story, other.story):
        return
    path = Place(one)
    path.decide(of_one)
    first = dict(path.overrides)
    path.take_in(other)
    path.decide(of_other)
    second = dict(path.overrides)
    for _ in range(3):
        path.take_in(one)
        assert (path.overrides, len(path.set_aside)) == (first, len(second))
        path.take_in(other)
        assert (path.overrides, len(path.set_aside)) == (second, len(first))


@given(DOCUMENTS, HISTORIES)
def test_the_same_document_again_changes_nothing(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for was in happened(first, history):
        path = was.path
    else:
        if not isinstance(history[-1], Document):
            return
        once = path.take_in(path.document)
        again = path.take_in(path.document)
        assert once.effective == was.merged.effective
        assert once.overrides == was.merged.overrides
        assert [k._replace(id=None) for k in once.set_aside] == [
            k._replace(id=None) for k in was.merged.set_aside
        ]
        # That a story is back is said until the document next changes; it is not merged before.
        assert [n for n in was.merged.notices if n.code != "override_returned"] == list(once.notices)
        assert again == once._replace(set_aside=again.set_aside)


@given(DOCUMENTS, HISTORIES)
def test_what_holds_is_the_decision_or_else_what_upstream_says(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for was in happened(first, history):
        decided = {flag: decision.value for flag, decision in was.merged.overrides.items()}
        holds = was.merged.effective
        assert holds == effective(was.now.upstream, decided)
        assert not (holds.published and holds.removed)
        for flag in ("quality", "heat"):
            assert getattr(holds, flag) == decided.get(flag, getattr(was.now.upstream, flag))
        assert holds.removed == bool(decided.get("removed", was.now.upstream.removed))
        if not holds.removed:
            upstream = was.now.upstream.published
            assert holds.published == bool(decided.get("published", upstream is None or upstream))


@given(UPSTREAM)
def test_without_decisions_upstream_holds_and_absent_means_published(upstream: Flags) -> None:
    removed = upstream.removed is True
    published = upstream.published is not False and not removed
    assert effective(upstream, {}) == (upstream.quality, upstream.heat, published, removed)


@given(DOCUMENTS, HISTORIES)
def test_no_notice_without_a_cause_and_no_cause_without_a_notice(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for was in happened(first, history):
        said = [(notice.code, notice.field) for notice in was.merged.notices]
        assert len(said) == len(set(said))
        assert all(n.severity == SEVERITIES[n.code] for n in was.merged.notices)
        assert set(said) == _due(was)


#: What is said of decisions; that one is set aside is graver.
SEVERITIES = {"upstream_changed": "notice", "override_returned": "notice", "override_set_aside": "warning"}


def _due(was: Happened) -> set[tuple[str, str]]:
    """What is to be said, flag by flag."""
    due = set()
    is_new_story = is_another(was.before.story, was.now.story)
    for flag in FLAGS:
        stands = was.merged.overrides.get(flag)
        if stands and is_new_story:
            due.add(("override_returned", flag))
        if stands and not is_new_story:
            said, says = getattr(was.before.upstream, flag), getattr(was.now.upstream, flag)
            if says not in (None, stands.value) and (says != said or flag in was.said):
                due.add(("upstream_changed", flag))
        if not stands and any(kept.field == flag for kept in was.merged.set_aside):
            due.add(("override_set_aside", flag))
    return due


@given(UPSTREAM, UPSTREAM, VALUES, STORIES)
def test_upstream_changed_when_it_changes_its_mind_until_the_two_agree(
    one: Flags, other: Flags, values: dict[str, int], story: Story
) -> None:
    path = Place(Document(story, one))
    path.decide(values)
    path.take_in(Document(story, one))
    assert path.notices == set()  # it says what it said when the editor decided
    path.take_in(Document(story, other))
    parted = set(path.notices)
    path.take_in(Document(story, other))
    assert path.notices == parted
    switches = (_as_said(values.get(flag)) for flag in ("published", "removed"))
    agreed = Flags(values.get("quality"), values.get("heat"), *switches)
    path.take_in(Document(story, agreed))
    assert path.notices == set()


def _as_said(value: int | None) -> bool | None:
    return bool(value) if value is not None else None


@given(STORIES, STORIES)
def test_another_story_is_one_whose_title_url_and_body_all_differ(one: Story, other: Story) -> None:
    assert is_another(one, other) == is_another(other, one)
    assert not is_another(one, one)
    assert not is_another(one, other._replace(title=one.title))
    assert not is_another(one, other._replace(canonical_digest=one.canonical_digest))
    has_body = one.body_digest is not None
    assert is_another(one, other._replace(body_digest=one.body_digest)) == (
        _has_other_title(one, other) and _has_other_url(one, other) and not has_body
    )
    has_other_body = one.body_digest is None or one.body_digest != other.body_digest
    assert is_another(one, other) == (
        _has_other_title(one, other) and _has_other_url(one, other) and has_other_body
    )


def _has_other_title(one: Story, other: Story) -> bool:
    return (one.title or "").strip().lower() != (other.title or "").strip().lower()


def _has_other_url(one: Story, other: Story) -> bool:
    """Two URLs of these tests are one if their last figure is, which is the digest too."""
    return one.canonical_digest != other.canonical_digest


def _is_shown(flags: Flags) -> bool:
    return flags.published is not False and not flags.removed


@given(UPSTREAM, st.none() | UPSTREAM, st.sets(st.sampled_from(FLAGS)))
def test_what_cannot_be_read_is_as_before_and_of_a_new_article_not_published(
    says: Flags, before: Flags | None, unclear: set[str]
) -> None:
    says = says._replace(**dict.fromkeys(unclear))
    read = rules.legible(says, unclear, before)
    if before is not None and not _is_shown(before) and unclear & {"published", "removed"}:
        assert not _is_shown(read)
    for flag in FLAGS:
        if flag == "published" and before is not None and not _is_shown(before) and read.published is False:
            continue  # what was not shown is not shown by a flag that cannot be read
        if flag not in unclear and before is not None:
            assert getattr(read, flag) == getattr(says, flag)
        elif before is not None:
            assert getattr(read, flag) == getattr(before, flag)
        elif flag != "published":
            assert getattr(read, flag) == getattr(says, flag)
    if before is None:
        is_shut = not unclear.isdisjoint(("published", "removed"))
        assert read.published is (False if is_shut else says.published)
        assert not (is_shut and effective(read, {}).published)


@given(VALUES)
def test_an_editor_hides_by_published_and_by_removed(values: dict[str, int]) -> None:
    overrides = {flag: Decision(value, 1) for flag, value in values.items()}
    assert rules.hides(overrides) == (values.get("published") == 0 or values.get("removed") == 1)


@pytest.mark.parametrize(
    ("flag", "value", "word"),
    [("quality", 0, "0"), ("published", 0, "false"), ("removed", 1, "true"), ("heat", None, "none")],
)
def test_values_are_told_in_words(flag: str, value: int | None, word: str) -> None:
    assert rules.shown(flag, value) == word


_PATH = "_news/a.md"


def _article(told: str = "", title: str = "a") -> bytes:
    return f"---\ntitle: {title}\noriginalUrl: https://a.example/{title}\n{told}---\n".encode()


_SECOND = _article("quality: 5\n", "second")
_RATED = {rating: _article(f"quality: {rating}\n") for rating in (5, 6, 9)}
_ASIDE = "override_set_aside: the editor's 9 was about another story, 'a', and is set aside"
_RETURNED = "override_returned: the story is back, and with it the editor's 9"
_PARTS = "upstream_changed: upstream changed to 6; the override 9 is kept"

#: Dumps of one article that upstream had rated 5 and an editor 9, and decisions on its quality; each with the
#: notices that are open then. A decision has its say at the next import.
NOTICED: dict[str, Sequence[tuple[bytes | int | None, Sequence[str]]]] = {
    "upstream parts, the file is gone, and there again": (
        (_RATED[6], (_PARTS,)),
        (None, (_PARTS,)),
        (_RATED[6], (_PARTS,)),
        (_article("quality: 6\nheat: 1\n"), (_PARTS,)),
        (_RATED[9], ()),
    ),
    "a decision is set aside, the file is gone, and there again": (
        (_SECOND, (_ASIDE,)),
        (None, (_ASIDE,)),
        (_SECOND, (_ASIDE,)),
        (b"no fence", (_ASIDE,)),
        (_SECOND, (_ASIDE,)),
        (_RATED[5], (_RETURNED,)),
        (None, (_RETURNED,)),
        (_RATED[5], (_RETURNED,)),
        (_article("quality: 5\nheat: 1\n"), ()),
    ),
    "a file that is broken meanwhile": (
        (_RATED[6], (_PARTS,)),
        (b"---\n[\n---\n", (_PARTS,)),
        (_RATED[6], (_PARTS,)),
        (_SECOND, (_ASIDE,)),
        (b"---\n[\n---\n", (_ASIDE,)),
        (_SECOND, (_ASIDE,)),
    ),
    "an editor agrees with upstream, and then does not": (
        (_RATED[6], (_PARTS,)),
        (6, (_PARTS,)),
        (_RATED[6], ()),
        (8, ()),
        (_RATED[6], ()),
        (_RATED[5], ("upstream_changed: upstream changed to 5; the override 8 is kept",)),
    ),
    "an editor decides otherwise, but not as upstream": (
        (_RATED[6], (_PARTS,)),
        (8, (_PARTS,)),
        (_RATED[6], ("upstream_changed: upstream changed to 6; the override 8 is kept",)),
        (9, ("upstream_changed: upstream changed to 6; the override 8 is kept",)),
        (None, (_PARTS,)),
        (6, (_PARTS,)),
        (None, ()),
        (_RATED[6], ()),
    ),
    "an editor decides anew what was set aside": (
        (_SECOND, (_ASIDE,)),
        (3, (_ASIDE,)),
        (_SECOND, ()),
        (_RATED[5], (_RETURNED,)),
        (_SECOND, ("override_returned: the story is back, and with it the editor's 3",)),
        (_article("", "third"), (_ASIDE.replace("9", "3").replace("'a'", "'second'"),)),
    ),
    "an editor agrees while the file is broken": (
        (_RATED[6], (_PARTS,)),
        (6, (_PARTS,)),
        (b"---\n[\n---\n", ()),
        (_RATED[6], ()),
    ),
}


@pytest.mark.parametrize("story", some(NOTICED))
def test_notices_stay_until_what_they_say_is_so_no_more(store: Store, tmp_path: Path, story: str) -> None:
    site = Site(tmp_path / "site")
    steps: list[tuple[bytes | int | None, Sequence[str]]] = [(_RATED[5], ()), (9, ()), *NOTICED[story]]
    for number, (happens, due) in enumerate(steps):
        if isinstance(happens, int):
            with store.writing() as connection:
                set_flags(connection, Selection([_PATH]), {"quality": happens}, actor="ada", reason=None)
        else:
            site.hold({"_news/always.md": _article()} | ({} if happens is None else {_PATH: happens}))
            import_folder(store, site.root)
        table = import_issues.c
        wanted = sa.select(table.code, table.message).where(
            table.code.in_(NOTICES), table.resolved_import_id.is_(None)
        )
        assert (number, [f"{code}: {told}" for code, told in rows(store, wanted)]) == (number, list(due))


def test_the_readme_has_the_table_of_the_rules() -> None:
    assert rules.__doc__ is not None
    ours = _table(rules.__doc__)
    assert len(ours) > 5
    assert ours in _tables(README.read_text(encoding="utf-8"))


def _tables(text: str) -> list[list[list[str]]]:
    """The rows of every Markdown table of a text, its rule left out; a cell's spaces say nothing."""
    blocks = re.findall(r"(?m)(?:^\|.*\n?)+", text)
    return [_table(block) for block in blocks]


def _table(text: str) -> list[list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return [row for row in rows if set("".join(row)) - set("-: ")]
