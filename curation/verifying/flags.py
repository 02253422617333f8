"""Who decides each flag of an article, and whether its history leads to what it is now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import sqlalchemy as sa

from ..flags import FLAGS, Flags
from ..importing.merging.rules import EffectiveFlags, Override, compute_effective, format_flag
from ..store.schema import articles, changes, overrides, set_aside_overrides, sources
from .findings import Finding, subject_of


class State(NamedTuple):
    """What a flag is, the override that stands on it, and the changeset that this is of; whole numbers or
    None."""

    value: int | None
    override: int | None
    decision_id: int | None


class FlagChange(NamedTuple):
    """A flag's step from one state to another."""

    id: int
    changeset_id: int
    old: State
    new: State


@dataclass(slots=True)
class ArticleHistory:
    """What the store holds of one article's flags; its changes are by flag, in the order they were made."""

    subject: str
    effective: EffectiveFlags
    upstream: Flags
    #: Whether the document is as it came in first: upstream's flags are what they were then.
    is_as_added: bool
    overrides: dict[str, Override] = field(default_factory=dict)
    set_aside: list[tuple[str, Override]] = field(default_factory=list)
    changes: defaultdict[str, list[FlagChange]] = field(default_factory=lambda: defaultdict(list))

    def state(self, flag: str) -> State:
        """What a flag is now."""
        value, decision = getattr(self.effective, flag), self.overrides.get(flag)
        return State(None if value is None else int(value), *(decision or (None, None)))


def find_wrong_flags(connection: sa.Connection, article_ids: Sequence[int]) -> Iterator[Finding]:
    """What is wrong with the flags of some articles."""
    for held in _read(connection, article_ids).values():
        for check, find in _CHECKS:
            for wrong in find(held):
                yield Finding(check, held.subject, wrong)


def _find_ineffective(held: ArticleHistory) -> Iterator[str]:
    """Flags that are not what overrides, upstream and the veto of removed make them."""
    due = compute_effective(
        held.upstream, {flag: decision.value for flag, decision in held.overrides.items()}
    )
    for flag in FLAGS:
        is_, ought = getattr(held.effective, flag), getattr(due, flag)
        if is_ != ought:
            found, expected = format_flag(flag, is_), format_flag(flag, ought)
            yield f"{flag} is {found}, and by upstream and overrides {expected}"


def _find_broken_history(held: ArticleHistory) -> Iterator[str]:
    """Flags whose changes, one after the other, do not lead to what they are.

    Before its first change a flag has no override: an article comes in without. What it was then is known
    as long as no import has changed the document.
    """
    first = compute_effective(held.upstream, {})
    for flag in FLAGS:
        steps, present = held.changes[flag], held.state(flag)
        value = present.value if not steps else steps[0].old.value
        if steps and held.is_as_added:
            value = getattr(first, flag)
        at = State(None if value is None else int(value), None, None)
        for step in steps:
            if not _follows(step.old, at):
                is_, ought = _told_apart(flag, step.old, at)
                yield f"{flag}: change {step.id} starts from {is_}, not {ought}"
            at = step.new
        if not _follows(present, at):
            is_, ought = _told_apart(flag, present, at)
            yield f"{flag} is {is_}, and by its changes {ought}"


def _follows(state: State, at: State) -> bool:
    """Whether one state is the other. Of whom an override is, rows of older releases may not tell."""
    knows_both = None not in (state.decision_id, at.decision_id) or state.override is None
    return state[: 3 if knows_both else 2] == at[: 3 if knows_both else 2]


def _find_impossible(held: ArticleHistory) -> Iterator[str]:
    """Changes to a value that the override beside it does not make."""
    for flag in FLAGS:
        for step in held.changes[flag]:
            for state in (step.old, step.new):
                is_vetoed = flag == "published" and state.value == 0
                if state.override is not None and state.value != state.override and not is_vetoed:
                    yield f"{flag}: change {step.id} tells of {_told(flag, state)}"


def _find_unfounded(held: ArticleHistory) -> Iterator[str]:
    """Decisions that no change of their changeset tells of, and those that stand and are set aside."""
    standing = list(held.overrides.items())
    for flag, decision in (*standing, *held.set_aside):
        told = (tuple(step.new[1:]) for step in held.changes[flag])
        if decision not in told:
            yield f"{flag}: changeset {decision.changeset_id} has no change that makes the override"
    for flag, decision in held.set_aside:
        if (flag, decision) in standing:
            yield f"{flag}: the override of changeset {decision.changeset_id} stands and is set aside at once"


_CHECKS: Sequence[tuple[str, Callable[[ArticleHistory], Iterator[str]]]] = (
    ("flags", _find_ineffective),
    ("audit", _find_broken_history),
    ("audit", _find_impossible),
    ("overrides", _find_unfounded),
)


def _told(flag: str, state: State) -> str:
    override = "no override" if state.override is None else f"override {format_flag(flag, state.override)}"
    return f"{format_flag(flag, state.value)} ({override})"


def _told_apart(flag: str, *states: State) -> list[str]:
    """What states are, with the changeset of an override where nothing else tells them apart."""
    told = [_told(flag, state) for state in states]
    if len(set(told)) > 1:
        return told
    return [f"{text} of changeset {state.decision_id}" for text, state in zip(told, states, strict=True)]


def _read(connection: sa.Connection, article_ids: Sequence[int]) -> dict[int, ArticleHistory]:
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
    held = {
        key: ArticleHistory(subject, EffectiveFlags(*flags[:4]), Flags(*flags[4:]), bool(is_as_added))
        for key, subject, is_as_added, *flags in rows
    }
    _read_decisions(connection, held)
    _read_changes(connection, held)
    return held


def _read_decisions(connection: sa.Connection, held: dict[int, ArticleHistory]) -> None:
    for table in (overrides, set_aside_overrides):
        columns = (table.c.article_id, table.c.field, table.c.value, table.c.changeset_id)
        query = sa.select(*columns).where(table.c.article_id.in_(held)).order_by(*table.primary_key.columns)
        for article_id, flag, *decision in connection.execute(query):
            if table is overrides:
                held[article_id].overrides[flag] = Override(*decision)
            else:
                held[article_id].set_aside.append((flag, Override(*decision)))


def _read_changes(connection: sa.Connection, held: dict[int, ArticleHistory]) -> None:
    # By id, which is taken while the article is locked, and not by the changeset's time: an import's
    # changeset begins with its first batch, and an editor may come between that and a later one.
    change = changes.c
    columns = (
        change.article_id, change.field, change.id, change.changeset_id,
        change.old_value, change.old_override, change.old_decision_id,
        change.new_value, change.new_override, change.new_decision_id,
    )  # fmt: skip
    query = sa.select(*columns).where(change.article_id.in_(held)).order_by(change.id)
    for article_id, flag, key, changeset_id, *values in connection.execute(query):
        change_ = FlagChange(key, changeset_id, State(*values[:3]), State(*values[3:]))
        held[article_id].changes[flag].append(change_)
