"""Random histories of imports, edits and reverts, and the laws that are checked after each step.

A *hiding row* is an override, in effect or set aside, that hides its article: published false or removed
true. An editor made it, or an import that waits for an editor. After every step except an editor's command on
the article itself, these laws must hold:

1. No override of an editor is lost. One that is set aside is named by a warning. If it hid the article, the
   import counts it as to be reviewed, which is exit code 3.
2. No article with the story of a hiding row becomes public:
   - the article of the row, if it shares the title, the URL or the body with the hidden story
   - any article that shares two of the three
   - any article that shares the URL or the body, if the row's own document is gone or replaced and no other
     article is closer
   An article that had the story before, beside the hidden one, is exempt, since the editor left it alone. Its
   flags follow from upstream or from its own overrides.
3. A flag that cannot be read, a draft and a future date publish nothing.
4. If only one document shares two of the three with an article whose file is gone, it becomes that article.
5. `db verify` finds nothing, and there is no internal error.

A document whose title, URL and body are all rewritten has a new story. Reverting an import is not a command
about a flag. It removes no override, and makes public again what was public before, except what was hidden
since.
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
from curation.editing.reverting import read_changeset_kind, revert_changeset
from curation.errors import EditRefused, ImportFailed, SelectionError
from curation.flags import FLAGS
from curation.importing import batches, context
from curation.importing.matching import moves
from curation.importing.merging.stories import digest_body
from curation.importing.records.summary import Options, Summary
from curation.importing.reverting import restoring
from curation.importing.run import import_dump
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

from .importing_helpers import revert_one_import
from .random_sites import Site, StoryTokens, _body, read_tokens

SOURCE = "site"

#: A kind of step, and the seed of its random choices.
Step = tuple[str, int]

STEPS = (
    *("import",) * 12, *("import again",) * 2, *("import a part",) * 2, *("import, cut off",) * 2,
    "import, dry", "import, strict", *("hide",) * 7, *("publish",) * 2, *("set",) * 2, "restore", *("reset",) * 2,
    "score", *("revert",) * 3, *("revert_import",) * 3,
)  # fmt: skip


class InterruptedImportError(Exception):
    """Raised in an import to interrupt it."""


class Row(NamedTuple):
    """The parts of an article that the laws are about."""

    path: str
    story: StoryTokens
    is_public: bool
    is_missing: bool
    status: str | None
    upstream: tuple[Any, ...]
    content: bytes


class OverrideRow(NamedTuple):
    """A row of overrides, or of set-aside overrides; only the latter have the story that they are about."""

    article_id: int
    flag: str
    value: int
    changeset_id: int
    story: StoryTokens | None

    @property
    def hides(self) -> bool:
        return (self.flag, self.value) in {("published", 0), ("removed", 1)}

    @property
    def key(self) -> tuple[str, int, int]:
        return self.flag, self.value, self.changeset_id


@dataclass
class State:
    """The contents of a store that the laws are about."""

    rows: dict[int, Row]
    overrides: list[OverrideRow]
    kinds: dict[int, str]
    issues: set[tuple[str, str, str | None]]

    def public(self) -> dict[int, StoryTokens]:
        return {key: row.story for key, row in self.rows.items() if row.is_public}

    def editor_overrides(self) -> Counter[tuple[str, int, int]]:
        """Return the keys of the overrides that were not made by imports."""
        return Counter(d.key for d in self.overrides if self.kinds[d.changeset_id] != "import")


class LawError(AssertionError):
    """Raised if a law does not hold."""


def fail(law: str, *details: object) -> None:
    raise LawError(f"{law}: " + "; ".join(map(str, details)))


@dataclass
class History:
    """A store and a simulated site that go through random steps."""

    store: Store
    site: Site
    seed: int
    #: The state before each import, by its changeset.
    before_imports: dict[int, State] = field(default_factory=dict)
    log: list[str] = field(default_factory=list)
    #: The state after the last step.
    state: State = field(default_factory=lambda: State({}, [], {}, set()))

    def start(self) -> None:
        rng = random.Random(self.seed)
        self.site.fill(rng)
        self.step(("import", self.seed))
        if rng.random() < 0.5:
            # There is no source yet if all documents were deleted before the first import.
            with suppress(SelectionError), self.store.writing() as connection:
                set_rule_settings(connection, SOURCE, {"related_bonus": 2, "publish_threshold": 3})

    def step(self, step: Step) -> None:
        """Do a step and check the laws.

        Raises:
            LawError: A law does not hold.
        """
        kind, seed = step
        rng, before = random.Random(seed), self.state
        self.log.append(kind)
        if kind.startswith("import"):
            self._import(kind, rng, before)
        elif kind == "revert_import":
            self._revert_import(rng, before)
        else:
            self._edit(kind, rng, before)

    def verify(self) -> None:
        """Check that `db verify` finds nothing."""
        with self.store.reading() as connection:
            if wrong := list(verify(connection)):
                fail("the store is sound", *wrong)

    # --- steps ------------------------------------------------------------------------------------------

    def _import(self, kind: str, rng: random.Random, before: State) -> None:
        if kind != "import again":
            self.site.change(rng)
        self.site.write()
        options: dict[str, Any] = {"full": rng.random() < 0.2}
        options |= {"strict": True} if kind == "import, strict" else {}
        options |= {"dry_run": True} if kind == "import, dry" else {}
        within = self._choose_part(rng) if kind == "import a part" else None
        summary = None
        with suppress(InterruptedImportError, ImportFailed), self._interrupting(kind, rng):
            summary = self.import_(within, **options)
        after = self.read_state()
        if kind == "import, dry" or (kind == "import, strict" and summary is None):
            check_nothing_changed(before, after)
            return
        self._note_changeset(before, after)
        check_hidden(before, after, summary)
        check_unclear(before, after)
        if summary is not None and within is None:
            check_moves(before, after, self.site)
            if rng.random() < 0.3:
                again = self.import_(None)
                if again.has_changed or again.changeset_id is not None:
                    fail("an import without changes changes nothing", again)
                check_nothing_changed(after, self.read_state())

    def import_(self, within: str | None, **options: Any) -> Summary:
        root = self.site.root
        paths = [root / within] if within else [root]
        [dump] = find_dumps(paths, source=SOURCE, root=root if within else None, rev=None, known={})
        with dump.tree:
            scan = dump.tree.scan(dump.within)
            return import_dump(self.store, dump, scan, Options(actor="pipeline", **options))

    def _choose_part(self, rng: random.Random) -> str | None:
        places = set(self.site.docs)
        places |= {path.rpartition("/")[0] for path in places}
        return rng.choice(sorted(places)) if places else None

    @contextmanager
    def _interrupting(self, kind: str, rng: random.Random) -> Iterator[None]:
        """Interrupt an import at one of its transactions, before it begins or before it is committed."""
        if kind != "import, cut off":
            yield
            return
        left, is_before = rng.randint(1, 6), rng.random() < 0.5
        writing = context.SeparateTransactions.writing

        @contextmanager
        def interrupted(self: context.SeparateTransactions) -> Iterator[sa.Connection]:
            nonlocal left
            left -= 1
            if left == 0 and is_before:
                raise InterruptedImportError
            with writing(self) as connection:
                yield connection
                if left == 0:
                    raise InterruptedImportError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(context.SeparateTransactions, "writing", interrupted)
            yield

    def _note_changeset(self, before: State, after: State) -> None:
        for changeset_id in after.kinds.keys() - before.kinds.keys():
            self.before_imports[changeset_id] = before

    def _revert_import(self, rng: random.Random, before: State) -> None:
        imported = sorted(key for key, kind in before.kinds.items() if kind == "import")
        if not imported:
            return
        target = imported[-1] if rng.random() < 0.6 else rng.choice(imported)
        reverted = None
        with suppress(EditRefused):
            reverted = revert_one_import(self.store, target, actor="ann", reason=None)
        after, earlier = self.read_state(), self.before_imports[target]
        check_hidden(before, after, None, earlier.public())
        if target == max(before.kinds) and reverted is not None and not reverted.kept:
            check_reverted(earlier, after)

    def _edit(self, kind: str, rng: random.Random, before: State) -> None:
        with suppress(EditRefused, SelectionError), self.store.writing() as connection:
            self._run_command(connection, kind, rng, before)
        after = self.read_state()
        changed = self._changed_articles(before, after)
        for key, row in after.rows.items():
            if row != before.rows[key] and key not in changed:
                fail("an edit changes only its articles", key, row)
        if kind == "score":
            check_hidden(before, after, None)
        lost = before.editor_overrides() - after.editor_overrides()
        if kind in ("hide", "score") and any(self._find_lost(lost, before, after)):
            fail("overrides stay", lost)

    @staticmethod
    def _find_lost(lost: Counter[tuple[str, int, int]], before: State, after: State) -> Iterator[bool]:
        """Yield for each override that is gone whether no other one of its flag has replaced it."""
        for flag, value, changeset_id in lost:
            key = flag, value, changeset_id
            article_ids = [d.article_id for d in before.overrides if d.key == key]
            now = {(d.article_id, d.flag) for d in after.overrides}
            is_computed = before.kinds[changeset_id] == "score"
            yield not is_computed and not any((article_id, flag) in now for article_id in article_ids)

    def _changed_articles(self, before: State, after: State) -> set[int]:
        new = after.kinds.keys() - before.kinds.keys()
        with self.store.reading() as connection:
            query = sa.select(changes.c.article_id).where(changes.c.changeset_id.in_(new))
            return set(connection.scalars(query))

    def _run_command(self, connection: sa.Connection, kind: str, rng: random.Random, before: State) -> None:
        who: dict[str, Any] = {"actor": "editor", "reason": None}
        if kind == "score":
            score_articles(connection, [SOURCE], **who)
        elif kind == "revert":
            edits = sorted(key for key, kind in before.kinds.items() if kind != "import")
            if edits and read_changeset_kind(connection, target := rng.choice(edits[-4:]))[1] != "import":
                revert_changeset(connection, target, **who)
        elif before.rows:
            ids = rng.sample(sorted(before.rows), min(len(before.rows), rng.choice((1, 1, 1, 2, 3))))
            selection = Selection(listed=[str(key) for key in ids])
            if kind == "reset":
                reset_flags(connection, selection, rng.sample(FLAGS, rng.randint(1, 4)), **who)
            else:
                set_flags(connection, selection, _random_values(kind, rng), **who)

    # --- the state --------------------------------------------------------------------------------------

    def read_state(self) -> State:
        """Read the state of the store and keep it.

        Raises:
            LawError: The store is inconsistent.
        """
        bodies = {digest_body(_body(n, 0)): n for n in range(self.site.token_count + 1)}
        issue = import_issues.c
        is_open = issue.resolved_import_id.is_(None)
        with self.store.reading() as connection:
            rows = dict(_read_rows(connection))
            # The engine's own checks take longer than all others, so `run` makes them only at the end.
            checks = (find_unmatched_rows, find_wrong_links, lambda c: find_wrong_flags(c, list(rows)))
            if wrong := [finding for check in checks for finding in check(connection)]:
                fail("the store is sound", *wrong)
            issues = connection.execute(sa.select(issue.path, issue.code, issue.field).where(is_open))
            kinds = connection.execute(sa.select(changesets.c.id, changesets.c.kind))
            overrides = [*_read_overrides(connection, bodies)]
            self.state = State(rows, overrides, dict(map(tuple, kinds)), set(map(tuple, issues)))
        return self.state


def _read_rows(connection: sa.Connection) -> Iterator[tuple[int, Row]]:
    article = articles.c
    query = sa.select(
        article.id, article.path, article.title, article.canonical_url, article.body, article.published,
        article.missing_since, article.upstream_status, *(article[f"upstream_{flag}"] for flag in FLAGS),
        documents.c.content,
    ).join(documents, documents.c.article_id == article.id)  # fmt: skip
    for key, path, title, url, body, public, since, status, *upstream, content in connection.execute(query):
        story = read_tokens(title, url, body)
        yield key, Row(path, story, public, since is not None, status, tuple(upstream), bytes(content))


def _read_overrides(connection: sa.Connection, bodies: dict[bytes | None, int]) -> Iterator[OverrideRow]:
    table, set_aside = overrides.c, set_aside_overrides.c
    columns = (table.article_id, table.field, table.value, table.changeset_id)
    for row in connection.execute(sa.select(*columns)):
        yield OverrideRow(*row, None)
    query = sa.select(
        set_aside.article_id, set_aside.field, set_aside.value, set_aside.changeset_id,
        set_aside.title, set_aside.canonical_url, set_aside.body_digest,
    )  # fmt: skip
    for article_id, flag, value, changeset_id, title, url, body in connection.execute(query):
        story = read_tokens(title, url, None)._replace(body=bodies.get(body))
        yield OverrideRow(article_id, flag, value, changeset_id, story)


def _random_values(kind: str, rng: random.Random) -> dict[str, int | ChangeBy]:
    hiding: list[dict[str, int | ChangeBy]] = [
        {"published": 0},
        {"removed": 1},
        {"published": 0, "removed": 1},
    ]
    choices: dict[str, list[dict[str, int | ChangeBy]]] = {
        "hide": hiding,
        "publish": [{"published": 1}, {"published": 1, "removed": 0}],
        "restore": [{"removed": 0}],
        "set": [{"quality": 5}, {"heat": 9}, {"quality": ChangeBy(1)}, {"quality": 8, "heat": 1}],
    }
    return rng.choice(choices[kind])


# --- the laws -------------------------------------------------------------------------------------------


def check_nothing_changed(before: State, after: State) -> None:
    if before != after:
        fail("nothing is changed", before, after)


def check_hidden(
    before: State, after: State, summary: Summary | None, was_public: dict[int, StoryTokens] | None = None
) -> None:
    """Check that no override is lost, and nothing hidden becomes public."""
    if lost := before.editor_overrides() - after.editor_overrides():
        fail("no override is lost", lost)
    _check_set_aside(before, after, summary)
    for key, story in after.public().items():
        if was_public is not None and was_public.get(key) == story:
            continue
        for row in before.overrides:
            if row.hides and _is_revealed(before, after, row, key):
                own = before.rows[row.article_id]
                fail("nothing hidden becomes public", row, own, key, before.rows.get(key), after.rows[key])


def _check_set_aside(before: State, after: State, summary: Summary | None) -> None:
    known = {d for d in before.overrides if d.story is not None}
    in_effect = {(d.article_id, d.flag) for d in after.overrides if d.story is None}
    for new in {d for d in after.overrides if d.story is not None} - known:
        previous = next((d for d in before.overrides if d.key == new.key), None)
        path = after.rows[new.article_id].path
        if (new.article_id, new.flag) not in in_effect:
            if (path, "override_set_aside", new.flag) not in after.issues:
                fail("an override that is set aside has an issue", new, path)
            if (
                new.hides
                and previous is not None
                and previous.story is None
                and summary
                and not summary.to_review
            ):
                fail("a hiding override that is set aside makes exit code 3", new, path)


def _is_revealed(before: State, after: State, row: OverrideRow, key: int) -> bool:
    """Return whether an article that is public now was hidden by an earlier hiding row."""
    now, then = after.rows[key], before.rows.get(key)
    own = before.rows[row.article_id]
    hidden = row.story or own.story
    if key == row.article_id and row.story is None:
        return now.story.count_equal(hidden) > 0
    if (
        then is not None
        and then.story == own.story
        and _is_doubtful(now, then, own, after.rows.get(row.article_id))
    ):
        return True
    if then is not None and then.story.count_equal(now.story):
        # An article that had the hidden story before, or that has its own override, is exempt.
        is_decided = any(d.article_id == key and d.flag in ("published", "removed") for d in after.overrides)
        return not is_decided and then.story.count_equal(hidden) < 2 <= now.story.count_equal(hidden)
    equal, different = now.story.count_equal(hidden), now.story.count_different(hidden)
    if equal >= 2:
        return True
    if row.story is not None:
        return key == row.article_id and equal > 0
    later = after.rows.get(row.article_id)
    is_lost = later is None or later.is_missing or not later.story.count_equal(own.story)
    is_like = (now.story.url, now.story.body) != (None, None) and (
        now.story.url == hidden.url is not None or now.story.body == hidden.body is not None
    )
    is_closer = any(
        r.story.count_equal(now.story) >= 2 for k, r in before.rows.items() if k != row.article_id
    )
    return is_lost and not is_closer and (is_like or (equal > 0 and not different))


def _is_doubtful(now: Row, then: Row, own: Row, later: Row | None) -> bool:
    """Return whether a moved document could as well be the hidden article, whose own document is gone.

    Neither the name of the file nor the content then favors the article that it was matched with.
    """
    is_lost = later is not None and later.is_missing and now.path != then.path
    if not is_lost or now.story.count_equal(own.story) < 2 or own.is_missing != then.is_missing:
        return False
    names = [
        unicodedata.normalize("NFKC", row.path.rpartition("/")[2]).casefold().rpartition(".")[0]
        for row in (now, then)
    ]
    return names[0] != names[1] and (then.content == now.content) == (own.content == now.content)


def check_unclear(before: State, after: State) -> None:
    """Check that upstream publishes nothing by a flag that cannot be read, a draft or a future date."""
    overridden = {
        d.article_id for d in after.overrides if d.story is None and d.flag in ("published", "removed")
    }
    for key in after.public().keys() - overridden:
        row, then = after.rows[key], before.rows.get(key)
        was_public = then is not None and then.is_public
        if any(line in row.content for line in UNCLEAR_LINES) and not was_public:
            fail("an unreadable flag publishes nothing", then, row)
        if "_drafts/" in row.path.lower() or any(line in row.content for line in HIDING_LINES):
            fail("no draft is published", row)
        if "/2099-" in row.path and b"\npublishedDateTime: 2020" not in row.content:
            fail("nothing is published before its date", row)


def check_reverted(earlier: State, after: State) -> None:
    """Check that reverting the last import restored everything, except flags that cannot be read."""
    if earlier.rows.keys() != after.rows.keys():
        fail("an import is reverted as a whole", earlier.rows.keys() ^ after.rows.keys())
    for key, row in after.rows.items():
        previous = earlier.rows[key]
        if any(line in row.content for line in UNCLEAR_LINES):
            previous = previous._replace(upstream=row.upstream, is_public=row.is_public)
        if row != previous:
            fail("an import is reverted as a whole", previous, row)
    if Counter(earlier.editor_overrides()) != after.editor_overrides():
        fail("reverting an import changes no overrides", earlier.overrides, after.overrides)


UNCLEAR_LINES = (
    b"\npublished: flase\n", b"\npublished: \n", b"\nPublished: false\n", b"\npublished: [false]\n",
    b"\nremoved: ture\n", b"\nremoved: null\n", b"\npublised: false\n", b"\nremovd: true\n", b"\ndarft: true\n",
)  # fmt: skip
HIDING_LINES = (
    b"\ndraft: true\n", b"\npublishedDateTime: 2099", b"\npublishedDateTime: Jan 2099", b"\ndate: 2099",
    b"\npublished: false\n", b"\nremoved: true\n",
)  # fmt: skip


def check_moves(before: State, after: State, site: Site) -> None:
    """Check that documents which can only belong to one article still do."""
    docs = {path: doc for path, doc in site.docs.items() if path not in site.damaged}
    by_path = {row.path: key for key, row in after.rows.items()}
    for path, doc in docs.items():
        like = [key for key, row in before.rows.items() if row.story.count_equal(doc.tokens)]
        if len(like) != 1 or before.rows[like[0]].story.count_equal(doc.tokens) < 2:
            continue
        previous = before.rows[like[0]]
        others = [p for p, other in docs.items() if p != path and other.tokens.count_equal(previous.story)]
        if not others and previous.path not in site.damaged and by_path.get(path) != like[0]:
            fail("an unambiguous document keeps its article", path, doc.tokens, like[0], previous.path)


# --- running and shrinking ------------------------------------------------------------------------------


def make_steps(seed: int, count: int) -> list[Step]:
    rng = random.Random(f"steps {seed}")
    return [(rng.choice(STEPS), rng.getrandbits(32)) for _ in range(count)]


@contextmanager
def small_batches(seed: int) -> Iterator[None]:
    """Let each import use several transactions, and let few pairs count as many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "FILES_PER_BATCH", 2)
        patch.setattr(batches, "FILES_PER_TASK", 1)
        patch.setattr(restoring, "VERSIONS_PER_BATCH", 2)
        patch.setattr(moves, "MAX_PAIRS", (10_000, 10_000, 3)[seed % 3])
        yield


def empty(store: Store) -> None:
    """Delete all rows of a store. A new store would be slower, since it has no cached statements."""
    with store.writing() as connection:
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))
        connection.exec_driver_sql("DELETE FROM article_search")


def run(store: Store, root: Path, seed: int, steps: Sequence[Step]) -> None:
    """Run steps on a store that is emptied first; errors get a note with the steps so far."""
    empty(store)
    history = History(store, Site(root), seed)
    with small_batches(seed):
        try:
            history.start()
            for step in steps:
                history.step(step)
            if seed % 4 == 0:
                history.verify()
        except Exception as error:
            error.add_note(f"seed {seed}, after: {' | '.join(history.log)}")
            raise
