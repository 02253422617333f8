"""Find the articles whose documents have moved to another path.

- A document is *unplaced* if no article is known for it: its path is new, or the article at its path has
  another story.
- An article is *lost* if its document is: its file is gone, in this import or an earlier one, or another
  story has taken its path.

Unplaced documents are written last, when all of both are known. A matched document gets the id, overrides
and history of its article. The rules:

- A document and an article are the same if they share their bytes.
- They are also the same if they share two of URL, title, body and date, unless two others of these differ.
- They are also the same if they share URL or title and nothing else differs.
- Files of the same name match first, and articles that are lost in this import.
- If several articles match, or the evidence is weak, nothing moves. The document becomes a new article, and
  if one of the possible articles has overrides, a warning names them. If an editor hides one of them, the
  new article is not published.

Afterwards, `hidden_stories` withholds documents with the story of any other article that an editor hides.

These are pure functions. `placement` reads the store.
"""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from ...documents.issues import Issue
from ...scanning import File
from ..merging.override_rules import Override, SetAsideOverride, hides_article
from ..merging.stories import Story, fold_title, fold_url

#: Maximum number of pairs of a document and an article that are compared one by one. In a larger group, all
#: are ambiguous.
MAX_PAIRS = 10_000

#: Maximum number of articles that a warning names.
MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class UnplacedDocument:
    """A document for which no article is known.

    Attributes:
        digest: SHA-256 of the file's bytes.
        content_hash: The hash by `parsing.hash_content`.
        published_at: UTC, as text.
        occupant: The id of the article at its path, which has another story; None if the path is new.
        has_hidden_story: The article at its path is its own, but the document now has the story of another
            article that an editor hides.
        is_brief: Its body is too short to identify a story (`hidden_stories.MIN_BODY`).
    """

    file: File
    digest: bytes
    content_hash: str
    story: Story
    published_at: str | None
    occupant: int | None = None
    has_hidden_story: bool = False
    is_brief: bool = False

    @property
    def path(self) -> str:
        return self.file.path


@dataclass(frozen=True, slots=True)
class Candidate:
    """An article that may match an unplaced document.

    Attributes:
        is_lost: Its document is gone, or another story has taken its path. If False, an editor hides it.
        is_missing: It was lost before this import.
        is_former: An editor hid this story, but no article has it any more.
    """

    id: int
    path: str
    story: Story
    content_hash: str
    published_at: str | None
    overrides: Mapping[str, Override] = field(default_factory=dict, hash=False)
    is_lost: bool = True
    is_missing: bool = False
    is_former: bool = False

    @property
    def is_hidden(self) -> bool:
        return hides_article(self.overrides)


_Item = UnplacedDocument | Candidate
_Key = tuple[object, ...] | None
_Pair = tuple[UnplacedDocument, Candidate]
_ComparedPair = tuple[_Item, Candidate]


@dataclass(slots=True)
class Plan:
    """What to do with the unplaced documents of an import, by path.

    A document without an entry becomes the article of its path: a new one, or the one there, which then has
    another story.

    Attributes:
        moves: The article that a document continues.
        warnings: The warning of a document that may be another article.
        withheld: Documents that are not published, because an editor hides the article that they may be.
        returning: Overrides that were set aside and return, because a document has their story.
        vacant: Paths whose article moves elsewhere, and whose document becomes a new article.
        evicted_articles: Ids of articles without a document, by the path that a moved article takes.
        chained_documents: Documents that take a path which the article of another document leaves.
    """

    moves: dict[str, Candidate] = field(default_factory=dict)
    warnings: dict[str, Issue] = field(default_factory=dict)
    withheld: set[str] = field(default_factory=set)
    returning: dict[str, list[SetAsideOverride]] = field(default_factory=dict)
    vacant: set[str] = field(default_factory=set)
    evicted_articles: dict[str, int] = field(default_factory=dict)
    chained_documents: set[str] = field(default_factory=set)


