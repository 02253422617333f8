"""Site settings: given, read from the site's `_config.yml`, or default."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import Result

from curation.importing import site_config
from curation.importing.records.summary import Options
from curation.importing.run import import_dump
from curation.scanning import find_dumps
from curation.store.database import Store
from curation.store.schema import import_issues, source_settings

from ..support.cases import some
from ..support.importing_helpers import import_folder

Curation = Callable[..., Result]


def read_shown_settings(curation: Curation) -> dict[str, tuple[str | int | None, str]]:
    """Return value and origin of each setting of the source `site`, as `source show` prints them."""
    rows = json.loads(curation("source", "show", "site", "--format", "json").stdout)
    return {row["setting"]: (row["value"], row["origin"]) for row in rows}


def issues(store: Store) -> list[tuple[str, str, str, int | None]]:
    """Return path, severity, code and line of each open issue about `_config.yml`."""
    table = import_issues.c
    query = sa.select(table.path, table.severity, table.code, table.line)
    with store.reading() as connection:
        found = connection.execute(
            query.where(table.resolved_import_id.is_(None), table.path == "_config.yml")
        ).all()
    return [tuple(row) for row in found]


def test_given_settings_override_the_config_until_they_are_unset(
    store: Store, curation: Curation, site: Path
) -> None:
    import_folder(store, site)
    read = read_shown_settings(curation)
    assert read["url"] == ("https://pages.tidewater.example", "read")
    assert read["base-url"] == ("/today", "read")
    assert read["web-url"] == ("https://today.tidewater.example", "read")
    assert read["topic"] == ("Coast", "read")
    assert read["zone"] == ("America/Los_Angeles", "default")
    assert read["page-size.news"] == ("25", "default")
    assert read["related-bonus"] == (None, "")
    given = ("--zone", "Europe/Rome", "--page-size", "news=7", "--base-url", "/x/", "--related-bonus", "3")
    assert curation("source", "set", "site", *given).exit_code == 0
    import_folder(store, site, full=True)
    now = read_shown_settings(curation)
    assert now["zone"] == ("Europe/Rome", "given")
    assert now["page-size.news"] == ("7", "given")
    assert now["base-url"] == ("/x", "given")
    assert now["related-bonus"] == (3, "")
    unset = ("--unset", "zone", "--unset", "page-size.news", "--unset", "base-url")
    assert curation("source", "set", "site", *unset).exit_code == 0
    assert read_shown_settings(curation) == read | {"related-bonus": (3, "")}


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--zone", "Europe/Rom", "time zone"),
        ("--zone", "../../etc/passwd", "time zone"),
        ("--zone", "", "time zone"),
        ("--page-size", "news=0", "whole number from 1 to 1000"),
        ("--page-size", "news=1001", "whole number"),
        ("--page-size", "news=²", "whole number"),
        ("--page-size", "blogs=7", "no setting"),
        ("--page-size", "news", "write SECTION=N"),
        ("--feed-length", "-1", "whole number"),
        ("--url", "javascript:alert(1)", "a URL"),
        ("--url", "https://example.org/?q", "a URL"),
        ("--base-url", "today", "a path"),
        ("--base-url", "/a b", "a path"),
        ("--base-url", "/..", "a path"),
        ("--title", "a\nb", "a line"),
        ("--unset", "colour", "no setting 'colour'"),
    ],
)
def test_an_invalid_value_is_refused_in_one_line(
    imported: Store, curation: Curation, option: str, value: str, message: str
) -> None:
    before = read_shown_settings(curation)
    refused = curation("source", "set", "site", "--locale", "de", option, value)
    assert refused.exit_code in (1, 2)
    assert message in refused.stderr.splitlines()[-1]
    assert read_shown_settings(curation) == before


def test_an_unknown_source(store: Store, curation: Curation) -> None:
    for refused in (curation("source", "show", "x"), curation("source", "set", "x", "--locale", "de")):
        assert (refused.exit_code, "no source 'x'" in refused.stderr) == (1, True)


def test_every_kind_of_dump_gives_its_config(store: Store, curation: Curation, site: Path) -> None:
    packed = site.parent / "site.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in sorted(path for path in site.rglob("*") if path.is_file()):
            archive.write(file, file.relative_to(site.parent))
    tarred = site.parent / "site.tar.gz"
    with tarfile.open(tarred, "w:gz") as tar:
        tar.add(site, "site")
    repository = site.parent / "repository" / "site"
    repository.parent.mkdir()
    os.rename(site, repository)  # noqa: PTH104 - as short
    git = ("git", "-C", str(repository), "-c", "user.name=a", "-c", "user.email=a@example.org")
    for arguments in (("init", "-q"), ("add", "."), ("commit", "-qm", "x")):
        subprocess.run([*git, *arguments], check=True, capture_output=True)
    for path, rev in ((packed, None), (tarred, None), (repository, "HEAD")):
        with store.writing() as connection:
            connection.execute(sa.delete(source_settings))
        [dump] = find_dumps([path], source="site", root=None, rev=rev, known={})
        with dump.tree:
            import_dump(store, dump, dump.tree.scan(), Options(actor="tester"))
        assert read_shown_settings(curation)["base-url"] == ("/today", "read"), path


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("text", "code", "line"),
    some(
        [
            (b"title: [1\nurl: x\n", "bad_config", 1),
            (b"title: a\nurl: [\n", "bad_config", 3),
            (b"title: \xff\n", "bad_config", None),
            (b"- a\n", "bad_config", 1),
            (b"x: " + b"y" * site_config.MAX_BYTES, "file_too_large", None),
            (b"title: a\nbaseurl: today\n", "bad_setting", None),
            (b"title: a\nurl: [a]\n", "bad_setting", None),
        ]
    ),
)
def test_a_broken_config_is_an_issue_and_does_not_stop_the_import(
    imported: Store, store: Store, curation: Curation, site: Path, text: bytes, code: str, line: int | None
) -> None:
    before = read_shown_settings(curation)
    original = (site / "_config.yml").read_bytes()
    (site / "_config.yml").write_bytes(text)
    for _ in range(2):  # the second import finds the same issue
        assert import_folder(store, site).status == "succeeded"
        assert issues(store) == [("_config.yml", "warning", code, line)]
    field = {b"baseurl": "base-url", b"url": "url"}.get(text.splitlines()[-1].partition(b":")[0], "")
    unchanged = [field] if code == "bad_setting" else list(before)
    assert [read_shown_settings(curation)[name] for name in unchanged] == [before[name] for name in unchanged]
    (site / "_config.yml").write_bytes(original)
    import_folder(store, site)
    assert (issues(store), read_shown_settings(curation)) == ([], before)


def test_anchors_and_merges_are_read_as_jekyll_does(store: Store, curation: Curation, site: Path) -> None:
    (site / "_config.yml").write_text(
        "url: https://example.org\ntitle: 2024\ntimezone: Europe/Rome\n"
        "base: &base\n  layout: post\ndefaults:\n  - <<: *base\n    type: x\n"
    )
    import_folder(store, site)
    found = read_shown_settings(curation)
    assert (issues(store), found["title"], found["zone"]) == (
        [],
        ("2024", "read"),
        ("Europe/Rome", "read"),
    )
    assert found["base-url"] == ("", "default")


@pytest.mark.parametrize(
    "other",
    [
        "404: x", "~: x", "2024-01-01: x", "1.5: x", "true: x", "? [a, b]\n: x", "? {a: b}\n: x", "012: x", "_1: x",
        "zoom: 1\nzoom: 2", "zoom: !ruby/regexp /a/", "!ruby/sym zoom: x", "zoom: !!binary aGk=", "zoom: *none",
        "zoom: &x [*x]", "zoom: &d {layout: page}\npages:\n  404: *d", "zoom: {1: a, 1: b, ~: c}", "zoom: 2021-02-30",
        'zoom: "\\0"', "zoom: " + "9" * 5000, "zoom: {" + ", ".join(f"k{n}: 1" for n in range(600)) + "}",
        "zoom: [" + ", ".join(["*u"] * 9000) + "]", "<<: *none", "<<: 5", "zoom: \u2028x", "zoom:\n- <<: [1, {a: b}]",
    ],
)  # fmt: skip
def test_settings_are_read_despite_other_content(other: str) -> None:
    text = f"url: &u https://example.org\n{other}\ntitle: 1.50\ntimezone: Europe/Rome\nbaseurl: *p\n"
    values, issues = site_config.read_config(text.replace("*p", "/p").encode())
    wanted = {"url": "https://example.org", "title": "1.50", "zone": "Europe/Rome", "base-url": "/p"}
    assert (values, issues) == (wanted, [])


def test_the_last_value_of_a_repeated_setting_counts() -> None:
    values, [issue] = site_config.read_config(b"url: https://a.example\ntitle: a\ntitle: b\n")
    assert values == {"url": "https://a.example", "title": "b"}
    assert (issue.code, issue.line, issue.message) == (
        "bad_setting",
        3,
        "title appears more than once; its last value is used",
    )


def test_settings_are_read_from_merges_and_from_the_first_document_only() -> None:
    text = b"base: &b {url: https://a.example, title: a}\n<<: *b\ntitle: b\n---\ntitle: c\n"
    assert site_config.read_config(text) == ({"url": "https://a.example", "title": "b"}, [])


@pytest.mark.parametrize("text", ["url: [\n", "- a\n", "a\n", "url: x\n\tb: c\n", "x: " + "[" * 5000])
def test_invalid_yaml_is_not_a_config(text: str) -> None:
    values, [issue] = site_config.read_config(text.encode())
    assert (values, issue.code) == (None, "bad_config")


def test_a_setting_removed_from_the_config_is_deleted(store: Store, curation: Curation, site: Path) -> None:
    import_folder(store, site)
    (site / "_config.yml").write_text("title: Other\n")
    import_folder(store, site)
    assert read_shown_settings(curation)["url"] == ("", "default")
    (site / "_config.yml").write_text("# title: Coast\n")
    import_folder(store, site)
    assert (issues(store), read_shown_settings(curation)["title"]) == ([], ("", "default"))
    (site / "_config.yml").write_text("title: Other\n")
    import_folder(store, site)
    (site / "_config.yml").unlink()
    import_folder(store, site)
    assert read_shown_settings(curation)["title"] == ("Other", "read")


def test_a_link_is_not_followed(store: Store, curation: Curation, site: Path) -> None:
    os.replace(site / "_config.yml", site.parent / "config")  # noqa: PTH105 - as short
    (site / "_config.yml").symlink_to(site.parent / "config")
    import_folder(store, site)
    assert issues(store) == [("_config.yml", "warning", "symlink", None)]
    (site / "_config.yml").unlink()
    os.link(site.parent / "config", site / "_config.yml")
    import_folder(store, site)
    assert issues(store) == [("_config.yml", "warning", "hard_link", None)]
    assert read_shown_settings(curation)["url"] == ("", "default")


def test_an_unchanged_config_is_not_parsed_again(
    store: Store, site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import_folder(store, site)
    monkeypatch.setattr(site_config, "read_config", lambda data: pytest.fail("parsed again"))
    import_folder(store, site)


def test_a_partial_import_or_a_dry_run_reads_no_config(store: Store, curation: Curation, site: Path) -> None:
    import_folder(store, site)
    (site / "_config.yml").write_text("title: Other\n")
    import_folder(store, site, dry_run=True)
    [dump] = find_dumps([site / "_news"], source="site", root=site, rev=None, known={})
    import_dump(store, dump, dump.tree.scan(dump.within), Options(actor="tester"))
    assert read_shown_settings(curation)["title"] == ("Tidewater Today", "read")
