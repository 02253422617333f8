"""Merge upstream values with overrides, flag by flag.

All functions are pure. These are the rules that an import applies:

| what happens | the flag becomes | what is reported |
|---|---|---|
| no override | the upstream value; if the document does not state it: quality and heat none, published true, removed false | |
| an override | the override; the upstream value is recorded beside it | `upstream_changed`, once upstream changes to another value: a [conflict](#conflicts), until an editor settles it or upstream changes back |
| `removed` is in force | not published, whatever the other flags are: it is the editors' veto | |
| a flag cannot be read | unchanged, and not published if it was not published before; a new article, or another story at the path, is not published if `published`, `removed` or `draft` cannot be read | an error such as `not_a_flag`; the exit status is 3 |
| a draft, or a date in the future | not published by upstream; once the date has come, the next import publishes it | `upstream_status`: draft or scheduled |
| another story replaces the one at the path (canonical URL, title and body all differ) | the value in the new document; the overrides were for the other story and are set aside | `override_set_aside`, for each flag, until the story comes back or an editor sets the flag |
| a story comes back (with its canonical URL, its title or its body) | its overrides apply again; an override that was set meanwhile is set aside with the story that it was for | `override_returned`, until the document next changes |
| the file is at another path (the same bytes, or two of canonical URL, title, date and body) | unchanged: it is the same article, with its overrides and history | counted as moved |
| it is unclear which article a new file is | the value in the file, but not published if an editor has hidden one of these articles | `ambiguous_move`, until an editor decides |
| an article with overrides goes missing, and a copy of it was imported after the editor set them | the copy keeps the value in its file | `ambiguous_move` on the copy, until an editor decides |
| a new file, or one whose story has changed, has the story of an article that an editor hides, or a story that this article had since it was hidden | not published | `hidden_story`, until an editor decides |
| the file is no longer a document, or cannot be read | unchanged | an error such as `no_opening_fence` |
| the file is gone | unchanged: the article is missing, which changes no flag | |
| the file is back | unchanged, or the value in the file if the file has changed | |

The documentation shows the same table (`docs/explanation/overrides.md`). A test compares the two.

Whether an override is in conflict with upstream depends on both, and on what upstream stated when the override
was made: `articles/override_status.py` has that rule. At the end of an import,
`importing/records/decision_notices.py` opens and closes the notices `upstream_changed`.
"""  # noqa: E501

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ...documents.issues import Issue
from ...flags import HIDING, Flags
from .stories import Story, is_different_story

#: Codes of the warnings that a document may belong to another article, which has overrides.
MATCH_WARNINGS = ("ambiguous_move", "hidden_story")

#: Codes of the issues that concern an override and not a problem in the file.
OVERRIDE_CODES = ("upstream_changed", "override_set_aside", "override_returned", *MATCH_WARNINGS)


class Override(NamedTuple):
    """An override of a flag and the changeset that made it. Values of published and removed are 0 or 1.

    upstream_value: what upstream stated when it was made or last confirmed; None if nothing, or if that is
        not known.
    """

    value: int
    changeset_id: int
    upstream_value: int | None = None


#: Overrides by flag.
Overrides = Mapping[str, Override]


class SetAsideOverride(NamedTuple):
    """An override for a story that another story has replaced at its path.

    id, path: of its row, and of the article there; None if it has no row yet.
    """

    story: Story
    field: str
    override: Override
    id: int | None = None
    path: str | None = None


class EffectiveFlags(NamedTuple):
    """The effective values of an article's flags. published and removed are never None."""

    quality: int | None
    heat: int | None
    published: bool
    removed: bool


class Merged(NamedTuple):
    """The flags and overrides of an article after an import."""

    effective: EffectiveFlags
    overrides: Overrides
    set_aside: Sequence[SetAsideOverride]
    notices: Sequence[Issue]

    @property
    def all_overrides(self) -> tuple[Overrides, list[SetAsideOverride]]:
        """The overrides in force, and those that are set aside."""
        return self.overrides, list(self.set_aside)