def make_plan(
    unplaced: Sequence[UnplacedDocument],
    candidates: Sequence[Candidate],
    set_aside: Sequence[SetAsideOverride],
) -> Plan:
    """Plan what to do with the unplaced documents of an import.

    Args:
        unplaced: All unplaced documents.
        candidates: All lost articles. Candidates that are not lost are ignored.
        set_aside: All overrides of the source that are set aside.
    """
    planner = _Planner(unplaced, candidates)
    for rules in (STRONG_RULES, _WEAK_RULES):
        for only_recent in (True, False):
            for rule in rules:
                planner.match(rule, only_recent=only_recent)
    planner.warn_about_similar()
    planner.return_overrides(set_aside)
    return planner.plan


def _is_hidden_and_just_lost(article: Candidate) -> bool:
    """Return whether an article is hidden by an editor and lost in this import."""
    return article.is_hidden and article.is_lost and not article.is_missing


class MatchRule:
    """A rule by which a document and an article match: equal keys, unless the pair contradicts them."""

    def __init__(
        self, key: Callable[[_Item], _Key], contradicts: Callable[[_ComparedPair], bool] | None = None
    ) -> None:
        self.key = key
        self.contradicts = contradicts or (lambda _: False)


def _url(item: _Item) -> str | None:
    return fold_url(item.story.canonical_url)


def _title(item: _Item) -> str | None:
    return fold_title(item.story.title) or None


def _make_key(*parts: object) -> _Key:
    return None if None in parts else parts


def _count_different(pair: _ComparedPair) -> int:
    """Return how many of URL, title and body both have, but differ."""
    doc, article = pair
    aspects = (
        (_url(doc), _url(article)),
        (_title(doc), _title(article)),
        (doc.story.body_digest, article.story.body_digest),
    )
    return sum(first is not None and second is not None and first != second for first, second in aspects)


#: Rules that make a match certain, regardless of the date.
_CERTAIN_RULES = (
    MatchRule(lambda item: _make_key(item.content_hash or None)),
    MatchRule(lambda item: _make_key(_url(item), _title(item))),
    MatchRule(lambda item: _make_key(_title(item), item.story.body_digest)),
    MatchRule(lambda item: _make_key(_url(item), item.story.body_digest)),
)

#: Rules that make a match certain.
STRONG_RULES = (
    *_CERTAIN_RULES,
    MatchRule(
        lambda item: _make_key(_title(item), item.published_at), lambda pair: _count_different(pair) > 1
    ),
    MatchRule(lambda item: _make_key(_url(item), item.published_at), lambda pair: _count_different(pair) > 1),
    MatchRule(
        lambda item: _make_key(item.story.body_digest, item.published_at),
        lambda pair: _count_different(pair) > 1,
    ),
)

#: Rules that make a match if nothing contradicts it.
_WEAK_RULES = (
    MatchRule(lambda item: _make_key(_url(item)), lambda pair: _count_different(pair) > 0),
    MatchRule(lambda item: _make_key(_title(item)), lambda pair: _count_different(pair) > 0),
)

#: Rules that make a match possible.
_SIMILARITY_RULES = (
    MatchRule(lambda item: _make_key(_url(item))),
    MatchRule(lambda item: _make_key(item.story.body_digest)),
    MatchRule(lambda item: _make_key(_title(item)), lambda pair: _count_different(pair) > 1),
)


