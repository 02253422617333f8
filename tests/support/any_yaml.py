"""Sites whose documents have any YAML value in any field; no import may fail on them.

`Values` writes random YAML, most of it valid. Images, providers, topics and titles have few names, so that
documents share them and state different facts about them.
"""

from __future__ import annotations

from pathlib import Path
from random import Random

INTEGERS = (
    "0", "-0", "-1", "7", "80", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
    "-9223372036854775809", "18446744073709551616", "1" + "0" * 40, "-" + "9" * 400, "0x1F", "0x" + "f" * 20,
    "0o17", "012", "0777", "1_000", "_1", "+5", "0b101", "1:30", "190:20:30",
)  # fmt: skip
FLOATS = (
    ".inf", "-.inf", ".nan", ".NaN", "1e300", "-1e300", "1e400", "9.3e18", "9223372036854775808.0",
    "9223372036854775807.0", "-9223372036854775808.0", "1.7976931348623157e308", "5e-324", "-0.0", "0.0", "1e3",
    "640.0", "0.1", "3.50", "6.1e+2", "61e9540", "1.e5", ".5", "-.5", "1_000.5",
)  # fmt: skip
WORDS = (
    "true", "false", "True", "FALSE", "yes", "No", "on", "off", "y", "n", "null", "~", "Null", "''", '""',
    "tru", "none", "plain text", "'true'", '"12"', '"1e300"', "'null'", "'2021-05-28'", "=cmd", "-", "<<",
)  # fmt: skip
INSTANTS = (
    "2021-05-28", "2021-05-28T16:00:00Z", "2021-05-28 16:00:00", "2021-05-28T16:00:00.123456+05:30",
    "'2021-05-28T16:00:00Z'", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0000-01-01",
    "10000-01-01", "1969-12-31", "2021-05-28T24:00:00Z", "20210528",
)  # fmt: skip
#: Values for which a file is quarantined. They are rare, or nothing would be imported.
QUARANTINED = (
    "2021-02-30",
    "!!binary aGk=",
    "!!python/none x",
    '"\\ud800"',
    '"\\0"',
    "{a: 1, a: 2}",
    "*unknown",
)

#: Ranges of characters: letters, marks, other scripts, bidi controls, non-characters, astral planes.
RANGES = (
    (0x20, 0x7E), (0xA0, 0x17F), (0x300, 0x36F), (0x590, 0x6FF), (0x2000, 0x206F), (0x3040, 0x30FF),
    (0xAC00, 0xD7A3), (0xE000, 0xF8FF), (0xFDD0, 0xFDEF), (0xFFF0, 0xFFFF), (0x1F300, 0x1F6FF),
    (0x1FFF0, 0x1FFFF), (0x10FFF0, 0x10FFFF),
)  # fmt: skip

ARTICLE = (
    "title", "excerpt", "category", "type", "publishedDateTime", "updatedDateTime", "originalUrl", "webUrl",
    "ampWebUrl", "cdnAmpWebUrl", "featuredContent", "slug", "name", "bio", "quality", "heat", "published",
    "removed", "provider", "topics", "images", "related", "items", "secured", "services", "locale", "zoom",
)  # fmt: skip
ORGANIZATION = ("description", "otherNames", "images", "images", "zoom", "secured")
TOPIC = ("_id", "parent", "services", "description")
IMAGE = ("width", "height", "isCached", "title", "attribution", "zoom")
LINK = (
    "title", "excerpt", "publishedDateTime", "webUrl", "type", "provider", "quality", "images", "images", "zoom",
)  # fmt: skip
CONFIG = ("url", "baseurl", "webUrl", "title", "topic", "locale", "timezone", "zoom")


