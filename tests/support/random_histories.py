"""Random histories of imports, decisions and reverts, and the laws that hold after each step.

An article that holds a *hiding row*, an override or one that is set aside (published false, removed true), is
what an editor hid, or what an import held back until an editor decides. The laws, after any step that is no
editor's command on the very article:

1. No row of an editor's decision is lost. One that is set aside is named by a warning; where it hid the
   article, the import counts it as doubtful, which is exit code 3.
2. No article becomes public that tells the story of a hiding row:
   - the article of the row itself, as long as it shares the title, the URL or the body with what it told
   - any article with two of the three
   - any article with the URL or the body, where the row's own document is gone or has been replaced, and no
     other article is closer
   Not meant are articles that told the story beside the hidden one before, which the editor left alone: what
   they are is upstream's matter, or their own decision's.
3. A flag that cannot be read, a draft and a date to come publish nothing.
4. A document that alone has two of the three in common with an article whose file is gone is that article.
5. `db verify` finds nothing, and nothing is an internal error.

A document whose title, URL and body are all rewritten tells a new story. Undoing an import is no command about
a flag: it ends no decision, and gives back what was public before that import, but for what was hidden since.
"""

from __future__ import annotations

import random
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import sqlalchemy as sa

from curation.articles.selecting import Selection
from curation.editing.flags import ChangeBy, reset_flags, set_flags
from curation.editing.undo import kind_of, revert_changeset
from curation.errors import EditRefused, ImportFailed, SelectionError
from curation.flags import FLAGS
from curation.importing import batches, context
from curation.importing.matching import moves
from curation.importing.merging.stories import digest_body
from curation.importing.records.summary import Options, Summary
from curation.importing.run import import_dump
from curation.importing.undo import restoring
from curation.scanning import find_dumps
from curation.scoring.applying import score_articles
from curation.sources.rule_settings import set_rule_settings
from curation.store.database import Store
from curation.store.schema import (
    articles,
    changes,
    changesets,
    documents,
    import_issues,
    metadata,
    overrides,
    set_aside_overrides,
)
from curation.verifying.counts import find_unmatched_rows
from curation.verifying.flags import find_wrong_flags
from curation.verifying.links import find_wrong_links
from curation.verifying.run import verify

from .importing_helpers import undo_one_import
from .random_sites import Site, StoryTokens, _body, read_tokens

SOURCE = "site"

#: A kind of step, and the seed of what it does in particular.
Step = tuple[str, int]

STEPS = (
    *("import",) * 12, *("import again",) * 2, *("import a part",) * 2, *("import, cut off",) * 2,
    "import, dry", "import, strict", *("hide",) * 7, *("publish",) * 2, *("set",) * 2, "restore", *("reset",) * 2,
    "score", *("revert",) * 3, *("undo",) * 3,
)  # fmt: skip


class CutError(Exception):
    """An import is cut off here."""


class Row(NamedTuple):
    """An article, as far as it matters; `is_stated`: nothing that upstream says holds it back."""

    path: str
    tells: StoryTokens
    is_public: bool
    is_missing: bool
    status: str | None
    upstream: tuple[Any, ...]
    content: bytes


class Decided(NamedTuple):
    """A row of overrides, or of those set aside with the story that it was about (`tells`)."""

    article_id: int
    flag: str
    value: int
    changeset_id: int
    tells: StoryTokens | None

    @property
    def hides(self) -> bool:
        return (self.flag, self.value) in {("published", 0), ("removed", 1)}

    @property
    def decision(self) -> tuple[str, int, int]:
        return self.flag, self.value, self.changeset_id


@dataclass
class State:
    """What a store holds."""

    rows: dict[int, Row]
    decided: list[Decided]
    kinds: dict[int, str]
    issues: set[tuple[str, str, str | None]]

    def public(self) -> dict[int, StoryTokens]:
        return {key: row.tells for key, row in self.rows.items() if row.is_public}

    def editors(self) -> Counter[tuple[str, int, int]]:
        """Return the decisions that editors or scores made."""
        return Counter(d.decision for d in self.decided if self.kinds[d.changeset_id] != "import")


class LawError(AssertionError):
    """A law that was broken."""


def fail(law: str, *told: object) -> None:
    raise LawError(f"{law}: " + "; ".join(map(str, told)))


