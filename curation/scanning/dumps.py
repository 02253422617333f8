"""Find the dumps for the paths of a command line.

Each path is either the root of a source or a part of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from ..errors import ImportFailed
from .archive import Archive, is_archive
from .content import may_hold_content
from .folder import Folder
from .git import GitTree, is_bare
from .tree import Tree

#: Maximum length of a source's name in characters, as in the table of sources.
MAX_SOURCE = 190


@dataclass(frozen=True, slots=True)
class Dump:
    """A source's root, and the paths in it to import. Empty `within` imports everything."""

    source: str
    tree: Tree
    within: tuple[str, ...]


class _Root(NamedTuple):
    """The location of a root: a folder, an archive or a repository.

    inner: The root's path inside an archive or a repository.
    """

    path: Path
    kind: Literal["folder", "archive", "git"]
    inner: str | None


class _Target(NamedTuple):
    """The root of one path, the path from that root ("" is the root itself), and its known source."""

    root: _Root
    within: str
    source: str | None


@dataclass(frozen=True, slots=True)
class _Options:
    """The options that apply to all paths."""

    source: str | None
    root: Path | None
    rev: str | None
    known: Mapping[str, str]


def find_dumps(
    paths: Sequence[Path], *, source: str | None, root: Path | None, rev: str | None, known: Mapping[str, str]
) -> list[Dump]:
    """Return the dumps for some paths, in the order of the paths.

    A path is the root of a source, or lies inside one: inside `root`, or inside a known source. The caller
    closes the tree of each dump.

    Args:
        paths: Folders, files, archives or repositories.
        source: The name of the source, if given.
        root: The root of the source, if given. For an archive, a bare repository, or a repository with
            `rev`, it may be a path inside it.
        rev: The git revision, if given.
        known: The stored location of each source, by its name.

    Raises:
        ImportFailed: A path belongs to no source, a dump cannot be opened, or a source name is invalid or
            used twice.
    """
    options = _Options(source, root, rev, known)
    paths_by_root: dict[_Root, list[_Target]] = {}
    for path in paths:
        target = _find_target(path, options)
        paths_by_root.setdefault(target.root, []).append(target)
    if source is not None and len(paths_by_root) > 1:
        raise ImportFailed("--source is for one root, but the paths have several: import them separately")
    dumps: list[Dump] = []
    try:
        for dump_root, targets in paths_by_root.items():
            dumps.append(_open_dump(dump_root, targets, options))
            _check_last_source_name(dumps)
    except BaseException:
        for dump in dumps:
            dump.tree.close()
        raise
    return dumps


def _find_target(path: Path, options: _Options) -> _Target:
    resolved = path.resolve()
    if resolved.is_file() and is_archive(resolved):
        if options.rev is not None:
            raise ImportFailed(f"{path} is an archive and has no revisions: omit --rev")
        return _Target(_Root(resolved, "archive", _inner_path(options.root)), "", None)
    if is_bare(resolved):
        return _Target(_Root(resolved, "git", _inner_path(options.root) or ""), "", None)
    if options.rev is None and not resolved.exists():
        raise _not_a_folder_error(path)
    if options.root is not None:
        return _find_target_below(path, options, options.root)
    return _find_target_without_root(path, options)


def _find_target_below(path: Path, options: _Options, root: Path) -> _Target:
    """Return the target of a path inside the root given with --root."""
    base, resolved = root.resolve(), path.resolve()
    if resolved.is_relative_to(base):
        if options.rev is None and not base.is_dir():
            raise _not_a_folder_error(root)
        within = "" if resolved == base else resolved.relative_to(base).as_posix()
        if within and not may_hold_content(within.partition("/")[0]):
            raise ImportFailed(f"{path} is not content: only folders such as `_news` in {root} have content")
        return _Target(_folder_root(base, options), within, None)
    if options.rev is not None and resolved.is_dir():
        return _Target(_Root(resolved, "git", _inner_path(root)), "", None)
    raise ImportFailed(f"{path} is not inside {root}, the --root folder (links are not followed)")


