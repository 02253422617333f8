"""Canonical URLs, which show that two addresses lead to the same story."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from yarl import URL


#: Parameters that record where a reader came from and do not select the page.
_TRACKING = frozenset({"dclid", "fbclid", "gclid", "igshid", "mc_cid", "mc_eid", "msclkid", "yclid"})

#: URLs that normalising does not change.
_CANONICAL = re.compile(r"https?://[a-z0-9][a-z0-9.-]*[a-z]/[A-Za-z0-9._~/-]*")

#: A host has at most 253 characters. The time for one beyond ASCII grows with the square of its length.
_LIMITED_HOST = re.compile(r"[^:/?#]{4,5}:[/\\]*+[^/\\?#]{0,1000}+(?:[/\\?#]|\Z)")

#: Entities that upstream left in addresses, some escaped twice. `html.unescape` would also turn `&copy=2`
#: into `©=2`.
_AMPERSAND = re.compile(r"&(?:(?:amp|#0?38);)+")


def canonicalize_url(url: str | None) -> str | None:
    """Return the canonical form of an http(s) URL, or None.

    Host and escapes are normalised (RFC 3986), the fragment and tracking parameters are removed. None means
    that the URL is empty, relative, malformed or of another scheme.
    """
    url = (url or "").strip()
    if url[:4].lower() != "http":
        return None
    if _CANONICAL.fullmatch(url) and ".." not in url and "/." not in url:
        return url  # most URLs; takes a tenth of the time
    return _normalize(url)


def _normalize(url: str) -> str | None:
    """Return the canonical form of a URL, or None if it is malformed or of another scheme."""
    if "&#" in url or "&amp;" in url:
        url = _AMPERSAND.sub("&", url)
    if not _LIMITED_HOST.match(url):
        return None
    from yarl import URL

    try:
        parsed = URL(url)
        if parsed.scheme not in ("http", "https") or not parsed.host:
            return None
        if parsed.raw_query_string:
            parsed = _without_tracking(parsed)
        if parsed.raw_fragment:
            parsed = parsed.with_fragment(None)
        # RFC 3986, 6.2.3: an empty path is "/".
        return str(parsed if parsed.raw_path != "/" else parsed.with_path("/", keep_query=True))
    except ValueError:
        return None


def digest_url(url: str | None) -> bytes | None:
    """Return the SHA-256 digest of a canonical URL, its key in the store; None for None."""
    return None if url is None else hashlib.sha256(url.encode()).digest()


def _without_tracking(url: URL) -> URL:
    from yarl import URL

    pairs = url.raw_query_string.split("&")
    kept = [pair for pair in pairs if not _is_tracking(unquote_plus(pair.partition("=")[0]))]
    if len(kept) == len(pairs):
        return url
    # The other parameters must not change: yarl's `without_query_params` writes `?a` as `?a=`, `%20` as `+`.
    bare = str(url.with_query(None))
    return URL(f"{bare}?{'&'.join(kept)}" if kept else bare, encoded=True)


def _is_tracking(name: str) -> bool:
    return name in _TRACKING or name.startswith("utm_")
