"""Any git revision is read without a checkout, and no program of the repository is run."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from curation.errors import DocumentError, ImportFailed
from curation.scanning import Folder, GitTree, content, git as git_module

from ..support.git_repositories import commit, git

TEXT = b"---\ntitle: x\n---\n"
PATHS = ("_news/2024-01-01-a.md", '_news/c/é ".md', "_data/topics/t.yaml", "_samples/x.html")
OTHERS = ("README.md", "_config.yml", "_site/_news/a.md", "assets/a.md", "_news/.keep", "_news/old.zip")


def write_documents(root: Path, *paths: str) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(TEXT + path.encode())


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A repository with one commit."""
    root = tmp_path / "site"
    write_documents(root, *PATHS, *OTHERS)
    git(root, "init", "-q", "-b", "main")
    commit(root)
    return root


@pytest.fixture
def bare(repository: Path) -> Path:
    """A bare clone of the repository."""
    git(repository.parent, "clone", "-q", "--bare", "site", "site.git")
    return repository.parent / "site.git"


def paths_at(path: Path, rev: str = "HEAD", inner: str = "") -> list[str]:
    with GitTree(path, rev, inner) as tree:
        return [file.path for file in tree.scan().files]


@pytest.mark.parametrize("kind", ["work tree", "bare", "packed", "sha256"])
def test_a_revision_has_the_same_content_as_its_checkout(repository: Path, bare: Path, kind: str) -> None:
    source = {"bare": bare}.get(kind, repository)
    if kind == "packed":
        git(repository, "gc", "-q")
    if kind == "sha256":
        shutil.rmtree(repository / ".git")
        git(repository, "init", "-q", "--object-format=sha256")
        commit(repository)
    folder = Folder(repository)
    expected = folder.scan()
    with GitTree(source) as tree:
        scan = tree.scan()
        assert [(f.path, f.kind) for f in scan.files] == [(f.path, f.kind) for f in expected.files]
        assert (scan.issues, scan.skipped) == (expected.issues, expected.skipped)
        assert tree.read(scan.files) == folder.read(expected.files)
        assert (tree.name, tree.location) == ("site", str(source))
        assert tree.commit == git(source, "rev-parse", "HEAD")
        assert {f.location for f in scan.files} == {None}


def test_a_stamp_is_the_id_of_the_blob(repository: Path) -> None:
    blob = git(repository, "rev-parse", f"HEAD:{PATHS[0]}")
    with GitTree(repository) as tree:
        stamps = {file.path: file.stamp for file in tree.scan().files}
    assert stamps[PATHS[0]] == f"git:{blob}"


def test_every_form_of_a_revision(repository: Path, bare: Path) -> None:
    first = git(repository, "rev-parse", "HEAD")
    git(repository, "tag", "-a", "v1", "-m", "annotated")
    git(repository, "tag", "light")
    for number in range(3):
        write_documents(repository, f"_news/{number}.md")
        last = commit(repository)
    git(repository, "branch", "-f", "-q", "other/branch", first)
    revisions = [
        first,
        first[:12],
        "v1",
        "light",
        "HEAD~3",
        "other/branch",
        "main^{/a pass}~3",
        "refs/tags/v1",
    ]
    for rev in revisions:
        with GitTree(repository, rev) as tree:
            assert tree.commit == first, rev
            assert len(tree.scan().files) == len(PATHS), rev
    for rev in ("HEAD", "main", ":/a pass", "@"):
        assert GitTree(repository, rev).commit == last, rev
    git(bare, "fetch", "-q", str(repository), "+main:main")
    assert GitTree(bare).commit == last


@pytest.mark.parametrize(
    "rev", ["absent", "", "-h", "--all", "HEAD..HEAD", "HEAD:_news", "HEAD:README.md", "a\nb", "0" * 40]
)
def test_an_invalid_revision(repository: Path, rev: str) -> None:
    with pytest.raises(ImportFailed, match=r"has no commit .*: run `git log --all --oneline` to list"):
        GitTree(repository, rev)


def test_a_revision_that_looks_like_an_option(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "update-ref", "refs/heads/--output=x", head)
    assert GitTree(repository, "--output=x").commit == head
    assert not (repository / "x").exists()


