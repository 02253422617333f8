"""Read a dump from a git repository at a revision, without a checkout."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DocumentError, ImportFailed
from . import content
from .content import Kind, kind_of, make_printable, may_hold_content
from .tree import (
    SKIPPED_ISSUES,
    File,
    Scan,
    Tree,
    add_skipped,
    find_name_issue,
    is_within,
    make_too_large_error,
)

if TYPE_CHECKING:
    from .git_process import Git

#: Prints the id of one object. `--end-of-options` keeps a revision that starts with `-` from being an option.
_REV_PARSE = ("rev-parse", "--verify", "--quiet", "--end-of-options")

_LINK, _SUBMODULE = b"120000", b"160000"


def is_bare(path: Path) -> bool:
    """Return whether a folder is a git repository without a work tree, by its entries."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


class GitTree(Tree):
    """A folder of a git repository at a revision.

    Args:
        path: A bare repository, or a folder in a work tree.
        rev: A revision in any form that git accepts.
        inner: The root, as a path from `path`. "" is `path` itself.

    Raises:
        ImportFailed: Git is not installed, or the repository or the revision does not exist.
    """

    commit: str

    def __init__(self, path: Path, rev: str = "HEAD", inner: str = "") -> None:
        from .git_process import Git, Objects

        path = path.resolve()
        bare = is_bare(path)
        self._git = Git(path, is_bare=bare)
        prefix = "" if bare else os.fsdecode(self._git.read_output("rev-parse", "--show-prefix")).strip("\n/")
        self._root = "/".join(part for part in (prefix, inner) if part)
        self.commit = _resolve_commit(self._git, rev)
        self._rev = rev
        self.location = make_printable(str(path / inner))
        self.name = (path / inner).name if inner else _repository_name(path)
        self._sizes = Objects(self._git, "--batch-check")
        self._blobs = Objects(self._git, "--batch")
        self._config: File | None = None

    def scan(self, within: Sequence[str] = ()) -> Scan:
        scan, wanted, found = Scan(), frozenset(within), False
        for mode, object_id, path in self._list_entries():
            if path == content.CONFIG and mode not in (_LINK, _SUBMODULE):
                self._config = File(path, Kind.ARTICLE, f"git:{object_id}", None)
            if is_within(path, wanted):
                found = True
                _add_entry(scan, mode, object_id, path)
        self._check_blobs_exist(scan.files)
        if wanted and not found:
            message = f"{', '.join(sorted(wanted))[:200]} is not in {self.location} at {self._rev}"
            raise ImportFailed(make_printable(message))
        return self.finish_scan(scan, within)

    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        ids = [_object_id(file) for file in files]
        sizes = {object_id: size for object_id, size, _ in self._sizes.query(dict.fromkeys(ids))}
        readable = [key for key, size in sizes.items() if size is not None and size <= content.MAX_BYTES]
        blobs = {key: data for key, size, data in self._blobs.query(readable) if size is not None}
        return [blobs[key] if key in blobs else _blob_error(sizes[key]) for key in ids]

    def find_absent(self, paths: Iterable[str]) -> list[str]:
        present = {path for _, _, path in self._list_entries()}
        return [path for path in paths if path not in present]

    def read_config_file(self) -> bytes | DocumentError | None:
        return None if self._config is None else self.read([self._config])[0]

    def find_config_stamp(self) -> str | None:
        return None if self._config is None else self._config.stamp

    def close(self) -> None:
        self._sizes.close()
        self._blobs.close()

    def _check_blobs_exist(self, files: Sequence[File]) -> None:
        """Raise ImportFailed if a partial clone lacks one of these files.

        Git would fetch the file from the address, and with the programs, in the repository's configuration.
        Nothing of this may run here.
        """
        if not self._git.is_partial:
            return
        wanted = [*files, *([self._config] if self._config else [])]
        ids = dict.fromkeys(map(_object_id, wanted))
        lacking = sum(size is None for _, size, _ in self._sizes.query(ids))
        if lacking:
            raise ImportFailed(
                self._git.describe_missing_objects(f"{lacking:,} of the {len(ids):,} files at {self._rev}")
            )

    def _list_entries(self) -> Iterator[tuple[bytes, str, str]]:
        """Yield the mode, the id and the path from the root of every entry except folders."""
        tree = self._git.try_read_line(*_REV_PARSE, f"{self.commit}:{self._root}")
        if tree is None or (self._root and self._git.try_read_line(*_REV_PARSE, f"{tree}^{{tree}}") is None):
            raise ImportFailed(make_printable(self._no_folder_message()))
        try:
            listed = self._git.read_output("ls-tree", "-r", "-z", "--full-tree", tree)
        except ImportFailed:
            if self._git.is_partial:
                raise ImportFailed(self._git.describe_missing_objects(f"folders at {self._rev}")) from None
            raise
        for entry in listed.split(b"\0"):
            attributes, _, path = entry.partition(b"\t")
            if attributes:
                mode, _, object_id = attributes.split(b" ")
                yield mode, object_id.decode(), path.decode("utf-8", "surrogateescape")

    def _no_folder_message(self) -> str:
        """Return the message for a root that is not a folder at the revision."""
        entry = self._git.try_read_line("ls-tree", "--full-tree", self.commit, "--", self._root or ".")
        if entry and entry.split()[0].encode() == _SUBMODULE:
            fetch = f"git -C {self._git.folder} submodule update --init"
            return f"{self._root} is a submodule (another repository): run `{fetch}`, then import its folder"
        if self._git.is_partial:
            return self._git.describe_missing_objects(f"folders at {self._rev}")
        return f"there is no folder {self._root} in {self._git.folder} at {self._rev}"


