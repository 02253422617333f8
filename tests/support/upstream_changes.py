"""What upstream does and what becomes of decisions then, in tests: the real snapshots, what else may happen
to a dump (`Mischief`), and a model of the rules of `merging.rules` made of nothing but the files (`Model`).

CURATION_FULL=1 takes whole snapshots; else every fourth file, and the taxonomy.
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
from curation.urls import canonical_url, url_digest

from .places import DATA

FULL = bool(os.environ.get("CURATION_FULL"))

#: A dump's content: bytes by path.
Files = dict[str, bytes]


@lru_cache
def snapshots(family: str) -> list[Files]:
    """The content of each snapshot of a site, in order of date."""
    found: dict[str, Files] = {}
    with tarfile.open(DATA / f"{family}-snapshots.tar.gz") as archive:
        for member in archive:
            date, _, path = member.name.removeprefix("./").partition("/")
            if member.isfile() and path.startswith("_") and _is_wanted(path):
                held = archive.extractfile(member)
                assert held is not None
                found.setdefault(date, {})[path] = held.read()
    return [found[date] for date in sorted(found)]


def _is_wanted(path: str) -> bool:
    return FULL or path.startswith("_data/") or crc32(path.encode()) % 4 == 0


class Site:
    """A folder that is brought from one dump to the next as a pipeline does it: what is the same is not
    written."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files: Files = {}

    def hold(self, files: Files) -> None:
        for path in self._files.keys() - files.keys():
            (self.root / path).unlink()
        for path, content in files.items():
            if self._files.get(path) != content:
                file = self.root / path
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(content)
        self._files = dict(files)


# --- what is done to the snapshots ----------------------------------------------------------------------


class Mischief:
    """Makes of a snapshot a dump in which much has happened; each time other things, seeded.

    A part of what was done before still is; all else is mended.
    """

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._before: Files = {}
        self._now: Files = {}
        self._done: dict[str, bytes | None] = {}

    def do(self, snapshot: Files) -> Files:
        """What the next dump holds."""
        lasting = {p: c for p, c in self._done.items() if p in snapshot and self._random.random() < 0.4}
        self._done, self._now = {}, dict(snapshot)
        for path, content in sorted(lasting.items()):
            self._put(path, content)
        self._articles()
        self._haunt()
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

    def _haunt(self) -> None:
        """Happens to the same few articles again and again."""
        for path in few_of([p for p in sorted(self._now) if not p.startswith("_data/")]):
            if self._random.random() < 0.5:
                which = self._random.choice(("one", "two"))
                self._put(path, another_story(self._now[path], _of_path(which, path)))
            elif self._random.random() < 0.5:
                self._put(path, other_flags(self._now[path], self._random))
            elif self._random.random() < 0.3:
                self._put(path, half_a_story(self._now[path], _of_path("one", path)))

    def _images(self) -> None:
        """Says other things of images, in some of the articles that show them."""
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
                told = self._random.choice((width, rb'\g<2>title: "T"\n\g<2>width: 7'))
                entry = re.compile(rb"(- url: \"?" + re.escape(url) + rb"\"?\n)(\s+)width: \d+")
                self._put(path, entry.sub(rb"\g<1>" + told, self._now[path]))

    def _organizations(self) -> None:
        paths = self._some(8, "_data/organizations/")
        gone, moved, doubled, resized, broken, *renamed = paths
        self._put(gone, None)
        content = self._now[moved]
        self._put(moved, re.sub(rb"(?m)^domain: .*$", b"domain: moved.example", content))
        twin = re.sub(
            rb"(?m)^images:$", b"description: A twin.\notherNames: [Twin]\nimages:", self._now[doubled]
        )
        where = self._random.choice((b"", b"zz-")).decode()
        self._put(f"_data/organizations/{where}a-twin.md", twin)
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


