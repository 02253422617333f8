"""What upstream does and what becomes of decisions then, in tests: the real snapshots, what else may happen
to a dump (`Mischief`), and a model of the rules of `merge` made of nothing but the files (`Model`).

CURATION_FULL=1 takes whole snapshots; else every fourth file, and the taxonomy.
"""

from __future__ import annotations

import os
import random
import re
import tarfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import yaml

from curation.database import Store
from curation.editing.flags import set_flags
from curation.flags import FLAGS
from curation.scanning import Kind, kind_of
from curation.selecting import Selection
from curation.urls import canonical_url, url_digest

from .conftest import DATA

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
            self._put(path, re.sub(rb"(?m)^title: .*$", b'title: "Another title"', self._now[path], count=1))
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
                self._put(path, another_story(self._now[path], self._random.choice((b"one", b"two"))))
            elif self._random.random() < 0.5:
                self._put(path, other_flags(self._now[path], self._random))
            elif self._random.random() < 0.3:
                self._put(path, half_a_story(self._now[path], b"one"))

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


def half_a_story(content: bytes, which: bytes) -> bytes:
    """A document of which the title alone is another story's."""
    return re.sub(rb"(?m)^(title|name): .*$", rb'\1: "Quite another story: ' + which + b'"', content)


def another_story(content: bytes, which: bytes) -> bytes:
    """A document of which title and addresses are another story's."""
    content = half_a_story(content, which)
    return re.sub(rb"(?m)^(originalUrl|webUrl): .*$", rb'\1: "https://other.example/' + which + b'"', content)


def other_flags(content: bytes, chance: random.Random) -> bytes:
    """A document of which upstream says otherwise how good, hot and fit to be shown it is."""
    content = re.sub(rb"(?m)^quality: .*$", b"quality: %d" % chance.randint(0, 3), content)
    content = re.sub(rb"(?m)^heat: .*$", b"heat: %d" % chance.randint(0, 3), content)
    content = re.sub(rb"(?m)^removed: .*\n", b"", content)
    told = chance.choice((b"published: true", b"published: false", b"published: true\nremoved: true"))
    return re.sub(rb"(?m)^published: .*$", told, content)


# --- the model ------------------------------------------------------------------------------------------


class Told(NamedTuple):
    """What a document says, as far as decisions are concerned."""

    title: str | None
    url: bytes | None
    flags: Mapping[str, int | None]


@lru_cache(maxsize=100_000)
def told_by(content: bytes) -> Told | str:
    """What a file says; `refused` or `passed` where it is no document."""
    if not content.startswith(b"---"):
        return "passed"
    try:
        text = content.decode()
        values = yaml.load(text[4 : text.index("\n---", 3) + 1], yaml.CSafeLoader)
    except (UnicodeDecodeError, yaml.YAMLError):
        return "refused"
    flags = {flag: None if values.get(flag) is None else int(values[flag]) for flag in FLAGS}
    url = canonical_url(values.get("originalUrl")) or canonical_url(values.get("webUrl"))
    return Told(values.get("title", values.get("name")), url_digest(url), flags)


def without_secured(content: bytes) -> bytes:
    return re.sub(rb"(?m)^secured: .*\n", b"", content, count=1)


class Kept(NamedTuple):
    """A decision, and by whom; once it is set aside, the story that it was about."""

    flag: str
    value: int
    actor: str
    title: str | None = None
    url: bytes | None = None

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
    notices: Notices = field(default_factory=dict)

    @property
    def effective(self) -> tuple[int | None, int | None, bool, bool]:
        said = self.told.flags | {flag: kept.value for flag, kept in self.decided.items()}
        removed = bool(said["removed"])
        published = said["published"] is None or bool(said["published"])
        return said["quality"], said["heat"], published and not removed, removed