def _resolve_commit(git: Git, rev: str) -> str:
    """Return the full id of the commit that a revision names, directly or through tags."""
    object_id = git.try_read_line(*_REV_PARSE, rev)
    commit = git.try_read_line(*_REV_PARSE, f"{object_id}^{{commit}}") if object_id else None
    if commit is None:
        git.read_output("rev-parse", "--git-dir")  # raises the error if the repository itself is invalid
        if git.try_read_line("rev-parse", "--is-shallow-repository") == "true":
            fetch = f"git -C {git.folder} fetch --unshallow"
            raise ImportFailed(
                make_printable(f"{git.folder} is a shallow clone without {rev[:80]}: run `{fetch}`")
            )
        message = f"{git.folder} has no commit {rev[:80]}: run `git log --all --oneline` to list the commits"
        raise ImportFailed(make_printable(message))
    return commit


def _repository_name(path: Path) -> str:
    """Return the name of a repository: `site` for `site`, `site.git` and `site/.git`."""
    return path.parent.name if path.name == ".git" else path.name.removesuffix(".git")


def _add_entry(scan: Scan, mode: bytes, object_id: str, path: str) -> None:
    top, below, _ = path.partition("/")
    if not may_hold_content(top):
        return
    skip_code = {_LINK: "symlink", _SUBMODULE: "submodule"}.get(mode)
    if skip_code is not None:
        scan.issues.append((make_printable(path), SKIPPED_ISSUES[skip_code]))
    elif (kind := kind_of(path)) is not None:
        issue = find_name_issue(path)
        if issue is None:
            scan.files.append(File(path, kind, f"git:{object_id}", None))
        else:
            scan.issues.append((make_printable(path), issue))
    elif below:
        add_skipped(scan, path)


def _object_id(file: File) -> str:
    return (file.stamp or "").removeprefix("git:")


def _blob_error(size: int | None) -> DocumentError:
    if size is not None and size > content.MAX_BYTES:
        return make_too_large_error(size)
    return DocumentError("unreadable", "its blob is missing or damaged in the repository: run `git fsck`")