@dataclass
class History:
    """A store and a site that go through steps."""

    store: Store
    site: Site
    seed: int
    #: What there was before each import, by its changeset.
    before_imports: dict[int, State] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    #: What there was when it was last looked at: after each step.
    state: State = field(default_factory=lambda: State({}, [], {}, set()))

    def begin(self) -> None:
        chance = random.Random(self.seed)
        self.site.fill(chance)
        self.step(("import", self.seed))
        if chance.random() < 0.5:
            # There is no source yet where all documents were taken away before the first import.
            with suppress(SelectionError), self.store.writing() as connection:
                set_rule_settings(connection, SOURCE, {"related_bonus": 2, "publish_threshold": 3})

    def step(self, step: Step) -> None:
        """Take a step and hold the laws. Raises LawError."""
        kind, seed = step
        chance, before = random.Random(seed), self.state
        self.log.append(kind)
        if kind.startswith("import"):
            self._import(kind, chance, before)
        elif kind == "undo":
            self._undo(chance, before)
        else:
            self._decide(kind, chance, before)

    def verify(self) -> None:
        """Hold that `db verify` finds nothing."""
        with self.store.reading() as connection:
            if wrong := list(verify(connection)):
                fail("the store is sound", *wrong)

    # --- steps ------------------------------------------------------------------------------------------

    def _import(self, kind: str, chance: random.Random, before: State) -> None:
        if kind != "import again":
            self.site.change(chance)
        self.site.write()
        options: dict[str, Any] = {"full": chance.random() < 0.2}
        options |= {"strict": True} if kind == "import, strict" else {}
        options |= {"dry_run": True} if kind == "import, dry" else {}
        within = self._part(chance) if kind == "import a part" else None
        summary = None
        with suppress(CutError, ImportFailed), self._cutting(kind, chance):
            summary = self.import_(within, **options)
        after = self.look()
        if kind == "import, dry" or (kind == "import, strict" and summary is None):
            hold_nothing_changed(before, after)
            return
        self._note_changeset(before, after)
        hold_closed(before, after, summary)
        hold_unclear(before, after)
        if summary is not None and within is None:
            hold_moves(before, after, self.site)
            if chance.random() < 0.3:
                again = self.import_(None)
                if again.has_changed or again.changeset_id is not None:
                    fail("an import without changes changes nothing", again)
                hold_nothing_changed(after, self.look())

    def import_(self, within: str | None, **options: Any) -> Summary:
        root = self.site.root
        paths = [root / within] if within else [root]
        [dump] = find_dumps(paths, source=SOURCE, root=root if within else None, rev=None, known={})
        with dump.tree:
            scan = dump.tree.scan(dump.within)
            return import_dump(self.store, dump, scan, Options(actor="pipeline", **options))

    def _part(self, chance: random.Random) -> str | None:
        places = set(self.site.docs)
        places |= {path.rpartition("/")[0] for path in places}
        return chance.choice(sorted(places)) if places else None

    @contextmanager
    def _cutting(self, kind: str, chance: random.Random) -> Iterator[None]:
        """Have an import end at one of its transactions: before it begins, or before it is committed."""
        if kind != "import, cut off":
            yield
            return
        left, is_before = chance.randint(1, 6), chance.random() < 0.5
        writing = context.SeparateTransactions.writing

        @contextmanager
        def cut(self: context.SeparateTransactions) -> Iterator[sa.Connection]:
            nonlocal left
            left -= 1
            if left == 0 and is_before:
                raise CutError
            with writing(self) as connection:
                yield connection
                if left == 0:
                    raise CutError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(context.SeparateTransactions, "writing", cut)
            yield

    def _note_changeset(self, before: State, after: State) -> None:
        for changeset_id in after.kinds.keys() - before.kinds.keys():
            self.before_imports[changeset_id] = before

    def _undo(self, chance: random.Random, before: State) -> None:
        made = sorted(key for key, kind in before.kinds.items() if kind == "import")
        if not made:
            return
        target = made[-1] if chance.random() < 0.6 else chance.choice(made)
        undone = None
        with suppress(EditRefused):
            undone = undo_one_import(self.store, target, actor="ann", reason=None)
        after, earlier = self.look(), self.before_imports[target]
        hold_closed(before, after, None, earlier.public())
        if target == max(before.kinds) and undone is not None and not undone.kept:
            hold_as_before(earlier, after)

    def _decide(self, kind: str, chance: random.Random, before: State) -> None:
        with suppress(EditRefused, SelectionError), self.store.writing() as connection:
            self._carry_out(connection, kind, chance, before)
        after = self.look()
        touched = self._touched(before, after)
        for key, row in after.rows.items():
            if row != before.rows[key] and key not in touched:
                fail("a decision changes what it is about", key, row)
        if kind == "score":
            hold_closed(before, after, None)
        lost = before.editors() - after.editors()
        if kind in ("hide", "score") and any(self.kind_of_flag(lost, before, after)):
            fail("a decision stays", lost)

    @staticmethod
    def kind_of_flag(lost: Counter[tuple[str, int, int]], before: State, after: State) -> Iterator[bool]:
        """Say of each decision that is gone whether no other one of its flag took its place."""
        for decision in lost:
            holders = [d.article_id for d in before.decided if d.decision == decision]
            now = {(d.article_id, d.flag) for d in after.decided}
            is_computed = before.kinds[decision[2]] == "score"
            yield not is_computed and not any((key, decision[0]) in now for key in holders)

    def _touched(self, before: State, after: State) -> set[int]:
        new = after.kinds.keys() - before.kinds.keys()
        with self.store.reading() as connection:
            query = sa.select(changes.c.article_id).where(changes.c.changeset_id.in_(new))
            return set(connection.scalars(query))

    def _carry_out(self, connection: sa.Connection, kind: str, chance: random.Random, before: State) -> None:
        who: dict[str, Any] = {"actor": "editor", "reason": None}
        if kind == "score":
            score_articles(connection, [SOURCE], **who)
        elif kind == "revert":
            decisions = sorted(key for key, kind in before.kinds.items() if kind != "import")
            if decisions and kind_of(connection, target := chance.choice(decisions[-4:]))[1] != "import":
                revert_changeset(connection, target, **who)
        elif before.rows:
            ids = chance.sample(sorted(before.rows), min(len(before.rows), chance.choice((1, 1, 1, 2, 3))))
            selection = Selection(listed=[str(key) for key in ids])
            if kind == "reset":
                reset_flags(connection, selection, chance.sample(FLAGS, chance.randint(1, 4)), **who)
            else:
                set_flags(connection, selection, _decisions(kind, chance), **who)

    # --- what there is ----------------------------------------------------------------------------------

    def look(self) -> State:
        """Return what there is. Raises LawError if that is not sound."""
        bodies = {digest_body(_body(n, 0)): n for n in range(self.site.token_count + 1)}
        issue = import_issues.c
        is_open = issue.resolved_import_id.is_(None)
        with self.store.reading() as connection:
            rows = dict(_rows(connection))
            # The engine's own checks take longer than all the rest; `run` has them made at the end.
            checks = (find_unmatched_rows, find_wrong_links, lambda c: find_wrong_flags(c, list(rows)))
            if wrong := [finding for check in checks for finding in check(connection)]:
                fail("the store is sound", *wrong)
            issues = connection.execute(sa.select(issue.path, issue.code, issue.field).where(is_open))
            kinds = connection.execute(sa.select(changesets.c.id, changesets.c.kind))
            decided = [*_decided(connection, bodies)]
            self.state = State(rows, decided, dict(map(tuple, kinds)), set(map(tuple, issues)))
        return self.state


