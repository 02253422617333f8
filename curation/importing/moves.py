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
- Nor is a document that tells the story of any other article that an editor hides.

These are pure functions; `placing` asks the store.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from ..extra import short
from ..faults import Fault
from ..scanning import File
from ..urls import url_digest
from .merge import Decision, SetAside, hides
from .stories import Story, fold_title, fold_url, spellings

#: Pairs of documents and articles that are compared one by one; beyond, all of them are in doubt.
MAX_PAIRS = 10_000

#: Articles that a warning names.
NAMED = 3


@dataclass(frozen=True, slots=True)
class Unplaced:
    """A document without an article of its own.

    digest: SHA-256 of the file's bytes; content_hash: as `document.content_hash`.
    published_at: UTC, as text.
    occupant: the article at its path, which tells another story; None where the path is new.
    is_retold: the article at its path is its own, and now tells the story of another that an editor hides.
    """

    file: File
    digest: bytes
    content_hash: str
    story: Story
    published_at: str | None
    occupant: int | None = None
    is_retold: bool = False

    @property
    def path(self) -> str:
        return self.file.path


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that an unplaced document may be about.

    is_lost: its document is gone, or another story has taken its path; else an editor hides it.
    is_missing: it was lost before this import.
    """

    id: int
    path: str
    story: Story
    content_hash: str
    published_at: str | None
    overrides: Mapping[str, Decision] = field(default_factory=dict, hash=False)
    is_lost: bool = True
    is_missing: bool = False

    @property
    def is_hidden(self) -> bool:
        return hides(self.overrides)


_Any = Unplaced | Candidate
_Key = tuple[object, ...] | None
_Pair = tuple[Unplaced, Candidate]


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
    doubts: dict[str, Fault] = field(default_factory=dict)
    held: set[str] = field(default_factory=set)
    returns: dict[str, list[SetAside]] = field(default_factory=dict)
    vacant: set[str] = field(default_factory=set)
    pushed_out: dict[str, int] = field(default_factory=dict)
    entangled: set[str] = field(default_factory=set)


def make_plan(
    unplaced: Sequence[Unplaced],
    candidates: Sequence[Candidate],
    set_aside: Sequence[SetAside],
    former: Sequence[Candidate] = (),
) -> Plan:
    """Say what becomes of the unplaced documents of an import.

    Args:
        unplaced: all of them.
        candidates: all articles that are lost, and all that an editor hides.
        set_aside: all overrides of the source that wait for their story.
        former: what hidden articles said before, each as an article that says it.
    """
    planner = _Planner(unplaced, candidates)
    for levels in (_STRONG, _WEAK):
        for are_recent in (True, False):
            for level in levels:
                planner.place(level, are_recent=are_recent)
    planner.doubt_similar()
    planner.return_decisions(set_aside)
    planner.hold_hidden(candidates, [*map(_waiting, set_aside), *former])
    return planner.plan


def _is_near(article: Candidate) -> bool:
    """Return whether an article is hidden by an editor and lost in this import."""
    return article.is_hidden and article.is_lost and not article.is_missing


def _waiting(kept: SetAside) -> Candidate:
    """Return a story whose override was set aside, as an article that tells it."""
    overrides = {kept.field: kept.decision}
    return Candidate(0, kept.path or "", kept.story, "", None, overrides, is_lost=False)


class _Level:
    """A way in which documents are the same as articles: by equal keys, unless `differ` says otherwise."""

    def __init__(self, key: Callable[[_Any], _Key], differ: Callable[[_Pair], bool] | None = None) -> None:
        self.key = key
        self.differ = differ or (lambda _: False)


def _url(one: _Any) -> str | None:
    return fold_url(one.story.canonical_url)


def _title(one: _Any) -> str | None:
    return fold_title(one.story.title) or None


def _both(*parts: object) -> _Key:
    return None if None in parts else parts


def _count_different(pair: _Pair) -> int:
    """Return in how many of URL, title and body two differ that both have one."""
    doc, article = pair
    aspects = (
        (_url(doc), _url(article)),
        (_title(doc), _title(article)),
        (doc.story.body_digest, article.story.body_digest),
    )
    return sum(one is not None and other is not None and one != other for one, other in aspects)


#: By these an article is surely the same.
_STRONG = (
    _Level(lambda one: _both(one.content_hash or None)),
    _Level(lambda one: _both(_url(one), _title(one))),
    _Level(lambda one: _both(_title(one), one.story.body_digest)),
    _Level(lambda one: _both(_url(one), one.story.body_digest)),
    _Level(lambda one: _both(_title(one), one.published_at), lambda pair: _count_different(pair) > 1),
    _Level(lambda one: _both(_url(one), one.published_at), lambda pair: _count_different(pair) > 1),
    _Level(
        lambda one: _both(one.story.body_digest, one.published_at), lambda pair: _count_different(pair) > 1
    ),
)

#: By these it is, if nothing speaks against it.
_WEAK = (
    _Level(lambda one: _both(_url(one)), lambda pair: _count_different(pair) > 0),
    _Level(lambda one: _both(_title(one)), lambda pair: _count_different(pair) > 0),
)

#: By these it may be.
_SIMILAR = (
    _Level(lambda one: _both(_url(one))),
    _Level(lambda one: _both(one.story.body_digest)),
    _Level(lambda one: _both(_title(one)), lambda pair: _count_different(pair) > 1),
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

    def place(self, level: _Level, *, are_recent: bool) -> None:
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

    def _doubt_all(self, docs: list[Unplaced], articles: list[Candidate], level: _Level) -> None:
        """Doubt each document of a group, and find no other place for it or for the articles."""
        doubtful: set[int] = set()
        are_few = len(docs) * len(articles) <= MAX_PAIRS
        for doc in docs:
            meant = [a for a in articles if not (are_few and level.differ((doc, a)))]
            if meant:
                self._doubt(doc, meant)
                doubtful.update(article.id for article in meant)
        for article_id in doubtful:
            self._in_doubt.append(self._lost.pop(article_id))

    def _doubt(self, doc: Unplaced, articles: Sequence[Candidate]) -> None:
        """Make a document a new article, with a warning if any of these has overrides."""
        del self._docs[doc.path]
        if not any(article.overrides for article in articles):
            return
        is_held = any(article.is_hidden for article in articles)
        self.plan.doubts[doc.path] = ambiguous_move(articles, is_held=is_held)
        if is_held:
            self.plan.held.add(doc.path)

    def doubt_similar(self) -> None:
        """Doubt the documents of which a little speaks for a lost article that has overrides. For one that an
        editor hides, and that is lost in this import, its title is enough."""
        meant: dict[str, list[Candidate]] = defaultdict(list)
        for level in _SIMILAR:
            lost = (*self._lost.values(), *self._in_doubt)
            decided = [article for article in lost if article.overrides]
            for docs, articles in _grouped(self._docs.values(), decided, level.key):
                are_few = len(docs) * len(articles) <= MAX_PAIRS
                for doc in docs:
                    found = [a for a in articles if _is_near(a) or not (are_few and level.differ((doc, a)))]
                    meant[doc.path] += [a for a in found if a not in meant[doc.path]]
        for path, articles in meant.items():
            if articles:
                self._doubt(self._docs[path], articles)

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

    def hold_hidden(self, articles: Sequence[Candidate], waiting: Sequence[Candidate]) -> None:
        """Hold the documents that have the story of an article which an editor hides.

        Args:
            articles: articles as they are.
            waiting: stories that no article has any more.
        """
        hidden: dict[object, list[Candidate]] = defaultdict(list)
        current = {article.id: {*faint_keys(article.story)} for article in articles if article.is_hidden}
        for article in articles:
            for key in _strong_keys(article) if article.is_hidden else ():
                hidden[key].append(article)
        for story in waiting:
            faint = [key for key in faint_keys(story.story) if key not in current.get(story.id, ())]
            for key in (*_strong_keys(story), *faint) if story.is_hidden else ():
                hidden[key].append(story)
        spelled = spelled_keys if any(is_digest_only(story.story) for story in waiting) else lambda _: []
        for doc in self._unplaced:
            if doc.path in self.plan.moves or doc.path in self.plan.held:
                continue
            keys = (*_strong_keys(doc), *faint_keys(doc.story), *spelled(doc.story))
            found = (article for key in keys for article in hidden.get(key, ()))
            like = next((article for article in found if article.id != doc.occupant), None)
            back = {kept.field: kept.decision for kept in self.plan.returns.get(doc.path, ())}
            if like is not None and not hides(back):
                self.plan.doubts[doc.path] = _hidden_story(like)
                self.plan.held.add(doc.path)


def ambiguous_move(articles: Iterable[Candidate], *, is_held: bool) -> Fault:
    """Return the warning of a document that may be one of some articles, of which some have overrides."""
    decided = sorted(articles, key=lambda article: (not article.overrides, article.path))
    paths = " or ".join(article.path for article in decided[:NAMED])
    more = f" or {len(decided) - NAMED:,} more" if len(decided) > NAMED else ""
    then = "not published until an editor decides" if is_held else "no overrides are applied"
    field = "published" if is_held else None
    return Fault("warning", "ambiguous_move", f"may be what was {paths}{more}: {then}", field)


def _hidden_story(article: Candidate) -> Fault:
    """Return the warning of a document that has the story of an article which an editor hides."""
    title = f" {short(article.story.title)}" if article.story.title else ""
    story = f"the story{title} that an editor hides at {article.path}"
    message = f"not published until an editor decides: it has {story}"
    return Fault("warning", "hidden_story", message, "published")


def _strong_keys(one: _Any) -> list[object]:
    """Return the keys of which one in common makes two surely the same."""
    keys = ((number, level.key(one)) for number, level in enumerate(_STRONG))
    return [key for key in keys if key[1] is not None]


def faint_keys(story: Story) -> list[object]:
    """Return the keys of which one in common is enough for a story that an editor hid and that no article
    tells any more."""
    url, digest, body = fold_url(story.canonical_url), story.canonical_digest, story.body_digest
    keys: list[tuple[str, object]] = [("url", url), ("digest", digest), ("body", body)]
    return [key for key in keys if key[1] is not None]


def is_digest_only(story: Story) -> bool:
    """Return whether only a digest of a story's URL is known."""
    return story.canonical_url is None and story.canonical_digest is not None


def spelled_keys(story: Story) -> list[object]:
    """Return the keys that a story shares with itself where only a digest of its URL is known, as in rows of
    older releases: that of each spelling of the URL."""
    url = story.canonical_url
    return [("digest", url_digest(spelling)) for spelling in spellings(url)] if url else []


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
