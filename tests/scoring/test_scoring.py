"""The rule of heat and published, on every engine: inferred, explained and applied."""

from __future__ import annotations

import json
import random
import re
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result
from hypothesis import given, strategies as st

from curation.articles.selecting import Selection, find_article
from curation.editing.flags import Edit, reset_flags, set_flags
from curation.editing.reverting import revert_changeset
from curation.errors import SelectionError
from curation.scoring.applying import score_articles
from curation.scoring.explaining import Line, explain_article
from curation.scoring.inferring import (
    InferredSettings,
    find_bonus,
    find_thresholds,
    infer_settings,
    round_number,
)
from curation.sources.rule_settings import RuleSettings, find_source_id, set_rule_settings
from curation.store.database import Store
from curation.store.schema import articles, changesets, overrides
from curation.verifying.run import verify

from ..support.importing_helpers import import_folder, rows
from ..support.places import DATA
from ..support.rejoined_documents import parsed
from ..support.store_digest import digests

#: A site with bonus 20 and threshold 70: by title the quality, the day, and the titles of related stories.
STORIES = {
    "leader": (80, 2, ("second", "third")),
    "second": (70, 3, ("leader", "third")),
    "third": (60, 1, ("leader", "second")),
    "alone": (71, 4, ()),
    "weak": (40, 5, ()),
}


def write_site(root: Path, stories: dict[str, tuple[int, int, tuple[str, ...]]], **more: str) -> Path:
    """Write documents that follow the rule. `more` is added to the front matter of the document with that title."""
    (root / "_news").mkdir(parents=True, exist_ok=True)
    for title, (quality, day, related) in stories.items():
        above = any((stories[r][0], -stories[r][1]) > (quality, -day) for r in related)
        heat = -1 if above else quality + 20 * len(related) + 1
        links = "".join(
            f"- title: {r}\n  publishedDateTime: 2021-01-0{stories[r][1]}T00:00:00Z\n  webUrl: ''\n"
            f"  quality: {stories[r][0]}\n"
            for r in related
        )
        (root / "_news" / f"{title}.md").write_text(
            f"---\ntitle: {title}\npublishedDateTime: 2021-01-0{day}T00:00:00Z\nquality: {quality}\nheat: {heat}\n"
            f"published: {str(heat >= 70).lower()}\n{more.get(title, '')}"
            + (f"related:\n{links}" if links else "")
            + "---\n"
        )
    return root


def rewrite(store: Store, root: Path, title: str, old: str, new: str) -> None:
    """Change one document and import the site again."""
    file = root / "_news" / f"{title}.md"
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    import_folder(store, root, source="site")


@pytest.fixture
def site(store: Store, tmp_path: Path) -> Path:
    """Import the stories as the source `site`, with its rule set."""
    root = write_site(tmp_path / "site", STORIES)
    import_folder(store, root, source="site")
    set_rule(store, "site", 20, 70)
    return root


def set_rule(store: Store, name: str, bonus: int | None, threshold: int) -> None:
    given_ = {"publish_threshold": threshold} | ({} if bonus is None else {"related_bonus": bonus})
    with store.writing() as connection:
        set_rule_settings(connection, name, given_)


def override_flags(store: Store, title: str, **flags: int) -> Edit:
    with store.writing() as connection:
        return set_flags(connection, Selection([f"_news/{title}.md"]), flags, actor="ann", reason=None)


def run_score(store: Store, *names: str) -> Edit:
    with store.writing() as connection:
        edit = score_articles(connection, names, actor="dan")
    with store.reading() as connection:
        assert list(verify(connection)) == []
    return edit


def flags(store: Store) -> dict[str, list[Any]]:
    """Return quality, heat and published by title."""
    table = articles.c
    return {
        t: rest
        for t, *rest in rows(store, sa.select(table.title, table.quality, table.heat, table.published))
    }


