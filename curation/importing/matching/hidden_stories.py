"""Hold documents that have a story which an editor hides.

Of an article that is there, a document has the story if both have the same bytes, the same URL, or two of
URL, title, body and date, unless two others differ. Of a story that no article has any more, the body alone
is enough, too. Such a story is one that an article had before an import changed it, or one whose override is
set aside.

These are pure functions; `placement` asks the store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ...documents.issues import Issue
from ...documents.json_values import shorten
from ...urls import url_digest
from ..merging.rules import SetAside, hides
from ..merging.stories import Story, fold_url, spellings
from .moves import STRONG, Candidate, Plan, Unplaced, strong_keys, sure_keys

#: Characters, without white space, from which on a body says whose story it is: "Coming soon." does not.
MIN_BODY = 16

_Key = tuple[object, ...]


def hold_hidden_stories(plan: Plan, unplaced: Iterable[Unplaced], hidden: HiddenStories) -> None:
    """Add to a plan which documents are held."""
    for doc in unplaced:
        mover = plan.moves.get(doc.path)
        if doc.path in plan.held or (mover is not None and (mover.is_hidden or _is_same(doc, mover))):
            continue
        back = {kept.field: kept.decision for kept in plan.returns.get(doc.path, ())}
        found = None if hides(back) else next(hidden.find(doc), None)
        if found is not None:
            plan.doubts[doc.path] = _hidden_story(*found)
            plan.held.add(doc.path)


def hold_documents(kept: SetAside) -> Candidate:
    """Return a story whose override is set aside, as an article that has it."""
    overrides = {kept.field: kept.decision}
    return Candidate(0, kept.path or "", kept.story, "", None, overrides, is_lost=False, is_former=True)


def weak_keys(story: Story, *, is_brief: bool = False) -> list[_Key]:
    """Return the keys of which one in common is enough for a story that an editor hid and that no article
    has any more; `is_brief` leaves the body out."""
    url, digest, body = fold_url(story.canonical_url), story.canonical_digest, story.body_digest
    keys: list[_Key] = [("url", url), ("digest", digest), ("body", None if is_brief else body)]
    return [key for key in keys if key[1] is not None]


def spelled_keys(story: Story) -> list[_Key]:
    """Return the keys that a story shares with itself where only a digest of its URL is known, as in rows of
    older releases: that of each spelling of the URL."""
    url = story.canonical_url
    return [("digest", url_digest(spelling)) for spelling in spellings(url)] if url else []


def is_digest_only(story: Story) -> bool:
    """Return whether only a digest of a story's URL is known."""
    return story.canonical_url is None and story.canonical_digest is not None


class HiddenStories:
    """The stories that an editor hides, by what they are known by."""

    def __init__(self, articles: Iterable[Candidate], former: Iterable[Candidate]) -> None:
        """Index stories.

        Args:
            articles: articles that an editor hides, as they are.
            former: stories that no article has any more; those that no override hides are left out.
        """
        self._by_key: dict[_Key, list[Candidate]] = defaultdict(list)
        self._are_spelled = False
        current: dict[int, set[_Key]] = {}
        for article in articles:
            current[article.id] = faint = set(weak_keys(article.story))
            self._add(article, [key for key in faint if key[0] == "url"])
        for story in former:
            if story.is_hidden:
                # What its article still says is no sign of what it said before.
                now = current.get(story.id, set())
                self._add(story, [key for key in weak_keys(story.story) if key not in now])
                self._are_spelled = self._are_spelled or is_digest_only(story.story)

    def _add(self, article: Candidate, faint: Iterable[_Key]) -> None:
        for key in (*strong_keys(article), *faint):
            self._by_key[key].append(article)

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._by_key)

    def keys_of(self, one: Unplaced | Candidate) -> list[_Key]:
        """Return the keys by which a document or an article may have one of these stories."""
        is_brief = isinstance(one, Unplaced) and one.is_brief
        spelled = spelled_keys(one.story) if self._are_spelled else []
        return [*strong_keys(one), *weak_keys(one.story, is_brief=is_brief), *spelled]

    def find(self, one: Unplaced | Candidate) -> Iterator[tuple[Candidate, _Key]]:
        """Return the articles whose story a document or another article has, each with the key that they have
        in common; not the article at its path, but for what that said before."""
        own = one.occupant if isinstance(one, Unplaced) else one.id
        for key in self.keys_of(one):
            for article in self._by_key.get(key, ()):
                is_own = article.id == own and not article.is_former
                if not is_own and not _differ(key, one, article):
                    yield article, key

    def is_new_in(self, doc: Unplaced, before: Candidate) -> bool:
        """Return whether a document has one of these stories that its article did not have before."""
        known = set(self.keys_of(before))
        had = {id(article) for article, _ in self.find(before) if _is_same(before, article)}
        return any(key not in known and id(article) not in had for article, key in self.find(doc))


#: What two have in common, by the kind of the key.
_IN_COMMON: dict[object, str] = {"url": "URL", "digest": "URL", "body": "text"}


def _differ(key: _Key, one: Unplaced | Candidate, article: Candidate) -> bool:
    """Return whether too much else differs of two that share a strong key."""
    return isinstance(key[0], int) and STRONG[key[0]].differ((one, article))


def _is_same(one: Unplaced | Candidate, article: Candidate) -> bool:
    """Return whether two are surely the same, whatever their dates."""
    return not sure_keys(one).isdisjoint(sure_keys(article))


def _hidden_story(article: Candidate, key: _Key) -> Issue:
    in_common = _IN_COMMON.get(key[0])
    what = f"its {in_common} is that of" if in_common else "it has"
    title = f" {shorten(article.story.title)}" if article.story.title else ""
    story = f"{what} the story{title} that an editor hides at {article.path}"
    return Issue("warning", "hidden_story", f"not published until an editor decides: {story}", "published")
