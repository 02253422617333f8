"""Canonical URLs: by which two addresses of one story are known to be one."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING
from urllib.parse import unquote_plus

if TYPE_CHECKING:
    from yarl import URL


#: Parameters that say where a reader came from, not what is read.
_TRACKING = frozenset({"dclid", "fbclid", "gclid", "igshid", "mc_cid", "mc_eid", "msclkid", "yclid"})

#: What normalising leaves as it is.
_CANONICAL = re.compile(r"https?://[a-z0-9][a-z0-9.-]*[a-z]/[A-Za-z0-9._~/-]*")

#: A host has at most 253 letters; one beyond ASCII takes time by the square of its length.
_FAIR_HOST = re.compile(r"[^:/?#]{4,5}:[/\\]*+[^/\\?#]{0,1000}+(?:[/\\?#]|\Z)")

#: Entities that upstream left in addresses, some escaped twice; `html.unescape` would also turn
#: `&copy=2` into `©=2`.
_AMPERSAND = re.compile(r"&(?:(?:amp|#0?38);)+")


def canonical_url(url: str | None) -> str | None:
    """The one form of an http(s) URL: host and escapes normalised (RFC 3986), without fragment and
    tracking parameters. None for what is no such URL: relative, empty, another scheme, malformed."""
    url = (url or "").strip()
    if url[:4].lower() != "http":
        return None
    if _CANONICAL.fullmatch(url) and ".." not in url and "/." not in url:
        return url  # most are: a tenth of the time
    if "&#" in url or "&amp;" in url:
        url = _AMPERSAND.sub("&", url)
    if not _FAIR_HOST.match(url):
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


def url_digest(url: str | None) -> bytes | None:
    """SHA-256 of a canonical URL, its key; None for None."""
    return None if url is None else hashlib.sha256(url.encode()).digest()


def _without_tracking(url: URL) -> URL:
    from yarl import URL

    pairs = url.raw_query_string.split("&")
    kept = [pair for pair in pairs if not _is_tracking(unquote_plus(pair.partition("=")[0]))]
    if len(kept) == len(pairs):
        return url
    # What is kept stays as it is: yarl's own `without_query_params` writes `?a` as `?a=`, `%20` as `+`.
    bare = str(url.with_query(None))
    return URL(f"{bare}?{'&'.join(kept)}" if kept else bare, encoded=True)


def _is_tracking(name: str) -> bool:
    return name in _TRACKING or name.startswith("utm_")