def computed_overrides(store: Store) -> list[tuple[Any, ...]]:
    table = overrides.c
    query = (
        sa.select(articles.c.title, table.field, table.value)
        .join(articles, articles.c.id == table.article_id)
        .join(changesets, changesets.c.id == table.changeset_id)
        .where(changesets.c.kind == "score")
    )
    return sorted(rows(store, query))


def explain(store: Store, reference: str) -> dict[str, Line]:
    with store.reading() as connection:
        return {line[0]: line for line in explain_article(connection, find_article(connection, reference))}


# --- inferred --------------------------------------------------------------------------------------------


def test_the_roundest_number_is_chosen() -> None:
    ranges = [(68, 78), (71, 78), (71, 74), (42, 72)]
    assert [round_number(first, last) for first, last in ranges] == [70, 75, 74, 70]
    assert round_number(-3, 3) == 0


@given(st.lists(st.tuples(st.integers(-5, 15), st.booleans()), max_size=30))
def test_no_threshold_has_fewer_violations(judged: list[tuple[int, bool]]) -> None:
    def wrong(threshold: int) -> int:
        return sum((heat >= threshold) != published for heat, published in judged)

    found = find_thresholds(judged)
    if found is None:
        assert len({published for _, published in judged}) < 2
    else:
        first, last = found
        assert first <= last
        assert {wrong(t) for t in range(first, last + 1)} == {min(wrong(t) for t in range(-6, 18))}


@given(st.integers(0, 50), st.lists(st.tuples(st.integers(1, 30), st.integers(0, 8)), min_size=4))
def test_the_bonus_explains_all_articles_that_follow_it(bonus: int, documents: list[tuple[int, int]]) -> None:
    found = find_bonus([(bonus * n + rest, n) for n, rest in documents])
    assert found is not None
    assert all(0 <= bonus * n + rest - found * n <= 8 for n, rest in documents)


@given(st.integers(-200, 200), st.integers(0, 60))
def test_no_number_in_the_range_is_rounder(first: int, more: int) -> None:
    def roundness(number: int) -> tuple[int, int]:
        return next(step for step in (10, 5, 1) if number % step == 0), number

    assert round_number(first, first + more) == max(range(first, first + more + 1), key=roundness)


@given(st.lists(st.tuples(st.integers(-20, 90), st.integers(0, 4)), max_size=12))
def test_no_bonus_explains_more(gaps: list[tuple[int, int]]) -> None:
    def fits(bonus: int) -> int:
        return sum(n > 0 and 0 <= gap - bonus * n <= 8 for gap, n in gaps)

    found, most = find_bonus(gaps), max(map(fits, range(100)))
    assert (found is None) == (most == 0)
    assert found is None or fits(found) == most


def test_without_related_articles_there_is_no_bonus() -> None:
    assert find_bonus([(0, 0), (3, 0)]) is None


def infer(store: Store, name: str) -> InferredSettings:
    with store.reading() as connection:
        return infer_settings(connection, find_source_id(connection, name))


def test_the_settings_are_inferred_and_violations_are_listed(store: Store, tmp_path: Path) -> None:
    more = {"odd": (90, 6, ()), "vetoed": (70, 7, ())}
    root = write_site(tmp_path / "site", STORIES | more, vetoed="removed: true\n")
    rewrite(
        store, root, "vetoed", "published: true", "published: false"
    )  # removed documents do not count for the threshold
    file = root / "_news" / "odd.md"
    file.write_text(file.read_text().replace("heat: 91", "heat: 150"))
    import_folder(store, root, source="site")
    found = infer(store, "site")
    assert (found.settings, found.covered, found.conforming) == (RuleSettings(20, 70), 7, 6)
    assert [(path, why) for _, path, why in found.violations] == [
        ("_news/odd.md", "heat is 150, but the rule gives 90 to 98")
    ]