class _Planner:
    """The documents and articles that are not matched yet, and the plan so far."""

    def __init__(self, unplaced: Sequence[UnplacedDocument], candidates: Sequence[Candidate]) -> None:
        self.plan = Plan()
        self._unplaced = unplaced
        #: Documents that may still match an article.
        self._docs = {doc.path: doc for doc in unplaced if not doc.has_hidden_story}
        self._lost = {article.id: article for article in candidates if article.is_lost}
        #: Lost articles that match several documents. No document gets them.
        self._ambiguous: list[Candidate] = []

    def match(self, rule: MatchRule, *, only_recent: bool) -> None:
        """Match documents and articles by a rule. Mark them as ambiguous if several match.

        Args:
            only_recent: Use only the articles that are lost in this import.
        """
        pool = [article for article in self._lost.values() if not (only_recent and article.is_missing)]
        for docs, articles in _group_by_key(self._docs.values(), pool, rule.key):
            self._match_group(docs, articles, rule)

    def _match_group(self, docs: list[UnplacedDocument], articles: list[Candidate], rule: MatchRule) -> None:
        """Match the documents and articles that share a key of a rule, first those of the same name."""
        rest = [*docs], [*articles]
        for name in (_file_name, _folded_name, _no_name):
            for pair in _find_unique_pairs(*rest, name):
                if not rule.contradicts(pair):
                    self._move(*pair)
            rest = [d for d in docs if d.path in self._docs], [a for a in articles if a.id in self._lost]
        self._resolve_ambiguous(*rest, rule)

    def _move(self, doc: UnplacedDocument, article: Candidate) -> None:
        self.plan.moves[doc.path] = article
        del self._docs[doc.path], self._lost[article.id]

    def _resolve_ambiguous(
        self, docs: list[UnplacedDocument], articles: list[Candidate], rule: MatchRule
    ) -> None:
        """Exclude documents and articles that match by a rule, but not uniquely, from later rules."""
        ambiguous_ids: set[int] = set()
        if len(docs) * len(articles) > MAX_PAIRS:
            self._mark_ambiguous(docs, articles)
            ambiguous_ids.update(article.id for article in articles)
        for doc in docs if not ambiguous_ids else ():
            matches = [a for a in articles if not rule.contradicts((doc, a))]
            if matches:
                self._mark_ambiguous([doc], matches)
                ambiguous_ids.update(article.id for article in matches)
        for article_id in ambiguous_ids:
            self._ambiguous.append(self._lost.pop(article_id))

    def _mark_ambiguous(self, docs: Sequence[UnplacedDocument], articles: Sequence[Candidate]) -> None:
        """Make documents new articles, with a warning if one of the articles has overrides."""
        for doc in docs:
            del self._docs[doc.path]
        if not any(article.overrides for article in articles):
            return
        is_withheld = any(article.is_hidden for article in articles)
        issue = make_ambiguous_move_issue(articles, is_withheld=is_withheld)
        self.plan.warnings.update((doc.path, issue) for doc in docs)
        if is_withheld:
            self.plan.withheld.update(doc.path for doc in docs)

    def warn_about_similar(self) -> None:
        """Warn about documents that resemble a lost article with overrides.

        The title is enough if an editor hides the article and it is lost in this import.
        """
        matches: dict[str, dict[int, Candidate]] = defaultdict(dict)
        for rule in _SIMILARITY_RULES:
            for doc, articles in self._find_similar(rule):
                matches[doc.path].update((article.id, article) for article in articles)
        for path, found_by_id in matches.items():
            if found_by_id:
                self._mark_ambiguous([self._docs[path]], list(found_by_id.values()))

    def _find_similar(self, rule: MatchRule) -> Iterator[tuple[UnplacedDocument, Sequence[Candidate]]]:
        """Yield documents with the lost articles with overrides that resemble them by a rule.

        For too many pairs, these are a few articles that share the key, the hidden ones first.
        """
        lost = (*self._lost.values(), *self._ambiguous)
        overridden = [article for article in lost if article.overrides]
        for docs, articles in _group_by_key(self._docs.values(), overridden, rule.key):
            if len(docs) * len(articles) > MAX_PAIRS:
                some = sorted(articles, key=lambda a: not a.is_hidden)[:MAX_NAMED]
                yield from ((doc, some) for doc in docs)
                continue
            for doc in docs:
                yield (
                    doc,
                    [a for a in articles if _is_hidden_and_just_lost(a) or not rule.contradicts((doc, a))],
                )

    def return_overrides(self, set_aside: Sequence[SetAsideOverride]) -> None:
        """Plan which overrides return. Each returns to the first document by path that has its story."""
        waiting = _group_by_story_key(set_aside)
        returned_ids: set[int | None] = set()
        for doc in sorted(self._unplaced, key=lambda doc: doc.path):
            if not self._is_clearly_new(doc):
                continue
            found = {kept.id: kept for key in make_story_keys(doc.story) for kept in waiting.get(key, ())}
            returning = {kept.field: kept for kept in found.values() if kept.id not in returned_ids}
            if returning:
                self.plan.returning[doc.path] = list(returning.values())
                returned_ids.update(kept.id for kept in returning.values())

    def _is_clearly_new(self, doc: UnplacedDocument) -> bool:
        """Return whether a document at a new path becomes a new article without a warning."""
        return doc.occupant is None and doc.path not in self.plan.moves and doc.path not in self.plan.warnings