def _rows(connection: sa.Connection) -> Iterator[tuple[int, Row]]:
    article = articles.c
    query = sa.select(
        article.id, article.path, article.title, article.canonical_url, article.body, article.published,
        article.missing_since, article.upstream_status, *(article[f"upstream_{flag}"] for flag in FLAGS),
        documents.c.content,
    ).join(documents, documents.c.article_id == article.id)  # fmt: skip
    for key, path, title, url, body, public, since, status, *upstream, content in connection.execute(query):
        tells = read_tokens(title, url, body)
        yield key, Row(path, tells, public, since is not None, status, tuple(upstream), bytes(content))


def _decided(connection: sa.Connection, bodies: dict[bytes | None, int]) -> Iterator[Decided]:
    table, aside = overrides.c, set_aside_overrides.c
    columns = (table.article_id, table.field, table.value, table.changeset_id)
    for row in connection.execute(sa.select(*columns)):
        yield Decided(*row, None)
    query = sa.select(
        aside.article_id, aside.field, aside.value, aside.changeset_id,
        aside.title, aside.canonical_url, aside.body_digest,
    )  # fmt: skip
    for article_id, flag, value, changeset_id, title, url, body in connection.execute(query):
        tells = read_tokens(title, url, None)._replace(body=bodies.get(body))
        yield Decided(article_id, flag, value, changeset_id, tells)


