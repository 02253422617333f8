"""Scanning: what is content, in what order, and that nothing odd is followed or opened."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from curation import scanning
from curation.errors import DocumentError
from curation.scanning import MAX_PATH, Kind, collection_of, kind_of, printable, read_file, scan_folder, slug_of


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
    assert printable(path) == shown


def put(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(b"---\na: 1\n---\n")


def found(root: Path) -> list[str]:
    return [file.path for file in scan_folder(root).files]


def faults(root: Path) -> list[tuple[str, str, str]]:
    return [(path, fault.severity, fault.code) for path, fault in scan_folder(root).faults]


def test_a_scan_is_in_order_of_path_and_counts_what_it_passes(tmp_path: Path) -> None:
    put(tmp_path, "_news/b.md", "_news/a.md", "_news/c/a.md", "_learning/videos/x.md", "_news/.keep")
    put(tmp_path, "_data/topics/t.yaml", "_data/organizations/o.md", "_data/other.csv")
    put(tmp_path, "_site/_news/a.md", "api/index.json", "README.md", "_config.yml")
    scan = scan_folder(tmp_path)
    assert [(file.path, file.kind) for file in scan.files] == [
        ("_data/organizations/o.md", Kind.ORGANIZATION),
        ("_data/topics/t.yaml", Kind.TOPIC),
        ("_learning/videos/x.md", Kind.ARTICLE),
        ("_news/a.md", Kind.ARTICLE),
        ("_news/b.md", Kind.ARTICLE),
        ("_news/c/a.md", Kind.ARTICLE),
    ]
    assert [Path(file.location) for file in scan.files] == [tmp_path / file.path for file in scan.files]
    assert scan.skipped == 2  # .keep and other.csv: machinery and what lies outside are not walked
    assert scan.faults == []


def test_links_are_not_followed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    put(root, "_news/a.md")
    put(tmp_path, "outside/secret.md")
    (root / "_news/file.md").symlink_to(tmp_path / "outside/secret.md")
    (root / "_news/folder").symlink_to(tmp_path / "outside")
    (root / "_news/loop").symlink_to(root / "_news")
    (root / "_news/dangling.md").symlink_to("nowhere")
    (root / "_linked").symlink_to(tmp_path / "outside")
    assert found(root) == ["_news/a.md"]
    assert faults(root) == [("_linked", "warning", "symlink")] + [
        (f"_news/{name}", "warning", "symlink") for name in ("dangling.md", "file.md", "folder", "loop")
    ]


def test_fifos_and_sockets_are_not_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(tmp_path, "_news/a.md")
    os.mkfifo(tmp_path / "_news/fifo.md")
    monkeypatch.chdir(tmp_path / "_news")  # a socket's path may not be long
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("socket.md")
        assert found(tmp_path) == ["_news/a.md"]
        assert faults(tmp_path) == [
            ("_news/fifo.md", "warning", "special_file"),
            ("_news/socket.md", "warning", "special_file"),
        ]


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"a\nb.md", "a\\nb.md"), (b"\xff.md", "\\udcff.md"), (b"\x1b[31m.md", "\\x1b[31m.md")],
)
def test_a_name_that_cannot_be_stored(tmp_path: Path, name: bytes, shown: str) -> None:
    put(tmp_path, "_news/z.md")
    Path(os.fsdecode(os.fsencode(tmp_path / "_news") + b"/" + name)).write_bytes(b"")
    assert found(tmp_path) == ["_news/z.md"]
    assert faults(tmp_path) == [(f"_news/{shown}", "error", "bad_name")]


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    folder = f"_news/{'a' * 200}/{'b' * 200}/{'c' * 200}"
    longest = f"{folder}/{'d' * (MAX_PATH - len(folder) - 4)}.md"
    put(tmp_path, longest, longest.replace("d.md", "dd.md"))
    assert len(longest) == MAX_PATH
    assert found(tmp_path) == [longest]
    assert faults(tmp_path) == [(longest.replace("d.md", "dd.md"), "error", "path_too_long")]


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every folder")
def test_a_folder_that_cannot_be_read(tmp_path: Path) -> None:
    put(tmp_path, "_news/closed/a.md", "_news/b.md")
    (tmp_path / "_news/closed").chmod(0)
    assert found(tmp_path) == ["_news/b.md"]
    assert faults(tmp_path) == [("_news/closed", "error", "unreadable")]
    (tmp_path / "_news/closed").chmod(0o700)


def test_the_bytes_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_bytes(b"\x00\xff\r\n")
    assert read_file(str(tmp_path / "a.md")) == b"\x00\xff\r\n"


def refusal(location: Path) -> str:
    with pytest.raises(DocumentError) as caught:
        read_file(str(location))
    return caught.value.code


def test_a_file_that_is_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "MAX_BYTES", 10)
    (tmp_path / "a.md").write_bytes(b"x" * 10)
    (tmp_path / "b.md").write_bytes(b"x" * 11)
    assert read_file(str(tmp_path / "a.md")) == b"x" * 10
    assert refusal(tmp_path / "b.md") == "file_too_large"


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (tmp_path / "a.md").open("wb") as stream:
        stream.truncate(2**40)
    assert refusal(tmp_path / "a.md") == "file_too_large"


def test_what_is_no_file_any_more(tmp_path: Path) -> None:
    (tmp_path / "real.md").write_bytes(b"x")
    (tmp_path / "link.md").symlink_to("real.md")
    os.mkfifo(tmp_path / "fifo.md")
    (tmp_path / "folder.md").mkdir()
    assert refusal(tmp_path / "link.md") == "unreadable"
    assert refusal(tmp_path / "fifo.md") == "not_a_file"
    assert refusal(tmp_path / "folder.md") == "not_a_file"
    assert refusal(tmp_path / "missing.md") == "unreadable"