def unpacked(tmp_path: Path, name: str, part: str) -> Path:
    archive = DATA / f"{name}.tar.gz"
    if not archive.exists():
        pytest.skip(f"no {archive}")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / name, filter="data")
    return tmp_path / name / part


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "part", "settings"),
    [
        ("powerapps", "powerapps", RuleSettings(None, 70)),
        ("diablo4-snapshots", "01", RuleSettings(20, 80)),  # all hidden articles are outranked: 0 to 87 fit
        ("diablo4-snapshots", "03", RuleSettings(20, 70)),
    ],
)
def test_the_rule_of_a_real_site_is_inferred(
    store: Store, tmp_path: Path, name: str, part: str, settings: RuleSettings
) -> None:
    root = unpacked(tmp_path, name, part)
    import_folder(store, root, source="real")
    found = infer(store, "real")
    assert found.settings == settings
    stated = {
        p: fm for p, fm in ((f, parsed(f)) for f in root.glob("_*/**/*.md") if "_data" not in f.parts) if fm
    }
    covered = {p: fm for p, fm in stated.items() if None not in (fm.get("quality"), fm.get("heat"))}
    assert found.covered == len(covered)
    bonus = settings.related_bonus or 0

    def follows_rule(fm: dict[str, Any]) -> bool:
        related = fm.get("related") or []
        own = (fm["quality"], fm.get("publishedDateTime"))
        above = any(
            r["quality"] > own[0] or (r["quality"] == own[0] and r["publishedDateTime"] < own[1])
            for r in related
        )
        if above or fm["heat"] == -1:
            fits = above == (fm["heat"] == -1)
        else:
            fits = 0 <= fm["heat"] - fm["quality"] - bonus * len(related) <= 8
        return bool(fits and fm.get("published", fm["heat"] >= 70) == (fm["heat"] >= 70))

    violations = {str(p.relative_to(root)) for p, fm in covered.items() if not follows_rule(fm)}
    assert {path for _, path, _ in found.violations} == violations
    assert len(violations) == (9 if part == "03" else 0)
    set_rule(store, "real", settings.related_bonus, 70)
    assert run_score(store).changeset_id is None  # with nothing edited there is nothing to recompute


@pytest.mark.slow
def test_a_real_story_takes_the_lead_and_gives_it_back(store: Store, tmp_path: Path) -> None:
    root = unpacked(tmp_path, "diablo4-snapshots", "03")
    stated = {f.stem: parsed(f) for f in sorted((root / "_news").glob("*.md"))}
    name_of = {(fm["title"], fm["publishedDateTime"]): name for name, fm in stated.items()}
    related = {
        name: [name_of.get((r["title"], r["publishedDateTime"]), "") for r in fm.get("related", ())]
        for name, fm in stated.items()
    }
    leader, led = next(
        (first, name)
        for name, (first, *_) in ((name, names) for name, names in related.items() if names)
        if stated[name].get("heat") == -1 and stated.get(first, {}).get("heat", -1) > 0
        and name in related[first]
    )  # fmt: skip
    import_folder(store, root, source="real")
    set_rule(store, "real", 20, 70)
    title = stated[leader]["title"]
    why = explain(store, led)["outranked"][2]
    assert re.search(f"{re.escape(repr(title))}, (also )?has quality {stated[leader]['quality']}", why)
    lines = explain(store, leader)
    parts = [lines[what][1] for what in ("quality", "bonus", "remainder")]
    assert (sum(parts), lines["outranked"][1]) == (stated[leader]["heat"], False)
    before = digests(store, "changesets", "changes")
    raised = override_flags(store, led, quality=200)
    edit = run_score(store)
    now = flags(store)
    assert now[stated[led]["title"]] == [200, 200 + 20 * len(related[led]), True]
    assert now[title] == [stated[leader]["quality"], -1, False]
    for changeset_id in (edit.changeset_id, raised.changeset_id):
        with store.writing() as connection:
            revert_changeset(connection, changeset_id or 0, actor="ann")
    assert digests(store, "changesets", "changes") == before
    assert run_score(store).changeset_id is None


