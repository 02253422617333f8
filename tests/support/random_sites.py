"""A made-up site whose documents are edited, moved and broken at random: what `histories` imports.

Title, URL and body of a document each carry a token of their own (`t7`, `u7`, `b7`), so that a test can tell
from the rows of a store, and from the files alike, which story an article tells.
"""

from __future__ import annotations

import json
import random
import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple


class Telling(NamedTuple):
    """What a document tells: the tokens of its title, URL and body; None for what it does not have."""

    title: int | None
    url: int | None
    body: int | None

    def count_equal(self, other: Telling) -> int:
        """Return in how many aspects two are equal that both have."""
        return sum(a is not None and a == b for a, b in zip(self, other, strict=True))

    def count_different(self, other: Telling) -> int:
        """Return in how many aspects two differ that both have."""
        return sum(None not in (a, b) and a != b for a, b in zip(self, other, strict=True))


@dataclass(frozen=True)
class Doc:
    """A document: what it tells, its lines of flags, and in which of several forms it is written."""

    tells: Telling
    flags: tuple[str, ...] = ()
    form: int = 0

    def write(self) -> bytes:
        title, url, body = self.tells
        lines = ["---"]
        lines += (
            [] if title is None else [f"title: {json.dumps(_title(title, self.form), ensure_ascii=False)}"]
        )
        lines += [] if url is None else [f"originalUrl: {json.dumps(_url(url, self.form))}"]
        lines += [f"words: {self.form}", *self.flags, "---"]
        return "\n".join([*lines, "" if body is None else _body(body, self.form), ""]).encode()


def _title(token: int, form: int) -> str:
    plain = f'Tale t{token} of "the café\'s" end'
    typographic = plain.replace(' "', " “").replace('" ', "” ").replace("'", "’")
    forms = (plain, plain.upper(), typographic, plain.replace(" ", "  "), unicodedata.normalize("NFD", plain))
    return forms[form % len(forms)]


def _url(token: int, form: int) -> str:
    query = ("", "?a=1&b=2", "?b=2&a=1")[0 if token % 3 else 1 + form % 2]
    forms = (
        f"https://ex.org/s/u{token}{query}", f"http://www.ex.org/s/u{token}/{query}",
        f"https://www.EX.org/s/u{token}{query}#top",
        f"https://ex.org/s/u{token}{query}{'&' if query else '?'}utm_source=feed",
    )  # fmt: skip
    return forms[form % len(forms)]


def _body(token: int, form: int) -> str:
    return (" ", "\n", "  ")[form % 3].join(("Once", f"b{token}", "and no more."))


def tells_of(title: str | None, url: str | None, body: str | None) -> Telling:
    """Return what is told by a title, a URL and a body, as a store has them."""
    return Telling(*(_token(*pair) for pair in (("t", title), ("u", url), ("b", body))))


def _token(letter: str, text: str | None) -> int | None:
    found = re.search(rf"\b{letter}(\d+)", (text or "").casefold())
    return int(found[1]) if found else None


#: Flags as upstream states them; from PLAIN on they cannot be read, or may be meant to hide.
FLAGS = (
    (), (), (), ("published: true",), ("published: false",), ("removed: true",), ("quality: 7", "heat: 3"),
    ("draft: true",), ("publishedDateTime: 2099-01-01T00:00:00Z",),
    ("publishedDateTime: 2020-01-01T00:00:00Z",), ("publishedDateTime: Jan 2099",), ("date: 2099-01-01",),
    ("publised: false",), ("removd: true",), ("darft: true",),
    ("published: ",), ("published: flase",), ("Published: false",), ("published: [false]",), ("removed: 1",),
    ("removed: ture",), ("quality: ten",), ("heat: 1e300",), ("removed: null", "published: true"),
)  # fmt: skip
PLAIN = 12

#: What a file becomes that is no document any more.
DAMAGES: tuple[Callable[[bytes], bytes], ...] = (
    lambda content: b"",
    lambda content: b"\n \n",
    lambda content: b"A word before\n" + content,
    lambda content: content.replace(b"---", b"--", 1),
    lambda content: b"<<<<<<< HEAD\n" + content + b"=======\n" + content + b">>>>>>> other\n",
    lambda content: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n",
    lambda content: content.replace(b"words:", b"words: [", 1),
    lambda content: content.replace(b"words:", b"\twords:", 1),
    lambda content: content.replace(b"\n---\n", b"\n", 1),
    lambda content: b"\xff\xfe" + content,
)