def _decisions(kind: str, chance: random.Random) -> dict[str, int | ChangeBy]:
    hiding: list[dict[str, int | ChangeBy]] = [
        {"published": 0},
        {"removed": 1},
        {"published": 0, "removed": 1},
    ]
    some: dict[str, list[dict[str, int | ChangeBy]]] = {
        "hide": hiding,
        "publish": [{"published": 1}, {"published": 1, "removed": 0}],
        "restore": [{"removed": 0}],
        "set": [{"quality": 5}, {"heat": 9}, {"quality": ChangeBy(1)}, {"quality": 8, "heat": 1}],
    }
    return chance.choice(some[kind])


# --- the laws -------------------------------------------------------------------------------------------


def hold_nothing_changed(before: State, after: State) -> None:
    if before != after:
        fail("nothing is changed", before, after)


def hold_closed(
    before: State, after: State, summary: Summary | None, was_public: dict[int, StoryTokens] | None = None
) -> None:
    """Hold that no decision is lost, and nothing becomes public that was hidden."""
    if lost := before.editors() - after.editors():
        fail("no decision is lost", lost)
    _hold_set_aside_is_told(before, after, summary)
    for key, tells in after.public().items():
        if was_public is not None and was_public.get(key) == tells:
            continue
        for row in before.decided:
            if row.hides and _becomes_shown(before, after, row, key):
                own = before.rows[row.article_id]
                fail("nothing hidden becomes public", row, own, key, before.rows.get(key), after.rows[key])


def _hold_set_aside_is_told(before: State, after: State, summary: Summary | None) -> None:
    known = {d for d in before.decided if d.tells is not None}
    stands = {(d.article_id, d.flag) for d in after.decided if d.tells is None}
    for new in {d for d in after.decided if d.tells is not None} - known:
        was = next((d for d in before.decided if d.decision == new.decision), None)
        path = after.rows[new.article_id].path
        if (new.article_id, new.flag) not in stands:
            if (path, "override_set_aside", new.flag) not in after.issues:
                fail("what is set aside is told", new, path)
            if new.hides and was is not None and was.tells is None and summary and not summary.to_review:
                fail("a veto that is set aside makes exit code 3", new, path)


def _becomes_shown(before: State, after: State, row: Decided, key: int) -> bool:
    """Return whether an article that is public now was hidden, by a hiding row of before."""
    now, then = after.rows[key], before.rows.get(key)
    own = before.rows[row.article_id]
    hidden = row.tells or own.tells
    if key == row.article_id and row.tells is None:
        return now.tells.count_equal(hidden) > 0
    if (
        then is not None
        and then.tells == own.tells
        and _is_doubtful(now, then, own, after.rows.get(row.article_id))
    ):
        return True
    if then is not None and then.tells.count_equal(now.tells):
        # What told the hidden story beside it before is upstream's matter; so is what an editor decided on.
        is_decided = any(d.article_id == key and d.flag in ("published", "removed") for d in after.decided)
        return not is_decided and then.tells.count_equal(hidden) < 2 <= now.tells.count_equal(hidden)
    equal, different = now.tells.count_equal(hidden), now.tells.count_different(hidden)
    if equal >= 2:
        return True
    if row.tells is not None:
        return key == row.article_id and equal > 0
    later = after.rows.get(row.article_id)
    is_lost = later is None or later.is_missing or not later.tells.count_equal(own.tells)
    is_like = (now.tells.url, now.tells.body) != (None, None) and (
        now.tells.url == hidden.url is not None or now.tells.body == hidden.body is not None
    )
    is_closer = any(
        r.tells.count_equal(now.tells) >= 2 for k, r in before.rows.items() if k != row.article_id
    )
    return is_lost and not is_closer and (is_like or (equal > 0 and not different))


def _is_doubtful(now: Row, then: Row, own: Row, later: Row | None) -> bool:
    """Return whether a document that moved could as well be the hidden article, whose own is gone: neither the
    name of the file nor the time speak for the one that it was taken for."""
    is_lost = later is not None and later.is_missing and now.path != then.path
    if not is_lost or now.tells.count_equal(own.tells) < 2 or own.is_missing != then.is_missing:
        return False
    names = [
        unicodedata.normalize("NFKC", row.path.rpartition("/")[2]).casefold().rpartition(".")[0]
        for row in (now, then)
    ]
    return names[0] != names[1] and (then.content == now.content) == (own.content == now.content)


