"""Each kind of bad file produces its issue code, and the good file next to it is still imported."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import socket
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from curation.errors import DocumentError, ImportFailed
from curation.scanning import Archive, Folder, GitTree, Tree, members
from curation.scanning.tree import WHOLE_ARCHIVE_CODES

from ..support.built_archives import (
    END,
    TEXT,
    make_tar,
    make_zip,
    tar_blocks,
    tar_member,
    zip_with_false_size,
)
from ..support.git_repositories import commit, git

GOOD = "_news/good.md"
BAD = "_news/x.md"

#: Adds a bad file to a folder that contains the good file.
AddBadFile = Callable[[Path], object]

#: Makes an archive of the good file and a bad one.
MakeArchive = Callable[[Path], Path]


def _make_socket(root: Path) -> None:
    here = Path.cwd()
    os.chdir(root / "_news")  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("x.md")
    os.chdir(here)


def _make_secret(root: Path) -> Path:
    secret = root.parent / "secret.md"
    secret.write_bytes(b"---\ntitle: secret\n---\n")
    return secret


def _make_large_file(root: Path, size: int) -> None:
    with (root / BAD).open("wb") as stream:
        stream.truncate(size)


#: By kind of bad file: a function that adds it, and the severity and code of the expected issue.
FOLDERS: dict[str, tuple[AddBadFile, str, str]] = {
    "a file over the limit": (lambda r: _make_large_file(r, (16 << 20) + 1), "error", "file_too_large"),
    "a huge file": (lambda r: _make_large_file(r, 1 << 40), "error", "file_too_large"),
    "a link to a file": (lambda r: (r / BAD).symlink_to(_make_secret(r)), "warning", "symlink"),
    "a link to nothing": (lambda r: (r / BAD).symlink_to("nowhere"), "warning", "symlink"),
    "a link to a folder": (lambda r: (r / BAD).symlink_to("/etc"), "warning", "symlink"),
    "a loop of links": (lambda r: (r / BAD).symlink_to("x.md"), "warning", "symlink"),
    "a link to the folder above": (lambda r: (r / BAD).symlink_to(".."), "warning", "symlink"),
    "a hard link": (lambda r: (r / BAD).hardlink_to(_make_secret(r)), "warning", "hard_link"),
    "a FIFO": (lambda r: os.mkfifo(r / BAD), "warning", "special_file"),
    "a socket": (_make_socket, "warning", "special_file"),
    "an archive": (lambda r: make_zip(r / "_news/x.zip", "_news/a.md"), "warning", "nested_archive"),
    "a line break in a name": (lambda r: (r / "_news/x\ny.md").write_bytes(TEXT), "error", "bad_name"),
    "an escape in a name": (lambda r: (r / "_news/x\x1b[2J.md").write_bytes(TEXT), "error", "bad_name"),
    "a name that is not UTF-8": (lambda r: (r / "_news/x\udcff.md").write_bytes(TEXT), "error", "bad_name"),
    "names that differ by case": (
        lambda r: (r / "_news/Good.md").write_bytes(TEXT),
        "warning",
        "case_collision",
    ),
}


def _make_device(root: Path) -> None:
    os.mknod(root / BAD, stat.S_IFCHR | 0o600, os.makedev(1, 3))


if os.geteuid() == 0:
    FOLDERS["a device"] = (_make_device, "warning", "special_file")


@pytest.mark.parametrize("kind", FOLDERS)
def test_kinds_in_a_folder(tmp_path: Path, kind: str) -> None:
    add_bad_file, severity, code = FOLDERS[kind]
    root = tmp_path / "root"
    (root / "_news").mkdir(parents=True)
    (root / GOOD).write_bytes(TEXT)
    add_bad_file(root)
    assert issue_codes(Folder(root)) == {(severity, code)}


def _zip_with_mode(path: Path, mode: int) -> Path:
    make_zip(path, GOOD)
    with zipfile.ZipFile(path, "a") as archive:
        info = zipfile.ZipInfo(BAD)
        info.external_attr = mode << 16
        archive.writestr(info, "/etc/passwd")
    return path


def _patch(path: Path, *changes: tuple[bytes, int, bytes]) -> Path:
    """Overwrite bytes at an offset from the last occurrence of a signature."""
    data = bytearray(path.read_bytes())
    for signature, distance, new in changes:
        start = data.rindex(signature) + distance
        data[start : start + len(new)] = new
    path.write_bytes(data)
    return path


def _make_bomb(path: Path) -> Path:
    make_zip(path, BAD, text=bytes(8 << 20))
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(GOOD, os.urandom(1 << 16))
    return path


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


ENTRY, LOCAL = b"PK\x01\x02", b"PK\x03\x04"
LINK = {"linkname": "/etc/passwd"}

ARCHIVES: dict[str, tuple[str, MakeArchive, str, str]] = {
    "zip: a link": ("a.zip", lambda p: _zip_with_mode(p, 0o120777), "warning", "symlink"),
    "zip: a FIFO": ("a.zip", lambda p: _zip_with_mode(p, 0o010644), "warning", "special_file"),
    "zip: a device": ("a.zip", lambda p: _zip_with_mode(p, 0o020644), "warning", "special_file"),
    "zip: `..`": ("a.zip", lambda p: make_zip(p, GOOD, "../x.md"), "error", "unsafe_name"),
    "zip: `..` further down": (
        "a.zip",
        lambda p: make_zip(p, GOOD, "_news/../../x.md"),
        "error",
        "unsafe_name",
    ),
    "zip: an absolute name": ("a.zip", lambda p: make_zip(p, GOOD, "/etc/x.md"), "error", "unsafe_name"),
    "zip: a drive": ("a.zip", lambda p: make_zip(p, GOOD, "C:/x.md"), "error", "unsafe_name"),
    "zip: backslashes": ("a.zip", lambda p: make_zip(p, GOOD, "_news\\x.md"), "notice", "backslash_names"),
    "zip: a bomb": ("a.zip", _make_bomb, "error", "compression_bomb"),
    "zip: a size over the limit": (
        "a.zip",
        lambda p: zip_with_false_size(p, BAD, TEXT, (16 << 20) + 1),
        "error",
        "file_too_large",
    ),
    "zip: nested": ("a.zip", lambda p: make_zip(p, GOOD, "_news/x.tar.gz"), "warning", "nested_archive"),
    "zip: encrypted": (
        "a.zip",
        lambda p: _patch(make_zip(p, GOOD, BAD), (ENTRY, 8, b"\x01"), (LOCAL, 6, b"\x01")),
        "error",
        "encrypted",
    ),
    "zip: an unsupported method": (
        "a.zip",
        lambda p: _patch(make_zip(p, GOOD, BAD), (ENTRY, 10, b"\x0e"), (LOCAL, 8, b"\x0e")),
        "error",
        "unsupported_member",
    ),
    "zip: a wrong checksum": (
        "a.zip",
        lambda p: _patch(make_zip(p, GOOD, BAD), (ENTRY, 16, b"\0\0\0\0"), (LOCAL, 14, b"\0\0\0\0")),
        "error",
        "damaged_member",
    ),
    "zip: a truncated member": (
        "a.zip",
        lambda p: _patch(make_zip(p, GOOD, BAD), (ENTRY, 20, b"\x04\0\0\0"), (LOCAL, 18, b"\x04\0\0\0")),
        "error",
        "damaged_member",
    ),
    "zip: a damaged directory": (
        "a.zip",
        lambda p: _patch(make_zip(p, GOOD, BAD), (ENTRY, 0, b"\0")),
        "error",
        "archive_damaged",
    ),
    "zip: one name twice": ("a.zip", lambda p: make_zip(p, GOOD, BAD, f"./{BAD}"), "error", "duplicate_name"),
    "zip: names that differ by case": (
        "a.zip",
        lambda p: make_zip(p, GOOD, "_news/GOOD.md"),
        "warning",
        "case_collision",
    ),
    "zip: a name that is not UTF-8": (
        "a.zip",
        lambda p: _write(p, make_zip(p, GOOD, "_news/é.md").read_bytes().replace("é".encode(), b"\xff\xfe")),
        "error",
        "bad_name",
    ),
    "zip: a line break in a name": (
        "a.zip",
        lambda p: make_zip(p, GOOD, "_news/x\n.md"),
        "error",
        "bad_name",
    ),
    "tar: a link": (
        "a.tar",
        lambda p: make_tar(p, GOOD, tar_member(BAD, tarfile.SYMTYPE, **LINK)),
        "warning",
        "symlink",
    ),
    "tar: a hard link": (
        "a.tar",
        lambda p: make_tar(p, GOOD, tar_member(BAD, tarfile.LNKTYPE, **LINK)),
        "warning",
        "hard_link",
    ),
    "tar: a FIFO": (
        "a.tar",
        lambda p: make_tar(p, GOOD, tar_member(BAD, tarfile.FIFOTYPE)),
        "warning",
        "special_file",
    ),
    "tar: a device": (
        "a.tar",
        lambda p: make_tar(p, GOOD, tar_member(BAD, tarfile.CHRTYPE)),
        "warning",
        "special_file",
    ),
    "tar: `..`": ("a.tar", lambda p: make_tar(p, GOOD, "../x.md"), "error", "unsafe_name"),
    "tar: an absolute name": ("a.tar", lambda p: make_tar(p, GOOD, "/etc/x.md"), "error", "unsafe_name"),
    "tar: nested": ("a.tar", lambda p: make_tar(p, GOOD, "_news/x.zip"), "warning", "nested_archive"),
    "tar: a size over the limit": (
        "a.tar",
        lambda p: _write(
            p, tar_blocks(GOOD) + tar_member(BAD, size=17 << 20).tobuf() + bytes(17 << 20) + END
        ),
        "error",
        "file_too_large",
    ),
    "tar: one name twice": ("a.tar", lambda p: make_tar(p, GOOD, BAD, BAD), "error", "duplicate_name"),
    "tar: names that differ by case": (
        "a.tar",
        lambda p: make_tar(p, GOOD, "_news/GOOD.md"),
        "warning",
        "case_collision",
    ),
    "tar: a name that is not UTF-8": (
        "a.tar",
        lambda p: make_tar(p, GOOD, "_news/x\udcff.md"),
        "error",
        "bad_name",
    ),
    "tar: a line break in a name": (
        "a.tar",
        lambda p: make_tar(p, GOOD, "_news/x\n.md"),
        "error",
        "bad_name",
    ),
    "tar: truncated in a member": (
        "a.tar",
        lambda p: _write(p, tar_blocks(GOOD) + tar_blocks(BAD)[:520]),
        "error",
        "archive_damaged",
    ),
    "tar: truncated between members": (
        "a.tar",
        lambda p: _write(p, tar_blocks(GOOD)),
        "error",
        "archive_damaged",
    ),
    "tar: a damaged header": (
        "a.tar",
        lambda p: _write(p, tar_blocks(GOOD) + b"x" * 512 + tar_blocks(BAD) + END),
        "error",
        "archive_damaged",
    ),
    "tar: data after its end": (
        "a.tar",
        lambda p: _write(p, tar_blocks(GOOD) + END + tar_blocks(BAD) + END),
        "error",
        "archive_damaged",
    ),
    "zip: data after its end": (
        "a.zip",
        lambda p: _write(p, make_zip(p, GOOD).read_bytes() + b"more"),
        "error",
        "archive_damaged",
    ),
    "tar: too many members": (
        "a.tar",
        lambda p: make_tar(p, GOOD, *(f"_news/{n}.md" for n in range(9))),
        "error",
        "archive_too_large",
    ),
}


@pytest.mark.parametrize("kind", ARCHIVES)
def test_kinds_in_an_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(members, "MAX_MEMBERS", 9)
    name, make, severity, code = ARCHIVES[kind]
    path = make(tmp_path / name)
    with Archive(path) as tree:
        assert issue_codes(tree) == {(severity, code)}
        assert (tree.scan().find_unread_prefixes() == ("",)) is (code in WHOLE_ARCHIVE_CODES)


def issue_codes(tree: Tree) -> set[tuple[str, str]]:
    """Return the severities and codes of all issues that scanning or reading a tree reports."""
    scan = tree.scan()
    results = tree.read(scan.files)
    imported = {f.path for f, result in zip(scan.files, results, strict=True) if isinstance(result, bytes)}
    assert GOOD in imported
    assert not any(b"root:" in data or b"secret" in data for data in results if isinstance(data, bytes))
    read_errors = {("error", result.code) for result in results if isinstance(result, DocumentError)}
    return read_errors | {(issue.severity, issue.code) for _, issue in scan.issues}


def test_kinds_in_a_repository(tmp_path: Path) -> None:
    (tmp_path / "_news").mkdir()
    (tmp_path / GOOD).write_bytes(TEXT)
    (tmp_path / BAD).symlink_to("/etc/passwd")
    (tmp_path / "_news/y\n.md").write_bytes(TEXT)
    (tmp_path / "_news/GOOD.md").write_bytes(TEXT)
    (tmp_path / "_news/z.zip").write_bytes(b"")
    (tmp_path / "_news/large.md").write_bytes(bytes((16 << 20) + 1))
    git(tmp_path, "init", "-q")
    head = commit(tmp_path)
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{head},_news/module")
    git(tmp_path, "commit", "-qm", "a submodule")
    with GitTree(tmp_path) as tree:
        assert issue_codes(tree) == {
            ("warning", "symlink"),
            ("warning", "submodule"),
            ("warning", "case_collision"),
            ("warning", "nested_archive"),
            ("error", "bad_name"),
            ("error", "file_too_large"),
        }


def _zip_bytes(name: str, text: bytes = TEXT) -> bytes:
    with zipfile.ZipFile(stream := io.BytesIO(), "w") as archive:
        archive.writestr(name, text)
    return stream.getvalue()


REJECTED: dict[str, tuple[str, bytes]] = {
    "an empty zip": ("a.zip", b""),
    "a truncated zip": ("a.zip", b"PK\x03\x04 and no more"),
    "an empty tar": ("a.tar", b""),
    "text named like a tar": ("a.tar", b"text" * 500),
    "text named like a gzip": ("a.tar.gz", b"text" * 500),
    "a gzip of text": ("a.tar.gz", b"\x1f\x8b\x08\0" + b"text" * 500),
    "a stream that is a bomb": (
        "a.tar.xz",
        lzma.compress(
            tar_blocks(GOOD) + tar_member("zeros", size=8 << 20).tobuf() + bytes(8 << 20) + END, preset=1
        ),
    ),
    "a truncated compressed tar": ("a.tar.gz", gzip.compress(tar_blocks(GOOD) + END)[:-1]),
    "a compressed tar with data after it": ("a.tar.gz", gzip.compress(tar_blocks(GOOD) + END) + b"more"),
    "a zip after a zip": ("a.zip", _zip_bytes(GOOD) + _zip_bytes(BAD)),
    "a zip in a truncated zip": ("a.zip", _zip_bytes("_news/x.zip", text=_zip_bytes(GOOD))[:-100]),
    "an empty xz": ("a.tar.xz", b"\xfd7zXZ\x00"),
    "an empty zstd": ("a.tar.zst", b"\x28\xb5\x2f\xfd"),
}


@pytest.mark.parametrize("kind", REJECTED)
def test_an_archive_that_cannot_be_opened_is_rejected(tmp_path: Path, kind: str) -> None:
    name, data = REJECTED[kind]
    with (
        pytest.raises(ImportFailed, match=r"a\.(zip|tar).*(download it again|archive|bomb)"),
        _open_archive(tmp_path / name, data) as tree,
    ):
        tree.scan()


@contextmanager
def _open_archive(path: Path, data: bytes) -> Iterator[Tree]:
    with Archive(_write(path, data)) as tree:
        yield tree
