"""Random dumps of small sources that share images, providers, topics and stories.

There are few names and many ways to write them. So several documents often state different facts of the same
image or provider.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from .upstream_changes import Files

ARTICLES = ("_news/a.md", "_news/b.md", "_news/c.html", "_learning/v/d.md", "_learning/c/e.md")
ORGANIZATIONS = ("_data/organizations/o.md", "_data/organizations/p.md", "_data/organizations/q.md")
TOPICS = ("_data/topics/t.yaml", "_data/topics/u.yaml")

#: Facts of an image in an entry, after its URL: complete, unusual, partly impossible to store, or none.
_FACTS = (
    "", "width: 100", "width: 200, height: 50", "width: 640.0", "width: -1", "width: 1e300", "width: .inf",
    "width: 100, isCached: true", "isCached: yes", "isCached: perhaps", "title: x", "title: 2024",
    "title: 1_0", "title: 99999999999999999999", "title: [a]", "title: 2024, isCached: yes, width: 640",
    "title: x, zoom: .inf", "width: 100, zoom: 2", "attribution: 0.10", "attribution: me, title: null",
    "height: 0x10, title: '007'",
)  # fmt: skip


def _image(chance: random.Random) -> str:
    url = f"https://i.example/{chance.randrange(3)}.png"
    facts = chance.choice(_FACTS)
    entry = f'{{url: "{url}"{facts and f", {facts}"}}}'
    return entry if chance.random() < 0.95 else "{width: 3}"


def _images(chance: random.Random, most: int = 2) -> str:
    entries = [_image(chance) for _ in range(chance.randint(0, most))]
    return f"images: [{', '.join(entries)}]\n" if entries else ""


def _provider(chance: random.Random) -> str:
    return f"{{name: {chance.choice(('O', 'P'))}, domain: {chance.choice(('o', 'p'))}.example}}"


def _article(chance: random.Random, token: int) -> bytes:
    """Return a document with the story of this number. Related links may refer to it by title and date."""
    lines = [f"title: {chance.choice((f'Tale {token}', f'Tale {token}', token))}\n"]
    lines += [f"originalUrl: https://x.example/{token}\n"] if chance.random() < 0.8 else []
    lines += ["publishedDateTime: 2020-01-01T00:00:00Z\n"] if chance.random() < 0.7 else []
    lines += [f"provider: {_provider(chance)}\n"] if chance.random() < 0.5 else []
    lines += [f"topics: [{', '.join(chance.sample('TUVW', 2))}]\n"] if chance.random() < 0.5 else []
    lines += [f"quality: {chance.randrange(9)}\n"] if chance.random() < 0.3 else []
    lines += ["items: [v/d, c/e, a]\n"] if chance.random() < 0.3 else []
    lines += [_images(chance)]
    for _ in range(chance.choice((0, 0, 1, 2))):
        inner = _images(chance, 1).rstrip().replace("images: ", ", images: ")
        number = chance.randint(1, max(token, 1))
        when = chance.choice((", publishedDateTime: 2020-01-01T00:00:00Z", ""))
        url = chance.choice((f', webUrl: "https://x.example/{number}"', ""))
        lines += [] if "related:\n" in lines else ["related:\n"]
        lines += [f"- {{title: Tale {number}{when}{url}{inner}}}\n"]
    return f"---\n{''.join(lines)}---\nThe words of tale {token}, which are its own.\n".encode()


def _organization(chance: random.Random) -> bytes:
    text = f"name: {chance.choice('OP')}\ndomain: {chance.choice('op')}.example\n"
    text += f"description: {chance.choice('xyz')}\n" if chance.random() < 0.5 else ""
    text += f"otherNames: [{chance.choice(('One', 'Two', '3'))}]\n" if chance.random() < 0.5 else ""
    return f"---\n{text}{_images(chance)}---\n".encode()


def _topic(chance: random.Random) -> bytes:
    parent = f"parent: {chance.choice('TUVW')}\n" if chance.random() < 0.6 else ""
    return f"_id: {chance.choice(('s1', 's2'))}\nname: {chance.choice('TUV')}\n{parent}".encode()


class ChangingSource:
    """The files of one source. Each change affects some of them."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._tokens = 0
        self.files: Files = {}
        self._deleted: Files = {}
        for path in (*ARTICLES, *ORGANIZATIONS, *TOPICS):
            if chance.random() < 0.6:
                self._write(path)

    def change(self) -> None:
        for _ in range(self._chance.choice((0, 1, 1, 2, 3, 5))):
            path = self._pick((*ARTICLES, *ORGANIZATIONS, *TOPICS))
            what = self._chance.random()
            if what < 0.3:
                if path in self.files:
                    self._deleted[path] = self.files.pop(path)
            elif what < 0.4 and self._deleted:
                path = self._pick(sorted(self._deleted))
                self.files[path] = self._deleted[path]
            elif what < 0.48 and path in self.files and path in ARTICLES:
                self._move(path)
            elif what < 0.52 and path in self.files:
                self.files[path] = self.files[path].replace(b"\n", b"\nbroken: [\n", 1)
            elif what < 0.75 and path in self.files and path in ARTICLES:
                self._rewrite(path)
            else:
                self._write(path)

    def _pick(self, paths: Sequence[str]) -> str:
        return self._chance.choice(paths)

    def _write(self, path: str) -> None:
        self._tokens += 1
        made = {True: _organization, False: _topic}
        self.files[path] = (
            _article(self._chance, self._tokens)
            if path in ARTICLES
            else made[path in ORGANIZATIONS](self._chance)
        )

    def _rewrite(self, path: str) -> None:
        """Replace a document by one with the same story and other parts."""
        token = self.files[path].rpartition(b" tale ")[2].partition(b",")[0]
        self.files[path] = _article(self._chance, int(token))

    def _move(self, path: str) -> None:
        other = self._pick(ARTICLES)
        self.files[other] = self.files.pop(path)
