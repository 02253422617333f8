"""Archives yield the same content as their folder, and hostile or damaged archives do no harm."""

from __future__ import annotations

import gzip
import io
import lzma
import os
import stat
import struct
import sys
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from curation.errors import ImportFailed
from curation.scanning import Archive, Folder, Kind, Scan, content, members, tar_files
from curation.scanning.archive import is_archive

from ..support.built_archives import (
    END,
    TEXT,
    Pipe,
    make_tar,
    make_zip,
    tar_blocks,
    tar_member,
    zip_with_false_size,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

PATHS = ("_news/2024-01-01-a.md", "_news/c/é.md", "_data/topics/t.yaml", "_samples/x.html")
OTHERS = ("README.md", "_config.yml", "_site/_news/a.md", "assets/a.md", "_news/.keep", "_news/picture.png")

Pack = Callable[[Path, Path], Path]


def pack_zip(root: Path, target: Path) -> Path:
    with zipfile.ZipFile(file := target.with_suffix(".zip"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(root.parent.rglob("*")):
            if path.is_relative_to(root):
                archive.write(path, path.relative_to(root.parent))
    return file


def pack_tar(root: Path, target: Path) -> Path:
    with tarfile.open(file := target.with_suffix(".tar"), "w") as archive:
        archive.add(root, root.name)
    return file


def pack_compressed(suffix: str, compress: Callable[[bytes], bytes]) -> Pack:
    def pack(root: Path, target: Path) -> Path:
        plain = pack_tar(root, target)
        file = plain.with_name(plain.name + suffix)
        file.write_bytes(compress(plain.read_bytes()))
        plain.unlink()
        return file

    return pack


def compress_in_streams(data: bytes) -> bytes:
    half = len(data) // 2
    return lzma.compress(data[:half]) + b"\0\0\0\0" + lzma.compress(data[half:])


def compress_with_checksum(data: bytes) -> bytes:
    """Compress as the zstd program does. Python adds no checksum by default."""
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


PACKS: dict[str, Pack] = {
    "zip": pack_zip,
    "tar": pack_tar,
    "tar.gz": pack_compressed(".gz", gzip.compress),
    "tar.xz": pack_compressed(".xz", lzma.compress),
    "tar.xz in streams": pack_compressed(".xz", compress_in_streams),
    "tar.zst": pack_compressed(".zst", compress_with_checksum),
}


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A small dump in a folder."""
    root = tmp_path / "site"
    for path in (*PATHS, *OTHERS):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(TEXT + path.encode())
    return root


@pytest.mark.parametrize("pack", PACKS.values(), ids=PACKS)
def test_an_archive_has_the_same_content_as_its_folder(site: Path, tmp_path: Path, pack: Pack) -> None:
    folder = Folder(site)
    expected = folder.scan()
    with Archive(pack(site, tmp_path / "packed")) as tree:
        scan = tree.scan()
        assert [(f.path, f.kind) for f in scan.files] == [(f.path, f.kind) for f in expected.files]
        assert tree.read(scan.files) == folder.read(expected.files)
        assert (scan.issues, scan.skipped) == (expected.issues, expected.skipped) == ([], 2)
        assert {(f.stamp, f.location) for f in scan.files} == {(None, None)}
        assert (tree.name, tree.commit) == ("site", None)
        assert tree.location == str(tmp_path / Path(tree.location).name)
        assert [f.path for f in tree.scan(["_news/c", "_samples"]).files] == [
            "_news/c/é.md",
            "_samples/x.html",
        ]


def scan_archive(path: Path, inner: str | None = None) -> Scan:
    with Archive(path, inner) as tree:
        return tree.scan()


def content_paths(path: Path) -> list[str]:
    return [file.path for file in scan_archive(path).files]


def list_issues(path: Path) -> list[tuple[str, str, str]]:
    return [(where, issue.severity, issue.code) for where, issue in scan_archive(path).issues]


@pytest.mark.parametrize(
    ("paths", "root", "name"),
    [
        (["_news/a.md"], "", "dump"),
        (["_news/a.md", "other/_news/b.md"], "", "dump"),
        (["site/_news/a.md", "README.md", "docs/x.md"], "site", "site"),
        (["./site/_news/a.md"], "site", "site"),
        (["a/b/site/_news/a.md"], "a/b/site", "site"),
        (["a/_news/a.md", "a/b/_news/b.md"], "a", "a"),
    ],
)
def test_the_root_contains_the_content_folders(
    tmp_path: Path, paths: list[str], root: str, name: str
) -> None:
    with Archive(make_zip(tmp_path / "dump.zip", *paths)) as tree:
        assert (tree._root, tree.name) == (root, name)
        assert [file.path for file in tree.scan().files] == ["_news/a.md"]


def test_several_roots_are_listed(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "dump.zip", *(f"{n}/_news/a.md" for n in ("one", "two/2", "three", "z")))
    with pytest.raises(
        ImportFailed, match=r"several roots \(one, three, two/2 and 1 more\): choose one with --root"
    ):
        Archive(archive)
    with Archive(archive, "two/2") as tree:
        assert tree.name == "2"
        assert [file.path for file in tree.scan().files] == ["_news/a.md"]


def test_a_damaged_archive_with_an_uncertain_root_is_rejected(tmp_path: Path) -> None:
    archive = tmp_path / "dump.tar"
    archive.write_bytes(tar_blocks("site/README.md", "site/attic/_news/z.md"))
    with pytest.raises(
        ImportFailed, match=r"damaged and its root may not be site/attic: download it again, or give"
    ):
        scan_archive(archive)
    assert [file.path for file in scan_archive(archive, "site/attic").files] == ["_news/z.md"]
    archive.write_bytes(tar_blocks("site/README.md", "site/attic/_news/z.md", "site/_news/a.md"))
    assert content_paths(archive) == ["_news/a.md"]


def test_an_archive_without_content(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "dump.zip", "news/a.md")
    for inner in (None, "absent"):
        with pytest.raises(ImportFailed, match="no content in"):
            scan_archive(archive, inner)


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("site.zip", "site"),
        ("site.tar.gz", "site"),
        ("SITE.TGZ", "SITE"),
        ("s.i.te.txz", "s.i.te"),
        ("site.tar.zst", "site"),
        ("site", "site"),
    ],
)
def test_the_source_name_is_the_archive_name_without_suffixes(tmp_path: Path, file: str, name: str) -> None:
    with Archive(make_zip(tmp_path / file, "_news/a.md")) as tree:  # its bytes show that it is a zip
        assert tree.name == name


def test_what_is_an_archive(tmp_path: Path) -> None:
    assert is_archive(make_zip(tmp_path / "a.bin", "x"))
    assert is_archive(make_tar(tmp_path / "b.bin", "x"))
    assert not is_archive(make_zip(tmp_path / "a.md", "x"))
    (tmp_path / "c.zip").write_bytes(b"")
    (tmp_path / "c.txt").write_bytes(b"text")
    assert is_archive(tmp_path / "c.zip")
    assert not is_archive(tmp_path / "c.txt")


def test_the_temporary_file_has_no_name_and_ends_with_its_tree(tmp_path: Path) -> None:
    tree = Archive(make_zip(tmp_path / "a.zip", "_news/a.md"))
    assert os.fstat(tree._spool.fileno()).st_nlink == 0
    tree.close()
    assert tree._spool.closed


# Members that must not be followed, opened or trusted


@pytest.mark.parametrize("name", ["../_news/b.md", "_news/../../b.md", "/_news/b.md", "C:/_news/b.md"])
def test_a_name_that_leads_out(tmp_path: Path, name: str) -> None:
    for archive in (
        make_zip(tmp_path / "a.zip", name, "_news/a.md"),
        make_tar(tmp_path / "a.tar", name, "_news/a.md"),
    ):
        assert content_paths(archive) == ["_news/a.md"]
        assert list_issues(archive) == [(name, "error", "unsafe_name")]


#: Names as old Windows tools write them in a zip, and whether they lead out of the archive.
BACKSLASH_NAMES = {
    "_news\\b.md": False, "_news\\c/d.md": False, "_news\\\\e.md": False, ".\\_news\\f.md": False,
    "..\\_news\\g.md": True, "_news\\..\\..\\h.md": True, "\\_news\\i.md": True, "C:\\_news\\j.md": True,
    "\\\\server\\_news\\k.md": True,
}  # fmt: skip


def test_a_zip_with_backslashes_is_read_and_every_name_is_checked(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", *BACKSLASH_NAMES)
    assert content_paths(archive) == ["_news/b.md", "_news/c/d.md", "_news/e.md", "_news/f.md"]
    out = [name.replace("\\", "/") for name, leads_out in BACKSLASH_NAMES.items() if leads_out]
    unsafe = [(name, "error", "unsafe_name") for name in out]
    assert list_issues(archive) == sorted([*unsafe, ("a.zip", "notice", "backslash_names")])
    with Archive(archive) as tree:
        scan = tree.scan()
        assert tree.read(scan.files) == [TEXT] * 4


def test_other_members_of_a_zip_with_backslashes(tmp_path: Path) -> None:
    names = (
        "site\\_news\\",
        "site\\_news\\a.md",
        "site/_news/a.md",
        "site\\_config.yml",
        "site\\_news\\b.zip",
        "site/_news/c.md",
    )
    archive = make_zip(tmp_path / "a.zip", *names)
    assert content_paths(archive) == ["_news/c.md"]
    assert list_issues(archive) == [
        ("_news/a.md", "error", "duplicate_name"),
        ("_news/b.zip", "warning", "nested_archive"),
        ("a.zip", "notice", "backslash_names"),
    ]
    with pytest.raises(ImportFailed, match=r"no content in .*; to import a part"):
        scan_archive(make_zip(tmp_path / "b.zip", "site\\a.md"))


def test_a_backslash_in_a_tar_is_no_folder(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar", "_news/a\\b.md", "_news\\c.md", "_news/..\\..\\d.md", "_news/e.md")
    assert content_paths(archive) == ["_news/e.md"]
    assert list_issues(archive) == [
        ("_news/..\\..\\d.md", "error", "bad_name"),
        ("_news/a\\b.md", "error", "bad_name"),
    ]


@pytest.mark.parametrize("name", ["a.tar.bz2", "a.tbz2", "A.TAR.BZ2", "a.7z", "a.rar", "a.tar.lz", "a.tar.Z"])
def test_an_unsupported_archive_is_rejected_by_its_name(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(ImportFailed, match=r"in an unsupported format: repack it as \.zip, \.tar, \.tar\.gz"):
        is_archive(tmp_path / name)


@pytest.mark.parametrize("start", [b"BZh9", b"7z\xbc\xaf\x27\x1c", b"Rar!\x1a\x07\x00", b"LZIP\x01"])
def test_an_unsupported_archive_is_rejected_by_its_first_bytes(tmp_path: Path, start: bytes) -> None:
    for name in ("dump", "dump.tar.gz", "dump.zip"):
        (tmp_path / name).write_bytes(start)
        with pytest.raises(ImportFailed, match="in an unsupported format"):
            is_archive(tmp_path / name)
    assert is_archive(make_zip(tmp_path / "really-a-zip.7z", "_news/a.md"))
    (tmp_path / "a.md").write_bytes(start)
    assert not is_archive(tmp_path / "a.md")


def test_links_and_devices_in_a_tar(tmp_path: Path) -> None:
    archive = make_tar(
        tmp_path / "a.tar",
        "_news/a.md",
        tar_member("_news/b.md", tarfile.SYMTYPE, linkname="/etc/passwd"),
        tar_member("_news/c.md", tarfile.LNKTYPE, linkname="_news/a.md"),
        tar_member("_news/d.md", tarfile.CHRTYPE, devmajor=1, devminor=3),
        tar_member("_news/e.md", tarfile.BLKTYPE),
        tar_member("_news/f.md", tarfile.FIFOTYPE),
        tar_member("_linked", tarfile.SYMTYPE, linkname="/etc"),
        tar_member("assets/link", tarfile.SYMTYPE, linkname="/etc"),
        "_linked/inside.md",
    )
    assert content_paths(archive) == ["_linked/inside.md", "_news/a.md"]
    assert list_issues(archive) == [
        ("_linked", "warning", "symlink"),
        ("_news/b.md", "warning", "symlink"),
        ("_news/c.md", "warning", "hard_link"),
        *((f"_news/{name}.md", "warning", "special_file") for name in "def"),
    ]


@pytest.mark.parametrize(("mode", "code"), [(stat.S_IFLNK, "symlink"), (stat.S_IFIFO, "special_file")])
def test_links_and_devices_in_a_zip(tmp_path: Path, mode: int, code: str) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("_news/a.md", TEXT)
        link = zipfile.ZipInfo("_news/b.md")
        link.external_attr = (mode | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert content_paths(tmp_path / "a.zip") == ["_news/a.md"]
    assert list_issues(tmp_path / "a.zip") == [("_news/b.md", "warning", code)]


def test_a_name_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    names = ("_news/a.md", "_news/b.md", "./_news/a.md", "_news//a.md")
    zipped = make_zip(tmp_path / "a.zip", *names)
    for archive in (zipped, make_tar(tmp_path / "a.tar", *names)):
        assert content_paths(archive) == ["_news/b.md"]
        assert list_issues(archive) == [("_news/a.md", "error", "duplicate_name")]
        assert scan_archive(archive).find_unread_prefixes() == ("_news/a.md",)


def test_a_link_and_a_file_with_the_same_name_are_an_error(tmp_path: Path) -> None:
    link = tar_member("_news/a.md", tarfile.SYMTYPE, linkname="/etc/passwd")
    assert list_issues(make_tar(tmp_path / "a.tar", link, "_news/a.md", "_news/b.md")) == [
        ("_news/a.md", "error", "duplicate_name")
    ]


def test_names_that_differ_by_case_only(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md", "_news/A.md")
    assert content_paths(archive) == ["_news/A.md", "_news/a.md"]
    assert {code for _, _, code in list_issues(archive)} == {"case_collision"}


def test_names_that_differ_by_unicode_form_only(tmp_path: Path) -> None:
    forms = [unicodedata.normalize(form, "_news/caf\u00e9.md") for form in ("NFC", "NFD")]
    for archive in (make_zip(tmp_path / "a.zip", *forms), make_tar(tmp_path / "a.tar", *forms)):
        assert content_paths(archive) == sorted(forms)
        assert {code for _, _, code in list_issues(archive)} == {"case_collision"}


@pytest.mark.parametrize(
    ("name", "shown"), [(b"\xff\xfe\xff\xfe", "\\udcff\\udcfe\\udcff\\udcfe"), (b"a\nbc", "a\\nbc")]
)
def test_a_name_that_cannot_be_stored(tmp_path: Path, name: bytes, shown: str) -> None:
    zipped = make_zip(tmp_path / "a.zip", "_news/éé.md", "_news/b.md")  # flagged as UTF-8
    zipped.write_bytes(zipped.read_bytes().replace("éé".encode(), name))
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(tmp_path / f"{kind}.tar", "w", format=kind, errors="surrogateescape") as tar:
            for one in (f"_news/{os.fsdecode(name)}.md", "_news/b.md"):
                tar.addfile(tar_member(one, size=len(TEXT)), io.BytesIO(TEXT))
    for archive in (zipped, *tmp_path.glob("*.tar")):
        assert content_paths(archive) == ["_news/b.md"]
        assert list_issues(archive) == [(f"_news/{shown}.md", "error", "bad_name")]


def test_a_name_in_utf8_without_the_flag(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/ab.md")
    archive.write_bytes(archive.read_bytes().replace(b"ab", "é".encode()))
    assert content_paths(archive) == ["_news/é.md"]


def test_a_long_name_in_a_tar(tmp_path: Path) -> None:
    longest = f"_news/{'x' * 150}/{'y' * 150}/{'é' * 90}.md"
    too_long = f"_news/{'x' * 400}/{'y' * 400}.md"
    for kind in (tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        with tarfile.open(archive := tmp_path / f"{kind}.tar", "w", format=kind) as tar:
            for one in (longest, too_long, "_news/a.md"):
                tar.addfile(tar_member(one, size=len(TEXT)), io.BytesIO(TEXT))
        assert content_paths(archive) == ["_news/a.md", longest]
        assert list_issues(archive) == [(too_long, "error", "path_too_long")]


def test_an_archive_in_an_archive_is_not_opened(tmp_path: Path) -> None:
    archive = make_tar(tmp_path / "a.tar", "_news/a.md", "_news/b.zip", "assets/c.zip")
    assert list_issues(archive) == [("_news/b.zip", "warning", "nested_archive")]
    assert scan_archive(archive).skipped == 1


# Limits


def test_a_member_with_a_stated_size_over_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_BYTES", 100)
    for archive in (
        make_zip(tmp_path / "a.zip", "_news/a.md", "_news/b.png", text=b"x" * 101),
        make_tar(tmp_path / "a.tar", "_news/a.md", "_news/b.png", text=b"x" * 101),
    ):
        with pytest.raises(ImportFailed, match=r"_news/a\.md: 101 bytes, over the limit of 100"):
            scan_archive(archive)
    assert content_paths(make_zip(tmp_path / "b.zip", "_news/a.md", text=b"x" * 100)) == ["_news/a.md"]


def test_a_member_that_is_larger_than_its_stated_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "MAX_BYTES", 100_000)
    text = os.urandom(50_000) * 3
    for claimed, real in ((10, text), (2**32 - 2, TEXT)):
        archive = zip_with_false_size(tmp_path / "a.zip", "_news/a.md", real, claimed)
        assert content_paths(archive) == ["_news/good.md"]
        assert list_issues(archive) == [("_news/a.md", "error", "file_too_large")]


def test_a_member_that_is_a_bomb(tmp_path: Path) -> None:
    bomb = make_zip(tmp_path / "a.zip", "_news/bomb.md", text=bytes(10 << 20))
    with zipfile.ZipFile(bomb, "a") as archive:
        archive.writestr("_news/a.md", os.urandom(1 << 20))  # so that the whole archive is within its limit
    assert content_paths(bomb) == ["_news/a.md"]
    assert list_issues(bomb) == [("_news/bomb.md", "error", "compression_bomb")]


def test_many_members_that_are_a_bomb_together(tmp_path: Path) -> None:
    text = bytes(1 << 20)  # below this size, a member's ratio is not checked
    bomb = make_zip(tmp_path / "a.zip", *(f"_news/{n}.md" for n in range(250)), text=text)
    assert list_issues(bomb) == [("a.zip", "error", "archive_too_large")]
    assert len(content_paths(bomb)) < 250
    assert scan_archive(bomb).find_unread_prefixes() == ("",)


@pytest.mark.parametrize("name", ["tar.gz", "tar.xz", "tar.zst"])
def test_a_stream_that_is_a_bomb(tmp_path: Path, name: str) -> None:
    (tmp_path / "site/_news").mkdir(parents=True)
    (tmp_path / "site/_news/a.md").write_bytes(TEXT)
    (tmp_path / "site/z").mkdir()
    (tmp_path / "site/z/zeros").write_bytes(bytes(24 << 20))  # not content, but decompressed all the same
    bomb = PACKS[name](tmp_path / "site", tmp_path / "bomb")
    with pytest.raises(
        ImportFailed, match=r"is too large, nothing was imported: more than 200 unpacked bytes"
    ):
        scan_archive(bomb)


def test_too_many_members(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MAX_MEMBERS", 3)
    archive = make_tar(tmp_path / "a.tar", *(f"_news/{n}.md" for n in range(4)))
    assert content_paths(archive) == ["_news/0.md", "_news/1.md", "_news/2.md"]
    assert list_issues(archive) == [("a.tar", "error", "archive_too_large")]
    assert list_issues(make_tar(tmp_path / "b.tar", *(f"_news/{n}.md" for n in range(3)))) == []


def test_too_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(members, "MAX_TOTAL", 2 * len(TEXT))
    archive = make_tar(tmp_path / "a.tar", *(f"_news/{n}.md" for n in range(4)))
    assert content_paths(archive)[:2] == ["_news/0.md", "_news/1.md"]
    assert len(content_paths(archive)) < 4
    assert list_issues(archive) == [("a.tar", "error", "archive_too_large")]


def test_a_header_that_would_fill_memory(tmp_path: Path) -> None:
    longname = tar_member("././@LongLink", tarfile.GNUTYPE_LONGNAME, size=1 << 40)
    archive = tmp_path / "a.tar"
    archive.write_bytes(tar_blocks("_news/a.md") + longname.tobuf(tarfile.GNU_FORMAT) + bytes(1 << 16))
    assert content_paths(archive) == ["_news/a.md"]
    assert list_issues(archive) == [("a.tar", "error", "archive_damaged")]


def test_an_xz_that_needs_too_much_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = tmp_path / "a.tar.xz"
    archive.write_bytes(lzma.compress(make_tar(tmp_path / "a.tar", "_news/a.md").read_bytes(), preset=6))
    assert content_paths(archive) == ["_news/a.md"]
    monkeypatch.setattr(tar_files, "_MAX_XZ_MEMORY", 4 << 20)  # preset 6 needs 9
    with pytest.raises(ImportFailed, match="is damaged"):
        scan_archive(archive)


# Damage


def test_a_tar_without_its_end_is_truncated(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_blocks("_news/a.md") + END)
    assert list_issues(tmp_path / "a.tar") == []
    for cut in (0, 100, 512, 520):
        (tmp_path / "a.tar").write_bytes(tar_blocks("_news/a.md") + tar_blocks("_news/b.md")[:cut])
        assert content_paths(tmp_path / "a.tar") == ["_news/a.md"], cut
        assert list_issues(tmp_path / "a.tar") == [("a.tar", "error", "archive_damaged")], cut
        assert scan_archive(tmp_path / "a.tar").find_unread_prefixes() == ("",)


def test_a_block_of_zeros_is_not_the_end_if_data_follows(tmp_path: Path) -> None:
    blocks = tar_blocks("_news/a.md") + bytes(1024) + tar_blocks("_news/c.md") + END
    (tmp_path / "a.tar").write_bytes(blocks)
    assert content_paths(tmp_path / "a.tar") == ["_news/a.md"]
    assert list_issues(tmp_path / "a.tar") == [("a.tar", "error", "archive_damaged")]


@pytest.mark.parametrize(
    "text",
    [
        b"19 path=_news/b.m\n",
        b"x path=_news/b.md\n",
        b"19 path _news/b.md\n",
        b"0 path=_news/b.md\n",
        b"19 path=_news/b.md\n7 size=\n",
        b"19 path=_news/b.md\n10 size=-1\n",
        b"19 path=_news/b.md\nx",
        b"8 path=\n",
    ],
)
def test_an_invalid_extended_header(tmp_path: Path, text: bytes) -> None:
    header = tar_member("x", tarfile.XHDTYPE, size=len(text)).tobuf(tarfile.USTAR_FORMAT)
    extended_header = header + text.ljust(512, b"\0")
    for following in (tar_blocks("_news/b"), b""):
        (tmp_path / "a.tar").write_bytes(tar_blocks("_news/a.md") + extended_header + following + END)
        assert content_paths(tmp_path / "a.tar") == ["_news/a.md"]
        assert list_issues(tmp_path / "a.tar") == [("a.tar", "error", "archive_damaged")]


def test_an_extended_header_without_a_member(tmp_path: Path) -> None:
    for kind, text in (
        (tarfile.XHDTYPE, b"19 path=_news/b.md\n"),
        (tarfile.GNUTYPE_LONGNAME, b"_news/b.md\0"),
    ):
        header = tar_member("x", kind, size=len(text)).tobuf(tarfile.USTAR_FORMAT)
        (tmp_path / "a.tar").write_bytes(tar_blocks("_news/a.md") + header + text.ljust(512, b"\0") + END)
        assert list_issues(tmp_path / "a.tar") == [("a.tar", "error", "archive_damaged")]


def test_a_damaged_header_is_not_the_end(tmp_path: Path) -> None:
    damaged = bytearray(tar_blocks("_news/a.md", "_news/b.md", "_news/c.md") + END)
    damaged[1024] ^= 1
    (tmp_path / "a.tar").write_bytes(damaged)
    assert content_paths(tmp_path / "a.tar") == ["_news/a.md"]
    assert list_issues(tmp_path / "a.tar") == [("a.tar", "error", "archive_damaged")]


@pytest.mark.parametrize("name", ["tar.gz", "tar.xz", "tar.zst"])
def test_nothing_of_a_truncated_compressed_tar_is_used(tmp_path: Path, site: Path, name: str) -> None:
    (site / "_news/b.md").write_bytes(os.urandom(200_000).hex().encode())
    archive = PACKS[name](site, tmp_path / "packed")
    data = archive.read_bytes()
    for length in (len(data) // 2, len(data) - 9, len(data) - 1):
        archive.write_bytes(data[:length])
        with pytest.raises(ImportFailed, match="is damaged, nothing was imported: it is truncated"):
            scan_archive(archive)


@pytest.mark.parametrize("name", ["tar.gz", "tar.xz", "tar.zst"])
def test_a_tar_that_was_truncated_before_it_was_compressed(tmp_path: Path, name: str) -> None:
    blocks = tar_blocks("_news/a.md") + tar_blocks("_news/b.md")[:520]
    archive = tmp_path / f"a.{name}"
    packers: dict[str, Callable[[bytes], bytes]] = {
        "tar.gz": gzip.compress,
        "tar.xz": lzma.compress,
        "tar.zst": zstd.compress,
    }
    archive.write_bytes(packers[name](blocks))
    assert content_paths(archive) == ["_news/a.md"]
    assert list_issues(archive) == [(archive.name, "error", "archive_damaged")]


@pytest.mark.parametrize("name", ["tar.gz", "tar.xz", "tar.zst"])
def test_nothing_of_a_damaged_compressed_tar_is_used(tmp_path: Path, site: Path, name: str) -> None:
    (site / "_news/b.md").write_bytes(os.urandom(200_000).hex().encode())
    archive = PACKS[name](site, tmp_path / "packed")
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 0x10
    archive.write_bytes(data)
    with pytest.raises(ImportFailed, match="is damaged, nothing was imported"):
        scan_archive(archive)


def test_nothing_of_a_gzip_with_a_wrong_checksum_is_used(tmp_path: Path, site: Path) -> None:
    archive = PACKS["tar.gz"](site, tmp_path / "packed")
    data = bytearray(archive.read_bytes())
    data[-8] ^= 1
    archive.write_bytes(data)
    with pytest.raises(ImportFailed, match="is damaged"):
        scan_archive(archive)


def test_a_truncated_zip_has_no_directory(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md", "_news/b.md")
    for length in (archive.stat().st_size // 2, 0, 10):
        archive.write_bytes(archive.read_bytes()[:length])
        with pytest.raises(ImportFailed, match="its directory is missing; download it again"):
            scan_archive(archive)


def test_a_zip_whose_directory_is_not_at_the_stated_offset(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md")
    data = bytearray(archive.read_bytes())
    struct.pack_into("<L", data, data.rindex(b"PK\x05\x06") + 16, 2**32 - 2)
    archive.write_bytes(data)
    with pytest.raises(ImportFailed, match="is a damaged zip archive"):
        scan_archive(archive)


def test_a_zip_whose_directory_is_damaged(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md", "_news/b.md")
    data = bytearray(archive.read_bytes())
    data[data.rindex(b"PK\x01\x02")] = 0
    archive.write_bytes(data)
    assert content_paths(archive) == ["_news/a.md"]
    assert list_issues(archive) == [("a.zip", "error", "archive_damaged")]


def test_a_damaged_member_does_not_affect_the_others(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md", "_news/b.md", "_news/c.md", text=b"text" * 100)
    good = archive.read_bytes()
    second = good.index(b"PK\x03\x04", 4)
    directory = good.index(b"PK\x01\x02", good.index(b"PK\x01\x02") + 4)
    damaged = ("_news/b.md", "error", "damaged_member")
    whole = ("a.zip", "error", "archive_damaged")
    damages = {
        "the packed bytes": (second + 30 + 10, b"\xff", [damaged]),
        "the local header": (second, b"XX", [damaged, whole]),
        "the local name": (second + 30, b"-", [damaged, whole]),
        "the local length of its name": (second + 26, b"\t", [damaged, whole]),
        "the local size": (second + 22, b"\0", [damaged, whole]),
        "the name": (directory + 46, b"-", [whole]),  # `-news/b.md` is not content: the real name is unknown
        "the checksum": (directory + 16, b"\0\0\0\0", [damaged, whole]),
        "the size": (directory + 20, struct.pack("<L", 3), [damaged, whole]),
        "the offset": (directory + 42, struct.pack("<L", 2**31), [damaged, whole]),
        "the offset, to another member": (directory + 42, struct.pack("<L", 0), [damaged, whole]),
        "the offset, as one of 64 bits": (directory + 42, b"\xff" * 4, [damaged, whole]),
    }
    for what, (place, wrong, expected) in damages.items():
        archive.write_bytes(good[:place] + wrong + good[place + len(wrong) :])
        assert content_paths(archive) == ["_news/a.md", "_news/c.md"], what
        assert sorted(list_issues(archive)) == sorted(expected), what
        assert scan_archive(archive).find_unread_prefixes() == ("",)


@pytest.mark.parametrize("offset", [0, 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64 - 1])
def test_a_wild_offset_of_64_bits(tmp_path: Path, offset: int) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md", "_news/b.md", text=os.urandom(99))
    data, wide = archive.read_bytes(), struct.pack("<2HQ", 1, 8, offset)
    place = data.rindex(b"PK\x01\x02")
    entry = bytearray(data[place : place + 56])
    entry[30:32], entry[42:46] = struct.pack("<H", len(wide)), b"\xff" * 4
    end = bytearray(data[place + 56 :])
    struct.pack_into("<L", end, 12, struct.unpack_from("<L", end, 12)[0] + len(wide))
    archive.write_bytes(data[:place] + entry + wide + end)
    assert content_paths(archive) == ["_news/a.md"]
    assert list_issues(archive) == [
        ("_news/b.md", "error", "damaged_member"),
        ("a.zip", "error", "archive_damaged"),
    ]


def test_a_directory_that_hides_members(tmp_path: Path) -> None:
    names = [f"_news/{n}.md" for n in range(5)]
    archive = make_zip(tmp_path / "a.zip", *names)
    good = archive.read_bytes()
    entries = [place for place in range(len(good)) if good.startswith(b"PK\x01\x02", place)]
    end = good.rindex(b"PK\x05\x06")
    size = entries[1] - entries[0]
    hidden = bytearray(good)
    struct.pack_into("<H", hidden, entries[1] + 32, 3 * size)  # its comment covers three entries
    struct.pack_into("<2H", counted := bytearray(hidden), end + 8, 2, 2)
    lost = bytearray(good[: entries[1]] + good[entries[2] :])
    struct.pack_into("<2L", lost, end - size + 12, 4 * size, entries[0])
    struct.pack_into("<2H", removed := bytearray(lost), end - size + 8, 4, 4)
    struct.pack_into("<2H", one_more := bytearray(good), end + 8, 6, 6)
    for data, expected in ((hidden, 2), (counted, 2), (lost, 4), (removed, 4), (one_more, 5)):
        archive.write_bytes(data)
        assert len(content_paths(archive)) == expected
        assert list_issues(archive) == [("a.zip", "error", "archive_damaged")]
        assert scan_archive(archive).find_unread_prefixes() == ("",)


def test_members_of_a_zip_that_overlap(tmp_path: Path) -> None:
    inner = make_zip(tmp_path / "inner.zip", "_news/b.md").read_bytes()
    with zipfile.ZipFile(archive := tmp_path / "a.zip", "w") as outer:
        outer.writestr("_news/a.md", inner[: inner.index(b"PK\x01\x02")])
    data = archive.read_bytes()
    place, end = data.index(b"PK\x01\x02"), data.rindex(b"PK\x05\x06")
    entry = bytearray(inner[inner.index(b"PK\x01\x02") : inner.rindex(b"PK\x05\x06")])
    struct.pack_into("<L", entry, 42, data.index(b"PK\x03\x04", 4))
    size = end - place + len(entry)
    ending = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 2, 2, size, place, 0)
    archive.write_bytes(data[:end] + entry + ending)
    assert list_issues(archive) == [("a.zip", "error", "archive_damaged")]


def test_a_member_that_is_encrypted_or_has_an_unsupported_method(tmp_path: Path) -> None:
    with zipfile.ZipFile(archive := tmp_path / "a.zip", "w", zipfile.ZIP_LZMA) as packed:
        packed.writestr("_news/b.md", TEXT)
        packed.writestr("_news/a.md", TEXT, zipfile.ZIP_STORED)
    assert content_paths(archive) == ["_news/a.md"]
    assert list_issues(archive) == [("_news/b.md", "error", "unsupported_member")]
    data = bytearray(archive.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    archive.write_bytes(data)
    assert list_issues(archive) == [("_news/b.md", "error", "encrypted")]


def test_a_sparse_member_is_rejected_and_skipped(tmp_path: Path) -> None:
    header = bytearray(tar_member("_news/b.md", tarfile.GNUTYPE_SPARSE, size=512).tobuf(tarfile.GNU_FORMAT))
    header[482] = 1  # the map continues for one block
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    (tmp_path / "a.tar").write_bytes(header + bytes(512) + b"x" * 512 + tar_blocks("_news/a.md") + END)
    assert content_paths(tmp_path / "a.tar") == ["_news/a.md"]
    assert list_issues(tmp_path / "a.tar") == [("_news/b.md", "error", "unsupported_member")]


def test_a_sparse_member_is_reported_by_its_real_name(tmp_path: Path) -> None:
    text = b"22 GNU.sparse.major=1\n30 GNU.sparse.name=_news/b.md\n"
    header = tar_member("x", tarfile.XHDTYPE, size=len(text)).tobuf(tarfile.USTAR_FORMAT)
    blocks = header + text.ljust(512, b"\0") + tar_blocks("_news/GNUSparseFile.1/b.md")
    (tmp_path / "a.tar").write_bytes(tar_blocks("_news/a.md") + blocks + END)
    assert list_issues(tmp_path / "a.tar") == [("_news/b.md", "error", "unsupported_member")]


# Forms of a zip


def test_a_zip_with_64_bit_sizes(tmp_path: Path) -> None:
    with (
        zipfile.ZipFile(archive := tmp_path / "a.zip", "w") as packed,
        packed.open("_news/a.md", "w", force_zip64=True) as stream,
    ):
        stream.write(TEXT)
    assert content_paths(archive) == ["_news/a.md"]


def test_a_zip_with_a_64_bit_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 10)
    archive = make_zip(tmp_path / "a.zip", "_news/a.md", "_news/b.md")
    assert b"PK\x06\x06" in archive.read_bytes()
    assert content_paths(archive) == ["_news/a.md", "_news/b.md"]


def test_a_zip_with_a_program_before_and_a_comment_after(tmp_path: Path) -> None:
    archive = make_zip(tmp_path / "a.zip", "_news/a.md")
    with zipfile.ZipFile(archive, "a") as packed:
        packed.comment = b"a comment"
    archive.write_bytes(b"#!/bin/sh\n" + archive.read_bytes())
    assert content_paths(archive) == ["_news/a.md"]


def test_a_zip_written_as_a_stream(tmp_path: Path) -> None:
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("_news/a.md", TEXT)
    (tmp_path / "a.zip").write_bytes(pipe.data)
    with Archive(tmp_path / "a.zip") as tree:
        assert tree.read(tree.scan().files) == [TEXT]


def test_taxonomy_in_an_archive(tmp_path: Path) -> None:
    scan = scan_archive(
        make_zip(tmp_path / "a.zip", "_data/topics/t.yml", "_data/organizations/o.md", "_data/x.md")
    )
    assert [(f.path, f.kind) for f in scan.files] == [
        ("_data/organizations/o.md", Kind.ORGANIZATION),
        ("_data/topics/t.yml", Kind.TOPIC),
    ]
    assert scan.skipped == 1


def test_a_full_disk_is_reported_with_the_archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from curation.scanning import archive

    full = Path("/dev/full").open("wb", buffering=0)  # noqa: SIM115 - the tree closes it
    monkeypatch.setattr(archive, "_open_temporary_file", lambda: full)
    with pytest.raises(ImportFailed, match=r"a\.zip cannot be unpacked: No space left on device; set TMPDIR"):
        Archive(make_zip(tmp_path / "a.zip", "_news/a.md"))