class Model:
    """What is to become of every decision: the table of rules in `merge`, written once more."""

    def __init__(self) -> None:
        self.pieces: dict[str, Piece] = {}
        #: How often each notice was given, mended or not.
        self.given: Counter[tuple[str, str, str]] = Counter()
        self.met: Counter[str] = Counter()

    def take_in(self, files: Files) -> None:
        """What an import of a whole dump makes of it."""
        for path in (path for path in files if kind_of(path) is Kind.ARTICLE):
            told, piece = told_by(files[path]), self.pieces.get(path)
            if isinstance(told, Told):
                self._take(path, piece, told, without_secured(files[path]))
            elif told == "passed" and piece is not None:
                piece.missing = True
        for path, piece in self.pieces.items():
            piece.missing = piece.missing or path not in files
            self._settle(piece)

    def _take(self, path: str, piece: Piece | None, told: Told, text: bytes) -> None:
        if piece is None:
            self.pieces[path] = Piece(text, told)
            return
        piece.missing = False
        if text == piece.text:
            return
        before = piece.told
        piece.text, piece.told = text, told
        notices = self._change_story(piece, before) if _parts(before, told) else self._compare(piece, before)
        for kept in piece.aside:  # the last one speaks
            if kept.flag not in piece.decided:
                message = (
                    f"the editor's {kept.words} was about another story, {kept.title!r}, and is set aside"
                )
                notices["override_set_aside", kept.flag] = message
        for code, flag in notices.keys() - piece.notices.keys():
            self.given[path, code, flag] += 1
        piece.notices = notices

    def _change_story(self, piece: Piece, before: Told) -> Notices:
        self.met["another story"] += 1
        back = {k.flag: k for k in piece.aside if not _parts(Told(k.title, k.url, {}), piece.told)}
        self.met["returned"] += len(back)
        self.met["set aside"] += len(piece.decided)
        stay = [kept for kept in piece.aside if not any(kept is one for one in back.values())]
        piece.aside = stay + [k._replace(title=before.title, url=before.url) for k in piece.decided.values()]
        piece.decided = {flag: kept._replace(title=None, url=None) for flag, kept in back.items()}
        told = "the story is back, and with it the editor's "
        return {("override_returned", flag): told + kept.words for flag, kept in back.items()}

    def _compare(self, piece: Piece, before: Told) -> Notices:
        found = {}
        for flag, kept in piece.decided.items():
            says, said = piece.told.flags[flag], before.flags[flag]
            is_said = ("upstream_parts", flag) in piece.notices
            if says is not None and says != kept.value and (says != said or is_said):
                self.met["parts"] += 1
                found["upstream_parts", flag] = _parting(kept, says)
        return found

    def _settle(self, piece: Piece) -> None:
        """Brings what was said before to what editors have decided since."""
        for code, flag in list(piece.notices):
            kept, says = piece.decided.get(flag), piece.told.flags[flag]
            if code == "override_set_aside" and kept is not None:
                self.met["decided anew"] += 1
                del piece.notices[code, flag]
            elif code == "upstream_parts" and (kept is None or says in (None, kept.value)):
                self.met["agreed"] += 1
                del piece.notices[code, flag]
            elif code == "upstream_parts" and kept is not None and says is not None:
                message = _parting(kept, says)
                self.met["decided otherwise"] += message != piece.notices[code, flag]
                piece.notices[code, flag] = message

    def decide(self, path: str, decisions: Mapping[str, int], actor: str) -> None:
        decided = self.pieces[path].decided
        for flag, value in decisions.items():
            # A decision that stands already stays its maker's.
            if flag not in decided or decided[flag].value != value:
                decided[flag] = Kept(flag, value, actor)


def _words(flag: str, value: int) -> str:
    return str(value) if flag in ("quality", "heat") else ("false", "true")[value]


def _parting(kept: Kept, says: int) -> str:
    return f"upstream says {_words(kept.flag, says)}; the editor's {kept.words} stands"


def _parts(story: Told, other: Told) -> bool:
    return story.title != other.title and story.url != other.url


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