class Values:
    """A generator of random YAML values and documents."""

    def __init__(self, random: Random) -> None:
        self.random = random

    def any(self, depth: int = 3) -> str:
        """Return any value."""
        random = self.random
        kind = random.randrange(14 if depth else 11)
        if kind < 9:
            return random.choice((INTEGERS, FLOATS, FLOATS, WORDS, INSTANTS)[kind % 5])
        if kind < 11:
            return self.text()
        if kind < 12:
            return "[" + ", ".join(self.any(depth - 1) for _ in range(random.randrange(4))) + "]"
        keys = random.sample((*ARTICLE, *IMAGE[:4], "_id", "a b"), random.randrange(4))
        return "{" + ", ".join(f'"{key}": {self.any(depth - 1)}' for key in dict.fromkeys(keys)) + "}"

    def text(self) -> str:
        """Return a quoted text of any characters that a document can have."""
        random = self.random
        length = 300 if random.randrange(20) == 0 else random.randrange(9)
        points = (random.randint(*random.choice(RANGES)) for _ in range(length))
        return '"' + "".join(map(_quoted, points)) + '"'

    def field(self, name: str) -> str:
        """Return a value of a field: any value, or the expected structure with any values inside."""
        shape = {
            "provider": self._provider, "images": self._images, "related": self._related,
            "topics": self._names, "otherNames": self._names, "authors": self._names, "items": self._names,
        }.get(name)  # fmt: skip
        if shape and self.random.randrange(4):
            return shape()
        return self.any()

    def document(self) -> str:
        """Return a document."""
        names = self.random.sample(ARTICLE, self.random.randint(1, 8))
        if self.random.randrange(60) == 0:
            names[0:0] = [f"odd{self.random.randrange(10)}"]
            return f"---\n{names[0]}: {self.random.choice(QUARANTINED)}\n{self._lines(names[1:])}---\nbody\n"
        body = self.random.choice(("", "body\n", "<p>\U0001f30a</p>\n\n"))
        return f"---\n{self._lines(names)}---\n{body}"

    def organization(self) -> str:
        names = dict.fromkeys(self.random.choices(ORGANIZATION, k=3))
        return f"---\nname: {self._name()}\ndomain: {self.field('domain')}\n{self._lines(names)}---\n"

    def topic(self) -> str:
        parent = f"parent: {self._name()}\n" if self.random.randrange(2) else ""
        names = dict.fromkeys(self.random.choices(TOPIC[:1] + TOPIC[2:] if parent else TOPIC, k=2))
        return f"name: {self._name()}\n{parent}{self._lines(names)}"

    def config(self) -> str:
        return self._lines(dict.fromkeys(self.random.choices(CONFIG, k=4)))

    def _lines(self, names: object) -> str:
        assert isinstance(names, list | dict)
        return "".join(f"{name}: {self.field(name)}\n" for name in names)

    def _mapping(self, first: str, names: tuple[str, ...]) -> str:
        chosen = dict.fromkeys(self.random.choices(names, k=self.random.randint(0, 4)))
        pairs = [f"{name}: {self.field(name)}" for name in chosen]
        pairs.insert(self.random.randint(0, len(pairs)), first)
        return "{" + ", ".join(pairs) + "}"

    def _listed(self, make: object) -> str:
        assert callable(make)
        return "[" + ", ".join(make() for _ in range(self.random.randrange(4))) + "]"

    def _images(self) -> str:
        return self._listed(self._image)

    def _image(self) -> str:
        url = f'"https://e.org/{self.random.randrange(12)}.png"' if self.random.randrange(8) else self.any(1)
        return self._mapping(f"url: {url}", IMAGE)

    def _related(self) -> str:
        return self._listed(lambda: self._mapping(f"webUrl_: {self.any(0)}", LINK))

    def _provider(self) -> str:
        return self._mapping(f"name: {self._name()}", ("domain", "authors", "zoom"))

    def _names(self) -> str:
        return self._listed(lambda: self._name() if self.random.randrange(2) else self.any(1))

    def _name(self) -> str:
        return f"Name {self.random.randrange(20)}"


def _quoted(point: int) -> str:
    """Return a character as YAML accepts it between double quotes."""
    if point in (0x22, 0x5C) or point < 0x20 or 0x7F <= point <= 0x9F or point & 0xFFFE == 0xFFFE:
        return f"\\U{point:08X}"
    return chr(point)


def write_site(root: Path, values: Values, numbers: range) -> None:
    """Write one file for each number, articles and some taxonomy, and the configuration of the site."""
    for folder in ("_news", "_learning/videos", "_data/organizations", "_data/topics"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    for number in numbers:
        kind = number % 20
        if kind == 0:
            _write(root / f"_data/organizations/{number}.md", values.organization())
        elif kind == 1:
            _write(root / f"_data/topics/{number}.yaml", values.topic())
        else:
            folder = "_learning/videos" if kind == 2 else "_news"
            _write(root / folder / f"{number}.md", values.document())
    _write(root / "_config.yml", values.config())


def _write(file: Path, text: str) -> None:
    file.write_bytes(text.encode())