@pytest.mark.slow
def test_a_real_article_that_is_removed_is_explained(store: Store, tmp_path: Path) -> None:
    root = unpacked(tmp_path, "powerapps", "powerapps")
    path, stated = next(
        (f.stem, fm) for f in sorted(root.glob("_learning/*/*.md")) if (fm := parsed(f)).get("removed")
    )
    import_folder(store, root, source="real")
    assert list(explain(store, path).values()) == [
        ("quality", None, "no upstream value"),
        ("rule", None, "the document states no quality, so the rule does not apply"),
        ("heat", stated["heat"], "upstream value"),
        ("removed", True, "upstream value"),
        ("published", False, "a removed article is not published at any heat"),
    ]


# --- applied ---------------------------------------------------------------------------------------------


def test_a_story_that_is_raised_above_its_leader_takes_the_lead(store: Store, site: Path) -> None:
    before = flags(store)
    override_flags(store, "second", quality=90)
    edit = run_score(store)
    after = flags(store)
    assert edit.changed == 2
    assert (after["second"], after["leader"]) == ([90, 130, True], [80, -1, False])
    assert {t: f for t, f in after.items() if t not in ("second", "leader")} == {
        t: f for t, f in before.items() if t not in ("second", "leader")
    }
    assert rows(store, sa.select(changesets.c.kind).where(changesets.c.id == edit.changeset_id)) == [
        ("score",)
    ]
    assert run_score(store).changeset_id is None


def test_a_score_is_reverted_as_a_whole(store: Store, site: Path) -> None:
    override_flags(store, "second", quality=90)
    before = flags(store)
    edit = run_score(store)
    with store.writing() as connection:
        assert edit.changeset_id is not None
        revert_changeset(connection, edit.changeset_id, actor="ann")
    assert flags(store) == before


def test_overrides_of_editors_take_precedence(store: Store, site: Path) -> None:
    override_flags(store, "second", quality=90, heat=5)
    override_flags(store, "leader", published=1)
    run_score(store)
    assert (flags(store)["second"], flags(store)["leader"]) == ([90, 5, False], [80, -1, True])


def test_a_computed_override_that_is_no_longer_needed_is_removed(store: Store, site: Path) -> None:
    before = flags(store)
    override_flags(store, "second", quality=90)
    run_score(store)
    assert computed_overrides(store)
    with store.writing() as connection:
        reset_flags(connection, Selection(["_news/second.md"]), ["quality"], actor="ann", reason=None)
    run_score(store)
    assert flags(store) == before
    assert computed_overrides(store) == []


@pytest.mark.parametrize("how", ["removed", "missing"])
def test_a_related_article_that_is_lost_no_longer_counts(store: Store, site: Path, how: str) -> None:
    if how == "removed":
        override_flags(store, "leader", removed=1)
    else:
        (site / "_news" / "leader.md").unlink()
        import_folder(store, site, source="site")
    run_score(store)
    assert flags(store)["second"] == [70, 90, True]  # one related article is left; the remainder is unknown
    assert flags(store)["third"][1] == -1
    if how == "removed":
        override_flags(store, "leader", removed=0)
    else:
        write_site(site, STORIES)
        import_folder(store, site, source="site")
    run_score(store)
    assert flags(store)["second"] == [70, -1, False]


def test_a_quality_that_is_raised_publishes_and_a_lowered_one_does_not(store: Store, site: Path) -> None:
    override_flags(store, "weak", quality=69)  # with the remainder of 1 it just reaches the threshold
    override_flags(store, "alone", quality=68)
    run_score(store)
    assert (flags(store)["weak"], flags(store)["alone"]) == ([69, 70, True], [68, 69, False])
    assert computed_overrides(store) == [
        ("alone", "heat", 69), ("alone", "published", 0), ("weak", "heat", 70), ("weak", "published", 1),
    ]  # fmt: skip


