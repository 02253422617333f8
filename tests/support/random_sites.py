"""A generated site whose documents are edited, moved and broken at random, for `random_histories`.

Title, URL and body of a document each contain a token (`t7`, `u7`, `b7`). From these a test can identify the
story of an article, both in the rows of a store and in the files.
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


class StoryTokens(NamedTuple):
    """The tokens of a document's title, URL and body; None for an aspect that it does not have."""

    title: int | None
    url: int | None
    body: int | None

    def count_equal(self, other: StoryTokens) -> int:
        """Return how many aspects both have and are equal."""
        return sum(a is not None and a == b for a, b in zip(self, other, strict=True))

    def count_different(self, other: StoryTokens) -> int:
        """Return how many aspects both have and differ."""
        return sum(None not in (a, b) and a != b for a, b in zip(self, other, strict=True))


@dataclass(frozen=True)
class Doc:
    """A document: its tokens, its lines of flags, and the number of the form in which it is written."""

    tokens: StoryTokens
    flags: tuple[str, ...] = ()
    form: int = 0

    def write(self) -> bytes:
        title, url, body = self.tokens
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


def read_tokens(title: str | None, url: str | None, body: str | None) -> StoryTokens:
    """Return the tokens of a title, a URL and a body as stored."""
    return StoryTokens(*(_token(*pair) for pair in (("t", title), ("u", url), ("b", body))))


def _token(letter: str, text: str | None) -> int | None:
    found = re.search(rf"\b{letter}(\d+)", (text or "").casefold())
    return int(found[1]) if found else None


#: Lines of flags as upstream writes them. The first `READABLE_COUNT` can be read. The others cannot, or may be
#: meant to hide the article.
FLAGS = (
    (), (), (), ("published: true",), ("published: false",), ("removed: true",), ("quality: 7", "heat: 3"),
    ("draft: true",), ("publishedDateTime: 2099-01-01T00:00:00Z",),
    ("publishedDateTime: 2020-01-01T00:00:00Z",), ("publishedDateTime: Jan 2099",), ("date: 2099-01-01",),
    ("publised: false",), ("removd: true",), ("darft: true",),
    ("published: ",), ("published: flase",), ("Published: false",), ("published: [false]",), ("removed: 1",),
    ("removed: ture",), ("quality: ten",), ("heat: 1e300",), ("removed: null", "published: true"),
)  # fmt: skip
READABLE_COUNT = 12

#: Ways to damage a file, so that it is no longer a document.
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
class Site:
    """The files of a site.

    Attributes:
        root: The folder of the site.
        docs: The documents by path.
        damaged: The contents of broken files, by path.
        deleted: The documents that were deleted or overwritten, with their paths. They may return.
        token_count: The number of tokens used so far.
    """

    root: Path
    docs: dict[str, Doc] = field(default_factory=dict)
    damaged: dict[str, bytes] = field(default_factory=dict)
    deleted: list[tuple[str, Doc]] = field(default_factory=list)
    token_count: int = 0
    #: Whether all flags can be read. Other ambiguities have an effect only then.
    has_readable_flags_only: bool = False
    #: The content of each file when it was last written, by path.
    _written: dict[str, bytes] = field(default_factory=dict)

    def fill(self, chance: random.Random) -> None:
        self.has_readable_flags_only = chance.random() < 0.5
        for _ in range(chance.randint(3, 6)):
            self.docs[self.free_path(chance)] = self.make_doc(chance)

    def make_doc(self, chance: random.Random) -> Doc:
        """Make a document of a new story; some have no URL or no body, few no title."""
        has = (chance.random() > 0.05, chance.random() > 0.3, chance.random() > 0.1)
        tokens = StoryTokens(*(self.make_token() if has_aspect else None for has_aspect in has))
        return Doc(tokens, self.make_flags(chance), chance.randrange(60))

    def make_flags(self, chance: random.Random) -> tuple[str, ...]:
        return chance.choice(FLAGS[:READABLE_COUNT] if self.has_readable_flags_only else FLAGS)

    def make_token(self) -> int:
        self.token_count += 1
        return self.token_count

    def free_path(self, chance: random.Random) -> str:
        """Make a path that no file has."""
        while True:
            name = chance.choice(("a", "b", "c", "2021-01-01-d", "2099-01-01-f", "café", "E"))
            path = f"{chance.choice(FOLDERS)}/{name}{chance.choice(('.md', '.html'))}"
            if path not in self.docs:
                return path

    def write(self) -> None:
        """Write the documents to the folder, and delete the other files."""
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
        """Apply a few random changes."""
        for _ in range(chance.choice((0, 1, 1, 1, 2, 2, 3, 4))):
            if self.docs:
                chance.choice(CHANGES)(self, chance)
            else:
                add(self, chance)

    # --- steps of changes -------------------------------------------------------------------------------

    def put(self, path: str, doc: Doc) -> None:
        """Put a document at a path, and replace the one there."""
        if path in self.docs:
            self.deleted.append((path, self.docs[path]))
        self.damaged.pop(path, None)
        self.docs[path] = doc

    def remove(self, path: str) -> Doc:
        """Remove and return the document at a path, repaired if it was damaged."""
        self.damaged.pop(path, None)
        return self.docs.pop(path)

    def pick(self, chance: random.Random) -> str:
        return chance.choice(sorted(self.docs))


def add(site: Site, chance: random.Random) -> None:
    site.put(site.free_path(chance), site.make_doc(chance))


def edit(site: Site, chance: random.Random) -> None:
    """Rewrite one or two aspects, but not all of them."""
    path = site.pick(chance)
    site.put(path, _edit_aspects(site, site.docs[path], chance, chance.choice((1, 1, 2))))


