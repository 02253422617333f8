"""A folder scan finds the content in order, and never follows links or opens special files."""

from __future__ import annotations

import os
import pickle
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from curation.documents.issues import Issue
from curation.errors import DocumentError, ImportFailed
from curation.paths import MAX_PATH
from curation.scanning import (
    File,
    Folder,
    Kind,
    Scan,
    collection_of,
    content,
    folder,
    kind_of,
    make_printable,
    read_file,
    slug_of,
)


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("_news/2021-05-28-x.md", Kind.ARTICLE),
        ("_news/x.markdown", Kind.ARTICLE),
        ("_newsletters/x.html", Kind.ARTICLE),
        ("_learning/videos/x.md", Kind.ARTICLE),
        ("_archive/_news/x.md", Kind.ARTICLE),
        ("_whatever/x.md", Kind.ARTICLE),
        ("_data/organizations/x.md", Kind.ORGANIZATION),
        ("_data/topics/x.yaml", Kind.TOPIC),
        ("_data/topics/x.yml", Kind.TOPIC),
        ("_data/topics/x.md", None),
        ("_data/organizations/x.yaml", None),
        ("_data/organizations/below/x.md", None),
        ("_data/x.md", None),
        ("_data/other/x.md", None),
        ("_news/x.json", None),
        ("_news/.keep", None),
        ("news/x.md", None),
        ("api/_news/x.md", None),
        ("README.md", None),
        ("_config.yml", None),
        ("_x.md", None),
        ("_site/x.md", None),
        ("_layouts/x.html", None),
        ("_includes/x.html", None),
        ("_plugins/x.md", None),
        ("_sass/x.md", None),
        ("__MACOSX/site/_news/._x.md", None),
    ],
)
def test_kind_of(path: str, kind: Kind | None) -> None:
    assert kind_of(path) is kind


@pytest.mark.parametrize(
    ("path", "collection"),
    [
        ("_news/x.md", "news"),
        ("_learning/videos/x.md", "learning/videos"),
        ("_archive/_news/x.md", "archive/news"),
        ("_my_news/x.md", "my_news"),
        ("x.md", ""),
    ],
)
def test_collection_of(path: str, collection: str) -> None:
    assert collection_of(path) == collection


@pytest.mark.parametrize(
    ("path", "slug"),
    [
        ("_news/2021-05-28-x-y.md", "x-y"),
        ("_learning/videos/some-slug.md", "some-slug"),
        ("_newsletters/tidewater-2021-11-08.html", "tidewater-2021-11-08"),
        ("_news/2021-05-28.md", "2021-05-28"),
        ("_news/2021-05-28-.md", "2021-05-28-"),
        ("_news/2021-5-28-x.md", "2021-5-28-x"),
        ("_news/20210528-x-y-z.md", "20210528-x-y-z"),
        ("_news/v1.2.md", "v1.2"),
    ],
)
def test_slug_of(path: str, slug: str) -> None:
    assert slug_of(path) == slug


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("_news/é.md", "_news/é.md"),
        ("_news/a\nb.md", "_news/a\\nb.md"),
        ("_news/\udcff.md", "_news/\\udcff.md"),
        ("_news/\x1b[31m\x9b.md", "_news/\\x1b[31m\\x9b.md"),
    ],
)
def test_printable(path: str, shown: str) -> None:
    assert make_printable(path) == shown


def write_documents(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"---\na: 1\n---\n")


def content_paths(root: Path, *within: str) -> list[str]:
    return [file.path for file in Folder(root).scan(within).files]


def issues(root: Path, *within: str) -> list[tuple[str, str, str]]:
    return [(path, issue.severity, issue.code) for path, issue in Folder(root).scan(within).issues]