def test_of_equal_qualities_the_earlier_leads(store: Store, site: Path) -> None:
    override_flags(store, "second", quality=80)  # the leader is a day earlier
    run_score(store)
    assert (flags(store)["second"][1], flags(store)["leader"][1]) == (-1, 121)
    override_flags(store, "third", quality=80)  # the third is a day earlier than the leader
    run_score(store)
    assert (flags(store)["third"][1], flags(store)["leader"][1]) == (120, -1)


def test_what_a_document_does_not_state_is_not_computed(store: Store, tmp_path: Path) -> None:
    root = tmp_path / "site"
    (root / "_learning").mkdir(parents=True)
    (root / "_learning" / "a.md").write_text("---\ntitle: a\nquality: 10\nheat: 10\n---\n")
    (root / "_learning" / "b.md").write_text("---\ntitle: b\nquality: 10\n---\n")
    import_folder(store, root, source="site")
    set_rule(store, "site", None, 70)
    with store.writing() as connection:
        everything = Selection(["_learning/a.md", "_learning/b.md"])
        set_flags(connection, everything, {"quality": 20}, actor="ann", reason=None)
    run_score(store)
    assert flags(store) == {"a": [20, 20, True], "b": [20, None, True]}


def test_an_article_that_is_missing_is_left_as_it_was(store: Store, site: Path) -> None:
    override_flags(store, "weak", quality=75)
    (site / "_news" / "weak.md").unlink()
    import_folder(store, site, source="site")
    assert run_score(store).changeset_id is None


def test_a_source_without_a_rule_is_refused_with_the_command_that_sets_it(
    store: Store, site: Path, tmp_path: Path
) -> None:
    import_folder(store, write_site(tmp_path / "other", STORIES), source="other")
    assert run_score(store).changeset_id is None  # only sources that have a rule
    with pytest.raises(
        SelectionError, match="no rule is set for other: run `curation source infer other --apply`"
    ):
        run_score(store, "other")
    with pytest.raises(SelectionError, match="no source 'nowhere': did you mean other"):
        run_score(store, "nowhere")


def test_upstream_may_prefer_the_later_of_equals_until_they_differ(store: Store, tmp_path: Path) -> None:
    pair = {"early": (80, 1, ("late",)), "late": (80, 2, ("early",))}
    root = write_site(tmp_path / "site", pair | {"low": (60, 3, ("early", "late"))})
    rewrite(store, root, "early", "heat: 101\npublished: true", "heat: -1\npublished: false")
    rewrite(store, root, "late", "heat: -1\npublished: false", "heat: 101\npublished: true")
    assert [why for _, _, why in infer(store, "site").violations] == [
        "heat is -1, but no related article outranks it (one of the same quality is not earlier)",
        "heat is 101, but a related article has the same quality and is earlier",
    ]
    set_rule(store, "site", 20, 70)
    assert run_score(store).changeset_id is None
    assert explain(store, "early")["outranked"][2].endswith("also has quality 80, and upstream prefers it")
    assert (
        "'late', has quality 80" in explain(store, "low")["outranked"][2]
    )  # of the two with quality 80, the leader
    override_flags(store, "early", quality=90)
    override_flags(store, "late", quality=90)
    run_score(store)
    assert flags(store) == {"early": [90, -1, False], "late": [90, 111, True], "low": [60, -1, False]}
    override_flags(store, "early", quality=91)
    run_score(store)
    assert flags(store) == {"early": [91, 111, True], "late": [90, -1, False], "low": [60, -1, False]}


def test_an_article_that_upstream_removed_still_counts(store: Store, tmp_path: Path) -> None:
    root = write_site(tmp_path / "site", STORIES, third="removed: true\n")
    import_folder(store, root, source="site")
    set_rule(store, "site", 20, 70)
    assert run_score(store).changeset_id is None
    override_flags(store, "third", removed=0)
    assert run_score(store).changeset_id is None


def test_a_heat_that_was_set_by_hand_moves_with_the_quality(store: Store, site: Path) -> None:
    rewrite(store, site, "weak", "heat: 41", "heat: 52")
    assert run_score(store).changeset_id is None
    assert explain(store, "weak")["remainder"][1:] == (
        12, "upstream's heat minus quality and bonus; kept, although the rule allows only 0 to 8",
    )  # fmt: skip
    override_flags(store, "weak", quality=45)
    run_score(store)
    assert flags(store)["weak"] == [45, 57, False]


