"""Simulate changes of upstream, and predict what happens to overrides.

There are the real snapshots, random changes of a dump (`DumpChanger`), and a second implementation of the
rules in `merging.override_rules` that uses only the files (`Model`).

`CURATION_FULL=1` uses whole snapshots. The default is every fourth file, and the taxonomy.
"""

from __future__ import annotations

import html
import os
import random
import re
import tarfile
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit
from zlib import crc32

import yaml

from curation.articles.selecting import Selection
from curation.editing.flags import set_flags
from curation.flags import FLAGS
from curation.scanning import Kind, kind_of
from curation.store.database import Store
from curation.urls import canonicalize_url, digest_url

from .places import DATA

FULL = bool(os.environ.get("CURATION_FULL"))

#: The contents of a dump: bytes by path.
Files = dict[str, bytes]


@lru_cache
def snapshots(family: str) -> list[Files]:
    """Return the contents of the snapshots of a site, ordered by date."""
    found: dict[str, Files] = {}
    with tarfile.open(DATA / f"{family}-snapshots.tar.gz") as archive:
        for member in archive:
            date, _, path = member.name.removeprefix("./").partition("/")
            if member.isfile() and path.startswith("_") and _is_wanted(path):
                stream = archive.extractfile(member)
                assert stream is not None
                found.setdefault(date, {})[path] = stream.read()
    return [found[date] for date in sorted(found)]


def _is_wanted(path: str) -> bool:
    return FULL or path.startswith("_data/") or crc32(path.encode()) % 4 == 0