def few_of(paths: Sequence[str]) -> Sequence[str]:
    """The articles that things happen to again and again, and that editors care for most."""
    return paths[:: max(1, len(paths) // 40)]


_IMAGE = re.compile(rb"- url: \"?([^\"\s]+)\"?\n\s+width: \d+")


def _of_path(text: str, path: str) -> bytes:
    """Words that no other document has: a story that lies at two paths at once is for `test_moves`."""
    return f"{text} {crc32(path.encode()):x}".encode()


def half_a_story(content: bytes, which: bytes) -> bytes:
    """A document of which the title alone is another story's."""
    return re.sub(rb"(?m)^(title|name): .*$", rb'\1: "Quite another story: ' + which + b'"', content)


def another_story(content: bytes, which: bytes) -> bytes:
    """A document of which title, addresses and body are another story's."""
    content, url = half_a_story(content, which), b"https://other.example/" + which.replace(b" ", b"-")
    content = re.sub(rb"(?m)^(originalUrl|webUrl): .*$", rb'\1: "' + url + b'"', content)
    return content.rstrip(b"\n") + b"\nThe words of " + which + b".\n"


def other_flags(content: bytes, chance: random.Random) -> bytes:
    """A document of which upstream says otherwise how good, hot and fit to be shown it is."""
    content = re.sub(rb"(?m)^quality: .*$", b"quality: %d" % chance.randint(0, 3), content)
    content = re.sub(rb"(?m)^heat: .*$", b"heat: %d" % chance.randint(0, 3), content)
    content = re.sub(rb"(?m)^removed: .*\n", b"", content)
    told = chance.choice((b"published: true", b"published: false", b"published: true\nremoved: true"))
    return re.sub(rb"(?m)^published: .*$", told, content)


# --- the model ------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """What a document says, as far as decisions are concerned.

    known_as: canonical URL, title, body and date, as they are compared; None for one that is not there.
    """

    title: str | None
    url: bytes | None
    flags: Mapping[str, int | None]
    known_as: tuple[str | None, str | None, str | None, str | None] = (None, None, None, None)


@lru_cache(maxsize=100_000)
def told_by(content: bytes) -> Told | str:
    """What a file says; `refused` or `passed` where it is no document."""
    if not content.startswith(b"---"):
        return "passed"
    try:
        text = content.decode()
        end = text.index("\n---", 3)
        values = yaml.load(text[4 : end + 1], yaml.CSafeLoader)
    except (UnicodeDecodeError, yaml.YAMLError):
        return "refused"
    flags = {flag: None if values.get(flag) is None else int(values[flag]) for flag in FLAGS}
    url = canonical_url(values.get("originalUrl")) or canonical_url(values.get("webUrl"))
    title = values.get("title", values.get("name"))
    at = values.get("publishedDateTime")
    known_as = (
        _plain_url(url),
        _plain_title(title),
        re.sub(r"\s", "", text[end + 4 :]) or None,
        at and str(at),
    )
    return Told(title, url_digest(url), flags, known_as)


def _plain_url(url: str | None) -> str | None:
    """An address as it is compared: a site may be reached by several schemes, with and without `www.`."""
    if url is None:
        return None
    parts = urlsplit(url)
    query = sorted(part for part in parts.query.split("&") if part)
    return f"{parts.netloc.removeprefix('www.')}{parts.path.rstrip('/')}?{'&'.join(query)}"


def _plain_title(title: str | None) -> str | None:
    """A title as it is compared: case, blanks, quotation marks and Unicode form say nothing."""
    text = unicodedata.normalize("NFKD", html.unescape(title or "")).casefold()
    return re.sub(r"[\s\"'`´‘’‚‛“”„‟«»‹›\u200b\ufeff\u00ad]", "", text) or None


def without_secured(content: bytes) -> bytes:
    return re.sub(rb"(?m)^secured: .*\n", b"", content, count=1)


class Kept(NamedTuple):
    """A decision, and by whom; once it is set aside, the story that it was about."""

    flag: str
    value: int
    actor: str
    title: str | None = None
    url: bytes | None = None
    #: As of `Told`; not compared, for the store keeps digests.
    story: Told | None = None
    #: Which decision it is: a number of its own.
    made: int = 0

    @property
    def bare(self) -> Kept:
        """Without what the store has in another form."""
        return self._replace(story=None, made=0)

    @property
    def words(self) -> str:
        return _words(self.flag, self.value)


#: What the open notices of an article say, by code and flag.
Notices = dict[tuple[str, str], str]


@dataclass
class Piece:
    """An article in the model."""

    text: bytes
    told: Told
    missing: bool = False
    decided: dict[str, Kept] = field(default_factory=dict)
    aside: list[Kept] = field(default_factory=list)
    #: What it said before, by the decisions that hid it.
    former: list[tuple[int, Told]] = field(default_factory=list)
    notices: Notices = field(default_factory=dict)

    @property
    def effective(self) -> tuple[int | None, int | None, bool, bool]:
        said = dict(self.told.flags) | {flag: kept.value for flag, kept in self.decided.items()}
        removed = bool(said["removed"])
        published = said["published"] is None or bool(said["published"])
        return said["quality"], said["heat"], published and not removed, removed


class Model:
    """What is to become of every decision: the table of rules in `merging.rules`, written once more."""

    def __init__(self) -> None:
        self.pieces: dict[str, Piece] = {}
        #: How often each notice was given, mended or not.
        self.given: Counter[tuple[str, str, str]] = Counter()
        self.met: Counter[str] = Counter()
        self._numbers = count(1)

    def take_in(self, files: Files) -> None:
        """What an import of a whole dump makes of it."""
        unplaced: dict[str, Told] = {}
        for path in (path for path in files if kind_of(path) is Kind.ARTICLE):
            told, piece = told_by(files[path]), self.pieces.get(path)
            # A file that is no document any more is an error, and its article stays.
            if isinstance(told, Told):
                if piece is None or _parts(piece.told, told):
                    unplaced[path] = told
                else:
                    self._take(path, piece, told, without_secured(files[path]))
        self._place(unplaced, files)
        for path, piece in self.pieces.items():
            piece.missing = piece.missing or path not in files
            self._settle(piece)

    def _place(self, unplaced: Mapping[str, Told], files: Files) -> None:
        """Gives documents at new paths, or with another story, the articles that they continue."""
        now, before = dict(self.pieces), {path: replace(piece) for path, piece in self.pieces.items()}
        lost = {p: piece for p, piece in before.items() if p in unplaced or p not in files or piece.missing}
        moves = self._moves(unplaced, lost, files)
        for old in moves.values():
            del self.pieces[old]
        for path in sorted(unplaced):
            told, text = unplaced[path], without_secured(files[path])
            if path in moves:
                if path in self.pieces:  # an article that is nowhere any more
                    self.pieces[f"{path}~"] = self.pieces.pop(path)
                self.met["moved"] += 1
                self.met["moved with decisions"] += bool(before[moves[path]].decided)
                self.pieces[path] = now[moves[path]]
            is_new = path not in self.pieces
            self._take(path, self.pieces.get(path), told, text, is_moved=path in moves)
            if path not in moves:
                self._close(self.pieces[path], path, before, lost.keys() - moves.values(), is_new=is_new)

    def _moves(self, unplaced: Mapping[str, Told], lost: Mapping[str, Piece], files: Files) -> dict[str, str]:
        """The old paths of articles by the paths of documents that are surely theirs."""
        found: dict[str, str] = {}
        for is_early in (True, False):
            some = {
                old: piece
                for old, piece in lost.items()
                if old not in found.values() and not (is_early and piece.missing)
            }
            alike = {
                path: [
                    old for old, piece in some.items() if _is_alike(told, without_secured(files[path]), piece)
                ]
                for path, told in unplaced.items()
                if path not in found
            }
            wanted = Counter(old for many in alike.values() for old in many)
            for path, many in alike.items():
                # In these dumps no two are ever alike; `test_moves` has those.
                assert len(many) <= 1 or wanted[many[0]] <= 1, (path, many)
                if len(many) == 1 and wanted[many[0]] == 1:
                    found[path] = many[0]
        return found

    def _close(
        self, piece: Piece, path: str, before: Mapping[str, Piece], lost: Iterable[str], *, is_new: bool
    ) -> None:
        """Keeps a new article hidden that tells what an editor hides elsewhere, or may be what was hidden."""
        for old in sorted(lost):
            if before[old].decided and _may_be(piece.told, before[old]):
                is_held = _hides(before[old].decided.values())
                then = "not published until an editor decides" if is_held else "no overrides are applied"
                return self._doubt(
                    piece, path, "ambiguous_move", f"may be the same article as {old}: {then}", is_held
                )
        if is_new and self._give_back(piece):
            return None
        for old, other in before.items():
            if (found := _hidden_story(piece, other, is_own=old == path)) is not None:
                title, in_common = found
                what = f"has the same {in_common} as" if in_common else "is the same as"
                story = f"it {what} the story{title and ' ' + _short(title)} hidden by an editor at {old}"
                message = _cut(f"not published until an editor decides: {story}")
                return self._doubt(piece, path, "hidden_story", message, True)
        return None

    def _give_back(self, piece: Piece) -> bool:
        """Gives a new article the decisions that wait for its story, wherever they were set aside."""
        story = piece.told._replace(known_as=(*piece.told.known_as[:3], None))
        for other in self.pieces.values():
            back = [kept for kept in other.aside if kept.story and _count_alike(story, kept.story) >= 2]
            other.aside = [kept for kept in other.aside if kept not in back]
            piece.decided |= {k.flag: k._replace(title=None, url=None, story=None) for k in back}
            piece.former += other.former if back else []
            self.met["returned elsewhere"] += len(back)
        return bool(piece.decided)

    def _doubt(self, piece: Piece, path: str, code: str, message: str, is_held: bool) -> None:
        if is_held and not piece.decided.keys().isdisjoint(("published", "removed")):
            return
        self.met[code] += 1
        key = code, "published" if is_held else ""
        self.given[(path, *key)] += key not in piece.notices
        piece.notices[key] = message
        if is_held:
            piece.decided["published"] = Kept("published", 0, IMPORTER, made=next(self._numbers))

    def _take(
        self, path: str, piece: Piece | None, told: Told, text: bytes, *, is_moved: bool = False
    ) -> None:
        if piece is None:
            self.pieces[path] = Piece(text, told)
            return
        piece.missing = False
        if text == piece.text and not is_moved:
            return
        before = piece.told
        if _is_retold(before, told):
            piece.former += [(kept.made, before) for kept in piece.decided.values() if _hides([kept])]
        piece.text, piece.told = text, told
        notices = self._change_story(piece, before) if _parts(before, told) else self._compare(piece, before)
        for kept in piece.aside:  # the last one speaks
            if kept.flag not in piece.decided:
                message = f"the override {kept.words} was for another story, {kept.title!r}, and is set aside"
                notices["override_set_aside", kept.flag] = message
        # Whether one is in doubt, editors say.
        notices |= {key: message for key, message in piece.notices.items() if key[0] in DOUBTS}
        for code, flag in notices.keys() - (() if is_moved else piece.notices.keys()):
            self.given[path, code, flag] += 1
        piece.notices = notices

    def _change_story(self, piece: Piece, before: Told) -> Notices:
        self.met["another story"] += 1
        back = {k.flag: k for k in piece.aside if k.story and not _parts(k.story, piece.told)}
        self.met["returned"] += len(back)
        self.met["set aside"] += len(piece.decided)
        stay = [kept for kept in piece.aside if not any(kept is one for one in back.values())]
        piece.aside = stay + [
            kept._replace(title=before.title, url=before.url, story=before) for kept in piece.decided.values()
        ]
        piece.decided = {flag: kept._replace(title=None, url=None, story=None) for flag, kept in back.items()}
        return {
            ("override_returned", flag): f"the story is back, and its override {kept.words} applies again"
            for flag, kept in back.items()
        }

    def _compare(self, piece: Piece, before: Told) -> Notices:
        found = {}
        for flag, kept in piece.decided.items():
            says, said = piece.told.flags[flag], before.flags[flag]
            is_said = ("upstream_changed", flag) in piece.notices
            if says is not None and says != kept.value and (says != said or is_said):
                self.met["parts"] += 1
                found["upstream_changed", flag] = _parting(kept, says)
        return found

    def _settle(self, piece: Piece) -> None:
        """Brings what was said before to what editors have decided since."""
        for code, flag in list(piece.notices):
            if code in DOUBTS:
                kept = piece.decided.get(flag)
                if (kept is None or kept.actor != IMPORTER) if flag else piece.decided:
                    del piece.notices[code, flag]
                continue
            kept, says = piece.decided.get(flag), piece.told.flags[flag]
            if code == "override_set_aside" and all(one.flag != flag for one in piece.aside):
                del piece.notices[code, flag]  # it has returned at another path
            elif code == "override_set_aside" and kept is not None:
                self.met["decided anew"] += 1
                del piece.notices[code, flag]
            elif code == "upstream_changed" and (kept is None or says in (None, kept.value)):
                self.met["adopted"] += 1
                del piece.notices[code, flag]
            elif code == "upstream_changed" and kept is not None and says is not None:
                message = _parting(kept, says)
                self.met["decided otherwise"] += message != piece.notices[code, flag]
                piece.notices[code, flag] = message

    def decide(self, path: str, decisions: Mapping[str, int], actor: str) -> None:
        decided = self.pieces[path].decided
        for flag, value in decisions.items():
            # A decision that stands already stays its maker's.
            if flag not in decided or decided[flag].value != value:
                decided[flag] = Kept(flag, value, actor, made=next(self._numbers))


def _words(flag: str, value: int) -> str:
    return str(value) if flag in ("quality", "heat") else ("false", "true")[value]


def _parting(kept: Kept, says: int) -> str:
    return f"upstream changed to {_words(kept.flag, says)}; the override {kept.words} is kept"


def _parts(story: Told, other: Told) -> bool:
    """Whether two at one path tell different stories: URL, title and body all differ, none of both is alike."""
    if story.title == other.title or story.url == other.url:
        return False
    url, title, body = (one == two for one, two in zip(story.known_as[:3], other.known_as[:3], strict=True))
    return not (url or title or (body and story.known_as[2] is not None))


def _count_alike(told: Told, other: Told) -> int:
    """In how many of URL, title, body and date two are alike that both have one."""
    return sum(one == two is not None for one, two in zip(told.known_as, other.known_as, strict=True))


def _is_alike(told: Told, text: bytes, piece: Piece) -> bool:
    """Whether a document continues an article: the same text, or two of URL, title, body and date, unless two
    differ; or one of URL and title where nothing else differs."""
    if text == piece.text:
        return True
    pairs = list(zip(told.known_as[:3], piece.told.known_as[:3], strict=True))
    differ = sum(one is not None and two is not None and one != two for one, two in pairs)
    if _count_alike(told, piece.told) >= 2:
        return differ <= 1
    return differ == 0 and any(one == two is not None for one, two in pairs[:2])


def _may_be(told: Told, piece: Piece) -> bool:
    """Whether a document may continue an article, though it is not sure. Of one that an editor hides, and that
    has lost its document just now, the title is enough."""
    pairs = list(zip(told.known_as[:3], piece.told.known_as[:3], strict=True))
    url, title, body = (one == two is not None for one, two in pairs)
    differ = sum(one is not None and two is not None and one != two for one, two in pairs)
    is_near = _hides(piece.decided.values()) and not piece.missing
    return url or body or (title and (is_near or differ <= 1))


def _hidden_story(piece: Piece, other: Piece, *, is_own: bool) -> tuple[str, str] | None:
    """The title of a story which a document has, and which an editor hides, and what they have in common, if it
    is only that: the story of another article, or one that this had before."""
    hidden = _hides(other.decided.values())
    if hidden and not is_own:
        if piece.text == other.text or _is_like(piece.told, other.told):
            return other.told.title or "", ""
        if piece.told.known_as[0] == other.told.known_as[0] is not None:
            return other.told.title or "", "URL"
    now = other.told.known_as if hidden else (None,) * 4
    waiting = [
        kept.story._replace(known_as=(*kept.story.known_as[:3], None))
        for kept in other.aside
        if kept.story and _hides([kept])
    ]
    standing = {kept.made for kept in (*other.decided.values(), *other.aside)}
    former = [story for made, story in other.former if made in standing]
    for story in (*waiting, *former):
        if _is_like(piece.told, story):
            return story.title or "", ""
        # What the article still says of itself is not enough alone.
        for key, name in ((0, "URL"), (2, "text")):
            one = piece.told.known_as[key]
            is_brief = key == 2 and len(one or "") < 16
            if one is not None and one == story.known_as[key] != now[key] and not is_brief:
                return story.title or "", name
    return None


def _is_like(told: Told, other: Told) -> bool:
    """Whether two have two of URL, title, body and date in common, unless the date is one and two others differ."""
    pairs = list(zip(told.known_as[:3], other.known_as[:3], strict=True))
    differ = sum(one is not None and two is not None and one != two for one, two in pairs)
    same = sum(one == two is not None for one, two in pairs)
    return same >= 2 or (_count_alike(told, other) >= 2 and differ <= 1)


def _is_retold(before: Told, told: Told) -> bool:
    """Whether a document could not be known for certain by what it says now."""
    known = before.known_as[:3]
    return (before.title, known) != (told.title, told.known_as[:3]) or sum(
        one is not None for one in known
    ) < 2


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")


def _cut(message: str) -> str:
    return message if len(message) <= 200 else message[:199] + "…"


def _hides(decided: Iterable[Kept]) -> bool:
    return any((kept.flag, kept.value) in (("published", 0), ("removed", 1)) for kept in decided)


#: What is said of a document that may be about another article.
DOUBTS = ("ambiguous_move", "hidden_story")

#: Who holds what is in doubt: whoever ran the import.
IMPORTER = "tester"

ACTORS = ("ada", "ben", "cleo")


def decide_at_random(store: Store, model: Model, chance: random.Random, number: int) -> None:
    """So many decisions by several editors, half of them about the articles that things
    happen to, as many about what notices say."""
    paths = sorted(model.pieces)
    haunted = few_of(paths)
    while number > 0:
        noticed = _noticed(model)
        if noticed and chance.random() < 0.5:
            path, flag = chance.choice(noticed[chance.choice(sorted(noticed))])
            some, decisions = [path], _answer(model.pieces[path], flag, chance)
        else:
            some = chance.sample(
                haunted if chance.random() < 0.5 else paths, min(number, chance.randint(1, 5))
            )
            decisions = _decisions(chance.sample(FLAGS, chance.choice((1, 1, 1, 2))), chance)
        number -= len(some)
        actor = chance.choice(ACTORS)
        if decisions.get("published") == 1 and "removed" not in decisions:
            some = [path for path in some if not model.pieces[path].effective[3]]
        if some:
            with store.writing() as connection:
                set_flags(connection, Selection(some), decisions, actor=actor, reason=None)
            for path in some:
                model.decide(path, decisions, actor)


def _noticed(model: Model) -> dict[str, list[tuple[str, str]]]:
    """The open notices: paths and flags, by code."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path, piece in sorted(model.pieces.items()):
        for code, flag in sorted(piece.notices):
            if not flag:  # one of a document, of no flag
                continue
            found.setdefault(code, []).append((path, flag))
    return found


def _answer(piece: Piece, flag: str, chance: random.Random) -> dict[str, int]:
    """A decision on what a notice is about; as often as not it agrees with upstream."""
    says = piece.told.flags[flag]
    return _decisions([flag], chance) if says is None or chance.random() < 0.5 else {flag: says}


def _decisions(flags: Sequence[str], chance: random.Random) -> dict[str, int]:
    decisions = {f: chance.randint(0, 3 if f in ("quality", "heat") else 1) for f in flags}
    if decisions.get("removed") == decisions.get("published") == 1:  # which is refused
        decisions["published"] = 0
    return decisions