def _find_target_without_root(path: Path, options: _Options) -> _Target:
    """Return the target of a path inside a known source. Any other path is a root itself."""
    resolved = path.resolve()
    known_source = _find_known_source(resolved, options)
    if known_source is not None:
        name, base = known_source
        return _Target(_folder_root(base, options), resolved.relative_to(base).as_posix(), name)
    if resolved.is_dir():
        return _Target(_folder_root(resolved, options), "", None)
    if resolved.is_file():
        raise ImportFailed(f"{path} is a single file: give the root of its source with --root")
    raise _not_a_folder_error(path)


def _find_known_source(path: Path, options: _Options) -> tuple[str, Path] | None:
    """Return the name and folder of the nearest known source around a path, or None.

    With --source, only that source is considered.

    Raises:
        ImportFailed: Several sources share that folder, and none has the folder's name.
    """
    found = _list_sources_around(path, options)
    if not found:
        return None
    nearest = max((base for _, base in found), key=lambda base: len(base.parts))
    names = [name for name, base in found if base == nearest]
    if len(names) > 1 and nearest.name not in names:
        listed = ", ".join(sorted(names)[:4])
        raise ImportFailed(f"{path} belongs to several sources ({listed}): choose one with --source")
    return (names[0] if len(names) == 1 else nearest.name), nearest


def _list_sources_around(path: Path, options: _Options) -> list[tuple[str, Path]]:
    """Return the name and folder of each known source that a path may be a part of."""
    found = []
    for name, location in options.known.items():
        base = Path(location).resolve()
        is_part = base in path.parents and may_hold_content(path.relative_to(base).parts[0])
        if is_part and options.source in (None, name):
            found.append((name, base))
    return found


def _folder_root(base: Path, options: _Options) -> _Root:
    return _Root(base, "folder", None) if options.rev is None else _Root(base, "git", "")


def _inner_path(root: Path | None) -> str | None:
    """Return the path that --root gives inside an archive or a repository, or None without --root."""
    if root is None:
        return None
    if root.is_absolute() or ".." in root.parts:
        raise ImportFailed(f"--root {root} is not a path inside the archive or repository")
    return "" if root == Path() else root.as_posix()


def _not_a_folder_error(path: Path) -> ImportFailed:
    return ImportFailed(
        f"{path} is not a folder: give the root of a source, which contains folders such as `_news`"
    )


def _open_dump(dump_root: _Root, targets: Sequence[_Target], options: _Options) -> Dump:
    tree = _open_tree(dump_root, options.rev)
    known = next((target.source for target in targets if target.source is not None), None)
    source = options.source if options.source is not None else known or tree.name
    return Dump(source, tree, _outermost_paths([target.within for target in targets]))


def _open_tree(dump_root: _Root, rev: str | None) -> Tree:
    if dump_root.kind == "archive":
        return Archive(dump_root.path, dump_root.inner)
    if dump_root.kind == "git":
        return GitTree(dump_root.path, "HEAD" if rev is None else rev, dump_root.inner or "")
    return Folder(dump_root.path)


def _outermost_paths(paths: Sequence[str]) -> tuple[str, ...]:
    """Return the paths that are not below another of them. The result is () if the root is one of them."""
    kept: list[str] = []
    for path in sorted(set(paths), key=lambda path: path.split("/")):
        if not path:
            return ()
        if not (kept and path.startswith(f"{kept[-1]}/")):
            kept.append(path)
    return tuple(sorted(kept))


def _check_last_source_name(dumps: Sequence[Dump]) -> None:
    """Check the source name of the last dump against the rules and the names of the other dumps."""
    *others, dump = dumps
    name = dump.source
    if not name or len(name) > MAX_SOURCE or not name.isprintable():
        raise ImportFailed(f"{name[:40]!r} is not a valid source name: give one with --source")
    for other in others:
        if other.source == name:
            message = f"{other.tree.location} and {dump.tree.location} would both be the source {name!r}"
            raise ImportFailed(f"{message}: import them separately, with --source")