class Site:
    """A folder that holds one dump after the other; as in a pipeline, equal files are not written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: Files = {}

    def write_files(self, files: Files) -> None:
        for path in self._files.keys() - files.keys():
            (self.root / path).unlink()
        for path, content in files.items():
            if self._files.get(path) != content:
                file = self.root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        self._files = dict(files)


# --- random changes of snapshots ------------------------------------------------------------------------


class DumpChanger:
    """A seeded generator of changed snapshots.

    Each call makes other changes. Some of the earlier changes stay, all others are undone.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._before: Files = {}
        self._now: Files = {}
        self._done: dict[str, bytes | None] = {}

    def change(self, snapshot: Files) -> Files:
        """Return the contents of the next dump."""
        kept_changes = {p: c for p, c in self._done.items() if p in snapshot and self._random.random() < 0.4}
        self._done, self._now = {}, dict(snapshot)
        for path, content in sorted(kept_changes.items()):
            self._put(path, content)
        self._articles()
        self._change_frequent_articles()
        self._images()
        self._organizations()
        self._topics()
        return self._now

    def _put(self, path: str, content: bytes | None) -> None:
        self._done[path] = content
        if content is None:
            self._now.pop(path, None)
        else:
            self._now[path] = content

    def _some(self, number: int, under: str = "") -> list[str]:
        paths = [
            p for p in sorted(self._now) if (p.startswith(under) if under else not p.startswith("_data/"))
        ]
        return self._random.sample(paths, min(number, len(paths)))

    def _articles(self) -> None:
        for path in self._some(20):
            self._put(path, None)
        for path in self._some(5):
            content, name = self._now[path], path.replace(".md", "-moved.md")
            self._put(path, None)
            self._put(name, content)
        for path in self._some(10):
            title = b'title: "' + _of_path("Another title", path) + b'"'
            self._put(path, re.sub(rb"(?m)^title: .*$", title, self._now[path], count=1))
        for path in self._some(5):
            self._put(path, self._now[path].replace(b"\n", b"\nbroken: [\n", 1))
        for path in self._some(2):
            self._put(path, b"\xff" + self._now[path])
            self._put(path, b"---\ntitle: \xff\n---\n")
        for path in self._some(2):
            self._put(path, b"No fence.\n")

    def _change_frequent_articles(self) -> None:
        """Change the same few articles again and again."""
        for path in frequent_paths([p for p in sorted(self._now) if not p.startswith("_data/")]):
            if self._random.random() < 0.5:
                which = self._random.choice(("one", "two"))
                self._put(path, with_other_story(self._now[path], _of_path(which, path)))
            elif self._random.random() < 0.5:
                self._put(path, with_other_flags(self._now[path], self._random))
            elif self._random.random() < 0.3:
                self._put(path, with_other_title(self._now[path], _of_path("one", path)))

    def _images(self) -> None:
        """Change the data of images in some of the articles that show them."""
        users: dict[bytes, list[str]] = {}
        for path in sorted(self._now):
            for url in _IMAGE.findall(self._now[path]):
                users.setdefault(url, []).append(path)
        shared = sorted(url for url, paths in users.items() if len(set(paths)) > 1)
        for url in self._random.sample(shared, min(30, len(shared))):
            for path in self._random.sample(users[url], self._random.randint(1, min(3, len(users[url])))):
                if path.startswith("_data/") and self._now[path].count(url) > 1:
                    continue
                width = rb"\g<2>width: 1%d" % self._random.randint(0, 9)
                fields = self._random.choice((width, rb'\g<2>title: "T"\n\g<2>width: 7'))
                entry = re.compile(rb"(- url: \"?" + re.escape(url) + rb"\"?\n)(\s+)width: \d+")
                self._put(path, entry.sub(rb"\g<1>" + fields, self._now[path]))

    def _organizations(self) -> None:
        paths = self._some(8, "_data/organizations/")
        gone, moved, doubled, resized, broken, *renamed = paths
        self._put(gone, None)
        content = self._now[moved]
        self._put(moved, re.sub(rb"(?m)^domain: .*$", b"domain: moved.example", content))
        duplicate = re.sub(
            rb"(?m)^images:$", b"description: A twin.\notherNames: [Twin]\nimages:", self._now[doubled]
        )
        prefix = self._random.choice((b"", b"zz-")).decode()
        self._put(f"_data/organizations/{prefix}a-twin.md", duplicate)
        self._put(resized, self._now[resized].replace(b"width: 50", b"width: 51"))
        self._put(broken, b"---\nname: [\n---\n")
        for path in renamed:
            self._put(path, re.sub(rb"(?m)^name: .*$", b"name: Renamed", self._now[path]))

    def _topics(self) -> None:
        paths = sorted(p for p in self._now if p.startswith("_data/topics/"))
        names = {p: re.search(rb"(?m)^name: (.*)$", self._now[p])[1] for p in paths}  # type: ignore[index]
        for path in self._random.sample(paths, min(2, len(paths))):
            other = self._random.choice([*(n for p, n in names.items() if p < path), b"Unheard Of"])
            content = re.sub(rb"(?m)^parent: .*\n", b"", self._now[path])
            self._put(path, content.replace(b"name: ", b"parent: " + other + b"\nname: ", 1))
        if self._random.random() < 0.5:
            self._put(self._random.choice(paths), b"name: [\n")
        if self._random.random() < 0.5:
            self._put(self._random.choice(paths), None)


