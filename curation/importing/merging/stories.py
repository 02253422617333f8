"""Decide whether two documents tell the same story.

Upstream often tidies titles and URLs, and an override must survive that. So a story has three aspects, and
comparison ignores insignificant differences:

- its canonical URL: ignores scheme, `www.`, a trailing slash, and the order of parameters
- its title: ignores case, white space, quotation marks and Unicode form
- its body: ignores white space

At one path a document is a different story only if all three aspects differ. Documents at different paths
must have more in common to be the same story: see `matching.moves`.
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

    canonical_url: result of `urls.canonicalize_url`; None if it is unknown (rows of an older release).
    body_digest: result of `digest_body`; None for an empty body, or if it is not needed.
    """

    title: str | None
    canonical_digest: bytes | None
    canonical_url: str | None = None
    body_digest: bytes | None = None


def is_different_story(story: Story, other: Story) -> bool:
    """Return whether two documents at one path tell different stories: URL, title and body all differ.

    Documents that both lack a URL, or both lack a title, count as the same story, so that overrides are
    kept when in doubt.
    """
    return not (has_same_title_or_url(story, other) or has_same_body(story, other))


def has_same_title_or_url(story: Story, other: Story) -> bool:
    """Return whether titles or URLs are equal. Two missing values count as equal."""
    have_no_url = story.canonical_digest is None and other.canonical_digest is None
    have_no_title = not (fold_title(story.title) or fold_title(other.title))
    return share_title_or_url(story, other) or have_no_url or have_no_title


def share_title_or_url(story: Story, other: Story) -> bool:
    """Return whether two stories have a title or a URL in common. Two missing values do not count."""
    if story.title and story.title == other.title:
        return True
    if story.canonical_digest is not None and story.canonical_digest == other.canonical_digest:
        return True
    aspects = ((fold_title(s.title) or None, fold_url(s.canonical_url)) for s in (story, other))
    return any(one is not None and one == another for one, another in zip(*aspects, strict=True))


def is_hard_to_recognize(story: Story, now: Story) -> bool:
    """Return whether the current story is not enough to recognize the earlier one.

    That is so if title, URL or body have changed, or if the earlier story has fewer than two of them.
    """
    aspects = (story.title, story.canonical_digest, story.body_digest)
    return story != now or sum(aspect is not None for aspect in aspects) < 2


def has_same_body(story: Story, other: Story) -> bool:
    """Return whether both stories have a body, and the bodies are equal."""
    return story.body_digest is not None and story.body_digest == other.body_digest


def digest_body(body: str) -> bytes | None:
    """Return the SHA-256 of a body without white space; None for an empty body."""
    bare = "".join(body.split())
    return hashlib.sha256(bare.encode()).digest() if bare else None


@lru_cache(maxsize=10_000)
def fold_title(title: str | None) -> str:
    """Return a title without case, white space, quotation marks and differences of Unicode form."""
    return _fold(title or "")


def fold_titles(titles: Iterable[str]) -> list[str]:
    """Return many titles, folded as by `fold_title` but without caching them."""
    return list(map(_fold, titles))


def _fold(title: str) -> str:
    if "&" in title:
        from html import unescape  # imported here because it loads the names of all entities

        title = unescape(title)
    if not title.isascii():
        title = unicodedata.normalize("NFKD", title)
    return title.casefold().translate(_FOLD_TABLE)


#: Unicode categories of white space, invisible characters, and opening or closing quotation marks.
_IGNORED_CATEGORIES = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp", "Pi", "Pf"})
_QUOTATION_MARKS = frozenset("'\"`´′″‚„＂＇")  # all others are in the categories Pi and Pf


class _FoldTable(dict[int, int | None]):
    """A table for `str.translate`, filled on demand, that maps each character to itself or to None."""

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        is_ignored = unicodedata.category(character) in _IGNORED_CATEGORIES or character in _QUOTATION_MARKS
        self[code] = found = None if is_ignored else code
        return found


_FOLD_TABLE = _FoldTable()


@lru_cache(maxsize=10_000)
def fold_url(canonical: str | None) -> str | None:
    """Return a canonical URL without insignificant differences (see the module); None for None."""
    if canonical is None:
        return None
    _, _, rest = canonical.partition("://")
    address, _, query = rest.partition("?")
    address = address.removeprefix("www.").rstrip("/")
    return f"{address}?{'&'.join(sorted(filter(None, query.split('&'))))}" if query else address


#: Largest number of URL parameters for which `list_url_variants` returns every order.
MAX_ORDERED = 3


def list_url_variants(canonical: str) -> Iterator[str]:
    """Yield the canonical URLs that `fold_url` maps to the same result.

    With more than `MAX_ORDERED` parameters only two orders are included: as given, and sorted.
    """
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