def make_strong_keys(item: _Item) -> list[tuple[object, ...]]:
    """Return the keys by `STRONG_RULES`, each preceded by the index of its rule.

    One shared key makes a match certain, unless the rule finds a contradiction.
    """
    return _make_keys(item, STRONG_RULES)


def make_certain_keys(item: _Item) -> set[tuple[object, ...]]:
    """Return the keys of which one shared key makes a match certain, regardless of the dates."""
    return set(_make_keys(item, _CERTAIN_RULES))


def _make_keys(item: _Item, rules: Iterable[MatchRule]) -> list[tuple[object, ...]]:
    keys = ((number, rule.key(item)) for number, rule in enumerate(rules))
    return [key for key in keys if key[1] is not None]


def make_ambiguous_move_issue(articles: Iterable[Candidate], *, is_withheld: bool) -> Issue:
    """Return the warning of a document that may be one of several articles, some with overrides."""
    overridden_first = sorted(articles, key=lambda article: (not article.overrides, article.path))
    paths = " or ".join(article.path for article in overridden_first[:MAX_NAMED])
    count = len(overridden_first) - MAX_NAMED
    more = f" or {count:,} more" if count > 0 else ""
    effect = "not published until an editor decides" if is_withheld else "no overrides are applied"
    field = "published" if is_withheld else None
    return Issue("warning", "ambiguous_move", f"may be the same article as {paths}{more}: {effect}", field)


def make_story_keys(story: Story) -> list[tuple[object, ...]]:
    """Return the keys of a story, each of two aspects. Two stories that share a key are the same."""
    url, title, body = fold_url(story.canonical_url), fold_title(story.title) or None, story.body_digest
    known = story.canonical_digest
    keys = (("ut", url, title), ("tb", title, body), ("ub", url, body), ("dt", known, title))
    return [key for key in keys if None not in key]


def _group_by_story_key(set_aside: Iterable[SetAsideOverride]) -> Mapping[_Key, list[SetAsideOverride]]:
    """Return overrides that are set aside, by each key of their story."""
    groups: dict[_Key, list[SetAsideOverride]] = defaultdict(list)
    for kept in set_aside:
        for key in make_story_keys(kept.story):
            groups[key].append(kept)
    return groups


def _group_by_key(
    docs: Iterable[UnplacedDocument], articles: Iterable[Candidate], key: Callable[[_Item], _Key]
) -> list[tuple[list[UnplacedDocument], list[Candidate]]]:
    """Return groups of documents and articles that share a key. Each group has at least one of both."""
    groups: dict[_Key, tuple[list[UnplacedDocument], list[Candidate]]] = defaultdict(lambda: ([], []))
    for doc in docs:
        groups[key(doc)][0].append(doc)
    for article in articles:
        if (found := key(article)) in groups:
            groups[found][1].append(article)
    return [group for found, group in groups.items() if found is not None and all(group)]


def _find_unique_pairs(
    docs: Iterable[UnplacedDocument], articles: Iterable[Candidate], name: Callable[[str], str]
) -> list[_Pair]:
    """Return the pairs of a document and an article whose name no other document or article has."""
    named: dict[str, tuple[list[UnplacedDocument], list[Candidate]]] = defaultdict(lambda: ([], []))
    for doc in docs:
        named[name(doc.path)][0].append(doc)
    for article in articles:
        named[name(article.path)][1].append(article)
    return [(some[0], others[0]) for some, others in named.values() if len(some) == len(others) == 1]


def _file_name(path: str) -> str:
    return path.rpartition("/")[2]


def _folded_name(path: str) -> str:
    """Return a file's name without its suffix, and without differences of case and Unicode form."""
    name = _file_name(path)
    return unicodedata.normalize("NFKC", name.rpartition(".")[0] or name).casefold()


def _no_name(_: str) -> str:
    return ""