def frequent_paths(paths: Sequence[str]) -> Sequence[str]:
    """Return the paths of about 40 articles that are changed and edited most often."""
    return paths[:: max(1, len(paths) // 40)]


_IMAGE = re.compile(rb"- url: \"?([^\"\s]+)\"?\n\s+width: \d+")


def _of_path(text: str, path: str) -> bytes:
    """Return a text that no other document has; `test_moves` covers one story at two paths."""
    return f"{text} {crc32(path.encode()):x}".encode()


def with_other_title(content: bytes, which: bytes) -> bytes:
    """Return a document with the title of another story."""
    return re.sub(rb"(?m)^(title|name): .*$", rb'\1: "Quite another story: ' + which + b'"', content)


def with_other_story(content: bytes, which: bytes) -> bytes:
    """Return a document with the title, the URLs and the body of another story."""
    content, url = with_other_title(content, which), b"https://other.example/" + which.replace(b" ", b"-")
    content = re.sub(rb"(?m)^(originalUrl|webUrl): .*$", rb'\1: "' + url + b'"', content)
    return content.rstrip(b"\n") + b"\nThe words of " + which + b".\n"


def with_other_flags(content: bytes, rng: random.Random) -> bytes:
    """Return a document with other upstream values of quality, heat, published and removed."""
    content = re.sub(rb"(?m)^quality: .*$", b"quality: %d" % rng.randint(0, 3), content)
    content = re.sub(rb"(?m)^heat: .*$", b"heat: %d" % rng.randint(0, 3), content)
    content = re.sub(rb"(?m)^removed: .*\n", b"", content)
    lines = rng.choice((b"published: true", b"published: false", b"published: true\nremoved: true"))
    return re.sub(rb"(?m)^published: .*$", lines, content)


# --- the model ------------------------------------------------------------------------------------------


class Document(NamedTuple):
    """The parts of a document that matter for overrides.

    Attributes:
        identity: URL, title, body and date in the form that is compared; None for a missing one.
    """

    title: str | None
    url: bytes | None
    flags: Mapping[str, int | None]
    identity: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)

    def stated(self, flag: str) -> int | None:
        """Return the value of a flag without an override."""
        value = self.flags[flag]
        return {"published": 1, "removed": 0}.get(flag) if value is None else value


@lru_cache(maxsize=100_000)
def read_document(content: bytes) -> Document | str:
    """Parse a file; return `refused` or `passed` if it is not a document."""
    if not content.startswith(b"---"):
        return "passed"
    try:
        text = content.decode()
        end = text.index("\n---", 3)
        values = yaml.load(text[4 : end + 1], yaml.CSafeLoader)
    except (UnicodeDecodeError, yaml.YAMLError):
        return "refused"
    flags = {flag: None if values.get(flag) is None else int(values[flag]) for flag in FLAGS}
    url = canonicalize_url(values.get("originalUrl")) or canonicalize_url(values.get("webUrl"))
    title = values.get("title", values.get("name"))
    at = values.get("publishedDateTime")
    identity = (
        _plain_url(url),
        _plain_title(title),
        re.sub(r"\s", "", text[end + 4 :]) or None,
        at and str(at),
    )
    return Document(title, digest_url(url), flags, identity)


def _plain_url(url: str | None) -> str | None:
    """Return a URL in the form that is compared, without scheme and `www.`."""
    if url is None:
        return None
    parts = urlsplit(url)
    query = sorted(part for part in parts.query.split("&") if part)
    return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}?{'&'.join(query)}"


def _plain_title(title: str | None) -> str | None:
    """Return a title in the form that is compared, without case, spaces, quotation marks and Unicode form."""
    text = unicodedata.normalize("NFKD", html.unescape(title or "")).casefold()
    return re.sub(r"[\s\"'`´‘’‚‛“”„‟«»‹›\u200b\ufeff\u00ad]", "", text) or None


def without_secured(content: bytes) -> bytes:
    return re.sub(rb"(?m)^secured: .*\n", b"", content, count=1)


class Override(NamedTuple):
    """An override with its actor; if it is set aside, also the story that it is about."""

    flag: str
    value: int
    actor: str
    title: str | None = None
    url: bytes | None = None
    #: Not compared, because the store has only digests.
    story: Document | None = None
    #: A unique number.
    number: int = 0
    #: What upstream stated when an editor made it; not known for one that an import made.
    seen: int | None = None

    @property
    def comparable(self) -> Override:
        """Return a copy without the fields that the store has in another form."""
        return self._replace(story=None, number=0)

    @property
    def words(self) -> str:
        return _words(self.flag, self.value)


#: The messages of the open notices of an article, by code and flag.
Notices = dict[tuple[str, str], str]


@dataclass
class Article:
    """An article in the model."""

    text: bytes
    document: Document
    missing: bool = False
    overrides: dict[str, Override] = field(default_factory=dict)
    set_aside: list[Override] = field(default_factory=list)
    #: Its earlier documents, with the numbers of the overrides that hid them.
    former: list[tuple[int, Document]] = field(default_factory=list)
    notices: Notices = field(default_factory=dict)

    @property
    def effective(self) -> tuple[int | None, int | None, bool, bool]:
        values = dict(self.document.flags) | {flag: kept.value for flag, kept in self.overrides.items()}
        removed = bool(values["removed"])
        published = values["published"] is None or bool(values["published"])
        return values["quality"], values["heat"], published and not removed, removed


