"""Withhold documents that have the story of an article that an editor hides.

A withheld document is imported, but not published until an editor decides.

A document has the story of an existing article if both share their bytes or their URL. Two of URL, title,
body and date are enough too, unless two others of these differ.

A *former story* is one that no article has any more: either an import replaced it, or its override is set
aside. For a former story, the same body is enough too.

These are pure functions. `placement` reads the store.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from ...documents.issues import Issue
from ...documents.json_values import shorten
from ...urls import digest_url
from ..merging.override_rules import SetAsideOverride, hides_article
from ..merging.stories import Story, fold_url, list_url_variants
from .moves import STRONG_RULES, Candidate, Plan, UnplacedDocument, make_certain_keys, make_strong_keys

#: Minimum length of a body that identifies a story, in characters without white space. A placeholder such as
#: "Coming soon." is too short.
MIN_BODY = 16

_Key = tuple[object, ...]


def withhold_hidden_stories(plan: Plan, unplaced: Iterable[UnplacedDocument], hidden: HiddenStories) -> None:
    """Add the documents that have a hidden story to `plan.withheld`, each with a warning."""
    for doc in unplaced:
        article = plan.moves.get(doc.path)
        if doc.path in plan.withheld or (
            article is not None and (article.is_hidden or _is_certain_match(doc, article))
        ):
            continue
        overrides = {kept.field: kept.override for kept in plan.returning.get(doc.path, ())}
        found = None if hides_article(overrides) else next(hidden.find(doc), None)
        if found is not None:
            plan.warnings[doc.path] = _hidden_story_warning(*found)
            plan.withheld.add(doc.path)


def make_candidate(kept: SetAsideOverride) -> Candidate:
    """Return the story of an override that is set aside, as a candidate."""
    overrides = {kept.field: kept.override}
    return Candidate(0, kept.path or "", kept.story, "", None, overrides, is_lost=False, is_former=True)


def make_weak_keys(story: Story, *, is_brief: bool = False) -> list[_Key]:
    """Return the keys of a story. One shared key identifies a former story that an editor hid.

    Args:
        is_brief: Leave out the body, because it is too short.
    """
    url, digest, body = fold_url(story.canonical_url), story.canonical_digest, story.body_digest
    keys: list[_Key] = [("url", url), ("digest", digest), ("body", None if is_brief else body)]
    return [key for key in keys if key[1] is not None]


def make_spelling_keys(story: Story) -> list[_Key]:
    """Return a digest key for each spelling of a story's URL.

    They find the same story in rows of older releases, which have only a digest of the URL.
    """
    url = story.canonical_url
    return [("digest", digest_url(spelling)) for spelling in list_url_variants(url)] if url else []


def has_only_url_digest(story: Story) -> bool:
    """Return whether a story has a digest of its URL, but not the URL."""
    return story.canonical_url is None and story.canonical_digest is not None


class HiddenStories:
    """An index of the stories that an editor hides."""

    def __init__(self, articles: Iterable[Candidate], former: Iterable[Candidate]) -> None:
        """Build the index.

        Args:
            articles: The articles that an editor hides, with their current stories.
            former: Former stories. Those that no override hides are ignored.
        """
        self._by_key: dict[_Key, list[Candidate]] = defaultdict(list)
        self._has_url_digests_only = False
        current: dict[int, set[_Key]] = {}
        for article in articles:
            current[article.id] = weak = set(make_weak_keys(article.story))
            self._add(article, [key for key in weak if key[0] == "url"])
        for story in former:
            if story.is_hidden:
                # A key that the article still has does not identify its former story.
                now = current.get(story.id, set())
                self._add(story, [key for key in make_weak_keys(story.story) if key not in now])
                self._has_url_digests_only = self._has_url_digests_only or has_only_url_digest(story.story)

    def _add(self, article: Candidate, weak: Iterable[_Key]) -> None:
        for key in (*make_strong_keys(article), *weak):
            self._by_key[key].append(article)

    def __bool__(self) -> bool:
        """Return whether the index has any story."""
        return bool(self._by_key)

    def make_match_keys(self, item: UnplacedDocument | Candidate) -> list[_Key]:
        """Return the keys by which a document or article can match one of these stories."""
        is_brief = isinstance(item, UnplacedDocument) and item.is_brief
        spelled = make_spelling_keys(item.story) if self._has_url_digests_only else []
        return [*make_strong_keys(item), *make_weak_keys(item.story, is_brief=is_brief), *spelled]

    def find(self, item: UnplacedDocument | Candidate) -> Iterator[tuple[Candidate, _Key]]:
        """Yield the hidden articles whose story `item` has, each with the key that both share.

        The article itself, or the one at the document's path, matches only by a former story.
        """
        own = item.occupant if isinstance(item, UnplacedDocument) else item.id
        for key in self.make_match_keys(item):
            for article in self._by_key.get(key, ()):
                is_own = article.id == own and not article.is_former
                if not is_own and not _contradicts(key, item, article):
                    yield article, key

    def has_new_match(self, doc: UnplacedDocument, before: Candidate) -> bool:
        """Return whether a document has one of these stories and its article did not have it before."""
        known = set(self.make_match_keys(before))
        had = {id(article) for article, _ in self.find(before) if _is_certain_match(before, article)}
        return any(key not in known and id(article) not in had for article, key in self.find(doc))


#: Names of shared aspects for warnings, by the first item of a key.
_ASPECT_NAMES: dict[object, str] = {"url": "URL", "digest": "URL", "body": "text"}


def _contradicts(key: _Key, item: UnplacedDocument | Candidate, article: Candidate) -> bool:
    """Return whether two that share a strong key differ too much elsewhere."""
    return isinstance(key[0], int) and STRONG_RULES[key[0]].contradicts((item, article))


def _is_certain_match(item: UnplacedDocument | Candidate, article: Candidate) -> bool:
    """Return whether two are certainly the same, regardless of their dates."""
    return not make_certain_keys(item).isdisjoint(make_certain_keys(article))


def _hidden_story_warning(article: Candidate, key: _Key) -> Issue:
    aspect = _ASPECT_NAMES.get(key[0])
    relation = f"has the same {aspect} as" if aspect else "is the same as"
    title = f" {shorten(article.story.title)}" if article.story.title else ""
    reason = f"it {relation} the story{title} hidden by an editor at {article.path}"
    return Issue("warning", "hidden_story", f"not published until an editor decides: {reason}", "published")
