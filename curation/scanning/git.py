"""A dump as it is at a revision of a git repository, read without a checkout."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import DocumentError, ImportFailed
from . import content
from .content import Kind, holds_content, kind_of, printable
from .tree import SKIPPED_ISSUES, File, Scan, Tree, is_within, issue_of_name, skip_path, too_large

if TYPE_CHECKING:
    from .git_process import Git

#: Prints the id of one object; a revision that begins with `-` is none of git's options.
_VERIFY = ("rev-parse", "--verify", "--quiet", "--end-of-options")

_LINK, _SUBMODULE = b"120000", b"160000"


def is_bare(path: Path) -> bool:
    """Whether a folder is a git repository without a work tree, by what every such folder holds."""
    return (path / "HEAD").is_file() and (path / "objects").is_dir() and (path / "refs").is_dir()


class GitTree(Tree):
    """A folder of a repository at a revision.

    path: a bare repository, or a folder of a work tree, which is the root then.
    rev: whatever git takes for a revision.
    inner: the root, as a path from there.

    Raises ImportFailed where git is not installed, or finds no repository or no such revision.
    """

    commit: str

    def __init__(self, path: Path, rev: str = "HEAD", inner: str = "") -> None:
        from .git_process import Git, Objects

        path = path.resolve()
        bare = is_bare(path)
        self._git = Git(path, is_bare=bare)
        prefix = "" if bare else os.fsdecode(self._git.output("rev-parse", "--show-prefix")).strip("\n/")
        self._root = "/".join(part for part in (prefix, inner) if part)
        self.commit = _commit(self._git, rev)
        self._rev = rev
        self.location = printable(str(path / inner))
        self.name = (path / inner).name if inner else _name(path)
        self._sizes = Objects(self._git, "--batch-check")
        self._blobs = Objects(self._git, "--batch")
        self._config: File | None = None

    def scan(self, within: Sequence[str] = ()) -> Scan:
        scan, wanted, found = Scan(), frozenset(within), False
        for mode, object_id, path in self._entries():
            if path == content.CONFIG and mode not in (_LINK, _SUBMODULE):
                self._config = File(path, Kind.ARTICLE, f"git:{object_id}", None)
            if is_within(path, wanted):
                found = True
                _add(scan, mode, object_id, path)
        self._check_blobs(scan.files)
        if wanted and not found:
            told = f"{', '.join(sorted(wanted))[:200]} is not in {self.location} at {self._rev}"
            raise ImportFailed(printable(told))
        return self.whole(scan, within)

    def read(self, files: Sequence[File]) -> list[bytes | DocumentError]:
        ids = [(file.stamp or "").removeprefix("git:") for file in files]
        sizes = {object_id: size for object_id, size, _ in self._sizes.answers(dict.fromkeys(ids))}
        fit = [key for key, size in sizes.items() if size is not None and size <= content.MAX_BYTES]
        blobs = {key: data for key, size, data in self._blobs.answers(fit) if size is not None}
        return [blobs[key] if key in blobs else _issue(sizes[key]) for key in ids]

    def find_absent(self, paths: Iterable[str]) -> list[str]:
        present = {path for _, _, path in self._entries()}
        return [path for path in paths if path not in present]

    def config(self) -> bytes | DocumentError | None:
        return None if self._config is None else self.read([self._config])[0]

    def config_stamp(self) -> str | None:
        return None if self._config is None else self._config.stamp

    def close(self) -> None:
        self._sizes.close()
        self._blobs.close()

    def _check_blobs(self, files: Sequence[File]) -> None:
        """Raises ImportFailed for a partial clone that lacks one of these files: git would fetch it, from
        where its configuration says and by the programs named there, and nothing of that is run here."""
        if not self._git.is_partial:
            return
        wanted = [*files, *([self._config] if self._config else [])]
        ids = dict.fromkeys((file.stamp or "").removeprefix("git:") for file in wanted)
        lacking = sum(size is None for _, size, _ in self._sizes.answers(ids))
        if lacking:
            raise ImportFailed(self._git.lacks(f"{lacking:,} of the {len(ids):,} files at {self._rev}"))

    def _entries(self) -> Iterator[tuple[bytes, str, str]]:
        """Mode, id and path from the root of everything that is no folder."""
        tree = self._git.attempt(*_VERIFY, f"{self.commit}:{self._root}")
        if tree is None or (self._root and self._git.attempt(*_VERIFY, f"{tree}^{{tree}}") is None):
            raise ImportFailed(printable(self._why_no_folder()))
        try:
            listed = self._git.output("ls-tree", "-r", "-z", "--full-tree", tree)
        except ImportFailed:
            if self._git.is_partial:
                raise ImportFailed(self._git.lacks(f"folders at {self._rev}")) from None
            raise
        for entry in listed.split(b"\0"):
            facts, _, path = entry.partition(b"\t")
            if facts:
                mode, _, object_id = facts.split(b" ")
                yield mode, object_id.decode(), path.decode("utf-8", "surrogateescape")

    def _why_no_folder(self) -> str:
        """What is said where the root is no folder of the repository at the revision."""
        entry = self._git.attempt("ls-tree", "--full-tree", self.commit, "--", self._root or ".")
        if entry and entry.split()[0].encode() == _SUBMODULE:
            fetch = f"git -C {self._git.folder} submodule update --init"
            return f"{self._root} is a submodule, another repository: `{fetch}`, then import its folder"
        if self._git.is_partial:
            return self._git.lacks(f"folders at {self._rev}")
        return f"there is no folder {self._root} in {self._git.folder} at {self._rev}"


def _commit(git: Git, rev: str) -> str:
    """The full id of the commit that a revision names, by whatever tags."""
    named = git.attempt(*_VERIFY, rev)
    commit = git.attempt(*_VERIFY, f"{named}^{{commit}}") if named else None
    if commit is None:
        git.output("rev-parse", "--git-dir")  # says so if it is the repository that is wrong
        if git.attempt("rev-parse", "--is-shallow-repository") == "true":
            fetch = f"git -C {git.folder} fetch --unshallow"
            raise ImportFailed(printable(f"{git.folder} is a shallow clone without {rev[:80]}: `{fetch}`"))
        told = f"{git.folder} has no commit {rev[:80]}: `git log --all --oneline` lists what there is"
        raise ImportFailed(printable(told))
    return commit


def _name(path: Path) -> str:
    """`site` for `site`, `site.git` and `site/.git`."""
    return path.parent.name if path.name == ".git" else path.name.removesuffix(".git")


def _add(scan: Scan, mode: bytes, object_id: str, path: str) -> None:
    top, below, _ = path.partition("/")
    if not holds_content(top):
        return
    passed = {_LINK: "symlink", _SUBMODULE: "submodule"}.get(mode)
    if passed is not None:
        scan.issues.append((printable(path), SKIPPED_ISSUES[passed]))
    elif (kind := kind_of(path)) is not None:
        issue = issue_of_name(path)
        if issue is None:
            scan.files.append(File(path, kind, f"git:{object_id}", None))
        else:
            scan.issues.append((printable(path), issue))
    elif below:
        skip_path(scan, path)


def _issue(size: int | None) -> DocumentError:
    if size is not None and size > content.MAX_BYTES:
        return too_large(size)
    return DocumentError("unreadable", "the repository does not hold its blob, or holds it damaged: git fsck")