class Model:
    """A second implementation of the rules in `merging.override_rules`, to predict overrides and notices."""

    def __init__(self) -> None:
        self.articles: dict[str, Article] = {}
        #: How often each notice was given, resolved or not.
        self.given: Counter[tuple[str, str, str]] = Counter()
        self.met: Counter[str] = Counter()
        #: The paths and flags with an open notice of a conflict.
        self._conflicts: set[tuple[str, str]] = set()
        self._numbers = count(1)

    def import_files(self, files: Files) -> None:
        """Apply an import of a whole dump."""
        unplaced: dict[str, Document] = {}
        for path in (path for path in files if kind_of(path) is Kind.ARTICLE):
            document, article = read_document(files[path]), self.articles.get(path)
            # If a file is no longer a document, that is an error, and its article stays.
            if isinstance(document, Document):
                if article is None or _is_other_story(article.document, document):
                    unplaced[path] = document
                else:
                    self._update(path, article, document, without_secured(files[path]))
        self._place(unplaced, files)
        for path, article in self.articles.items():
            article.missing = article.missing or path not in files
            self._update_notices(article)
            self._update_conflicts(path, article)
        self._conflicts = {
            (path, flag)
            for path, article in self.articles.items()
            for code, flag in article.notices
            if code == "upstream_changed"
        }

    def _place(self, unplaced: Mapping[str, Document], files: Files) -> None:
        """Match documents at new paths, or with another story, with the articles that they continue."""
        now, before = dict(self.articles), {path: replace(article) for path, article in self.articles.items()}
        lost = {
            p: article for p, article in before.items() if p in unplaced or p not in files or article.missing
        }
        moves = self._moves(unplaced, lost, files)
        for old in moves.values():
            del self.articles[old]
        for path in sorted(unplaced):
            document, text = unplaced[path], without_secured(files[path])
            if path in moves:
                if path in self.articles:  # the article has lost its path
                    self.articles[f"{path}~"] = self.articles.pop(path)
                self.met["moved"] += 1
                self.met["moved with decisions"] += bool(before[moves[path]].overrides)
                self.articles[path] = now[moves[path]]
            is_new = path not in self.articles
            self._update(path, self.articles.get(path), document, text, is_moved=path in moves)
            if path not in moves:
                self._hide_doubtful(
                    self.articles[path], path, before, lost.keys() - moves.values(), is_new=is_new
                )

    def _moves(
        self, unplaced: Mapping[str, Document], lost: Mapping[str, Article], files: Files
    ) -> dict[str, str]:
        """Return the old path of the article for each document that certainly belongs to one."""
        found: dict[str, str] = {}
        for is_early in (True, False):
            chosen = {
                old: article
                for old, article in lost.items()
                if old not in found.values() and not (is_early and article.missing)
            }
            candidates = {
                path: [
                    old
                    for old, article in chosen.items()
                    if _continues(document, without_secured(files[path]), article)
                ]
                for path, document in unplaced.items()
                if path not in found
            }
            wanted = Counter(old for old_paths in candidates.values() for old in old_paths)
            for path, old_paths in candidates.items():
                # These dumps have no ambiguous documents; `test_moves` covers them.
                assert len(old_paths) <= 1 or wanted[old_paths[0]] <= 1, (path, old_paths)
                if len(old_paths) == 1 and wanted[old_paths[0]] == 1:
                    found[path] = old_paths[0]
        return found

    def _hide_doubtful(
        self, article: Article, path: str, before: Mapping[str, Article], lost: Iterable[str], *, is_new: bool
    ) -> None:
        """Hide a new article whose story an editor hides elsewhere, or that may be a hidden article."""
        for old in sorted(lost):
            if before[old].overrides and _may_continue(article.document, before[old]):
                is_held = _hides(before[old].overrides.values())
                outcome = "not published until an editor decides" if is_held else "no overrides are applied"
                return self._add_doubt(
                    article, path, "ambiguous_move", f"may be the same article as {old}: {outcome}", is_held
                )
        if is_new and self._restore_overrides(article):
            return None
        for old, other in before.items():
            if (found := _hidden_story(article, other, is_own=old == path)) is not None:
                title, shared = found
                what = f"has the same {shared} as" if shared else "is the same as"
                story = f"it {what} the story{title and ' ' + _short(title)} hidden by an editor at {old}"
                message = _cut(f"not published until an editor decides: {story}")
                return self._add_doubt(article, path, "hidden_story", message, True)
        return None

    def _restore_overrides(self, article: Article) -> bool:
        """Give a new article the overrides that were set aside with its story, from any article."""
        story = article.document._replace(identity=(*article.document.identity[:3], None))
        for other in self.articles.values():
            back = [kept for kept in other.set_aside if kept.story and _count_equal(story, kept.story) >= 2]
            other.set_aside = [kept for kept in other.set_aside if kept not in back]
            article.overrides |= {k.flag: k._replace(title=None, url=None, story=None) for k in back}
            article.former += other.former if back else []
            self.met["returned elsewhere"] += len(back)
        return bool(article.overrides)

    def _add_doubt(self, article: Article, path: str, code: str, message: str, is_held: bool) -> None:
        if is_held and not article.overrides.keys().isdisjoint(("published", "removed")):
            return
        self.met[code] += 1
        key = code, "published" if is_held else ""
        self.given[(path, *key)] += key not in article.notices
        article.notices[key] = message
        if is_held:
            article.overrides["published"] = Override("published", 0, IMPORTER, number=next(self._numbers))

    def _update(
        self, path: str, article: Article | None, document: Document, text: bytes, *, is_moved: bool = False
    ) -> None:
        if article is None:
            self.articles[path] = Article(text, document)
            return
        article.missing = False
        if text == article.text and not is_moved:
            return
        before = article.document
        if _is_rewritten(before, document):
            article.former += [(kept.number, before) for kept in article.overrides.values() if _hides([kept])]
        article.text, article.document = text, document
        notices = self._change_story(article, before) if _is_other_story(before, document) else {}
        for kept in article.set_aside:  # the last one speaks
            if kept.flag not in article.overrides:
                message = f"the override {kept.words} was for another story, {kept.title!r}, and is set aside"
                notices["override_set_aside", kept.flag] = message
        # Doubts stay until an editor decides.
        lasting = {*DOUBTS, "upstream_changed"}
        notices |= {key: message for key, message in article.notices.items() if key[0] in lasting}
        for code, flag in notices.keys() - (() if is_moved else article.notices.keys()):
            self.given[path, code, flag] += code != "upstream_changed"  # counted at the end
        article.notices = notices

    def _change_story(self, article: Article, before: Document) -> Notices:
        self.met["another story"] += 1
        back = {
            k.flag: k for k in article.set_aside if k.story and not _is_other_story(k.story, article.document)
        }
        self.met["returned"] += len(back)
        self.met["set aside"] += len(article.overrides)
        stay = [kept for kept in article.set_aside if not any(kept is one for one in back.values())]
        article.set_aside = stay + [
            kept._replace(title=before.title, url=before.url, story=before)
            for kept in article.overrides.values()
        ]
        article.overrides = {
            flag: kept._replace(title=None, url=None, story=None) for flag, kept in back.items()
        }
        return {
            ("override_returned", flag): f"the story is back, and its override {kept.words} applies again"
            for flag, kept in back.items()
        }

    def _update_notices(self, article: Article) -> None:
        """Update earlier notices after edits."""
        for code, flag in list(article.notices):
            if code in DOUBTS:
                kept = article.overrides.get(flag)
                if (kept is None or kept.actor != IMPORTER) if flag else article.overrides:
                    del article.notices[code, flag]
                continue
            kept = article.overrides.get(flag)
            if code == "override_set_aside" and all(one.flag != flag for one in article.set_aside):
                del article.notices[code, flag]  # it has returned at another path
            elif code == "override_set_aside" and kept is not None:
                self.met["decided anew"] += 1
                del article.notices[code, flag]

    def _update_conflicts(self, path: str, article: Article) -> None:
        """Open and close the notices of conflicts; none is opened for a missing article."""
        for flag in FLAGS:
            key, kept, stated = (
                ("upstream_changed", flag),
                article.overrides.get(flag),
                article.document.stated(flag),
            )
            was_open = (path, flag) in self._conflicts
            article.notices.pop(key, None)
            if kept is None or kept.actor == IMPORTER or stated in (None, kept.value, kept.seen):
                self.met["settled"] += was_open
            elif not article.effective[3] and (was_open or not article.missing):
                assert stated is not None
                article.notices[key] = _conflict_message(kept, stated)
                self.given[path, *key] += not was_open
                self.met["conflict"] += not was_open

    def edit(self, path: str, values: Mapping[str, int], actor: str) -> None:
        overrides, document = self.articles[path].overrides, self.articles[path].document
        for flag, value in values.items():
            # An override with the same value keeps its actor, as long as upstream states the same.
            seen, kept = document.stated(flag), overrides.get(flag)
            if kept is None or kept.actor == IMPORTER or (kept.value, kept.seen) != (value, seen):
                overrides[flag] = Override(flag, value, actor, number=next(self._numbers), seen=seen)