FOLDERS = ("_news", "_posts", "_posts/_archive", "_drafts", "_news/_Drafts", "_news/2021")


@dataclass
class World:
    """The files of a site: `docs` by path, `damaged` those of them that are broken, `lost` those that were
    deleted or overwritten and may come back."""

    root: Path
    docs: dict[str, Doc] = field(default_factory=dict)
    damaged: dict[str, bytes] = field(default_factory=dict)
    lost: list[tuple[str, Doc]] = field(default_factory=list)
    tokens: int = 0
    #: Whether all flags can be read: what else is in doubt shows only then.
    is_plain: bool = False
    #: What each file was when it was last written.
    _written: dict[str, bytes] = field(default_factory=dict)

    def fill(self, chance: random.Random) -> None:
        self.is_plain = chance.random() < 0.5
        for _ in range(chance.randint(3, 6)):
            self.docs[self.free_path(chance)] = self.make_doc(chance)

    def make_doc(self, chance: random.Random) -> Doc:
        """Make a document of a new story; some have no URL or no body, few no title."""
        has = (chance.random() > 0.05, chance.random() > 0.3, chance.random() > 0.1)
        tells = Telling(*(self.token() if one else None for one in has))
        return Doc(tells, self.make_flags(chance), chance.randrange(60))

    def make_flags(self, chance: random.Random) -> tuple[str, ...]:
        return chance.choice(FLAGS[:PLAIN] if self.is_plain else FLAGS)

    def token(self) -> int:
        self.tokens += 1
        return self.tokens

    def free_path(self, chance: random.Random) -> str:
        """Make a path that no file has."""
        while True:
            name = chance.choice(("a", "b", "c", "2021-01-01-d", "2099-01-01-f", "café", "E"))
            path = f"{chance.choice(FOLDERS)}/{name}{chance.choice(('.md', '.html'))}"
            if path not in self.docs:
                return path

    def write(self) -> None:
        """Bring the folder to what the world is."""
        wanted = {path: self.damaged.get(path, doc.write()) for path, doc in self.docs.items()}
        for path in self._written.keys() - wanted.keys():
            (self.root / path).unlink()
        for path, content in wanted.items():
            if self._written.get(path) != content:
                (self.root / path).parent.mkdir(parents=True, exist_ok=True)
                (self.root / path).write_bytes(content)
        self.root.mkdir(exist_ok=True)
        (self.root / "_news").mkdir(exist_ok=True)
        self._written = wanted

    def change(self, chance: random.Random) -> None:
        """Do something to some files."""
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 4))):
            if self.docs:
                chance.choice(CHANGES)(self, chance)
            else:
                add(self, chance)

    # --- what is done to files --------------------------------------------------------------------------

    def put(self, path: str, doc: Doc) -> None:
        """Put a document at a path, over what was there."""
        if path in self.docs:
            self.lost.append((path, self.docs[path]))
        self.damaged.pop(path, None)
        self.docs[path] = doc

    def take(self, path: str) -> Doc:
        """Take the document at a path away; it is mended by that."""
        self.damaged.pop(path, None)
        return self.docs.pop(path)

    def pick(self, chance: random.Random) -> str:
        return chance.choice(sorted(self.docs))


def add(world: World, chance: random.Random) -> None:
    world.put(world.free_path(chance), world.make_doc(chance))


def edit(world: World, chance: random.Random) -> None:
    """Rewrite one or two aspects; where that would be all, only one."""
    path = world.pick(chance)
    world.put(path, _edited(world, world.docs[path], chance, chance.choice((1, 1, 2))))


def _edited(world: World, doc: Doc, chance: random.Random, count: int) -> Doc:
    has = [name for name in Telling._fields if getattr(doc.tells, name) is not None]
    if len(has) < 2:
        return replace(doc, form=chance.randrange(60))
    changed = chance.sample(has, min(count, len(has) - 1))
    return replace(doc, tells=doc.tells._replace(**{name: world.token() for name in changed}))


def borrow(world: World, chance: random.Random) -> None:
    """Rewrite one or two aspects as another document has them, or had."""
    path = world.pick(chance)
    doc, other = world.docs[path], chance.choice([*world.docs.values(), *(doc for _, doc in world.lost)])
    names = chance.sample(Telling._fields, chance.choice((1, 1, 2)))
    tells = doc.tells._replace(**{name: getattr(other.tells, name) for name in names})
    if tells.count_equal(doc.tells):
        world.put(path, replace(doc, tells=tells))


