"""What is content, by where a file lies and how it is called; nothing here touches a file system."""

from __future__ import annotations

import re
from enum import Enum

from ..paths import ARTICLE_SUFFIXES

#: Bytes of the largest file that is read; the largest document seen has 129 KB.
MAX_BYTES = 16 * 1024 * 1024

#: The site's own settings, right below the root; no content.
CONFIG = "_config.yml"

TOPIC_SUFFIXES = (".yaml", ".yml")
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst")

#: Archives that are not read.
OTHER_ARCHIVES = (
    ".bz2", ".tbz", ".tbz2", ".tb2", ".7z", ".rar", ".lz", ".tlz", ".lzma", ".lz4", ".lzo", ".z", ".cab",
)  # fmt: skip

#: Folders of the site generator, not of content.
MACHINERY = frozenset({"__MACOSX", "_site", "_layouts", "_includes", "_sass", "_plugins"})


class Kind(Enum):
    """What a content file describes."""

    __hash__ = object.__hash__  # an Enum's own is a Python function, called for each file

    ARTICLE = "article"
    ORGANIZATION = "organization"
    TOPIC = "topic"


#: What the files of a folder describe, and how those that describe it end.
Rule = tuple[Kind, tuple[str, ...]]

_ARTICLES: Rule = (Kind.ARTICLE, ARTICLE_SUFFIXES)
_TAXONOMY: dict[str, Rule] = {
    "_data/organizations": (Kind.ORGANIZATION, ARTICLE_SUFFIXES),
    "_data/topics": (Kind.TOPIC, TOPIC_SUFFIXES),
}


def holds_content(top: str) -> bool:
    """Whether content may lie in a folder of the root, by the folder's name."""
    return top.startswith("_") and top not in MACHINERY


def rule_of(folder: str) -> Rule | None:
    """What files right in a folder describe, the folder given from the root; None: no content."""
    top = folder.partition("/")[0]
    if top == "_data":
        return _TAXONOMY.get(folder)
    return _ARTICLES if holds_content(top) else None


def kind_of(path: str) -> Kind | None:
    """What the file at a path from the root describes; None if it is not content.

    `_news/x.md` and whatever else lies below a folder `_…` is an article; `_data/organizations/*.md`
    and `_data/topics/*.yaml` are taxonomy; the generator's own folders and all else are not content.
    The end of a name counts in any case.
    """
    folder, slash, name = path.rpartition("/")
    rule = rule_of(folder) if slash else None
    return rule[0] if rule is not None and name.lower().endswith(rule[1]) else None


def why_skipped(path: str) -> str:
    """Return why an import skips a file, by its place and name; one that could be content has no fence."""
    if kind_of(path) is not None:
        return "no front matter: no line `---` opens it"
    rule = rule_of(path.rpartition("/")[0])
    if rule is None:
        return "not content: its folder holds none"
    return f"not content: the name does not end in {' or '.join(rule[1])}"


def collection_of(path: str) -> str:
    """`learning/videos` for `_learning/videos/x.md`: the folder without its underscores."""
    return "/".join(part.removeprefix("_") for part in path.split("/")[:-1])


def slug_of(path: str) -> str:
    """`x-y` for `_news/2021-05-28-x-y.md`: the file's name without date and suffix."""
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    is_dated = (
        len(stem) > 11 and stem[:10].replace("-", "").isdigit() and stem[4] == stem[7] == stem[10] == "-"
    )
    return stem[11:] if is_dated else stem


#: Control characters; and surrogates, which stand for bytes that are not UTF-8.
_NOT_IN_A_NAME = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_storable(name: str) -> bool:
    """Whether a name is UTF-8 without control characters. Nearly all are printable, which is faster told."""
    return name.isprintable() or _NOT_IN_A_NAME.search(name) is None


def printable(path: str) -> str:
    """A path fit to be stored: what no name should hold is escaped."""
    return _NOT_IN_A_NAME.sub(lambda match: ascii(match[0])[1:-1], path)