def _words(flag: str, value: int) -> str:
    return str(value) if flag in ("quality", "heat") else ("false", "true")[value]


def _conflict_message(kept: Override, upstream: int) -> str:
    return f"upstream changed to {_words(kept.flag, upstream)}; the override {kept.words} is kept"


def _is_other_story(story: Document, other: Document) -> bool:
    """Return whether two documents at one path have different stories: URL, title and body all differ."""
    if story.title == other.title or story.url == other.url:
        return False
    url, title, body = (one == two for one, two in zip(story.identity[:3], other.identity[:3], strict=True))
    return not (url or title or (body and story.identity[2] is not None))


def _count_equal(document: Document, other: Document) -> int:
    """Return how many of URL, title, body and date both documents have and are equal."""
    return sum(one == two is not None for one, two in zip(document.identity, other.identity, strict=True))


def _continues(document: Document, text: bytes, article: Article) -> bool:
    """Return whether a document continues an article.

    It does if the text is equal. It does if two of URL, title, body and date are equal and at most one of the
    first three differs. It also does if the URL or the title is equal and nothing differs.
    """
    if text == article.text:
        return True
    pairs = list(zip(document.identity[:3], article.document.identity[:3], strict=True))
    differ = sum(one is not None and two is not None and one != two for one, two in pairs)
    if _count_equal(document, article.document) >= 2:
        return differ <= 1
    return differ == 0 and any(one == two is not None for one, two in pairs[:2])


