"""Decide whether two documents tell the same story.

Upstream tidies titles and addresses all the time, and an editor's decision must outlive that. So a story is
known by three aspects, each compared without what says nothing:

- its canonical URL, without scheme, `www.`, slash at the end, and the order of its parameters
- its title, without case, white space, quotation marks and Unicode form
- its body, without white space

At one path a document is another story only if all three differ. At another path it takes more: see
`matching.moves`.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import permutations
from typing import NamedTuple


class Story(NamedTuple):
    """What a document is about.

    canonical_url: as `urls.canonical_url` gives it; None where it is not known (rows of an older release).
    body_digest: see `digest_body`; None for an empty body, and where nobody needs it.
    """

    title: str | None
    canonical_digest: bytes | None
    canonical_url: str | None = None
    body_digest: bytes | None = None


def is_another(story: Story, other: Story) -> bool:
    """Return whether two documents at one path tell different stories: URL, title and body all differ.

    Two that both have no URL, or both no title, are taken for one story: a decision is kept when in doubt.
    """
    return not (has_same_title_or_url(story, other) or has_same_body(story, other))


def has_same_title_or_url(story: Story, other: Story) -> bool:
    """Return whether titles or URLs are the same; a missing one is the same as a missing one."""
    have_no_url = story.canonical_digest is None and other.canonical_digest is None
    have_no_title = not (fold_title(story.title) or fold_title(other.title))
    return share_title_or_url(story, other) or have_no_url or have_no_title


def share_title_or_url(story: Story, other: Story) -> bool:
    """Return whether two have the same title or URL; what neither has says nothing."""
    if story.title and story.title == other.title:
        return True
    if story.canonical_digest is not None and story.canonical_digest == other.canonical_digest:
        return True
    aspects = ((fold_title(s.title) or None, fold_url(s.canonical_url)) for s in (story, other))
    return any(one is not None and one == another for one, another in zip(*aspects, strict=True))


def is_retold(story: Story, now: Story) -> bool:
    """Return whether a document as it was could not be known for certain by what it says now: title, URL or
    body are others, or it has but one of them."""
    aspects = (story.title, story.canonical_digest, story.body_digest)
    return story != now or sum(aspect is not None for aspect in aspects) < 2


def has_same_body(story: Story, other: Story) -> bool:
    """Return whether both have a body, and the same."""
    return story.body_digest is not None and story.body_digest == other.body_digest


def digest_body(body: str) -> bytes | None:
    """Return SHA-256 of a body without white space; None for an empty one."""
    bare = "".join(body.split())
    return hashlib.sha256(bare.encode()).digest() if bare else None


@lru_cache(maxsize=10_000)
def fold_title(title: str | None) -> str:
    """Return what a title says: without case, white space, marks around words and Unicode form."""
    return _fold(title or "")


def fold_titles(titles: Iterable[str]) -> list[str]:
    """Return the same of many titles, without remembering them."""
    return list(map(_fold, titles))


def _fold(title: str) -> str:
    if "&" in title:
        from html import unescape  # it loads the names of all entities

        title = unescape(title)
    if not title.isascii():
        title = unicodedata.normalize("NFKD", title)
    return title.casefold().translate(_MEANING)


#: White space, what cannot be seen, and quotation marks that open or close.
_SAYS_NOTHING = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Pi", "Pf"})
_QUOTES = frozenset("'\"`´′″‚„＂＇")  # the others are of the categories Pi and Pf


class _Meaning(dict[int, int | None]):
    """What `str.translate` makes of each character that was met: itself, or nothing."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        says_nothing = unicodedata.category(character) in _SAYS_NOTHING or character in _QUOTES
        self[code] = found = None if says_nothing else code
        return found


_MEANING = _Meaning()


@lru_cache(maxsize=10_000)
def fold_url(canonical: str | None) -> str | None:
    """Return what a canonical URL names, without the differences that sites leave open; None for None."""
    if canonical is None:
        return None
    _, _, rest = canonical.partition("://")
    address, _, query = rest.partition("?")
    address = address.removeprefix("www.").rstrip("/")
    return f"{address}?{'&'.join(sorted(filter(None, query.split('&'))))}" if query else address


#: Parameters of a URL of which every order is a spelling.
MAX_ORDERED = 3


def spellings(canonical: str) -> Iterator[str]:
    """Return the canonical URLs that `fold_url` takes for one; of more parameters than `MAX_ORDERED` two
    orders, as they are and sorted."""
    _, _, rest = canonical.partition("://")
    address, _, query = rest.partition("?")
    bare = address.removeprefix("www.").rstrip("/")
    given = [part for part in query.split("&") if part]
    orders = permutations(given) if len(given) <= MAX_ORDERED else (given, sorted(given))
    queries = dict.fromkeys("&".join(order) for order in orders)
    for scheme in ("https", "http"):
        for start in ("", "www."):
            for end in ("", "/"):
                for parameters in queries:
                    yield f"{scheme}://{start}{bare}{end}" + (f"?{parameters}" if parameters else "")
