"""Random sessions of editors at the review queue, with a model that says what the queue should have."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import Edit, reset_flags, set_flags
from curation.editing.keeping import keep_articles
from curation.editing.reverting import revert_changeset
from curation.editing.review_settings import set_review_settings
from curation.errors import EditRefused
from curation.store.database import Store
from curation.store.schema import changesets, sources
from curation.verifying.run import verify

from .importing_helpers import import_folder
from .review_model import ReviewModel

#: What editors do for each reason, with the flag in question.
ANSWERS = {
    "may be a hidden article": ("publish", "unpublish", "keep"),
    "story replaced": ("set all", "keep"),
    "conflict with upstream": ("keep", "keep upstream", "set same", "set all", "reset"),
    "good, but not published": ("publish", "unpublish", "keep"),
    "not approved yet": ("publish", "unpublish", "keep"),
    "published, never judged": ("set quality", "publish", "unpublish", "keep"),
}


class Sessions:
    """A store whose queue is worked at random."""

    def __init__(self, store: Store, seed: int) -> None:
        self.store, self.random = store, random.Random(seed)
        self.model = ReviewModel(store)
        #: The changesets of editors, which can be reverted.
        self.changesets: list[int] = []

    def import_and_check(self, root: Path) -> set[tuple[int, str]]:
        """Import a dump and compare the queue with the model. Return the queue."""
        import_folder(self.store, root, source="site")
        return self.check()

    def read_queue(self) -> list[tuple[int, str]]:
        """Return the queue in its order."""
        query = sa.text(
            "SELECT id, why, flag FROM review_queue ORDER BY priority, quality DESC NULLS LAST, published_at DESC"
            " NULLS LAST, id, flag"
        )
        with self.store.reading() as connection:
            return [
                (row[0], f"{row[1]}: {row[2]}" if row[2] else row[1]) for row in connection.execute(query)
            ]

    def check(self) -> set[tuple[int, str]]:
        """Compare the queue with the model, and return it."""
        found, expected = self.read_queue(), self.model.expect()
        assert len(found) == len(set(found))
        surplus, lacking = set(found) - expected, expected - set(found)
        assert (surplus, lacking) == (set(), set())
        return expected

    def drain(self) -> int:
        """Answer everything in the queue, until it is empty. Return the number of rounds."""
        rounds = 0
        while queue := self.read_queue():
            rounds += 1
            assert rounds <= 3, queue[:3]
            self.answer(queue)
        self.check()
        return rounds

    def answer(self, queue: Iterable[tuple[int, str]]) -> None:
        """Give each article in the queue a random answer; the same answers are one changeset."""
        groups: dict[str, list[int]] = {}
        for article_id, why in dict(queue).items():
            answers = ANSWERS[why.partition(":")[0]]
            groups.setdefault(self.random.choice(answers), []).append(article_id)
        for answer, ids in groups.items():
            for some in (ids[::2], ids[1::2]):
                if some:
                    self.do(answer, some)
        self.check()

    def do(self, answer: str, ids: Sequence[int]) -> None:
        """Give an answer for articles, in the store and in the model."""
        before = self.model.read()
        edits = self._edit(answer, ids)
        for edit in edits:
            if edit.changeset_id is not None:
                self.changesets.append(edit.changeset_id)
            if answer in ("keep", "keep upstream"):
                self.model.note_keep(edit.changeset_id, self._kept(edit, ids), confirms=answer == "keep")
            else:
                self.model.note_decisions(edit.changeset_id, before)

    def _kept(self, edit: Edit, ids: Sequence[int]) -> Sequence[int]:
        """All of them: what is in the queue was not kept before."""
        assert edit.changed == len(set(ids))
        return ids

    def _edit(self, answer: str, ids: Sequence[int]) -> list[Edit]:
        selection = Selection([str(key) for key in ids])
        who: dict[str, Any] = {"actor": "ann", "reason": None}
        with self.store.writing() as connection:
            match answer:
                case "keep" | "keep upstream":
                    takes_upstream = answer == "keep upstream"
                    return [keep_articles(connection, selection, takes_upstream=takes_upstream, **who)]
                case "publish" | "unpublish":
                    return [set_flags(connection, selection, {"published": int(answer == "publish")}, **who)]
                case "set quality":
                    quality = self.random.choice((5, 95))
                    return [set_flags(connection, selection, {"quality": quality}, **who)]
                case "set all":
                    values = {"quality": 41, "heat": 7, "published": self.random.randint(0, 1), "removed": 0}
                    return [set_flags(connection, selection, values, **who)]
                case "reset":
                    flags = ("quality", "heat", "published", "removed")
                    return [reset_flags(connection, selection, flags, **who)]
                case _:
                    return self._set_same(connection, ids)

    def _set_same(self, connection: sa.Connection, ids: Sequence[int]) -> list[Edit]:
        """Set each override of the articles to the value that it has."""
        facts = self.model.read()
        values: dict[tuple[tuple[str, int], ...], list[str]] = {}
        for key in ids:
            same = {flag: value for flag, (value, _, _) in facts[key].overrides.items()}
            if same.get("removed") == 1:
                same.pop("published", None)
            values.setdefault(tuple(same.items()), []).append(str(key))
        return [
            set_flags(connection, Selection(names), dict(same), actor="bob", reason=None)
            for same, names in values.items()
        ]

    def decide_at_random(self, count: int) -> None:
        """Override flags of random articles, whether they are in the queue or not."""
        facts = [f for f in self.model.read().values() if f.is_live]
        for f in self.random.sample(facts, min(count, len(facts))):
            self.do(self.random.choice(("set all", "set quality", "unpublish", "reset", "publish")), [f.id])

    def revert_one(self) -> None:
        """Revert a random changeset of an editor, or a revert."""
        changeset = self.random.choice(self.changesets)
        before = self.model.read()
        try:
            with self.store.writing() as connection:
                reverted = revert_changeset(connection, changeset, actor="cat")
        except EditRefused:  # nothing of it is left
            return
        self.changesets.append(reverted.changeset_id)
        self.model.note_revert(changeset, reverted.changeset_id, before)

    def set_settings(self, **settings: int | str) -> None:
        """Change the review settings of the source."""
        with self.store.writing() as connection:
            source_id = connection.scalar(sa.select(sources.c.id)) or 0
            set_review_settings(connection, source_id, **settings)  # type: ignore[arg-type]

    def verify(self) -> None:
        """Check that `db verify` finds nothing."""
        with self.store.reading() as connection:
            assert list(verify(connection)) == []
            assert connection.scalar(sa.select(sa.func.count()).select_from(changesets))