def test_a_document_that_lists_more_or_fewer_than_its_heat_counts(store: Store, site: Path) -> None:
    link = "- title: weak\n  publishedDateTime: 2021-01-05T00:00:00Z\n  webUrl: ''\n  quality: 40\n"
    rewrite(store, site, "alone", "published: true\n", f"published: true\nrelated:\n{link}")
    rewrite(store, site, "leader", "- title: third", "more:\n- title: third")
    run_score(store)
    assert (flags(store)["alone"], flags(store)["leader"]) == ([71, 92, True], [80, 101, True])
    assert explain(store, "alone")["remainder"][1:] == (
        1, "upstream's heat minus quality and the bonus for 0 related articles; the document lists 1",
    )  # fmt: skip


def test_a_score_follows_imports(store: Store, site: Path) -> None:
    override_flags(store, "weak", quality=75)
    run_score(store)
    rewrite(store, site, "weak", "heat: 41", "heat: 43")
    run_score(store)
    assert flags(store)["weak"] == [75, 78, True]
    rewrite(store, site, "weak", "heat: 43\npublished: false", "published: false")
    run_score(store)
    assert (flags(store)["weak"], computed_overrides(store)) == ([75, None, False], [])
    rewrite(store, site, "weak", "quality: 40\n", "quality: 75\nheat: 75\n")
    assert run_score(store).changeset_id is None  # upstream now has the same quality