def test_a_folder_below_the_work_tree_is_the_root(tmp_path: Path) -> None:
    write_documents(tmp_path, "docs/site/_news/a.md", "docs/site/_news/b.md", "_news/outside.md")
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    shutil.rmtree(tmp_path / "docs/site/_news")  # what is on disk does not matter
    below = tmp_path / "docs/site"
    with GitTree(below) as tree:
        assert [file.path for file in tree.scan().files] == ["_news/a.md", "_news/b.md"]
        assert (tree.name, tree.location) == ("site", str(below))
    for path, inner in (
        (tmp_path, "docs/site"),
        (tmp_path / "docs", "site"),
        (tmp_path / ".git", "docs/site"),
    ):
        with GitTree(path, "HEAD", inner) as tree:
            assert [file.path for file in tree.scan().files] == ["_news/a.md", "_news/b.md"]
            assert tree.name == "site"
    with pytest.raises(ImportFailed, match=r"there is no folder docs/absent in .* at HEAD"):
        paths_at(tmp_path, inner="docs/absent")
    with pytest.raises(ImportFailed, match=r"there is no folder docs/site/_news/a\.md in"):
        paths_at(tmp_path, inner="docs/site/_news/a.md")


def test_a_part_of_a_revision(repository: Path) -> None:
    with GitTree(repository) as tree:
        scan = tree.scan(["_news/c", "_data/topics/t.yaml"])
        assert [file.path for file in scan.files] == ["_data/topics/t.yaml", PATHS[1]]
        assert tree.scan(["_site"]).files == []
        with pytest.raises(ImportFailed, match=r"_news/absent\.md is not in .*/site at HEAD"):
            tree.scan(["_news/absent.md"])


def test_a_revision_without_content(repository: Path) -> None:
    git(repository, "rm", "-rq", ".")
    write_documents(repository, "README.md")
    commit(repository)
    with pytest.raises(ImportFailed, match="no content in"):
        paths_at(repository)


def test_links_and_submodules_are_not_followed(repository: Path) -> None:
    (repository / "_news/link.md").symlink_to("/etc/passwd")
    (repository / "_linked").symlink_to("/etc")
    (repository / "assets/link").symlink_to("/etc")
    head = git(repository, "rev-parse", "HEAD")
    git(repository, "add", "-A")
    git(repository, "update-index", "--add", "--cacheinfo", f"160000,{head},_learning/module")
    git(repository, "commit", "-qm", "links")
    with GitTree(repository) as tree:
        scan = tree.scan()
    assert [file.path for file in scan.files] == sorted(PATHS)
    assert [(path, issue.severity, issue.code) for path, issue in scan.issues] == [
        ("_learning/module", "warning", "submodule"),
        ("_linked", "warning", "symlink"),
        ("_news/link.md", "warning", "symlink"),
        ("_news/old.zip", "warning", "nested_archive"),
    ]
    assert scan.find_unread_prefixes() == ("_learning/module/", "_linked/", "_news/link.md/", "_news/link.md")


def test_names_that_cannot_be_stored_or_lead_out(repository: Path) -> None:
    blob = git(repository, "rev-parse", "HEAD:README.md")
    bad = git(repository, "mktree", "-z", text=f"100644 blob {blob}\ta\nb.md\x00100644 blob {blob}\tz.md\x00")
    raw = bytes.fromhex(blob)
    entries = b"100644 \xff.md\0" + raw
    up = _write_tree(repository, entries)
    news = _write_tree(repository, b"40000 ..\0" + bytes.fromhex(up))
    top = _write_tree(
        repository, b"40000 _bad\0" + bytes.fromhex(bad) + b"40000 _news\0" + bytes.fromhex(news)
    )
    head = git(repository, "commit-tree", "-m", "odd", top)
    with GitTree(repository, head) as tree:
        scan = tree.scan()
    assert [file.path for file in scan.files] == ["_bad/z.md"]
    assert [(path, issue.code) for path, issue in scan.issues] == [
        ("_bad/a\\nb.md", "bad_name"),
        ("_news/../\\udcff.md", "unsafe_name"),
    ]


def _write_tree(repository: Path, entries: bytes) -> str:
    command = ["git", "-C", str(repository), "hash-object", "-t", "tree", "-w", "--stdin", "--literally"]
    done = subprocess.run(command, input=entries, capture_output=True, check=True)
    return done.stdout.decode().strip()


def test_many_blobs_are_read_at_once_and_in_order(tmp_path: Path) -> None:
    (tmp_path / "_news").mkdir()
    for number in range(2500):  # more than fits in a pipe, in both directions
        (tmp_path / f"_news/{number:04}.md").write_bytes(b"%d" % (number % 2000) * (number % 400))
    git(tmp_path, "init", "-q")
    commit(tmp_path)
    with GitTree(tmp_path) as tree:
        files = tree.scan().files
        files.reverse()
        for _ in range(2):
            assert tree.read(files) == [(tmp_path / file.path).read_bytes() for file in files]
        assert tree.read([]) == []
        processes = [tree._sizes._process, tree._blobs._process]
    assert all(process is not None and process.poll() is not None for process in processes), (
        "the processes have ended"
    )


