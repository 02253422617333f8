"""A model in plain Python of the review queue.

It takes the facts from the store: what upstream states of each article, its effective flags, its story and its
overrides. What an editor has seen of them, it remembers itself. It never reads `reviews`, `review_items` or
`overrides.upstream_value`, and no SQL of the queue.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sqlalchemy as sa

from curation.flags import FLAGS
from curation.store.database import Store
from curation.store.schema import articles, changesets, overrides, set_aside_overrides, sources

Stated = dict[str, int | None]

#: A story, as its title and its URL: another one has both different.
Story = tuple[str | None, str | None]

#: The flags whose decision takes an article out, and those whose upstream values bring it back.
RULES: dict[str, tuple[Sequence[str], Sequence[str]]] = {
    "may be a hidden article": ((), ()),
    "story replaced": ((), ()),
    "good, but not published": (("published",), ("quality", "published")),
    "not approved yet": (("published",), ("published",)),
    "published, never judged": (("quality", "published"), ("quality", "published")),
}


class Facts(NamedTuple):
    """An article as the store has it."""

    id: int
    stated: Stated
    quality: int | None
    heat: int | None
    published: bool
    is_live: bool
    story: Story
    is_new: bool
    settings: tuple[int, str]
    #: For each flag with an override: its value, the changeset that made it, and the kind of that one.
    overrides: dict[str, tuple[int, int, str]]
    has_story_aside: bool


@dataclass(eq=False)
class Look:
    """A look of an editor at an article, or at one flag of it."""

    changeset: int
    stated: Stated
    story: Story


@dataclass
class ReviewModel:
    """What editors have seen."""

    store: Store
    #: What upstream stated when an override was made or confirmed, by article, flag and changeset.
    seen: dict[tuple[int, str, int], int | None] = field(default_factory=dict)
    #: The looks that hold, the last one at the end, by article and flag (`all` for the whole article).
    looks: dict[tuple[int, str], list[Look]] = field(default_factory=dict)
    #: What each changeset confirmed: the key in `seen`, and the values before and after.
    confirmed: dict[int, list[tuple[tuple[int, str, int], int | None, int | None]]] = field(
        default_factory=dict
    )
    #: The looks that each revert has restored, and those that it has ended.
    restored: dict[int, list[Look]] = field(default_factory=dict)
    ended: dict[int, list[tuple[tuple[int, str], Look]]] = field(default_factory=dict)

    # --- facts -------------------------------------------------------------------------------------------

    def read(self) -> dict[int, Facts]:
        """Return the facts of all articles."""
        article = articles.c
        names = (*(f"upstream_{flag}" for flag in FLAGS), "upstream_status", "quality", "heat", "published")
        query = sa.select(
            article.id, *(article[name] for name in names), article.removed, article.missing_since,
            article.title, article.canonical_url, article.first_import_id, sources.c.review_quality,
            sources.c.approval, sources.c.approval_after,
        ).join(sources)  # fmt: skip
        made: dict[int, dict[str, tuple[int, int, str]]] = {}
        aside: dict[int, set[str]] = {}
        with self.store.reading() as connection:
            rows = connection.execute(query).all()
            row = overrides.c
            of_overrides = sa.select(
                row.article_id, row.field, row.value, row.changeset_id, changesets.c.kind
            ).join(changesets)
            for key, flag, *override in connection.execute(of_overrides):
                made.setdefault(key, {})[flag] = (override[0], override[1], override[2])
            kept = set_aside_overrides.c
            for key, flag in connection.execute(sa.select(kept.article_id, kept.field)):
                aside.setdefault(key, set()).add(flag)
        return {row.id: self._facts(row, made.get(row.id, {}), aside.get(row.id, set())) for row in rows}

    def _facts(self, row: Any, made: dict[str, tuple[int, int, str]], aside: set[str]) -> Facts:
        is_scheduled = row.upstream_status == "scheduled"
        stated: Stated = {
            "quality": row.upstream_quality,
            "heat": row.upstream_heat,
            "published": 1 if is_scheduled or row.upstream_published is not False else 0,
            "removed": int(bool(row.upstream_removed)),
        }
        return Facts(
            row.id, stated, row.quality, row.heat, row.published,
            not row.removed and row.missing_since is None, (row.title, row.canonical_url),
            row.first_import_id > row.approval_after, (row.review_quality, row.approval), made,
            bool(aside - made.keys()),
        )  # fmt: skip

    # --- what editors do ---------------------------------------------------------------------------------

    def note_decisions(self, changeset: int | None, before: dict[int, Facts]) -> None:
        """Note a changeset of edits: what upstream stated of each new override, and the flags that were reset."""
        if changeset is None:
            return
        for key, facts in self.read().items():
            for flag, (_, made_by, _) in facts.overrides.items():
                if made_by == changeset:
                    self.seen[key, flag, changeset] = facts.stated[flag]
            for flag in before[key].overrides.keys() - facts.overrides.keys():
                self._look(key, flag, changeset, facts)

    def note_keep(self, changeset: int | None, ids: Iterable[int], *, confirms: bool) -> None:
        """Note that articles were kept, and their overrides confirmed."""
        if changeset is None:
            return
        facts = self.read()
        for key in ids:
            self._look(key, "all", changeset, facts[key])
            for flag, (_, made_by, kind) in facts[key].overrides.items() if confirms else ():
                if kind != "score":
                    name, now = (key, flag, made_by), facts[key].stated[flag]
                    self.confirmed.setdefault(changeset, []).append((name, self.seen.get(name), now))
                    self.seen[name] = now

    def _look(self, key: int, flag: str, changeset: int, facts: Facts) -> None:
        self.looks.setdefault((key, flag), []).append(Look(changeset, facts.stated, facts.story))

    def note_revert(self, changeset: int, revert: int, before: dict[int, Facts]) -> None:
        """Note a revert: what the changeset showed is unseen again, or seen again if it was a revert itself."""
        after = self.read()

        def is_reverted(key: int, flag: str) -> bool:
            return flag == "all" or before[key].overrides.get(flag) != after[key].overrides.get(flag)

        ended = self.ended.get(changeset, [])
        for (key, flag), looks in self.looks.items():
            own = looks and (
                looks[-1].changeset == changeset or looks[-1] in self.restored.get(changeset, ())
            )
            if own and is_reverted(key, flag):
                self.ended.setdefault(revert, []).append(((key, flag), looks.pop()))
        for (key, flag), look in ended:
            looks = self.looks[key, flag]
            is_newest = not looks or looks[-1].changeset < look.changeset
            if is_newest and is_reverted(key, flag):
                looks.append(look)
                self.restored.setdefault(revert, []).append(look)
        for name, old, now in reversed(self.confirmed.get(changeset, [])):
            if self.seen.get(name) == now and name[2] == after[name[0]].overrides.get(name[1], (0, 0, ""))[1]:
                self.seen[name] = old
                self.confirmed.setdefault(revert, []).append((name, now, old))

    # --- what follows ------------------------------------------------------------------------------------

    def expect(self) -> set[tuple[int, str]]:
        """Return the articles that should be in the queue, each with the reason."""
        return {(f.id, why) for f in self.read().values() if f.is_live for why in self._reasons(f)}

    def _reasons(self, f: Facts) -> Iterable[str]:
        kinds = {kind for _, _, kind in f.overrides.values()}
        decided = f.overrides.get("published", (0, 0, "score"))[2] != "score"
        threshold, approval = f.settings
        applies = {
            "may be a hidden article": "import" in kinds,
            "story replaced": f.has_story_aside,
            "good, but not published": not f.published
            and f.quality is not None
            and f.quality >= threshold
            and f.heat != -1
            and not decided,
            "not approved yet": f.published
            and not decided
            and (approval == "all" or (approval == "new" and f.is_new)),
            "published, never judged": f.published and f.quality is None and not decided,
        }
        yield from (why for why, does in applies.items() if does and not self._is_settled(f, why))
        for flag in f.overrides:
            if self._is_conflict(f, flag):
                yield f"conflict with upstream: {flag}"

    def _is_settled(self, f: Facts, why: str) -> bool:
        resets, watched = RULES[why]
        for flag in ("all", *resets):
            looks = self.looks.get((f.id, flag))
            if not looks or not _is_same_story(looks[-1].story, f.story):
                continue
            if all(looks[-1].stated[name] == f.stated[name] for name in watched):
                return True
        return False

    def _is_conflict(self, f: Facts, flag: str) -> bool:
        value, made_by, kind = f.overrides[flag]
        now = f.stated[flag]
        if kind in ("import", "score") or now is None:
            return False
        return now != value and now != self.seen.get((f.id, flag, made_by))


def _is_same_story(one: Story, other: Story) -> bool:
    return one[0] == other[0] or one[1] == other[1]
