"""Upstream against editor: who decides each flag. Pure functions, one place for the rules.

| what happens | the flag becomes | what is said |
|---|---|---|
| no override | what the document says; where it is silent: quality and heat none, published true, removed false | |
| an override | the override; what upstream says is recorded beside it | `upstream_changed`, once upstream changes its mind to something else, until the two agree |
| `removed` is in force | not published, whatever else is said: it is the editors' veto | |
| a flag cannot be read | as it was, and not published if it was not; a new article, or another story at the path, is not published if `published`, `removed` or `draft` cannot be read | an error such as `not_a_flag`; the exit status is 3 |
| a draft, or a date that is to come | not published by upstream's word; a date that has come is published by the next import | `upstream_status`: draft or scheduled |
| another story takes over the path (canonical URL, title and body all differ) | what the new document says; the overrides were about the other story and are set aside | `override_set_aside`, for each flag, until the story or the decision comes back |
| a story comes back (its canonical URL, its title or its body) | its overrides, which then stand again; an override given meanwhile is set aside with the story that it was about | `override_returned`, until the document next changes |
| the file is at another path (the same bytes, or two of canonical URL, title, date and body) | as it was: it is the same article, with its overrides and history | counted as moved |
| it is unclear which article a new file is | as the file says, but not published if one of them was hidden by an editor | `ambiguous_move`, until an editor decides |
| an article with overrides goes missing, and a copy of it was imported since the editor decided | the copy stays as its file says | `ambiguous_move` on the copy, until an editor decides |
| a new file, or one with another story before, has the story of an article which an editor hides, or that this article had since it was hidden | not published | `hidden_story`, until an editor decides |
| the file is no document any more, or cannot be read | as it was | an error such as `no_opening_fence` |
| the file is gone | as it was: the article is missing, and nothing is decided by that | |
| the file is there again | as it was, or as the file now says | |

The README shows the same table to users; a test holds the two together.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from ...documents.issues import Issue
from ...flags import HIDING, Flags
from .stories import Story, is_another

#: The codes of warnings of documents that may be about an article which an editor hides.
DOUBTS = ("ambiguous_move", "hidden_story")

#: The codes of issues that are about an editor's decision, not about a fault of the file.
NOTICES = ("upstream_changed", "override_set_aside", "override_returned", *DOUBTS)


class Decision(NamedTuple):
    """A standing override of a flag, and the changeset that made it; published and removed are 0 and 1."""

    value: int
    changeset_id: int


#: Standing decisions by flag.
Overrides = Mapping[str, Decision]


class SetAside(NamedTuple):
    """A decision about a story that another one has taken the path of.

    id, path: of its row, and of the article there; None for one that has no row yet.
    """

    story: Story
    field: str
    decision: Decision
    id: int | None = None
    path: str | None = None


class Effective(NamedTuple):
    """What holds: published and removed are never None."""

    quality: int | None
    heat: int | None
    published: bool
    removed: bool


class Merged(NamedTuple):
    """What an import makes of an article's decisions."""

    effective: Effective
    overrides: Overrides
    set_aside: Sequence[SetAside]
    notices: Sequence[Issue]

    @property
    def decided(self) -> tuple[Overrides, list[SetAside]]:
        """What stands, and what is set aside."""
        return self.overrides, list(self.set_aside)


def merge(
    was: Flags,
    upstream: Flags,
    stories: tuple[Story, Story],
    overrides: Overrides,
    set_aside: Sequence[SetAside],
    open_conflicts: Container[str],
) -> Merged:
    """What holds once a document has come: `was` is what upstream said before, `stories` the one before
    and the one now, `open_conflicts` the flags that have an open `upstream_changed`."""
    before, now = stories
    notices: list[Issue] = []
    if is_another(before, now):
        aside = [*set_aside, *(SetAside(before, flag, decision) for flag, decision in overrides.items())]
        back = {kept.field: kept for kept in aside if kept.id is not None and not is_another(kept.story, now)}
        set_aside = [kept for kept in aside if kept not in back.values()]
        overrides = {flag: kept.decision for flag, kept in back.items()}
        notices += [_returned(flag, kept.decision) for flag, kept in back.items()]
    else:
        notices += conflict_notices(was, upstream, overrides, open_conflicts)
    notices += still_aside(set_aside, overrides)
    values = {flag: decision.value for flag, decision in overrides.items()}
    return Merged(effective(upstream, values), overrides, set_aside, notices)