def test_a_blob_that_is_too_large_is_rejected_before_it_is_read(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_documents(repository, "_news/b.md")
    (repository / "_news/large.md").write_bytes(b"x" * 1001)
    commit(repository)
    monkeypatch.setattr(content, "MAX_BYTES", 1000)
    with GitTree(repository) as tree:
        files = [file for file in tree.scan().files if file.path in ("_news/b.md", "_news/large.md")]
        data, error = tree.read(files)
    assert data == TEXT + b"_news/b.md"
    assert isinstance(error, DocumentError)
    assert (error.code, error.message) == ("file_too_large", "1001 bytes, over the limit of 1000")


@pytest.mark.parametrize("damage", ["missing", "damaged", "empty"])
def test_a_missing_blob_does_not_affect_the_others(repository: Path, damage: str) -> None:
    write_documents(repository, "_news/b.md", "_news/d.md")
    commit(repository)
    for path in ("_news/b.md", "_news/2024-01-01-a.md"):
        blob = git(repository, "rev-parse", f"HEAD:{path}")
        file = repository / ".git/objects" / blob[:2] / blob[2:]
        file.chmod(0o600)
        if damage == "missing":
            file.unlink()
        else:
            file.write_bytes(file.read_bytes()[:20] + b"XXXX" if damage == "damaged" else b"")
    with GitTree(repository) as tree:
        files = tree.scan().files
        read = dict(zip((file.path for file in files), tree.read(files), strict=True))
    lost = {path: error.code for path, error in read.items() if isinstance(error, DocumentError)}
    assert lost == {"_news/b.md": "unreadable", "_news/2024-01-01-a.md": "unreadable"}
    assert read["_news/d.md"] == TEXT + b"_news/d.md"


def partial_clone(repository: Path, what: str, *options: str) -> Path:
    git(repository, "config", "uploadpack.allowFilter", "true")
    git(repository.parent, "clone", "-q", f"--filter={what}", *options, f"file://{repository}", "partial")
    return repository.parent / "partial"


@pytest.mark.parametrize("what", ["blob:none", "tree:0", "blob:limit=5"])
@pytest.mark.parametrize("kind", ["--bare", "--no-checkout"])
def test_nothing_is_fetched_for_a_partial_clone_and_the_error_gives_the_command(
    repository: Path, what: str, kind: str
) -> None:
    partial = partial_clone(repository, what, kind)
    lacking = "folders" if what == "tree:0" else r"5 of the 5 files"
    with pytest.raises(
        ImportFailed, match=rf"is a partial clone and lacks {lacking} at HEAD: run `git -C .* origin`"
    ) as caught:
        paths_at(partial)
    if git(repository, "version") >= "git version 2.36":
        command = str(caught.value).split("`")[1].removeprefix("git ").split()
        git(Path(), *command)
        assert paths_at(partial) == sorted(PATHS)


def test_a_partial_clone_with_all_needed_objects_is_read(repository: Path) -> None:
    partial = partial_clone(repository, "blob:none")  # the checkout fetched the files of HEAD
    assert paths_at(partial) == sorted(PATHS)
    git(repository, "commit", "-qam", "later", "--allow-empty")
    write_documents(repository, "_news/later.md")
    commit(repository)
    git(partial, "fetch", "-q")
    with pytest.raises(ImportFailed, match="lacks 1 of the 6 files at origin/main"):
        paths_at(partial, "origin/main")


def test_the_error_for_a_shallow_clone_gives_the_command(repository: Path) -> None:
    write_documents(repository, "_news/later.md")
    commit(repository)
    git(repository.parent, "clone", "-q", "--depth=1", f"file://{repository}", "shallow")
    with pytest.raises(
        ImportFailed, match=r"is a shallow clone without HEAD~1: run `git -C .* fetch --unshallow`"
    ):
        paths_at(repository.parent / "shallow", "HEAD~1")


@pytest.fixture
def with_submodule(repository: Path) -> Path:
    """A repository that contains the other one as a submodule `content`."""
    above = repository.parent / "above"
    above.mkdir()
    git(above, "init", "-q", "-b", "main")
    git(above, "-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(repository), "content")
    commit(above)
    return above


def test_a_submodule_is_a_root_of_its_own(with_submodule: Path) -> None:
    assert paths_at(with_submodule / "content") == sorted(PATHS)
    with Folder(with_submodule / "content") as tree:
        assert [file.path for file in tree.scan().files] == sorted(PATHS)
    assert paths_at(with_submodule / ".git/modules/content") == sorted(PATHS)
    with pytest.raises(
        ImportFailed, match=r"content is a submodule \(another repository\): run `git -C .* update --init`"
    ):
        paths_at(with_submodule, inner="content")


def test_the_error_for_an_unfetched_submodule_gives_the_command(with_submodule: Path) -> None:
    git(with_submodule.parent, "clone", "-q", "above", "clone")
    empty = with_submodule.parent / "clone/content"
    with pytest.raises(
        ImportFailed, match=r"is the empty folder of a submodule: run `git submodule update --init`"
    ):
        Folder(empty).scan()
    with pytest.raises(ImportFailed, match=r"content is a submodule \(another repository\)"):
        paths_at(empty)


def test_a_worktree_is_a_root(repository: Path) -> None:
    git(repository, "worktree", "add", "-q", str(repository.parent / "other"), "-b", "other")
    other = repository.parent / "other"
    write_documents(other, "_news/other.md")
    commit(other)
    assert paths_at(other) == sorted([*PATHS, "_news/other.md"])
    assert paths_at(other, "main") == sorted(PATHS)
    assert GitTree(other).name == "other"


def test_the_environment_variables_of_git_are_ignored(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    write_documents(other, "_news/other.md")
    git(other, "init", "-q")
    commit(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_OBJECT_DIRECTORY", str(other / ".git/objects"))
    assert paths_at(repository) == sorted(PATHS)


def test_replaced_objects_are_not_used(repository: Path) -> None:
    blob = git(repository, "rev-parse", f"HEAD:{PATHS[0]}")
    git(repository, "replace", blob, git(repository, "rev-parse", "HEAD:README.md"))
    with GitTree(repository) as tree:
        [file] = [file for file in tree.scan().files if file.path == PATHS[0]]
        assert tree.read([file]) == [TEXT + PATHS[0].encode()]


def test_no_filter_or_monitor_of_the_repository_is_run(repository: Path) -> None:
    trap = repository.parent / "trap"
    for key in ("core.fsmonitor", "filter.x.smudge", "core.pager", "diff.x.textconv", "core.sshCommand"):
        git(repository, "config", key, f"touch {trap}")
    (repository / ".gitattributes").write_text("*.md filter=x diff=x\n")
    (repository / ".git/info/attributes").write_text("*.md filter=x diff=x\n")
    with GitTree(repository) as tree:
        tree.read(tree.scan().files)
    assert not trap.exists()


def test_a_folder_that_is_not_a_repository(tmp_path: Path) -> None:
    write_documents(tmp_path, "_news/a.md")
    with pytest.raises(ImportFailed, match="is not in a git repository: omit --rev"):
        GitTree(tmp_path)
    with pytest.raises(ImportFailed, match="cannot change to"):
        GitTree(tmp_path / "absent")


def test_a_machine_without_git(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(
        ImportFailed, match="git is not installed, but is needed to read a repository: install git"
    ):
        GitTree(repository)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can change the owner of a file")
def test_a_repository_of_another_user(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(repository.parent))
    for path in (repository, repository / ".git"):
        os.chown(path, 12345, 12345)
    with pytest.raises(ImportFailed, match=r"belongs to another user: .*safe.directory .*/site`$"):
        GitTree(repository)


def test_a_repository_without_a_commit(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    with pytest.raises(ImportFailed, match="has no commit HEAD"):
        GitTree(tmp_path)


def test_is_bare(repository: Path, bare: Path) -> None:
    assert git_module.is_bare(bare)
    assert not git_module.is_bare(repository)
    assert not git_module.is_bare(repository / "_news")


def test_the_error_for_a_clone_without_a_checkout_gives_the_command(
    repository: Path, with_submodule: Path, tmp_path: Path
) -> None:
    git(tmp_path, "clone", "--quiet", "--no-checkout", str(repository), "bare looking")
    with Folder(tmp_path / "bare looking") as tree, pytest.raises(ImportFailed, match="add --rev HEAD"):
        tree.scan()
    git(tmp_path, "clone", "--quiet", str(with_submodule), "without")
    expected = f"to fetch content in a submodule, run `git -C {tmp_path}/without submodule update --init`"
    with Folder(tmp_path / "without") as tree, pytest.raises(ImportFailed, match=re.escape(expected)):
        tree.scan()