def test_a_scan_is_in_order_of_path_and_counts_skipped_files(tmp_path: Path) -> None:
    write_documents(
        tmp_path, "_news/b.md", "_news/a.md", "_news/c/a.md", "_learning/videos/x.md", "_news/.keep"
    )
    write_documents(tmp_path, "_data/topics/t.yaml", "_data/organizations/o.md", "_data/other.csv")
    write_documents(tmp_path, "_site/_news/a.md", "api/index.json", "README.md", "_config.yml")
    scan = Folder(tmp_path).scan()
    assert [(file.path, file.kind) for file in scan.files] == [
        ("_data/organizations/o.md", Kind.ORGANIZATION),
        ("_data/topics/t.yaml", Kind.TOPIC),
        ("_learning/videos/x.md", Kind.ARTICLE),
        ("_news/a.md", Kind.ARTICLE),
        ("_news/b.md", Kind.ARTICLE),
        ("_news/c/a.md", Kind.ARTICLE),
    ]
    assert [Path(file.location or "") for file in scan.files] == [tmp_path / file.path for file in scan.files]
    assert scan.skipped == 2  # .keep and other.csv: other folders are not walked
    assert scan.issues == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_documents(root, "_news/a.md")
    write_documents(tmp_path, "outside/secret.md")
    (root / "_news/file.md").symlink_to(tmp_path / "outside/secret.md")
    (root / "_news/folder").symlink_to(tmp_path / "outside")
    (root / "_news/loop").symlink_to(root / "_news")
    (root / "_news/dangling.md").symlink_to("nowhere")
    (root / "_linked").symlink_to(tmp_path / "outside")
    assert content_paths(root) == ["_news/a.md"]
    assert issues(root) == [("_linked", "warning", "symlink")] + [
        (f"_news/{name}", "warning", "symlink") for name in ("dangling.md", "file.md", "folder", "loop")
    ]