def tidy(world: World, chance: random.Random) -> None:
    """Write the same in another form: quotation marks, http and https, white space."""
    path = world.pick(chance)
    world.put(path, replace(world.docs[path], form=chance.randrange(60)))


def flag(world: World, chance: random.Random) -> None:
    path = world.pick(chance)
    world.put(path, replace(world.docs[path], flags=world.make_flags(chance)))


def rename(world: World, chance: random.Random) -> None:
    path = world.pick(chance)
    world.put(world.free_path(chance), world.take(path))


def rename_slightly(world: World, chance: random.Random) -> None:
    """Change a suffix, the case, or the Unicode form of a path."""
    path = world.pick(chance)
    folder, _, name = path.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    form: Literal["NFC", "NFD"] = "NFC" if unicodedata.is_normalized("NFD", stem) else "NFD"
    other = {"md": "html", "html": "md"}[suffix]
    names = (
        f"{stem}.{other}",
        f"{stem.swapcase()}.{suffix}",
        f"{unicodedata.normalize(form, stem)}.{suffix}",
    )
    world.put(f"{folder}/{chance.choice(names)}", world.take(path))


def rename_folder(world: World, chance: random.Random) -> None:
    old, new = chance.sample(FOLDERS, 2)
    for path in [path for path in sorted(world.docs) if path.rpartition("/")[0] == old]:
        world.put(f"{new}/{path.rpartition('/')[2]}", world.take(path))


def rename_and_edit(world: World, chance: random.Random) -> None:
    path = world.pick(chance)
    doc = _edited(world, world.take(path), chance, 1)
    world.put(
        world.free_path(chance), replace(doc, flags=chance.choice((doc.flags, world.make_flags(chance))))
    )


def swap(world: World, chance: random.Random) -> None:
    """Have two or three files change places."""
    paths = chance.sample(sorted(world.docs), min(len(world.docs), chance.choice((2, 2, 3))))
    docs = [world.take(path) for path in paths]
    for path, doc in zip([*paths[1:], paths[0]], docs, strict=True):
        world.put(path, doc)


def overwrite(world: World, chance: random.Random) -> None:
    """`mv a b`"""
    path = world.pick(chance)
    doc = world.take(path)
    world.put(world.pick(chance) if world.docs else path, doc)


def copy(world: World, chance: random.Random) -> None:
    """Copy a document; the original stays, or goes, now or later."""
    path = world.pick(chance)
    doc = world.docs[path]
    for _ in range(chance.choice((1, 1, 2))):
        copied = _edited(world, doc, chance, 1) if chance.random() < 0.3 else doc
        world.put(world.free_path(chance), copied)
    if chance.random() < 0.4:
        delete(world, chance, path)


def delete(world: World, chance: random.Random, path: str | None = None) -> None:
    path = path or world.pick(chance)
    world.lost.append((path, world.take(path)))


def mark_present(world: World, chance: random.Random) -> None:
    """Put what was lost at its path again, or at another."""
    if world.lost:
        # Mostly what went last, which nothing else resembles yet.
        number = -1 if chance.random() < 0.6 else chance.randrange(len(world.lost))
        path, doc = world.lost.pop(number)
        world.put(path if chance.random() < 0.5 else world.free_path(chance), doc)


def gather(world: World, chance: random.Random) -> None:
    """Take all copies of a document away, and put one at another path."""
    tells = world.docs[world.pick(chance)].tells
    copies = [path for path in sorted(world.docs) if world.docs[path].tells == tells]
    docs = [world.take(path) for path in copies]
    world.put(world.free_path(chance), chance.choice(docs))


def replace_story(world: World, chance: random.Random) -> None:
    world.put(world.pick(chance), world.make_doc(chance))


def damage(world: World, chance: random.Random) -> None:
    path = world.pick(chance)
    world.damaged[path] = chance.choice(DAMAGES)(world.docs[path].write())


def mend(world: World, chance: random.Random) -> None:
    for path in sorted(world.damaged):
        if chance.random() < 0.7:
            del world.damaged[path]


CHANGES: tuple[Callable[[World, random.Random], None], ...] = (
    add, edit, edit, borrow, borrow, tidy, tidy, flag, flag, rename, rename, rename_slightly, rename_folder, rename_and_edit,
    rename_and_edit, swap, swap, overwrite, overwrite, copy, copy, copy, gather, gather, delete, delete, mark_present, mark_present,
    mark_present, replace_story, replace_story, damage, mend, mend,
)  # fmt: skip