def test_a_removed_article_is_not_published_by_a_score(store: Store, site: Path) -> None:
    override_flags(store, "weak", quality=75, removed=1)
    run_score(store)
    assert computed_overrides(store) == [("weak", "heat", 76)]
    override_flags(store, "weak", removed=0)
    run_score(store)
    assert flags(store)["weak"] == [75, 76, True]


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 6))])
def test_a_random_site_follows_a_model_of_the_rule(store: Store, tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    titles = list("abcdefgh")
    stories = {
        t: (chance.choice((40, 50, 60, 60, 70, 70)), chance.randint(1, 9),
            tuple(chance.sample([r for r in titles if r != t], chance.choice((0, 1, 2, 3)))))
        for t in titles
    }  # fmt: skip
    root = write_site(tmp_path / "site", stories, h="removed: true\n")
    import_folder(store, root, source="site")
    set_rule(store, "site", 20, 70)
    original = flags(store)
    edits = {t: {"quality": chance.choice((30, 50, 60, 70, 80))} for t in chance.sample(titles, 3)}
    for title, flag, value in (
        ("b", "removed", 1),
        ("c", "heat", 75),
        ("d", "published", 1),
        ("h", "removed", 0),
    ):
        if chance.random() < 0.5:
            edits.setdefault(title, {})[flag] = value
    for title, values in edits.items():
        override_flags(store, title, **values)
    gone = chance.choice(titles)
    (root / "_news" / f"{gone}.md").unlink()
    import_folder(store, root, source="site")
    run_score(store)
    after = flags(store)
    for title in titles:
        if title != gone:
            assert after[title] == expected_flags(title, stories, original, edits, gone), (
                title,
                stories,
                edits,
                gone,
            )
    assert run_score(store).changeset_id is None
    write_site(root, stories, h="removed: true\n")
    import_folder(store, root, source="site")
    with store.writing() as connection:
        everything = Selection([f"_news/{title}.md" for title in titles])
        reset = reset_flags(connection, everything, ["quality", "removed"], actor="ann", reason=None)
    assert reset.changed == sum(bool({"quality", "removed"} & values.keys()) for values in edits.values())
    run_score(store)
    assert computed_overrides(store) == []
    unedited = [title for title in titles if not {"heat", "published"} & edits.get(title, {}).keys()]
    restored = flags(store)
    assert {title: restored[title] for title in unedited} == {title: original[title] for title in unedited}


def expected_flags(
    title: str,
    stories: dict[str, tuple[int, int, tuple[str, ...]]],
    original: dict[str, list[Any]],
    edits: dict[str, dict[str, int]],
    gone: str,
) -> list[Any]:
    """Return quality, heat and published of a story, by a second implementation of the rule."""
    overridden = {t: edits.get(t, {}) for t in stories}
    quality, day, related = stories[title]
    own = overridden[title].get("quality", quality)
    lost = [r for r in related if r == gone or (overridden[r].get("removed") and r != "h")]

    def above(other: str, its: int, ours: int) -> int:
        return 3 if its > ours else 0 if its < ours else 2 if stories[other][1] < day else 1

    upstream = [above(r, stories[r][0], quality) for r in related]
    current = [
        0 if r in lost else above(r, overridden[r].get("quality", stories[r][0]), own) for r in related
    ]
    changed = [r for r in related if overridden[r].get("quality", stories[r][0]) != stories[r][0]]
    heat = original[title][1]
    published = heat >= 70
    if lost or changed or own != quality:
        is_outranked = heat == -1 if current == upstream else max(current, default=0) >= 2
        heat = -1 if is_outranked else own + 20 * (len(related) - len(lost)) + (heat != -1)
        published = (overridden[title].get("heat") or heat) >= 70
    heat, published = overridden[title].get("heat", heat), bool(overridden[title].get("published", published))
    return [own, heat, published and not overridden[title].get("removed", title == "h")]


# --- explained -------------------------------------------------------------------------------------------


def test_a_leader_and_an_outranked_article_are_explained(store: Store, site: Path) -> None:
    ids = dict(map(tuple, rows(store, sa.select(articles.c.title, articles.c.id))))
    assert list(explain(store, "leader").values()) == [
        ("quality", 80, "upstream value"),
        ("related", 2, "listed in the document"),
        ("bonus", 40, "20 for each related article"),
        ("remainder", 1, "upstream's heat minus quality and bonus; temporary"),
        ("outranked", False,
         f"the leader of its story; next is article {ids['second']}, 'second', with quality 70"),
        ("heat", 121, "upstream value"),
        ("threshold", 70, "heat 121 reaches it: published by the rule"),
        ("published", True, "upstream value"),
    ]  # fmt: skip
    assert list(explain(store, "third").values()) == [
        ("quality", 60, "upstream value"),
        ("related", 2, "listed in the document"),
        ("bonus", 40, "20 for each related article"),
        ("outranked", True, f"heat is -1: article {ids['leader']}, 'leader', has quality 80"),
        ("heat", -1, "upstream value"),
        ("threshold", 70, "heat -1 is below it: not published by the rule"),
        ("published", False, "upstream value"),
    ]
    assert explain(store, "weak")["outranked"] == ("outranked", False, "no related article to compare with")


def test_a_rival_that_is_lost_or_not_in_the_store_is_explained(store: Store, site: Path) -> None:
    rewrite(store, site, "third", "- title: leader", "- title: ghost")
    assert explain(store, "third")["outranked"][2] == (
        "heat is -1: an article that is not in the store, 'ghost', has quality 80"
    )
    override_flags(store, "leader", removed=1)
    lines = explain(store, "second")
    assert lines["related"][1:] == (1, "listed in the document; 1 more is missing or removed")
    assert lines["outranked"][1] is False
    assert "'third', with quality 60" in lines["outranked"][2]
    assert lines["heat by the rule"][1:] == (90, "run `curation score` to apply it")
    override_flags(store, "second", heat=7)
    lines = explain(store, "second")
    assert lines["heat"][1:] == (7, "override by ann in changeset 4; upstream value: -1")
    assert lines["heat by the rule"][2] == "an editor's override takes precedence"
    (site / "_news" / "weak.md").unlink()
    import_folder(store, site, source="site")
    assert explain(store, "weak")["missing"][2] == (
        "the file is gone from the source; `curation score` does not change the article"
    )


def test_overrides_are_explained_with_actor_and_changeset(store: Store, site: Path) -> None:
    override_flags(store, "weak", quality=75)
    assert explain(store, "weak")["heat by the rule"][1] == 76
    run_score(store)
    lines = explain(store, "weak")
    assert lines["quality"][1:] == (75, "override by ann in changeset 2; upstream value: 40")
    assert lines["heat"][2] == "computed by `curation score` for dan in changeset 3; upstream value: 41"
    assert "heat by the rule" not in lines
    override_flags(store, "weak", quality=80)
    assert explain(store, "weak")["heat by the rule"][1:] == (81, "run `curation score` to apply it")
    override_flags(store, "weak", removed=1)
    assert explain(store, "weak")["published"][1:] == (
        False,
        "a removed article is not published at any heat",
    )


def test_an_article_without_the_rule_is_explained(store: Store, tmp_path: Path) -> None:
    root = write_site(tmp_path / "site", STORIES)
    (root / "_news" / "silent.md").write_text("---\ntitle: silent\n---\n")
    import_folder(store, root, source="site")
    assert "states no quality and no heat" in explain(store, "silent")["rule"][2]
    assert "run `curation source infer site --apply`" in explain(store, "leader")["rule"][2]


def test_the_commands_infer_score_and_explain(
    store: Store, site: Path, curation: Callable[..., Result]
) -> None:
    assert (
        curation("source", "set", "site", "--publish-threshold", "0", "--related-bonus", "3").exit_code == 0
    )
    inferred = curation("source", "infer", "site", "--apply")
    assert "5 of 5 articles" in inferred.stderr
    assert "related bonus: 20" in inferred.stderr
    (listed,) = json.loads(curation("source", "list", "--format", "json").stdout)
    assert (listed["related_bonus"], listed["publish_threshold"]) == (20, 70)
    override_flags(store, "weak", quality=75)
    dry = json.loads(curation("score", "--dry-run", "--format", "json").stdout)
    assert [(row["path"], row["flag"], row["old"], row["new"]) for row in dry] == [
        ("_news/weak.md", "heat", 41, 76), ("_news/weak.md", "published", False, True),
    ]  # fmt: skip
    assert "scored 1 of 1" in curation("score", "site").stdout
    lines = json.loads(curation("explain", "weak", "--format", "json").stdout)
    assert {k: lines[2][k] for k in ("what", "value")} == {"what": "remainder", "value": 1}
    assert curation("source", "set", "site").exit_code == 2
    for wrong in (["source", "infer", "x"], ["source", "set", "x", "--related-bonus", "1"], ["score", "x"]):
        result = curation(*wrong)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "no source 'x': there is only site" in result.stderr


def test_numbers_that_are_too_large_for_sums_are_left_alone(store: Store, site: Path) -> None:
    override_flags(store, "leader", quality=2**63 - 1)
    override_flags(store, "weak", quality=75)
    assert run_score(store).changed == 1
    assert flags(store)["leader"] == [2**63 - 1, 121, True]
    assert flags(store)["weak"][1] == 76


def test_an_editor_takes_over_a_computed_override_by_setting_the_same_value(store: Store, site: Path) -> None:
    override_flags(store, "weak", quality=75)
    run_score(store)
    edit = override_flags(store, "weak", heat=76)
    assert (edit.changed, computed_overrides(store)) == (1, [("weak", "published", 1)])
    with store.writing() as connection:
        reset_flags(connection, Selection(["_news/weak.md"]), ["quality"], actor="ann", reason=None)
    run_score(store)
    assert flags(store)["weak"][1] == 76
    with store.writing() as connection:
        assert edit.changeset_id is not None
        revert_changeset(connection, edit.changeset_id, actor="ann")
    assert ("weak", "heat", 76) in computed_overrides(store)
    run_score(store)
    assert flags(store)["weak"][1] == 41