def _may_continue(document: Document, article: Article) -> bool:
    """Return whether a document may continue an article.

    The title is enough if an editor hides the article and it has just lost its document.
    """
    pairs = list(zip(document.identity[:3], article.document.identity[:3], strict=True))
    url, title, body = (one == two is not None for one, two in pairs)
    differ = sum(one is not None and two is not None and one != two for one, two in pairs)
    is_near = _hides(article.overrides.values()) and not article.missing
    return url or body or (title and (is_near or differ <= 1))


def _hidden_story(article: Article, other: Article, *, is_own: bool) -> tuple[str, str] | None:
    """Return the title of a hidden story that a document shares, and the one part that they share.

    The part is empty if the whole story is the same. The story is that of another article, or an earlier one
    of this article. Return None if there is no such story.
    """
    hidden = _hides(other.overrides.values())
    if hidden and not is_own:
        if article.text == other.text or _is_same_story(article.document, other.document):
            return other.document.title or "", ""
        if article.document.identity[0] == other.document.identity[0] is not None:
            return other.document.title or "", "URL"
    now = other.document.identity if hidden else (None,) * 4
    waiting = [
        kept.story._replace(identity=(*kept.story.identity[:3], None))
        for kept in other.set_aside
        if kept.story and _hides([kept])
    ]
    numbers = {kept.number for kept in (*other.overrides.values(), *other.set_aside)}
    former = [story for number, story in other.former if number in numbers]
    for story in (*waiting, *former):
        if _is_same_story(article.document, story):
            return story.title or "", ""
        # A part that the article still has is not enough.
        for key, name in ((0, "URL"), (2, "text")):
            one = article.document.identity[key]
            is_brief = key == 2 and len(one or "") < 16
            if one is not None and one == story.identity[key] != now[key] and not is_brief:
                return story.title or "", name
    return None


