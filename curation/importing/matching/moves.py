"""Find the articles whose documents lie at another path now.

A document without an article of its own is *unplaced*: its path is new, or the article there tells another
story. An article without its document is *lost*: its file is gone, in this import or an earlier one, or
another story has taken its path. Unplaced documents are written last, once all of both are known, so that
each can be given the article that it continues, with its id, overrides and history.

- Two are the same if their bytes are, or two of URL, title, body and date, unless two others differ; or one
  of URL and title, where nothing else differs. Files of the same name are preferred, and articles that are
  lost in this import.
- Where several could be meant, or little speaks for it, nothing is moved. The document becomes a new
  article, and a warning names the others; it is not published if an editor has hidden one of them.

What has the story of any other article that an editor hides is held afterwards: see `hidden_stories`.

These are pure functions; `placement` asks the store.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ...documents.issues import Issue
from ...scanning import File
from ..merging.rules import Decision, SetAside, hides
from ..merging.stories import Story, fold_title, fold_url

#: Pairs of documents and articles that are compared one by one; beyond, all of them are in doubt.
MAX_PAIRS = 10_000

#: Articles that a warning names.
NAMED = 3


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A document without an article of its own.

    digest: SHA-256 of the file's bytes; content_hash: as `parsing.content_hash`.
    published_at: UTC, as text.
    occupant: the article at its path, which tells another story; None where the path is new.
    is_retold: the article at its path is its own, and now tells the story of another that an editor hides.
    is_brief: its body is too short to know a story by it alone (`hidden_stories.MIN_BODY`).
    """

    file: File
    digest: bytes
    content_hash: str
    story: Story
    published_at: str | None
    occupant: int | None = None
    is_retold: bool = False
    is_brief: bool = False

    @property
    def path(self) -> str:
        return self.file.path


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that an unplaced document may be about.

    is_lost: its document is gone, or another story has taken its path; else an editor hides it.
    is_missing: it was lost before this import.
    is_former: no article has this story any more, though an editor hid it.
    """

    id: int
    path: str
    story: Story
    content_hash: str
    published_at: str | None
    overrides: Mapping[str, Decision] = field(default_factory=dict, hash=False)
    is_lost: bool = True
    is_missing: bool = False
    is_former: bool = False

    @property
    def is_hidden(self) -> bool:
        return hides(self.overrides)


_Any = Unplaced | Candidate
_Key = tuple[object, ...] | None
_Pair = tuple[Unplaced, Candidate]
_Compared = tuple[_Any, Candidate]


@dataclass(slots=True)
class Plan:
    """What becomes of unplaced documents, by path. One of which nothing is said here becomes an article as
    its path has it: a new one, or the one there, with another story.

    moves: the article that a document continues.
    doubts: what is said of a document that may be about another article.
    held: documents that are not published, since that article is hidden by an editor.
    returns: overrides that were set aside, whose story a document tells.
    vacant: paths whose article continues elsewhere, while the document there continues none.
    pushed_out: articles that are nowhere any more, by the path that a moved article takes.
    entangled: documents of which one takes the path that another's article leaves.
    """

    moves: dict[str, Candidate] = field(default_factory=dict)
    doubts: dict[str, Issue] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    returns: dict[str, list[SetAside]] = field(default_factory=dict)
    vacant: set[str] = field(default_factory=set)
    displaced: dict[str, int] = field(default_factory=dict)
    entangled: set[str] = field(default_factory=set)


def make_plan(
    unplaced: Sequence[Unplaced], candidates: Sequence[Candidate], set_aside: Sequence[SetAside]
) -> Plan:
    """Say what becomes of the unplaced documents of an import.

    Args:
        unplaced: all of them.
        candidates: all articles that are lost; others are left out.
        set_aside: all overrides of the source that wait for their story.
    """
    planner = _Planner(unplaced, candidates)
    for levels in (STRONG, _WEAK):
        for are_recent in (True, False):
            for level in levels:
                planner.place(level, are_recent=are_recent)
    planner.doubt_similar()
    planner.return_decisions(set_aside)
    return planner.plan


def _is_near(article: Candidate) -> bool:
    """Return whether an article is hidden by an editor and lost in this import."""
    return article.is_hidden and article.is_lost and not article.is_missing


class Level:
    """A way in which documents are the same as articles: by equal keys, unless `differ` says otherwise."""

    def __init__(
        self, key: Callable[[_Any], _Key], differ: Callable[[_Compared], bool] | None = None
    ) -> None:
        self.key = key
        self.differ = differ or (lambda _: False)


def _url(one: _Any) -> str | None:
    return fold_url(one.story.canonical_url)


def _title(one: _Any) -> str | None:
    return fold_title(one.story.title) or None


def _both(*parts: object) -> _Key:
    return None if None in parts else parts


def _count_different(pair: _Compared) -> int:
    """Return in how many of URL, title and body two differ that both have one."""
    doc, article = pair
    aspects = (
        (_url(doc), _url(article)),
        (_title(doc), _title(article)),
        (doc.story.body_digest, article.story.body_digest),
    )
    return sum(one is not None and other is not None and one != other for one, other in aspects)


#: By these an article is surely the same, whatever its date.
_SURE = (
    Level(lambda one: _both(one.content_hash or None)),
    Level(lambda one: _both(_url(one), _title(one))),
    Level(lambda one: _both(_title(one), one.story.body_digest)),
    Level(lambda one: _both(_url(one), one.story.body_digest)),
)

#: By these an article is surely the same.
STRONG = (
    *_SURE,
    Level(lambda one: _both(_title(one), one.published_at), lambda pair: _count_different(pair) > 1),
    Level(lambda one: _both(_url(one), one.published_at), lambda pair: _count_different(pair) > 1),
    Level(
        lambda one: _both(one.story.body_digest, one.published_at), lambda pair: _count_different(pair) > 1
    ),
)

#: By these it is, if nothing speaks against it.
_WEAK = (
    Level(lambda one: _both(_url(one)), lambda pair: _count_different(pair) > 0),
    Level(lambda one: _both(_title(one)), lambda pair: _count_different(pair) > 0),
)

#: By these it may be.
_SIMILAR = (
    Level(lambda one: _both(_url(one))),
    Level(lambda one: _both(one.story.body_digest)),
    Level(lambda one: _both(_title(one)), lambda pair: _count_different(pair) > 1),
)


class _Planner:
    """The documents and articles that have not found each other yet, and the plan so far."""

    def __init__(self, unplaced: Sequence[Unplaced], candidates: Sequence[Candidate]) -> None:
        self.plan = Plan()
        self._unplaced = unplaced
        #: Those for which an article may still be found.
        self._docs = {doc.path: doc for doc in unplaced if not doc.is_retold}
        self._lost = {article.id: article for article in candidates if article.is_lost}
        #: The lost articles that several documents may be about: none of these gets them.
        self._in_doubt: list[Candidate] = []

    def place(self, level: Level, *, are_recent: bool) -> None:
        """Give documents the articles that they surely continue; where several could be meant, doubt all."""
        pool = [article for article in self._lost.values() if not (are_recent and article.is_missing)]
        for docs, articles in _grouped(self._docs.values(), pool, level.key):
            rest = [*docs], [*articles]
            for name in (_file_name, _folded_name, _no_name):
                for pair in _unique_pairs(*rest, name):
                    if not level.differ(pair):
                        self._move(*pair)
                rest = [d for d in docs if d.path in self._docs], [a for a in articles if a.id in self._lost]
            self._doubt_all(*rest, level)

    def _move(self, doc: Unplaced, article: Candidate) -> None:
        self.plan.moves[doc.path] = article
        del self._docs[doc.path], self._lost[article.id]

    def _doubt_all(self, docs: list[Unplaced], articles: list[Candidate], level: Level) -> None:
        """Doubt each document of a group, and find no other place for it or for the articles."""
        doubtful: set[int] = set()
        if len(docs) * len(articles) > MAX_PAIRS:
            self._doubt_group(docs, articles)
            doubtful.update(article.id for article in articles)
        for doc in docs if not doubtful else ():
            meant = [a for a in articles if not level.differ((doc, a))]
            if meant:
                self._doubt_group([doc], meant)
                doubtful.update(article.id for article in meant)
        for article_id in doubtful:
            self._in_doubt.append(self._lost.pop(article_id))

    def _doubt_group(self, docs: Sequence[Unplaced], articles: Sequence[Candidate]) -> None:
        """Make documents new articles, with a warning if any of these articles has overrides."""
        for doc in docs:
            del self._docs[doc.path]
        if not any(article.overrides for article in articles):
            return
        is_held = any(article.is_hidden for article in articles)
        issue = ambiguous_move(articles, is_held=is_held)
        self.plan.doubts.update((doc.path, issue) for doc in docs)
        if is_held:
            self.plan.held.update(doc.path for doc in docs)

    def doubt_similar(self) -> None:
        """Doubt the documents of which a little speaks for a lost article that has overrides. For one that an
        editor hides, and that is lost in this import, its title is enough."""
        meant: dict[str, dict[int, Candidate]] = defaultdict(dict)
        for level in _SIMILAR:
            lost = (*self._lost.values(), *self._in_doubt)
            decided = [article for article in lost if article.overrides]
            for docs, articles in _grouped(self._docs.values(), decided, level.key):
                are_few = len(docs) * len(articles) <= MAX_PAIRS
                some = articles if are_few else sorted(articles, key=lambda a: not a.is_hidden)[:NAMED]
                for doc in docs:
                    found = (a for a in some if _is_near(a) or not (are_few and level.differ((doc, a))))
                    meant[doc.path].update((article.id, article) for article in found)
        for path, found_by_id in meant.items():
            if found_by_id:
                self._doubt_group([self._docs[path]], list(found_by_id.values()))

    def return_decisions(self, set_aside: Sequence[SetAside]) -> None:
        """Give documents the overrides that wait for their story, each to the first document by path."""
        waiting: dict[_Key, list[SetAside]] = defaultdict(list)
        for kept in set_aside:
            for key in story_keys(kept.story):
                waiting[key].append(kept)
        taken: set[int | None] = set()
        for doc in sorted(self._unplaced, key=lambda doc: doc.path):
            if doc.occupant is not None or doc.path in self.plan.moves or doc.path in self.plan.doubts:
                continue
            found = {kept.id: kept for key in story_keys(doc.story) for kept in waiting.get(key, ())}
            back = {kept.field: kept for kept in found.values() if kept.id not in taken}
            if back:
                self.plan.returns[doc.path] = list(back.values())
                taken.update(kept.id for kept in back.values())


def strong_keys(one: _Any) -> list[tuple[object, ...]]:
    """Return the keys of which one in common makes two surely the same, unless the level says otherwise; each
    begins with the place of its level in `STRONG`."""
    return _keys_of(one, STRONG)


def sure_keys(one: _Any) -> set[tuple[object, ...]]:
    """Return the keys of which one in common makes two surely the same, whatever their dates."""
    return set(_keys_of(one, _SURE))


def _keys_of(one: _Any, levels: Iterable[Level]) -> list[tuple[object, ...]]:
    keys = ((number, level.key(one)) for number, level in enumerate(levels))
    return [key for key in keys if key[1] is not None]


def ambiguous_move(articles: Iterable[Candidate], *, is_held: bool) -> Issue:
    """Return the warning of a document that may be one of some articles, of which some have overrides."""
    decided = sorted(articles, key=lambda article: (not article.overrides, article.path))
    paths = " or ".join(article.path for article in decided[:NAMED])
    more = f" or {len(decided) - NAMED:,} more" if len(decided) > NAMED else ""
    then = "not published until an editor decides" if is_held else "no overrides are applied"
    field = "published" if is_held else None
    return Issue("warning", "ambiguous_move", f"may be what was {paths}{more}: {then}", field)


def story_keys(story: Story) -> list[tuple[object, ...]]:
    """Return the keys of which two stories share one if they are the same: two of URL, title and body."""
    url, title, body = fold_url(story.canonical_url), fold_title(story.title) or None, story.body_digest
    known = story.canonical_digest
    keys = (("ut", url, title), ("tb", title, body), ("ub", url, body), ("dt", known, title))
    return [key for key in keys if None not in key]


def _grouped(
    docs: Iterable[Unplaced], articles: Iterable[Candidate], key: Callable[[_Any], _Key]
) -> list[tuple[list[Unplaced], list[Candidate]]]:
    """Return the documents and articles that share a key, by groups that have both."""
    groups: dict[_Key, tuple[list[Unplaced], list[Candidate]]] = defaultdict(lambda: ([], []))
    for doc in docs:
        groups[key(doc)][0].append(doc)
    for article in articles:
        if (found := key(article)) in groups:
            groups[found][1].append(article)
    return [group for found, group in groups.items() if found is not None and all(group)]


def _unique_pairs(
    docs: Iterable[Unplaced], articles: Iterable[Candidate], name: Callable[[str], str]
) -> list[_Pair]:
    """Return the pairs of which either has no other of its name."""
    named: dict[str, tuple[list[Unplaced], list[Candidate]]] = defaultdict(lambda: ([], []))
    for doc in docs:
        named[name(doc.path)][0].append(doc)
    for article in articles:
        named[name(article.path)][1].append(article)
    return [(some[0], others[0]) for some, others in named.values() if len(some) == len(others) == 1]


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _folded_name(path: str) -> str:
    """Return a file's name without suffix, case and Unicode form."""
    name = _file_name(path)
    return unicodedata.normalize("NFKC", name.rpartition(".")[0] or name).casefold()


def _no_name(_: str) -> str:
    return ""
