"""Properties of the merge rules over random histories, and the issues that they leave in a store.

In a history, stories appear, change, disappear and come back at one path. Upstream values and overrides change in
between.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import sqlalchemy as sa
from hypothesis import given, strategies as st

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.flags import FLAGS, Flags
from curation.importing.merging import override_rules as rules
from curation.importing.merging.override_rules import (
    OVERRIDE_CODES,
    Merged,
    Override,
    SetAsideOverride,
    compute_effective,
    merge,
)
from curation.importing.merging.stories import Story, is_different_story
from curation.store.database import Store
from curation.store.schema import import_issues

from ...support.cases import some
from ...support.importing_helpers import import_folder
from ...support.places import DOCS
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
#: Canonical URLs by digest. None stands for a row of an older release, which has the digest alone.
URLS: dict[bytes | None, tuple[str | None, ...]] = {
    None: (None,),
    b"1": ("https://a.example/1", "http://www.a.example/1/", None),
    b"2": ("https://a.example/2",),
    b"3": ("https://a.example/3", None),
}
ADDRESSES = st.sampled_from([(digest, url) for digest, urls in URLS.items() for url in urls])
#: Few titles, URLs and bodies, so that stories come back completely and in part. Some documents have none of them.
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
    """A document that is imported."""

    story: Story
    upstream: Flags


DOCUMENTS = st.builds(Document, STORIES, UPSTREAM)
HISTORIES = st.lists(DOCUMENTS | VALUES, min_size=1, max_size=14)


class PathModel:
    """One path of a source: its overrides, in force and set aside, and its open issues."""

    def __init__(self, first: Document) -> None:
        self.document = first
        self.overrides: dict[str, Override] = {}
        self.set_aside: list[SetAsideOverride] = []
        self.notices: set[tuple[str, str | None]] = set()
        self._ids = iter(range(1, 10_000))
        self._changesets = iter(range(1, 10_000))

    def override(self, values: dict[str, int]) -> None:
        changeset = next(self._changesets)
        upstream = self.document.upstream
        self.overrides |= {
            flag: Override(value, changeset, getattr(upstream, flag)) for flag, value in values.items()
        }

    def merge(self, document: Document) -> Merged:
        stories = (self.document.story, document.story)
        return merge(document.upstream, stories, self.overrides, self.set_aside)

    def import_document(self, document: Document) -> Merged:
        merged = self.merge(document)
        self.document = document
        self.overrides = dict(merged.overrides)
        # The store also writes all of them again, in order.
        self.set_aside = [kept._replace(id=next(self._ids)) for kept in merged.set_aside]
        self.notices = {(issue.code, issue.field) for issue in merged.notices}
        return merged

    @property
    def all_overrides(self) -> Counter[tuple[str, Override]]:
        """All overrides that were not replaced, in force or set aside."""
        return Counter([*self.overrides.items(), *((kept.field, kept.override) for kept in self.set_aside)])


class Step(NamedTuple):
    """The import of a document, with the state before it and the result."""

    before: Document
    now: Document
    overrides: dict[str, Override]
    set_aside: list[SetAsideOverride]
    all_overrides: Counter[tuple[str, Override]]
    merged: Merged
    path: PathModel


def run_history(first: Document, history: list[Document | dict[str, int]]) -> list[Step]:
    """Return a step for each document of a history. The `path` of each step is in its final state."""
    path, steps = PathModel(first), []
    for event in history:
        if isinstance(event, dict):
            path.override(event)
            continue
        overrides, set_aside = dict(path.overrides), list(path.set_aside)
        before = (path.document, event, overrides, set_aside, path.all_overrides)
        steps.append(Step(*before, path.import_document(event), path))
    return steps


@given(DOCUMENTS, HISTORIES)
def test_no_override_ever_disappears(first: Document, history: list[Document | dict[str, int]]) -> None:
    """It is in force, or it is set aside with its story. None appears from nowhere."""
    for step in run_history(first, history):
        now = Counter(
            [*step.merged.overrides.items(), *((k.field, k.override) for k in step.merged.set_aside)]
        )
        assert now == step.all_overrides
        for kept in step.merged.set_aside:
            assert kept in step.set_aside or kept == SetAsideOverride(
                step.before.story, kept.field, step.overrides[kept.field]
            )


@given(DOCUMENTS, HISTORIES)
def test_overrides_stay_in_force_as_long_as_the_story_does(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for step in run_history(first, history):
        if not is_different_story(step.before.story, step.now.story):
            assert step.merged.overrides == step.overrides
            assert step.merged.set_aside == step.set_aside
        else:
            assert not set(step.merged.overrides.values()) & set(step.overrides.values())


@given(DOCUMENTS, VALUES, st.lists(DOCUMENTS | VALUES, max_size=10))
def test_a_story_that_comes_back_has_its_own_overrides_and_no_others(
    first: Document, values: dict[str, int], meanwhile: list[Document | dict[str, int]]
) -> None:
    """This holds for any number of stories in between, and any overrides of them."""
    path = PathModel(first)
    path.override(values)
    expected = dict(path.overrides)
    others = [e for e in meanwhile if isinstance(e, dict) or is_different_story(e.story, first.story)]
    for event in others:
        path.override(event) if isinstance(event, dict) and path.document != first else None
        path.import_document(event) if isinstance(event, Document) else None
    if path.document == first:
        return
    path.import_document(first)
    assert path.overrides == expected


@given(DOCUMENTS, DOCUMENTS, VALUES, VALUES)
def test_two_stories_can_alternate_forever(
    one: Document, other: Document, of_one: dict[str, int], of_other: dict[str, int]
) -> None:
    if not is_different_story(one.story, other.story):
        return
    path = PathModel(one)
    path.override(of_one)
    first = dict(path.overrides)
    path.import_document(other)
    path.override(of_other)
    second = dict(path.overrides)
    for _ in range(3):
        path.import_document(one)
        assert (path.overrides, len(path.set_aside)) == (first, len(second))
        path.import_document(other)
        assert (path.overrides, len(path.set_aside)) == (second, len(first))


@given(DOCUMENTS, HISTORIES)
def test_the_same_document_again_changes_nothing(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for step in run_history(first, history):
        path = step.path
    else:
        if not isinstance(history[-1], Document):
            return
        once = path.import_document(path.document)
        again = path.import_document(path.document)
        assert once.effective == step.merged.effective
        assert once.overrides == step.merged.overrides
        assert [k._replace(id=None) for k in once.set_aside] == [
            k._replace(id=None) for k in step.merged.set_aside
        ]
        # `override_returned` stays open until the document next changes, and there is no merge before that.
        assert [n for n in step.merged.notices if n.code != "override_returned"] == list(once.notices)
        assert again == once._replace(set_aside=again.set_aside)


@given(DOCUMENTS, HISTORIES)
def test_the_effective_value_is_the_override_or_else_the_upstream_value(
    first: Document, history: list[Document | dict[str, int]]
) -> None:
    for step in run_history(first, history):
        values = {flag: override.value for flag, override in step.merged.overrides.items()}
        found = step.merged.effective
        assert found == compute_effective(step.now.upstream, values)
        assert not (found.published and found.removed)
        for flag in ("quality", "heat"):
            assert getattr(found, flag) == values.get(flag, getattr(step.now.upstream, flag))
        assert found.removed == bool(values.get("removed", step.now.upstream.removed))
        if not found.removed:
            upstream = step.now.upstream.published
            assert found.published == bool(values.get("published", upstream is None or upstream))


@given(UPSTREAM)
def test_without_overrides_upstream_values_apply_and_the_default_is_published(upstream: Flags) -> None:
    removed = upstream.removed is True
    published = upstream.published is not False and not removed
    assert compute_effective(upstream, {}) == (upstream.quality, upstream.heat, published, removed)


@given(DOCUMENTS, HISTORIES)
def test_issues_match_their_causes(first: Document, history: list[Document | dict[str, int]]) -> None:
    for step in run_history(first, history):
        found = [(notice.code, notice.field) for notice in step.merged.notices]
        assert len(found) == len(set(found))
        assert all(n.severity == SEVERITIES[n.code] for n in step.merged.notices)
        assert set(found) == expected_issues(step)


#: The severity of issues about overrides.
SEVERITIES = {"override_returned": "notice", "override_set_aside": "warning"}


def expected_issues(step: Step) -> set[tuple[str, str]]:
    """Return the code and flag of each issue that the rules require."""
    expected = set()
    is_new_story = is_different_story(step.before.story, step.now.story)
    for flag in FLAGS:
        override = step.merged.overrides.get(flag)
        if override and is_new_story:
            expected.add(("override_returned", flag))
        if not override and any(kept.field == flag for kept in step.merged.set_aside):
            expected.add(("override_set_aside", flag))
    return expected


@given(STORIES, STORIES)
def test_a_story_is_different_if_title_url_and_body_all_differ(one: Story, other: Story) -> None:
    assert is_different_story(one, other) == is_different_story(other, one)
    assert not is_different_story(one, one)
    assert not is_different_story(one, other._replace(title=one.title))
    assert not is_different_story(one, other._replace(canonical_digest=one.canonical_digest))
    has_body = one.body_digest is not None
    assert is_different_story(one, other._replace(body_digest=one.body_digest)) == (
        _has_other_title(one, other) and _has_other_url(one, other) and not has_body
    )
    has_other_body = one.body_digest is None or one.body_digest != other.body_digest
    assert is_different_story(one, other) == (
        _has_other_title(one, other) and _has_other_url(one, other) and has_other_body
    )


def _has_other_title(one: Story, other: Story) -> bool:
    return (one.title or "").strip().lower() != (other.title or "").strip().lower()


def _has_other_url(one: Story, other: Story) -> bool:
    """Compare digests: in these tests equal URLs have equal digests."""
    return one.canonical_digest != other.canonical_digest


def _is_visible(flags: Flags) -> bool:
    return flags.published is not False and not flags.removed


@given(UPSTREAM, st.none() | UPSTREAM, st.sets(st.sampled_from(FLAGS)))
def test_an_unreadable_flag_is_unchanged_and_a_new_article_is_not_published(
    stated: Flags, before: Flags | None, unclear: set[str]
) -> None:
    stated = stated._replace(**dict.fromkeys(unclear))
    read = rules.replace_unreadable_flags(stated, unclear, before)
    if before is not None and not _is_visible(before) and unclear & {"published", "removed"}:
        assert not _is_visible(read)
    for flag in FLAGS:
        if flag == "published" and before is not None and not _is_visible(before) and read.published is False:
            continue  # an unreadable flag never publishes what was not published
        if flag not in unclear and before is not None:
            assert getattr(read, flag) == getattr(stated, flag)
        elif before is not None:
            assert getattr(read, flag) == getattr(before, flag)
        elif flag != "published":
            assert getattr(read, flag) == getattr(stated, flag)
    if before is None:
        must_hide = not unclear.isdisjoint(("published", "removed"))
        assert read.published is (False if must_hide else stated.published)
        assert not (must_hide and compute_effective(read, {}).published)


@given(VALUES)
def test_an_editor_hides_by_published_and_by_removed(values: dict[str, int]) -> None:
    overrides = {flag: Override(value, 1) for flag, value in values.items()}
    assert rules.hides_article(overrides) == (values.get("published") == 0 or values.get("removed") == 1)


@pytest.mark.parametrize(
    ("flag", "value", "word"),
    [("quality", 0, "0"), ("published", 0, "false"), ("removed", 1, "true"), ("heat", None, "none")],
)
def test_values_are_formatted_as_words(flag: str, value: int | None, word: str) -> None:
    assert rules.format_flag(flag, value) == word


_PATH = "_news/a.md"


def _article(flags: str = "", title: str = "a") -> bytes:
    return f"---\ntitle: {title}\noriginalUrl: https://a.example/{title}\n{flags}---\n".encode()


_SECOND = _article("quality: 5\n", "second")
_RATED = {rating: _article(f"quality: {rating}\n") for rating in (5, 6, 9)}
_ASIDE = "override_set_aside: the override 9 was for another story, 'a', and is set aside"
_RETURNED = "override_returned: the story is back, and its override 9 applies again"
_CONFLICT = "upstream_changed: upstream changed to 6; the override 9 is kept"

#: Dumps of one article (None: without it) and overrides of its quality, each with the issues that are open then.
#: Upstream had rated it 5 and an editor 9. An override affects issues at the next import.
SEQUENCES: dict[str, Sequence[tuple[bytes | int | None, Sequence[str]]]] = {
    "a conflict, then the file is gone and comes back": (
        (_RATED[6], (_CONFLICT,)),
        (None, (_CONFLICT,)),
        (_RATED[6], (_CONFLICT,)),
        (_article("quality: 6\nheat: 1\n"), (_CONFLICT,)),
        (_RATED[9], ()),
    ),
    "an override is set aside, then the file is gone and comes back": (
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
    "a file that is invalid in between": (
        (_RATED[6], (_CONFLICT,)),
        (b"---\n[\n---\n", (_CONFLICT,)),
        (_RATED[6], (_CONFLICT,)),
        (_SECOND, (_ASIDE,)),
        (b"---\n[\n---\n", (_ASIDE,)),
        (_SECOND, (_ASIDE,)),
    ),
    "an editor adopts the upstream value, and then another": (
        (_RATED[6], (_CONFLICT,)),
        (6, (_CONFLICT,)),
        (_RATED[6], ()),
        (8, ()),
        (_RATED[6], ()),
        (_RATED[5], ("upstream_changed: upstream changed to 5; the override 8 is kept",)),
    ),
    "an editor changes the override, but not to the upstream value": (
        (_RATED[6], (_CONFLICT,)),
        (8, (_CONFLICT,)),
        (_RATED[6], ()),
        (_RATED[5], ("upstream_changed: upstream changed to 5; the override 8 is kept",)),
        (_RATED[6], ()),
        (_RATED[5], ("upstream_changed: upstream changed to 5; the override 8 is kept",)),
        (None, ("upstream_changed: upstream changed to 5; the override 8 is kept",)),
        (6, ("upstream_changed: upstream changed to 5; the override 8 is kept",)),
        (None, ()),
        (_RATED[5], ()),
    ),
    "an editor overrides again what was set aside": (
        (_SECOND, (_ASIDE,)),
        (3, (_ASIDE,)),
        (_SECOND, ()),
        (_RATED[5], (_RETURNED,)),
        (_SECOND, ("override_returned: the story is back, and its override 3 applies again",)),
        (_article("", "third"), (_ASIDE.replace("9", "3").replace("'a'", "'second'"),)),
    ),
    "an editor adopts the upstream value while the file is invalid": (
        (_RATED[6], (_CONFLICT,)),
        (6, (_CONFLICT,)),
        (b"---\n[\n---\n", ()),
        (_RATED[6], ()),
    ),
}


@pytest.mark.parametrize("name", some(SEQUENCES))
def test_issues_stay_open_as_long_as_they_are_true(store: Store, tmp_path: Path, name: str) -> None:
    site = Site(tmp_path / "site")
    steps: list[tuple[bytes | int | None, Sequence[str]]] = [(_RATED[5], ()), (9, ()), *SEQUENCES[name]]
    for number, (event, expected) in enumerate(steps):
        if isinstance(event, int):
            with store.writing() as connection:
                set_flags(connection, Selection([_PATH]), {"quality": event}, actor="ada", reason=None)
        else:
            site.write_files({"_news/always.md": _article()} | ({} if event is None else {_PATH: event}))
            import_folder(store, site.root)
        table = import_issues.c
        query = sa.select(table.code, table.message).where(
            table.code.in_(OVERRIDE_CODES), table.resolved_import_id.is_(None)
        )
        found = [f"{code}: {message}" for code, message in rows(store, query)]
        assert (number, found) == (number, list(expected))


def test_the_readme_has_the_table_of_the_rules() -> None:
    assert rules.__doc__ is not None
    rows_of_rules = _table(rules.__doc__)
    assert len(rows_of_rules) > 5
    assert rows_of_rules in _tables((DOCS / "explanation" / "overrides.md").read_text(encoding="utf-8"))


def _tables(text: str) -> list[list[list[str]]]:
    """Return the rows of each Markdown table in a text, without separator lines and cell padding."""
    blocks = re.findall(r"(?m)(?:^\|.*\n?)+", text)
    return [_table(block) for block in blocks]


def _table(text: str) -> list[list[str]]:
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"
    ]
    return [row for row in rows if set("".join(row)) - set("-: ")]