def _is_same_story(document: Document, other: Document) -> bool:
    """Return whether two of URL, title, body and date are equal; with the date, only one other may differ."""
    pairs = list(zip(document.identity[:3], other.identity[:3], strict=True))
    differ = sum(one is not None and two is not None and one != two for one, two in pairs)
    same = sum(one == two is not None for one, two in pairs)
    return same >= 2 or (_count_equal(document, other) >= 2 and differ <= 1)


def _is_rewritten(before: Document, document: Document) -> bool:
    """Return whether an earlier document cannot be recognized with certainty by its present content."""
    known = before.identity[:3]
    return (before.title, known) != (document.title, document.identity[:3]) or sum(
        one is not None for one in known
    ) < 2


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _cut(message: str) -> str:
    return message if len(message) <= 200 else message[:199] + "…"


def _hides(overrides: Iterable[Override]) -> bool:
    return any((kept.flag, kept.value) in (("published", 0), ("removed", 1)) for kept in overrides)


#: Codes of notices about documents that may belong to another article.
DOUBTS = ("ambiguous_move", "hidden_story")

#: The actor of overrides by imports: the one who ran the import.
IMPORTER = "tester"

ACTORS = ("ada", "ben", "cleo")


def edit_at_random(store: Store, model: Model, rng: random.Random, number: int) -> None:
    """Edit `number` articles as several editors, in the store and in the model.

    Half of the edits are about articles that are changed often, and half about flags with notices.
    """
    paths = sorted(model.articles)
    frequent = frequent_paths(paths)
    while number > 0:
        open_notices = _open_notices(model)
        if open_notices and rng.random() < 0.5:
            path, flag = rng.choice(open_notices[rng.choice(sorted(open_notices))])
            chosen, values = [path], _respond(model.articles[path], flag, rng)
        else:
            chosen = rng.sample(frequent if rng.random() < 0.5 else paths, min(number, rng.randint(1, 5)))
            values = _random_values(rng.sample(FLAGS, rng.choice((1, 1, 1, 2))), rng)
        number -= len(chosen)
        actor = rng.choice(ACTORS)
        if values.get("published") == 1 and "removed" not in values:
            chosen = [path for path in chosen if not model.articles[path].effective[3]]
        if chosen:
            with store.writing() as connection:
                set_flags(connection, Selection(chosen), values, actor=actor, reason=None)
            for path in chosen:
                model.edit(path, values, actor)


def _open_notices(model: Model) -> dict[str, list[tuple[str, str]]]:
    """Return the paths and flags of the open notices, by code."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path, article in sorted(model.articles.items()):
        for code, flag in sorted(article.notices):
            if not flag:  # a notice about a document, not a flag
                continue
            found.setdefault(code, []).append((path, flag))
    return found


def _respond(article: Article, flag: str, rng: random.Random) -> dict[str, int]:
    """Return new values for the flag of a notice; in half of the cases the upstream value."""
    upstream = article.document.flags[flag]
    return _random_values([flag], rng) if upstream is None or rng.random() < 0.5 else {flag: upstream}


def _random_values(flags: Sequence[str], rng: random.Random) -> dict[str, int]:
    values = {f: rng.randint(0, 3 if f in ("quality", "heat") else 1) for f in flags}
    if values.get("removed") == values.get("published") == 1:  # the command refuses this
        values["published"] = 0
    return values