def hides(overrides: Overrides) -> bool:
    """Return whether an override keeps an article from being shown."""
    return bool(hiding(overrides))


def hiding(overrides: Overrides) -> set[int]:
    """Return the changesets of the overrides that keep an article from being shown."""
    return {kept.changeset_id for flag, kept in overrides.items() if kept.value == HIDING.get(flag)}


def legible(flags: Flags, unclear: Collection[str], before: Flags | None) -> Flags:
    """Return what a document says, where some flags cannot be read: for these what it said before.

    `before` is None for a new article. It is not published if it may be meant to be hidden; nor is one that
    upstream did not show before.
    """
    may_hide = "published" in unclear or "removed" in unclear
    if before is None:
        return flags._replace(published=False) if may_hide else flags
    # The `published` of a draft is false, whatever is written there.
    kept = {name: getattr(before, name) for name in unclear if getattr(flags, name) is not False}
    flags = flags._replace(**kept)
    is_news = _shows(flags) and not _shows(before)
    return flags._replace(published=False) if may_hide and is_news else flags


def _shows(flags: Flags) -> bool:
    return flags.published is not False and not flags.removed


def effective(upstream: Flags, overrides: Mapping[str, int]) -> Effective:
    """The effective values of an article's flags; `overrides` are by flag."""
    removed = bool(overrides.get("removed", upstream.removed or False))
    published = overrides.get("published", True if upstream.published is None else upstream.published)
    return Effective(
        quality=overrides.get("quality", upstream.quality),
        heat=overrides.get("heat", upstream.heat),
        published=bool(published) and not removed,
        removed=removed,
    )


def conflict_notices(
    before: Flags, upstream: Flags, overrides: Overrides, open_conflicts: Container[str]
) -> list[Issue]:
    """A notice for each flag on which upstream says otherwise than the editor's standing decision.

    It is given when upstream changes its mind, and stands (`open_conflicts`: the flags that have one)
    until the two agree.
    """
    notices = []
    for flag, (decided, _) in overrides.items():
        says, said = getattr(upstream, flag), getattr(before, flag)
        if says is not None and says != decided and (says != said or flag in open_conflicts):
            notices.append(Issue("notice", "upstream_changed", conflict_message(flag, says, decided), flag))
    return notices


def conflict_message(flag: str, says: int, decided: int) -> str:
    """The words of a notice that upstream and an editor part."""
    return f"upstream changed to {shown(flag, says)}; the override {shown(flag, decided)} is kept"


def still_aside(set_aside: Iterable[SetAside], overrides: Overrides) -> list[Issue]:
    """Return a warning for each flag that has a decision set aside and none that stands."""
    latest = {kept.field: kept for kept in set_aside if kept.field not in overrides}
    return [
        Issue(
            "warning",
            "override_set_aside",
            f"the editor's {shown(flag, kept.decision.value)} was about another story,"
            f" {kept.story.title!r}, and is set aside",
            flag,
        )
        for flag, kept in latest.items()
    ]


def _returned(flag: str, decision: Decision) -> Issue:
    message = f"the story is back, and with it the editor's {shown(flag, decision.value)}"
    return Issue("notice", "override_returned", message, flag)


def shown(flag: str, value: int | None) -> str:
    """A flag's value in words: `true` and `false` for published and removed."""
    if value is None:
        return "none"
    return str(bool(value)).lower() if flag in ("published", "removed") else str(value)
