"""From the paths of a command line to dumps: whose root each is, or which part of a root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ..errors import ImportFailed
from .archive import Archive, is_archive
from .content import holds_content
from .folder import Folder
from .git import GitTree, is_bare
from .tree import Tree

#: Characters of a source's name, as the table of sources has it.
MAX_SOURCE = 190


@dataclass(frozen=True, slots=True)
class Dump:
    """A source's root and how much of it is wanted: what lies at or below some paths; () is all."""

    source: str
    tree: Tree
    within: tuple[str, ...]


class _Root(NamedTuple):
    """Where a root is: a folder, an archive, or a repository; `inner` is its path inside the latter two."""

    path: Path
    held_by: Literal["folder", "archive", "git"]
    inner: str | None


class _Place(NamedTuple):
    """What one path means: a root, the path from there ("" is the root), and the known source it is of."""

    root: _Root
    within: str
    source: str | None


@dataclass(frozen=True, slots=True)
class _Request:
    """What was asked for beside the paths."""

    source: str | None
    root: Path | None
    rev: str | None
    known: Mapping[str, str]


def find_dumps(
    paths: Sequence[Path], *, source: str | None, root: Path | None, rev: str | None, known: Mapping[str, str]
) -> list[Dump]:
    """Finds the dumps that some paths name, in their order; each tree is the caller's to close.

    A path is a source's root, or lies within one: that which `root` names, or a known source's. For an
    archive or a bare repository, and for a repository with `rev`, `root` may be a path inside it.
    `known` has the stored location of each source by its name. Raises ImportFailed.
    """
    request = _Request(source, root, rev, known)
    wanted: dict[_Root, list[_Place]] = {}
    for path in paths:
        place = _place(path, request)
        wanted.setdefault(place.root, []).append(place)
    if source is not None and len(wanted) > 1:
        raise ImportFailed("--source names one source, but several roots were given: import them one by one")
    dumps: list[Dump] = []
    try:
        for where, places in wanted.items():
            dumps.append(_dump(where, places, request))
            _check_name(dumps)
    except BaseException:
        for dump in dumps:
            dump.tree.close()
        raise
    return dumps


def _place(path: Path, request: _Request) -> _Place:
    resolved = path.resolve()
    if resolved.is_file() and is_archive(resolved):
        if request.rev is not None:
            raise ImportFailed(f"{path} is an archive, which has no revisions: leave --rev out")
        return _Place(_Root(resolved, "archive", _inner(request.root)), "", None)
    if is_bare(resolved):
        return _Place(_Root(resolved, "git", _inner(request.root) or ""), "", None)
    if request.rev is None and not resolved.exists():
        raise _no_folder(path)
    return (
        _under_root(path, request, request.root) if request.root is not None else _without_root(path, request)
    )


def _under_root(path: Path, request: _Request, root: Path) -> _Place:
    """The place of a path in the root that --root names."""
    base, resolved = root.resolve(), path.resolve()
    if resolved.is_relative_to(base):
        if request.rev is None and not base.is_dir():
            raise _no_folder(root)
        within = "" if resolved == base else resolved.relative_to(base).as_posix()
        if within and not holds_content(within.partition("/")[0]):
            raise ImportFailed(f"{path} holds no content: that lies in folders such as `_news` of {root}")
        return _Place(_folder(base, request), within, None)
    if request.rev is not None and resolved.is_dir():
        return _Place(_Root(resolved, "git", _inner(root)), "", None)
    raise ImportFailed(f"{path} does not lie within {root}, which --root names (links are not followed)")


def _without_root(path: Path, request: _Request) -> _Place:
    """The place of a path in a known source; else it is a root itself."""
    resolved = path.resolve()
    around = _known_around(resolved, request)
    if around is not None:
        name, base = around
        return _Place(_folder(base, request), resolved.relative_to(base).as_posix(), name)
    if resolved.is_dir():
        return _Place(_folder(resolved, request), "", None)
    if resolved.is_file():
        raise ImportFailed(f"{path} is one file: name the root of its source by --root")
    raise _no_folder(path)


def _known_around(path: Path, request: _Request) -> tuple[str, Path] | None:
    """The known source, nearest above, that a path is a part of; --source leaves one to choose from."""
    found = []
    for name, location in request.known.items():
        base = Path(location).resolve()
        is_part = base in path.parents and holds_content(path.relative_to(base).parts[0])
        if is_part and request.source in (None, name):
            found.append((name, base))
    if not found:
        return None
    nearest = max((base for _, base in found), key=lambda base: len(base.parts))
    names = [name for name, base in found if base == nearest]
    if len(names) > 1 and nearest.name not in names:
        told = ", ".join(sorted(names)[:4])
        raise ImportFailed(f"{path} is a part of several sources ({told}): name one by --source")
    return (names[0] if len(names) == 1 else nearest.name), nearest


def _folder(base: Path, request: _Request) -> _Root:
    return _Root(base, "folder", None) if request.rev is None else _Root(base, "git", "")


def _inner(root: Path | None) -> str | None:
    """The path inside an archive or a repository that --root names; None where it was not given."""
    if root is None:
        return None
    if root.is_absolute() or ".." in root.parts:
        raise ImportFailed(f"--root {root} is no path inside the archive or repository")
    return "" if root == Path() else root.as_posix()


def _no_folder(path: Path) -> ImportFailed:
    return ImportFailed(
        f"{path} is not a folder: give a source's root, the folder that holds `_news` and the like"
    )


def _dump(where: _Root, places: Sequence[_Place], request: _Request) -> Dump:
    tree = _open(where, request.rev)
    known = next((place.source for place in places if place.source is not None), None)
    source = request.source if request.source is not None else known or tree.name
    return Dump(source, tree, _outermost([place.within for place in places]))


def _open(where: _Root, rev: str | None) -> Tree:
    if where.held_by == "archive":
        return Archive(where.path, where.inner)
    if where.held_by == "git":
        return GitTree(where.path, "HEAD" if rev is None else rev, where.inner or "")
    return Folder(where.path)


def _outermost(paths: Sequence[str]) -> tuple[str, ...]:
    """The paths without those that lie below others; () where the root itself is among them."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split("/")):
        if not path:
            return ()
        if not (kept and path.startswith(f"{kept[-1]}/")):
            kept.append(path)
    return tuple(sorted(kept))


def _check_name(dumps: Sequence[Dump]) -> None:
    """Raises ImportFailed where the last of some dumps cannot be called so."""
    *others, dump = dumps
    name = dump.source
    if not name or len(name) > MAX_SOURCE or not name.isprintable():
        raise ImportFailed(f"no source can be called {name[:40]!r}: name it by --source")
    for other in others:
        if other.source == name:
            told = f"{other.tree.location} and {dump.tree.location} would both be the source {name!r}"
            raise ImportFailed(f"{told}: import them one by one, with --source")