def merge(
    upstream: Flags,
    stories: tuple[Story, Story],
    overrides: Overrides,
    set_aside: Sequence[SetAsideOverride],
) -> Merged:
    """Merge a document that was imported again with the overrides of its article.

    Args:
        upstream: the upstream values in the document.
        stories: the story before this import, and the one in the document.
        overrides: those in force.
        set_aside: those that are set aside at this path.
    """
    old_story, story = stories
    notices: list[Issue] = []
    if is_different_story(old_story, story):
        replaced = [SetAsideOverride(old_story, flag, override) for flag, override in overrides.items()]
        overrides, set_aside = _return_overrides(story, [*set_aside, *replaced])
        notices += [_returned_notice(flag, override) for flag, override in overrides.items()]
    notices += make_set_aside_warnings(set_aside, overrides)
    values = {flag: override.value for flag, override in overrides.items()}
    return Merged(compute_effective(upstream, values), overrides, set_aside, notices)


def _return_overrides(
    story: Story, waiting: Sequence[SetAsideOverride]
) -> tuple[Overrides, list[SetAsideOverride]]:
    """Return the stored overrides that return with a story, and the others."""
    returned = {
        kept.field: kept
        for kept in waiting
        if kept.id is not None and not is_different_story(kept.story, story)
    }
    others = [kept for kept in waiting if kept not in returned.values()]
    return {flag: kept.override for flag, kept in returned.items()}, others


def hides_article(overrides: Overrides) -> bool:
    """Return whether an override hides an article."""
    return bool(find_hiding_changesets(overrides))


def find_hiding_changesets(overrides: Overrides) -> set[int]:
    """Return the changesets of the overrides that hide an article."""
    return {
        override.changeset_id for flag, override in overrides.items() if override.value == HIDING.get(flag)
    }


def replace_unreadable_flags(flags: Flags, unclear: Collection[str], before: Flags | None) -> Flags:
    """Return a document's flags, where those that cannot be read have the values before.

    The result is not published if `published` or `removed` cannot be read and the article is new or was not
    published before.

    Args:
        flags: as the document states them.
        unclear: names of the flags that cannot be read.
        before: the upstream values before; None for a new article.
    """
    may_hide = "published" in unclear or "removed" in unclear
    if before is None:
        return flags._replace(published=False) if may_hide else flags
    # The `published` of a draft is false, even if the flag itself cannot be read.
    kept = {name: getattr(before, name) for name in unclear if getattr(flags, name) is not False}
    flags = flags._replace(**kept)
    becomes_visible = _is_visible(flags) and not _is_visible(before)
    return flags._replace(published=False) if may_hide and becomes_visible else flags


def _is_visible(flags: Flags) -> bool:
    return flags.published is not False and not flags.removed


def compute_effective(upstream: Flags, overrides: Mapping[str, int]) -> EffectiveFlags:
    """Return the effective values of an article's flags.

    Args:
        overrides: the overridden values by flag.
    """
    removed = bool(overrides.get("removed", upstream.removed or False))
    published = overrides.get("published", True if upstream.published is None else upstream.published)
    return EffectiveFlags(
        quality=overrides.get("quality", upstream.quality),
        heat=overrides.get("heat", upstream.heat),
        published=bool(published) and not removed,
        removed=removed,
    )


def make_set_aside_warnings(set_aside: Iterable[SetAsideOverride], overrides: Overrides) -> list[Issue]:
    """Return a warning for each flag that has an override set aside and none in force."""
    latest = {kept.field: kept for kept in set_aside if kept.field not in overrides}
    return [
        Issue(
            "warning",
            "override_set_aside",
            f"the override {format_flag(flag, kept.override.value)} was for another story,"
            f" {kept.story.title!r}, and is set aside",
            flag,
        )
        for flag, kept in latest.items()
    ]


def _returned_notice(flag: str, override: Override) -> Issue:
    message = f"the story is back, and its override {format_flag(flag, override.value)} applies again"
    return Issue("notice", "override_returned", message, flag)


def format_flag(flag: str, value: int | None) -> str:
    """Return a flag's value as text: `true` or `false` for published and removed, `none` for None."""
    if value is None:
        return "none"
    return str(bool(value)).lower() if flag in ("published", "removed") else str(value)
