"""Checks the effective values of flags, their overrides and the history of their changes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from ..flags import FLAGS, Flags
from ..importing.merging.override_rules import EffectiveFlags, Override, compute_effective, format_flag
from ..store.schema import articles, changes, overrides, set_aside_overrides, sources
from .findings import Finding, subject_of


class FlagState(NamedTuple):
    """The effective value of a flag, its override, and the changeset and upstream value of the override.

    All are whole numbers or None. Booleans are 0 and 1.
    """

    value: int | None
    override: int | None
    decision_id: int | None
    upstream_value: int | None


class FlagChange(NamedTuple):
    """A change of a flag from one state to another."""

    id: int
    changeset_id: int
    old: FlagState
    new: FlagState


@dataclass(slots=True)
class ArticleHistory:
    """The flags of one article in the store. The changes of each flag are in the order they were made."""

    subject: str
    effective: EffectiveFlags
    upstream: Flags
    #: Whether the document is unchanged since its first import, and with it the upstream values.
    is_unchanged: bool
    overrides: dict[str, Override] = field(default_factory=dict)
    set_aside: list[tuple[str, Override]] = field(default_factory=list)
    changes: defaultdict[str, list[FlagChange]] = field(default_factory=lambda: defaultdict(list))

    def find_state(self, flag: str) -> FlagState:
        """Return the current state of a flag."""
        value, override = getattr(self.effective, flag), self.overrides.get(flag)
        return FlagState(None if value is None else int(value), *(override or (None, None, None)))


def find_wrong_flags(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Finding]:
    """Find problems in the flags of some articles."""
    for history in _read_histories(connection, article_ids).values():
        for check, find in _CHECKS:
            for wrong in find(history):
                yield Finding(check, history.subject, wrong)


def _find_wrong_values(history: ArticleHistory) -> Iterator[str]:
    """Find effective values that do not follow from upstream values, overrides and the veto of removed."""
    overridden = {flag: override.value for flag, override in history.overrides.items()}
    expected = compute_effective(history.upstream, overridden)
    for flag in FLAGS:
        stored, computed = getattr(history.effective, flag), getattr(expected, flag)
        if stored != computed:
            found, wanted = format_flag(flag, stored), format_flag(flag, computed)
            yield f"{flag} is {found}, but upstream and overrides give {wanted}"


def _find_broken_history(history: ArticleHistory) -> Iterator[str]:
    """Find flags whose changes, one after the other, do not lead to the current state.

    Before its first change, a flag has no override. Its value at that time is known only as long as no import
    has changed the document.
    """
    initial = compute_effective(history.upstream, {})
    for flag in FLAGS:
        steps, current = history.changes[flag], history.find_state(flag)
        value = current.value if not steps else steps[0].old.value
        if steps and history.is_unchanged:
            value = getattr(initial, flag)
        state = FlagState(None if value is None else int(value), None, None, None)
        for step in steps:
            if not _is_same_state(step.old, state):
                stored, computed = _describe_states(flag, step.old, state)
                yield f"{flag}: change {step.id} starts from {stored}, not {computed}"
            state = step.new
        if not _is_same_state(current, state):
            stored, computed = _describe_states(flag, current, state)
            yield f"{flag} is {stored}, but its changes lead to {computed}"


def _is_same_state(one: FlagState, other: FlagState) -> bool:
    """Return whether two states are the same.

    Rows of older releases may lack the changeset of an override, or its upstream value; then these are not
    compared.
    """
    for mine, theirs in zip(one[2:], other[2:], strict=True):
        is_comparable = None not in (mine, theirs) or one.override is None
        if is_comparable and mine != theirs:
            return False
    return one[:2] == other[:2]


def _find_impossible_changes(history: ArticleHistory) -> Iterator[str]:
    """Find changes with a value that does not follow from their override."""
    for flag in FLAGS:
        for step in history.changes[flag]:
            for state in (step.old, step.new):
                is_vetoed = flag == "published" and state.value == 0
                if state.override is not None and state.value != state.override and not is_vetoed:
                    yield f"{flag}: change {step.id} has the impossible state {_describe_state(flag, state)}"


def _find_unfounded_overrides(history: ArticleHistory) -> Iterator[str]:
    """Find overrides without a change that sets them, and overrides that are also set aside."""
    in_effect = {(flag, *override[:2]) for flag, override in history.overrides.items()}
    for flag, override in (*history.overrides.items(), *history.set_aside):
        if not any(_makes(step.new, override) for step in history.changes[flag]):
            yield f"{flag}: changeset {override.changeset_id} has no change that sets the override"
    for flag, override in history.set_aside:
        if (flag, *override[:2]) in in_effect:
            yield f"{flag}: the override of changeset {override.changeset_id} is both in effect and set aside"


def _makes(state: FlagState, override: Override) -> bool:
    """Return whether an override is that of a state; the upstream value counts only if both know it."""
    upstream = (state.upstream_value, override.upstream_value)
    is_other = None not in upstream and upstream[0] != upstream[1]
    return (state.override, state.decision_id) == override[:2] and not is_other


_CHECKS: Sequence[tuple[str, Callable[[ArticleHistory], Iterator[str]]]] = (
    ("flags", _find_wrong_values),
    ("audit", _find_broken_history),
    ("audit", _find_impossible_changes),
    ("overrides", _find_unfounded_overrides),
)


def _describe_state(flag: str, state: FlagState) -> str:
    override = "no override" if state.override is None else f"override {format_flag(flag, state.override)}"
    return f"{format_flag(flag, state.value)} ({override})"


def _describe_states(flag: str, *states: FlagState) -> list[str]:
    """Describe states. If they differ only in the changeset of the override, name the changeset too."""
    texts = [_describe_state(flag, state) for state in states]
    if len(set(texts)) > 1:
        return texts
    return [f"{text} of changeset {state.decision_id}" for text, state in zip(texts, states, strict=True)]


def _read_histories(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, ArticleHistory]:
    article = articles.c
    query = (
        sa.select(
            article.id, subject_of(articles),
            article.first_import_id == article.last_import_id,
            *(article[name] for name in FLAGS), *(article[f"upstream_{name}"] for name in FLAGS),
        )
        .join_from(articles, sources)
        .where(article.id.in_(article_ids))
        .order_by(article.id)
    )  # fmt: skip
    rows = connection.execute(query)
    histories = {
        key: ArticleHistory(subject, EffectiveFlags(*flags[:4]), Flags(*flags[4:]), bool(is_unchanged))
        for key, subject, is_unchanged, *flags in rows
    }
    _read_overrides(connection, histories)
    _read_changes(connection, histories)
    return histories


def _read_overrides(connection: sa.Connection, histories: dict[int, ArticleHistory]) -> None:
    for table in (overrides, set_aside_overrides):
        names = ("article_id", "field", "value", "changeset_id", "upstream_value")
        columns = (table.c[name] for name in names)
        query = (
            sa.select(*columns).where(table.c.article_id.in_(histories)).order_by(*table.primary_key.columns)
        )
        for article_id, flag, *override in connection.execute(query):
            if table is overrides:
                histories[article_id].overrides[flag] = Override(*override)
            else:
                histories[article_id].set_aside.append((flag, Override(*override)))


def _read_changes(connection: sa.Connection, histories: dict[int, ArticleHistory]) -> None:
    # In order of id, because ids are assigned while the article is locked. The changeset's time does not
    # give the order: an import's changeset starts with its first batch, and an editor may change an article
    # before the batch that has it.
    change = changes.c
    columns = (
        change.article_id, change.field, change.id, change.changeset_id,
        change.old_value, change.old_override, change.old_decision_id, change.old_upstream_value,
        change.new_value, change.new_override, change.new_decision_id, change.new_upstream_value,
    )  # fmt: skip
    query = sa.select(*columns).where(change.article_id.in_(histories)).order_by(change.id)
    for article_id, flag, key, changeset_id, *values in connection.execute(query):
        change_ = FlagChange(key, changeset_id, FlagState(*values[:4]), FlagState(*values[4:]))
        histories[article_id].changes[flag].append(change_)