def hold_unclear(before: State, after: State) -> None:
    """Hold that upstream publishes nothing by a flag that cannot be read, a draft or a date to come."""
    decided = {d.article_id for d in after.decided if d.tells is None and d.flag in ("published", "removed")}
    for key in after.public().keys() - decided:
        row, then = after.rows[key], before.rows.get(key)
        was_public = then is not None and then.is_public
        if any(line in row.content for line in UNCLEAR) and not was_public:
            fail("what cannot be read publishes nothing", then, row)
        if "_drafts/" in row.path.lower() or any(line in row.content for line in HELD):
            fail("no draft is published", row)
        if "/2099-" in row.path and b"\npublishedDateTime: 2020" not in row.content:
            fail("nothing is published before its day", row)


def hold_as_before(earlier: State, after: State) -> None:
    """Hold that an import was undone of which nothing came since: but for flags that cannot be read, all is
    as it was before the import."""
    if earlier.rows.keys() != after.rows.keys():
        fail("an import is undone as a whole", earlier.rows.keys() ^ after.rows.keys())
    for key, row in after.rows.items():
        was = earlier.rows[key]
        if any(line in row.content for line in UNCLEAR):
            was = was._replace(upstream=row.upstream, is_public=row.is_public)
        if row != was:
            fail("an import is undone as a whole", was, row)
    if Counter(earlier.editors()) != after.editors():
        fail("undoing an import leaves decisions", earlier.decided, after.decided)


UNCLEAR = (
    b"\npublished: flase\n", b"\npublished: \n", b"\nPublished: false\n", b"\npublished: [false]\n",
    b"\nremoved: ture\n", b"\nremoved: null\n", b"\npublised: false\n", b"\nremovd: true\n", b"\ndarft: true\n",
)  # fmt: skip
HELD = (
    b"\ndraft: true\n", b"\npublishedDateTime: 2099", b"\npublishedDateTime: Jan 2099", b"\ndate: 2099",
    b"\npublished: false\n", b"\nremoved: true\n",
)  # fmt: skip


def hold_moves(before: State, after: State, site: Site) -> None:
    """Hold that documents which can only be one article are that article still."""
    docs = {path: doc for path, doc in site.docs.items() if path not in site.damaged}
    by_path = {row.path: key for key, row in after.rows.items()}
    for path, doc in docs.items():
        like = [key for key, row in before.rows.items() if row.tells.count_equal(doc.tokens)]
        if len(like) != 1 or before.rows[like[0]].tells.count_equal(doc.tokens) < 2:
            continue
        was = before.rows[like[0]]
        others = [p for p, other in docs.items() if p != path and other.tokens.count_equal(was.tells)]
        if not others and was.path not in site.damaged and by_path.get(path) != like[0]:
            fail("what is surely the same article is that article", path, doc.tokens, like[0], was.path)


# --- running and shrinking ------------------------------------------------------------------------------


def make_steps(seed: int, count: int) -> list[Step]:
    chance = random.Random(f"steps {seed}")
    return [(chance.choice(STEPS), chance.getrandbits(32)) for _ in range(count)]


@contextmanager
def small_batches(seed: int) -> Iterator[None]:
    """Have each import take several transactions, and few pairs be many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH", 2)
        patch.setattr(batches, "CHUNK", 1)
        patch.setattr(restoring, "BATCH", 2)
        patch.setattr(moves, "MAX_PAIRS", (10_000, 10_000, 3)[seed % 3])
        yield


def empty(store: Store) -> None:
    """Make a store as it was when it was new; a new one would know no statement yet."""
    with store.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))
        connection.exec_driver_sql("DELETE FROM article_search")


def run(store: Store, root: Path, seed: int, steps: Sequence[Step]) -> None:
    """Take some steps in a store that is emptied first. Raises whatever goes wrong, with the steps so far."""
    empty(store)
    history = History(store, Site(root), seed)
    with small_batches(seed):
        try:
            history.begin()
            for step in steps:
                history.step(step)
            if seed % 4 == 0:
                history.verify()
        except Exception as error:
            error.add_note(f"seed {seed}, after: {' | '.join(history.log)}")
            raise