def _edit_aspects(site: Site, doc: Doc, chance: random.Random, count: int) -> Doc:
    has = [name for name in StoryTokens._fields if getattr(doc.tokens, name) is not None]
    if len(has) < 2:
        return replace(doc, form=chance.randrange(60))
    changed = chance.sample(has, min(count, len(has) - 1))
    return replace(doc, tokens=doc.tokens._replace(**{name: site.make_token() for name in changed}))


def copy_aspects(site: Site, chance: random.Random) -> None:
    """Copy one or two aspects from another document, or from a deleted one."""
    path = site.pick(chance)
    doc, other = site.docs[path], chance.choice([*site.docs.values(), *(doc for _, doc in site.deleted)])
    names = chance.sample(StoryTokens._fields, chance.choice((1, 1, 2)))
    tokens = doc.tokens._replace(**{name: getattr(other.tokens, name) for name in names})
    if tokens.count_equal(doc.tokens):
        site.put(path, replace(doc, tokens=tokens))


def tidy(site: Site, chance: random.Random) -> None:
    """Write the same document in another form: other quotation marks, scheme or white space."""
    path = site.pick(chance)
    site.put(path, replace(site.docs[path], form=chance.randrange(60)))


def flag(site: Site, chance: random.Random) -> None:
    path = site.pick(chance)
    site.put(path, replace(site.docs[path], flags=site.make_flags(chance)))


def rename(site: Site, chance: random.Random) -> None:
    path = site.pick(chance)
    site.put(site.free_path(chance), site.remove(path))


def rename_slightly(site: Site, chance: random.Random) -> None:
    """Change a suffix, the case, or the Unicode form of a path."""
    path = site.pick(chance)
    folder, _, name = path.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    form: Literal["NFC", "NFD"] = "NFC" if unicodedata.is_normalized("NFD", stem) else "NFD"
    other = {"md": "html", "html": "md"}[suffix]
    names = (
        f"{stem}.{other}",
        f"{stem.swapcase()}.{suffix}",
        f"{unicodedata.normalize(form, stem)}.{suffix}",
    )
    site.put(f"{folder}/{chance.choice(names)}", site.remove(path))


def rename_folder(site: Site, chance: random.Random) -> None:
    old, new = chance.sample(FOLDERS, 2)
    for path in [path for path in sorted(site.docs) if path.rpartition("/")[0] == old]:
        site.put(f"{new}/{path.rpartition('/')[2]}", site.remove(path))


def rename_and_edit(site: Site, chance: random.Random) -> None:
    path = site.pick(chance)
    doc = _edit_aspects(site, site.remove(path), chance, 1)
    site.put(site.free_path(chance), replace(doc, flags=chance.choice((doc.flags, site.make_flags(chance)))))


def swap(site: Site, chance: random.Random) -> None:
    """Exchange the paths of two or three documents."""
    paths = chance.sample(sorted(site.docs), min(len(site.docs), chance.choice((2, 2, 3))))
    docs = [site.remove(path) for path in paths]
    for path, doc in zip([*paths[1:], paths[0]], docs, strict=True):
        site.put(path, doc)


def overwrite(site: Site, chance: random.Random) -> None:
    """Move a document onto another one, like `mv a b`."""
    path = site.pick(chance)
    doc = site.remove(path)
    site.put(site.pick(chance) if site.docs else path, doc)


def copy(site: Site, chance: random.Random) -> None:
    """Copy a document. The original may be deleted now or later."""
    path = site.pick(chance)
    doc = site.docs[path]
    for _ in range(chance.choice((1, 1, 2))):
        copied = _edit_aspects(site, doc, chance, 1) if chance.random() < 0.3 else doc
        site.put(site.free_path(chance), copied)
    if chance.random() < 0.4:
        delete(site, chance, path)


def delete(site: Site, chance: random.Random, path: str | None = None) -> None:
    path = path or site.pick(chance)
    site.deleted.append((path, site.remove(path)))


def restore(site: Site, chance: random.Random) -> None:
    """Restore a deleted document at its path or at another one."""
    if site.deleted:
        # Mostly the one that was deleted last, because no other document resembles it yet.
        number = -1 if chance.random() < 0.6 else chance.randrange(len(site.deleted))
        path, doc = site.deleted.pop(number)
        site.put(path if chance.random() < 0.5 else site.free_path(chance), doc)


def gather(site: Site, chance: random.Random) -> None:
    """Remove all copies of a document, and put one at another path."""
    tokens = site.docs[site.pick(chance)].tokens
    copies = [path for path in sorted(site.docs) if site.docs[path].tokens == tokens]
    docs = [site.remove(path) for path in copies]
    site.put(site.free_path(chance), chance.choice(docs))


def replace_story(site: Site, chance: random.Random) -> None:
    site.put(site.pick(chance), site.make_doc(chance))


def damage(site: Site, chance: random.Random) -> None:
    path = site.pick(chance)
    site.damaged[path] = chance.choice(DAMAGES)(site.docs[path].write())


def repair(site: Site, chance: random.Random) -> None:
    for path in sorted(site.damaged):
        if chance.random() < 0.7:
            del site.damaged[path]


CHANGES: tuple[Callable[[Site, random.Random], None], ...] = (
    add, edit, edit, copy_aspects, copy_aspects, tidy, tidy, flag, flag, rename, rename, rename_slightly, rename_folder, rename_and_edit,
    rename_and_edit, swap, swap, overwrite, overwrite, copy, copy, copy, gather, gather, delete, delete, restore, restore,
    restore, replace_story, replace_story, damage, repair, repair,
)  # fmt: skip
