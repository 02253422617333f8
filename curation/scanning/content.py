"""Rules that decide from a file's path whether it is content. They never access a file system."""

from __future__ import annotations

import re
from enum import Enum

from ..paths import ARTICLE_SUFFIXES

#: Maximum size of a file in bytes. The largest document seen so far has 129 KB.
MAX_BYTES = 16 * 1024 * 1024

#: The settings file of the site, directly in the root. It is not content.
CONFIG = "_config.yml"

TOPIC_SUFFIXES = (".yaml", ".yml")
ARCHIVE_SUFFIXES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.zst", ".tzst")

#: Suffixes of archives in unsupported formats.
UNSUPPORTED_ARCHIVE_SUFFIXES = (
    ".bz2", ".tbz", ".tbz2", ".tb2", ".7z", ".rar", ".lz", ".tlz", ".lzma", ".lz4", ".lzo", ".z", ".cab",
)  # fmt: skip

#: Folders of the site generator, which contain no content.
GENERATOR_FOLDERS = frozenset({"__MACOSX", "_site", "_layouts", "_includes", "_sass", "_plugins"})


class Kind(Enum):
    """The kinds of content files."""

    __hash__ = object.__hash__  # the hash of Enum is a Python function, too slow for every file

    ARTICLE = "article"
    ORGANIZATION = "organization"
    TOPIC = "topic"


#: The kind of the content files in a folder, and their suffixes.
FolderRule = tuple[Kind, tuple[str, ...]]

_ARTICLES: FolderRule = (Kind.ARTICLE, ARTICLE_SUFFIXES)
_TAXONOMY: dict[str, FolderRule] = {
    "_data/organizations": (Kind.ORGANIZATION, ARTICLE_SUFFIXES),
    "_data/topics": (Kind.TOPIC, TOPIC_SUFFIXES),
}


def may_hold_content(top: str) -> bool:
    """Return whether a top-level folder may contain content, by its name."""
    return top.startswith("_") and top not in GENERATOR_FOLDERS


def find_folder_rule(folder: str) -> FolderRule | None:
    """Return the rule for files directly in a folder, or None if they are not content.

    Args:
        folder: The folder's path from the root.
    """
    top = folder.partition("/")[0]
    if top == "_data":
        return _TAXONOMY.get(folder)
    return _ARTICLES if may_hold_content(top) else None


def kind_of(path: str) -> Kind | None:
    """Return the kind of the file at a path from the root, or None if it is not content.

    - Files below a folder `_…`, such as `_news/x.md`, are articles.
    - `_data/organizations/*.md` and `_data/topics/*.yaml` are taxonomy.
    - Folders of the site generator, and all other files, are not content.

    Suffixes match in upper and lower case.
    """
    folder, slash, name = path.rpartition("/")
    rule = find_folder_rule(folder) if slash else None
    return rule[0] if rule is not None and name.lower().endswith(rule[1]) else None


def explain_skipped(path: str) -> str:
    """Return the reason for which an import skipped a file, by its path.

    A skipped file with the path of a content file has no front matter.
    """
    if kind_of(path) is not None:
        return "no front matter: the file does not start with a line `---`"
    rule = find_folder_rule(path.rpartition("/")[0])
    if rule is None:
        return "not content: its folder is not a content folder"
    return f"not content: the name does not end in {' or '.join(rule[1])}"


def collection_of(path: str) -> str:
    """Return the collection of a path: `learning/videos` for `_learning/videos/x.md`."""
    return "/".join(part.removeprefix("_") for part in path.split("/")[:-1])


def slug_of(path: str) -> str:
    """Return a file's name without date and suffix: `x-y` for `_news/2021-05-28-x-y.md`."""
    name = path.rpartition("/")[2]
    stem = name.rpartition(".")[0] or name
    is_dated = (
        len(stem) > 11 and stem[:10].replace("-", "").isdigit() and stem[4] == stem[7] == stem[10] == "-"
    )
    return stem[11:] if is_dated else stem


#: Control characters, and surrogates, which stand for bytes that are not UTF-8.
_FORBIDDEN_CHARACTERS = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def is_storable(name: str) -> bool:
    """Return whether a name is UTF-8 without control characters."""
    # Nearly all names are printable, and `isprintable` is faster than the search.
    return name.isprintable() or _FORBIDDEN_CHARACTERS.search(name) is None


def make_printable(path: str) -> str:
    """Return a path with control characters and surrogates escaped, so that it can be stored."""
    return _FORBIDDEN_CHARACTERS.sub(lambda match: ascii(match[0])[1:-1], path)