def test_fifos_and_sockets_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_documents(tmp_path, "_news/a.md")
    os.mkfifo(tmp_path / "_news/fifo.md")
    monkeypatch.chdir(tmp_path / "_news")  # the path of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.md")
        assert content_paths(tmp_path) == ["_news/a.md"]
        assert issues(tmp_path) == [
            ("_news/fifo.md", "warning", "special_file"),
            ("_news/socket.md", "warning", "special_file"),
        ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"a\nb.md", "a\\nb.md"), (b"\xff.md", "\\udcff.md"), (b"\x1b[31m.md", "\\x1b[31m.md")],
)
def test_a_name_that_cannot_be_stored(tmp_path: Path, name: bytes, shown: str) -> None:
    write_documents(tmp_path, "_news/z.md")
    Path(os.fsdecode(os.fsencode(tmp_path / "_news") + b"/" + name)).write_bytes(b"")
    assert content_paths(tmp_path) == ["_news/z.md"]
    assert issues(tmp_path) == [(f"_news/{shown}", "error", "bad_name")]


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    folder = f"_news/{'a' * 200}/{'b' * 200}/{'c' * 200}"
    longest = f"{folder}/{'d' * (MAX_PATH - len(folder) - 4)}.md"
    write_documents(tmp_path, longest, longest.replace("d.md", "dd.md"))
    assert len(longest) == MAX_PATH
    assert content_paths(tmp_path) == [longest]
    assert issues(tmp_path) == [(longest.replace("d.md", "dd.md"), "error", "path_too_long")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    write_documents(tmp_path, "_news/closed/a.md", "_news/b.md")
    (tmp_path / "_news/closed").chmod(0)
    assert content_paths(tmp_path) == ["_news/b.md"]
    assert issues(tmp_path) == [("_news/closed", "error", "unreadable")]
    (tmp_path / "_news/closed").chmod(0o700)


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\x00\xff\r\n")
    assert read_file(str(tmp_path / "a.md")) == b"\x00\xff\r\n"


def error_code(location: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_file(str(location))
    return caught.value.code


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content, "MAX_BYTES", 10)
    (tmp_path / "a.md").write_bytes(b"x" * 10)
    (tmp_path / "b.md").write_bytes(b"x" * 11)
    assert read_file(str(tmp_path / "a.md")) == b"x" * 10
    assert error_code(tmp_path / "b.md") == "file_too_large"


def test_a_huge_file_is_rejected_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.md").open("wb") as stream:
        stream.truncate(2**40)
    assert error_code(tmp_path / "a.md") == "file_too_large"


def test_a_path_that_is_no_longer_a_regular_file(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_bytes(b"x")
    (tmp_path / "link.md").symlink_to("real.md")
    os.mkfifo(tmp_path / "fifo.md")
    (tmp_path / "folder.md").mkdir()
    assert error_code(tmp_path / "link.md") == "unreadable"
    assert error_code(tmp_path / "fifo.md") == "not_a_file"
    assert error_code(tmp_path / "folder.md") == "not_a_file"
    assert error_code(tmp_path / "missing.md") == "unreadable"


def test_a_name_that_differs_only_by_case_is_read_with_a_warning(tmp_path: Path) -> None:
    write_documents(tmp_path, "_news/a.md", "_news/A.md", "_news/b.md")
    assert content_paths(tmp_path) == ["_news/A.md", "_news/a.md", "_news/b.md"]
    assert issues(tmp_path) == [
        ("_news/A.md", "warning", "case_collision"),
        ("_news/a.md", "warning", "case_collision"),
    ]


@pytest.mark.parametrize(
    ("names", "how"),
    [
        (("caf\u00e9.md", "cafe\u0301.md"), "Unicode form"),
        (("\uac00.md", "\u1100\u1161.md"), "Unicode form"),
        (("\u212b.md", "\u00c5.md"), "Unicode form"),
        (("Caf\u00c9.md", "cafe\u0301.md"), "case and Unicode form"),
        (("Stra\u00dfe.md", "STRASSE.md"), "case"),
    ],
)
def test_a_name_that_differs_only_by_unicode_form_is_read_with_a_warning(
    tmp_path: Path, names: tuple[str, str], how: str
) -> None:
    write_documents(
        tmp_path, *(f"_news/{name}" for name in names), "_news/b.md", "_news/\u00e9/x.md", "_news/\u00e8/x.md"
    )
    assert len(content_paths(tmp_path)) == 5
    messages = {path: issue.message for path, issue in Folder(tmp_path).scan().issues}
    first, second = names
    assert messages == {
        f"_news/{first}": f"the name differs only by {how} from {second}",
        f"_news/{second}": f"the name differs only by {how} from {first}",
    }


def test_a_hard_link_is_skipped_and_never_missing(tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_documents(root, "_news/a.md", "_news/b.md")
    write_documents(tmp_path, "outside/secret.md")
    (root / "_news/c.md").hardlink_to(tmp_path / "outside/secret.md")
    (root / "_news/d.md").hardlink_to(root / "_news/b.md")
    (root / "_news/picture.png").hardlink_to(root / "_news/b.md")
    assert content_paths(root) == ["_news/a.md"]
    assert issues(root) == [(f"_news/{name}.md", "warning", "hard_link") for name in "bcd"]
    assert Folder(root).scan().find_unread_prefixes() == ("_news/b.md", "_news/c.md", "_news/d.md")


def test_the_error_for_a_dump_of_hard_links_advises_to_copy_it(tmp_path: Path) -> None:
    write_documents(tmp_path, "one/_news/a.md")
    (tmp_path / "two/_news").mkdir(parents=True)
    (tmp_path / "two/_news/a.md").hardlink_to(tmp_path / "one/_news/a.md")
    with pytest.raises(ImportFailed, match=r"no content in .*/two: .*_news/a.md: .*copy the dump"):
        Folder(tmp_path / "two").scan()


def test_an_archive_in_a_content_folder_is_not_opened(tmp_path: Path) -> None:
    write_documents(tmp_path, "_news/a.md", "_news/old.zip", "assets/old.tar.gz")
    assert issues(tmp_path) == [("_news/old.zip", "warning", "nested_archive")]
    assert Folder(tmp_path).scan().skipped == 1


def test_a_folder_with_the_name_of_a_document_is_walked(tmp_path: Path) -> None:
    write_documents(tmp_path, "_news/a.md/b.md")
    assert content_paths(tmp_path) == ["_news/a.md/b.md"]


def test_a_root_without_content_is_rejected(tmp_path: Path) -> None:
    write_documents(tmp_path, "news/a.md", "README.md")
    with pytest.raises(
        ImportFailed, match=r"no content in .*: the root of a source contains folders such as `_news`"
    ):
        Folder(tmp_path).scan()
    with pytest.raises(ImportFailed, match="absent cannot be read: No such file"):
        Folder(tmp_path / "absent").scan()


def test_a_part_of_a_root(tmp_path: Path) -> None:
    write_documents(
        tmp_path, "_news/a.md", "_news/c/a.md", "_news/c/d/a.md", "_newsletters/a.md", "_samples/b.md"
    )
    write_documents(tmp_path, "_data/topics/t.yaml", "_empty/x.png")
    assert content_paths(tmp_path, "_news") == ["_news/a.md", "_news/c/a.md", "_news/c/d/a.md"]
    assert content_paths(tmp_path, "_news/c") == ["_news/c/a.md", "_news/c/d/a.md"]
    assert content_paths(tmp_path, "_news/a.md", "_samples") == ["_news/a.md", "_samples/b.md"]
    assert content_paths(tmp_path, "_data/topics/t.yaml") == ["_data/topics/t.yaml"]
    assert content_paths(tmp_path, "_empty") == []
    with pytest.raises(ImportFailed, match=r"_news/z\.md cannot be read: No such file"):
        content_paths(tmp_path, "_news/z.md")


def test_a_part_is_not_reached_through_a_link(tmp_path: Path) -> None:
    write_documents(tmp_path, "root/_news/a.md", "outside/a.md")
    (tmp_path / "root/_linked").symlink_to(tmp_path / "outside")
    (tmp_path / "root/_news/b.md").symlink_to("a.md")
    for within in ("_linked", "_linked/a.md", "_news/b.md"):
        with pytest.raises(ImportFailed, match="is a symbolic link"):
            content_paths(tmp_path / "root", within)


SECOND = 1_000_000_000


def stamp_of(root: Path) -> str | None:
    return Folder(root).scan().files[0].stamp


def test_a_stamp_is_equal_as_long_as_the_bytes_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_documents(tmp_path, "_news/a.md")
    file = tmp_path / "_news/a.md"
    set_scan_start(monkeypatch, 10)
    before, status = stamp_of(tmp_path), file.stat()
    assert before is not None
    assert stamp_of(tmp_path) == before
    time.sleep(0.02)
    file.write_bytes(file.read_bytes().replace(b"1", b"2"))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    set_scan_start(monkeypatch, 20)
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert stamp_of(tmp_path) not in (None, before)


def set_scan_start(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Make later scans start this many seconds from now."""
    started = time.time_ns() + int(seconds * SECOND)
    monkeypatch.setattr(time, "time_ns", lambda: started)


def test_a_file_that_is_as_new_as_the_scan_has_no_stamp(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_documents(tmp_path, "_news/a.md")
    assert stamp_of(tmp_path) is None
    set_scan_start(monkeypatch, 0.2)
    assert stamp_of(tmp_path) is not None
    os.utime(tmp_path / "_news/a.md", (time.time() + 1000, time.time() + 1000))
    assert stamp_of(tmp_path) is None, "a time in the future does not identify the bytes"


@pytest.mark.parametrize(
    ("modified", "changed", "age", "has_stamp"),
    [
        (7 * SECOND, 7 * SECOND, 2.4, False),  # a file system that stores whole seconds
        (7 * SECOND, 7 * SECOND, 2.6, True),
        (7 * SECOND, 7 * SECOND + 1, 0.2, True),  # an old time restored on a file system with finer times
        (7 * SECOND + 1, 7 * SECOND, 0.2, True),
        (7 * SECOND + 1, 7 * SECOND + 1, 0.05, False),
        (7 * SECOND, 9 * SECOND + 1, 2.0, False),  # changed recently, although its modification time is old
    ],
)
def test_times_of_coarse_file_systems(modified: int, changed: int, age: float, has_stamp: bool) -> None:
    class Entry:
        """A file on another file system."""

        name = "a.md"
        st_nlink, st_size, st_mtime_ns, st_ctime_ns = 1, 10, modified, changed

        def is_file(self, *, follow_symlinks: bool) -> bool:
            return not follow_symlinks

        def stat(self, *, follow_symlinks: bool) -> Entry:
            return self

    walk = folder._Walk(scan := Scan(), 7 * SECOND + int(age * SECOND))
    walk._add_entries(iter([Entry()]), "/root/_news", "_news")  # type: ignore[list-item]
    stamp = f"a.{modified:x}.{changed:x}"
    assert scan.files == [File("_news/a.md", Kind.ARTICLE, stamp if has_stamp else None, "/root/_news/a.md")]


def test_a_folder_reads_its_files_or_returns_an_error(tmp_path: Path) -> None:
    write_documents(tmp_path, "_news/a.md", "_news/b.md")
    with Folder(tmp_path) as tree:
        files = tree.scan().files
        (tmp_path / "_news/a.md").unlink()
        deleted, existing = tree.read(files)
    assert isinstance(deleted, DocumentError)
    assert deleted.code == "unreadable"
    assert existing == b"---\na: 1\n---\n"


def test_a_file_that_grows_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.md"
    file.write_bytes(b"x" * 10)
    read = os.read

    def grow(descriptor: int, size: int) -> bytes:
        with file.open("ab") as stream:
            stream.write(b"y")
        return read(descriptor, size)

    monkeypatch.setattr(os, "read", grow)
    assert error_code(file) == "changed_while_read"


def test_a_file_that_vanishes_during_the_walk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_documents(tmp_path, "_news/a.md", "_news/b.md")
    add_all = folder._Walk._add_entries

    def vanish(walk: folder._Walk, entries: Iterator[os.DirEntry[str]], *place: str) -> None:
        listed = list(entries)
        (tmp_path / "_news/a.md").unlink()
        add_all(walk, iter(listed), place[0], place[1])

    monkeypatch.setattr(folder._Walk, "_add_entries", vanish)
    scan = Folder(tmp_path).scan()
    assert [file.path for file in scan.files] == ["_news/b.md"]
    assert [(path, issue.code) for path, issue in scan.issues] == [("_news/a.md", "unreadable")]


def test_prefixes_of_paths_that_a_scan_did_not_read() -> None:
    def find_unread_prefixes(path: str, severity: str, code: str) -> tuple[str, ...]:
        return Scan(issues=[(path, Issue(severity, code, ""))]).find_unread_prefixes()

    assert find_unread_prefixes("_news", "error", "unreadable") == ("_news/",)
    assert find_unread_prefixes("_news", "warning", "symlink") == ("_news/",)
    assert find_unread_prefixes("_news", "warning", "submodule") == ("_news/",)
    assert find_unread_prefixes("_news/a.md", "error", "duplicate_name") == ("_news/a.md",)
    assert find_unread_prefixes("_news/a.md", "warning", "hard_link") == ("_news/a.md",)
    assert find_unread_prefixes("_news/a.md", "warning", "special_file") == ("_news/a.md",)
    assert "_news/a.md".startswith(find_unread_prefixes("_news/a.md", "warning", "symlink"))
    assert find_unread_prefixes("_news/a.md", "warning", "case_collision") == ()
    assert find_unread_prefixes("dump.tar", "error", "archive_damaged") == ("",)
    assert "_news/a.md".startswith(find_unread_prefixes("dump.tar", "error", "archive_too_large"))
    assert find_unread_prefixes("_news/a.md", "error", "damaged_member") == ("",)


def test_a_worker_loads_little() -> None:
    heavy = {"sqlalchemy", "click", "zipfile", "tarfile", "subprocess", "tempfile", "gzip", "lzma"}
    code = f"import sys, curation.scanning; print(sorted({heavy!r} & sys.modules.keys()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_files_can_be_passed_between_processes() -> None:
    file = File("_news/a.md", Kind.ARTICLE, "1", None)
    assert pickle.loads(pickle.dumps(file)) == file


def test_a_folder_too_deep_to_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_documents(tmp_path, "_news/a.md")
    monkeypatch.chdir(tmp_path / "_news")
    for _ in range(20):  # each name is short enough, but the whole path is too long
        Path("d" * 250).mkdir()
        os.chdir("d" * 250)
    assert content_paths(tmp_path) == ["_news/a.md"]
    [(path, severity, code)] = issues(tmp_path)
    assert (severity, code) == ("error", "unreadable")
    assert path.startswith("_news/ddd")
    assert Folder(tmp_path).scan().find_unread_prefixes() == (f"{path}/",)
