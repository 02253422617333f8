"""`curation export api`: the files of a site are written if they differ, and nothing else is touched."""

from __future__ import annotations

import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

import feedparser
import pytest
import sqlalchemy as sa
from click.testing import Result
from hypothesis import given, strategies as st

from curation.exporting.site import sitemaps
from curation.exporting.site.pages import indent_json
from curation.store.database import Store
from curation.store.schema import articles

from ..support.importing_helpers import import_folder

Curation = Callable[..., Result]

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(_JSON)
def test_indented_json_is_that_of_the_standard_library(value: Any) -> None:
    assert indent_json(value) == json.dumps(value, ensure_ascii=False, indent=2)


@pytest.fixture
def imported_site(imported: Store, site: Path) -> Path:
    """The imported sample site, whose root can be exported to."""
    return site


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "out"


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def counts(result: Result) -> str:
    """Return the counts of the last line."""
    return result.output.splitlines()[-1].split(": ", 1)[1]


def paths(folder: Path, file: str) -> list[str]:
    return [item["path"] for item in json.loads((folder / file).read_text())["value"]]


def rename_folder(site: Path, topic: str, name: str) -> None:
    """Change the `_id` in a topic's file, which is the folder of its pages."""
    [file] = (site / "_data/topics").glob(f"*-{topic}.yaml")
    file.write_text(re.sub("(?m)^_id: .*$", f'_id: "{name}"', file.read_text()))


def test_the_lists_of_the_sample_site(imported_site: Path, curation: Curation, target: Path) -> None:
    assert counts(curation("export", "api", str(target))) == "46 written, 0 unchanged, 0 removed"
    news = json.loads((target / "api/news/index.json").read_text())
    assert (list(news), news["page"], news["nextPage"]) == (["page", "value", "nextPage"], 1, None)
    dates = [item["publishedDateTime"] for item in news["value"]]
    assert dates == sorted(dates, reverse=True)
    assert len(dates) == 11
    assert paths(target, "api/news/tides/page/1/index.json") == [
        item["path"] for item in news["value"] if "Tides" in item["topics"]
    ]
    learning = json.loads((target / "api/learning/index.json").read_text())
    assert list(learning) == ["title", "path", "page", "value"]
    heats = [item.get("heat") or -1 for item in learning["value"]]
    assert heats == sorted(heats, reverse=True)
    written = b"".join(files(target).values()).decode()
    assert "null" not in (target / "api/learning/index.json").read_text()
    assert '"secured"' not in written
    assert not re.findall("[A-Za-z0-9+/=]{40,};[A-Za-z0-9+/=]{20,}", written)


def test_the_source_s_setting_is_the_page_size(imported_site: Path, curation: Curation, target: Path) -> None:
    curation("source", "set", "site", "--page-size", "news=4", "--page-size", "learning=4")
    curation("export", "api", str(target))
    pages = [json.loads((target / f"api/news/page/{n}/index.json").read_text()) for n in (1, 2, 3)]
    assert [(len(page["value"]), page["nextPage"]) for page in pages] == [(4, 2), (4, 3), (3, None)]
    assert not (target / "api/news/page/4").exists()
    assert (target / "api/news/index.json").read_bytes() == (
        target / "api/news/page/1/index.json"
    ).read_bytes()
    assert json.loads((target / "api/learning/index.json").read_text())["nextPage"] == 2


def test_unchanged_files_are_not_written_again(imported_site: Path, curation: Curation, target: Path) -> None:
    curation("export", "api", str(target))
    before = {path: os.stat(target / path).st_mtime_ns for path in files(target)}  # noqa: PTH116 - as short
    assert counts(curation("export", "api", str(target))) == "0 written, 46 unchanged, 0 removed"
    assert {path: os.stat(target / path).st_mtime_ns for path in before} == before  # noqa: PTH116 - as short


def test_unpublished_articles_are_in_no_file(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    """An unpublished article disappears from lists, feeds and sitemaps, and its own file is deleted."""
    curation("source", "set", "site", "--page-size", "news=4")
    curation("export", "api", str(target))
    with store.reading() as connection:
        shown = sa.select(articles.c.slug, articles.c.path).where(
            articles.c.published.is_(sa.true()), articles.c.collection != "newsletters"
        )
        slugs = dict(map(tuple, connection.execute(shown)))
    hidden = [path for slug, path in slugs.items() if "needle-rock" in path or "lens-polishers" in slug]
    hidden += ["_samples/flash-pattern-simulator.md"]
    assert len(hidden) >= 3
    assert curation("unpublish", *hidden, "--reason", "x").exit_code == 0
    curation("export", "api", str(target))
    for path in hidden:
        stem = path.rpartition("/")[2].removesuffix(".md")
        assert not [file for file, data in files(target).items() if stem in file or stem.encode() in data], (
            path
        )
    assert curation("unpublish", "--collection", "news", "--collection", "samples", "--yes").exit_code == 0
    curation("export", "api", str(target))
    left = files(target)
    assert not [path for path in left if path.startswith(("api/news", "api/samples", "news-", "sample-"))]
    assert "api/learning/index.json" in left


def test_files_of_unpublished_articles_are_deleted_at_any_depth(
    store: Store, site: Path, curation: Curation, target: Path
) -> None:
    """The files of samples and collections are in the folders of their documents."""
    found = ["_learning/flat.md", "_samples/by/topic/deep.md", "_learning/paths/deep.md"]
    for path, type_ in zip(found, ("collection", "download", "collection"), strict=True):
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(f"---\ntitle: Deep\ntype: {type_}\n---\nsecretplan\n")
    import_folder(store, site)
    curation("export", "api", str(target))
    theirs = [f"api/{path[1:].removesuffix('.md')}/index.json" for path in found]
    before = files(target)
    assert {*theirs} <= before.keys()
    other = target / "api/samples/by/topic/moved/index.json"  # not an exported file: its path differs
    other.parent.mkdir()
    other.write_text('{"path": "_samples/by/topic/deep.md"}')
    curation("unpublish", *found, "--reason", "x")
    due = curation("export", "api", str(target), "--check").stdout.splitlines()
    assert sorted(line for line in due if line.startswith("remove")) == sorted(
        f"remove {path}" for path in theirs
    )
    curation("export", "api", str(target))
    after = files(target)
    assert before.keys() - after.keys() == {*theirs}
    assert other.exists()
    assert not [path for path, data in after.items() if b"secretplan" in data]


def test_a_sample_does_not_replace_a_page(store: Store, site: Path, curation: Curation, target: Path) -> None:
    (site / "_samples/page").mkdir()
    (site / "_samples/page/1.md").write_text("---\ntitle: One\ntype: download\nheat: 99\n---\n")
    import_folder(store, site)
    done = curation("export", "api", str(target))
    assert done.exit_code == 3
    assert done.stderr.splitlines()[0] == (
        "left out: api/samples/page/1/index.json: the path is reserved for pages:"
        " move _samples/page/1.md elsewhere"
    )
    assert paths(target, "api/samples/page/1/index.json")[0] == "_samples/page/1.md"


def test_nothing_else_is_touched(imported_site: Path, curation: Curation) -> None:
    """An export to the site's own root keeps templates, documents, and files that only look exported."""
    for path, text in {
        "api/topics/index.json": "---\nlayout: none\n---\n{}",
        "api/news/about/index.json": '{"title": "about"}',
        "api/news/template/index.json": '---\n---\n{"page": 1, "value": []}',
        "api/news/page/readme/index.json": '{"pages": 1}',
        "api/news/old/index.json": '{"page": 1, "value": []}',
        "api/news/nested/index.json": "[" * 200_000,
        "api/news/page/99/index.json": '{"page": 99, "value": [], "nextPage": null}',
        "api/news/page/99/kept.txt": "x",
        "api/games/page/1/index.json": '{"page": 1, "value": []}',
        "api/learning/old/index.json": '{"path": "_learning/old.md"}',
        "api/samples/old/index.json": '{"path": "_samples/old.md"}',
        "other-sitemap.xml": '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" />',
        "news-sitemap-1.xml": '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" />',
        "news-sitemap-2.xml": '---\n---\n<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" />',
        "api/news/mine/feed.atom": '<feed xmlns="http://www.w3.org/2005/Atom"><title>mine</title></feed>',
    }.items():
        (imported_site / path).parent.mkdir(parents=True, exist_ok=True)
        (imported_site / path).write_text(text)
    before = files(imported_site)
    done = curation("export", "api", str(imported_site))
    assert counts(done) == "46 written, 0 unchanged, 4 removed"
    after = files(imported_site)
    gone = [
        "api/news/old/index.json",
        "api/news/page/99/index.json",
        "api/samples/old/index.json",
        "news-sitemap-1.xml",
    ]
    assert sorted(before.keys() - after.keys()) == gone
    changed = {path for path in before.keys() & after.keys() if before[path] != after[path]}
    assert changed == {"api/news/page/1/index.json", "news-sitemap.xml"}


def test_a_very_deep_file_is_deleted_with_its_folders(
    store: Store, site: Path, curation: Curation, target: Path
) -> None:
    deep = "/".join("d" * 100)
    (site / f"_samples/{deep}").mkdir(parents=True)
    (site / f"_samples/{deep}/x.md").write_text("---\ntitle: x\n---\n")
    import_folder(store, site)
    curation("export", "api", str(target))
    assert f"api/samples/{deep}/x/index.json" in files(target)
    curation("unpublish", f"_samples/{deep}/x.md", "--reason", "x")
    assert curation("export", "api", str(target)).exit_code == 0
    assert not (target / "api/samples/d").exists()


def test_a_template_is_not_overwritten(imported_site: Path, curation: Curation, target: Path) -> None:
    template = target / "api/news/index.json"
    template.parent.mkdir(parents=True)
    template.write_text("---\nlayout: news\n---\n")
    for options in ((), ("--check",)):
        done = curation("export", "api", str(target), *options)
        assert done.exit_code == 3
        assert "left out: api/news/index.json: a template of the site generator is at this" in done.stderr
    assert template.read_text() == "---\nlayout: news\n---\n"
    assert (target / "api/news/page/1/index.json").exists()


def test_sections_of_other_sources_are_not_touched(
    store: Store, curation: Curation, site: Path, target: Path
) -> None:
    import_folder(store, site)
    curation("export", "api", str(target))
    for folder in ("_learning", "_samples"):
        (site / folder).rename(site.parent / folder)
    import_folder(store, site, source="part")
    done = curation("export", "api", str(target), "--source", "part")
    assert counts(done) == "0 written, 28 unchanged, 0 removed"
    assert counts(curation("export", "api", str(target), "--source", "site")).startswith("0 written, 46")


def test_check_writes_nothing_and_lists_the_changes(
    imported_site: Path, curation: Curation, target: Path
) -> None:
    first = curation("export", "api", str(target), "--check")
    assert (first.exit_code, counts(first)) == (1, "46 to be written, 0 unchanged, 0 to be removed")
    assert not target.exists()
    curation("export", "api", str(target))
    same = curation("export", "api", str(target), "--check")
    assert (same.exit_code, same.stdout) == (0, "")
    curation("unpublish", "_samples/flash-pattern-simulator.md", "--reason", "x")
    before = files(target)
    due = curation("export", "api", str(target), "--check")
    assert due.exit_code == 1
    assert due.stdout.splitlines() == [
        "write api/samples/page/1/index.json",
        "write api/samples/index.json",
        "remove api/samples/flash-pattern-simulator/index.json",
    ]
    assert files(target) == before


def test_a_missing_article_is_not_shown(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    (imported_site / "_samples/flash-pattern-simulator.md").unlink()
    import_folder(store, imported_site)
    curation("export", "api", str(target))
    assert paths(target, "api/samples/index.json") == ["_samples/tide-clock-for-a-very-small-screen.md"]


def test_refused_files_are_reported_and_the_rest_is_written(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    rename_folder(imported_site, "tides", "../../x")
    rename_folder(imported_site, "lighthouses", "collections")
    import_folder(store, imported_site)
    (target / "api").mkdir(parents=True)
    (target / "elsewhere").mkdir()
    (target / "api/people").symlink_to(target / "elsewhere")
    (target / "news-sitemap-1.xml").symlink_to(target / "elsewhere")
    done = curation("export", "api", str(target))
    assert done.exit_code == 3
    left_out = [line for line in done.stderr.splitlines() if line.startswith("left out: ")]
    assert [line.split(": ")[1] for line in left_out] == [
        "api/news/collections", "api/news/../../x",
        "api/learning/collections", "api/learning/../../x",
        "api/people/page/1/index.json", "api/people/index.json",
    ]  # fmt: skip
    assert not list((target / "elsewhere").iterdir())
    assert not (target.parent / "x").exists()
    assert (target / "api/samples/index.json").exists()


def test_inaccessible_paths_are_reported_once_and_the_rest_is_written(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    """One folder cannot be read, and one obsolete page cannot be deleted."""
    closed, kept = target / "api/news/closed", target / "api/news/kept"
    for folder in (closed, kept):
        folder.mkdir(parents=True)
        (folder / "index.json").write_text('{"page": 1, "value": []}')
    closed.chmod(0)
    kept.chmod(0o555)
    if os.access(closed, os.R_OK):
        pytest.skip("root has all permissions")
    try:
        done = curation("export", "api", str(target))
    finally:
        closed.chmod(0o755)
        kept.chmod(0o755)
    assert (done.exit_code, counts(done)) == (3, "46 written, 0 unchanged, 0 removed")
    left_out = [line for line in done.stderr.splitlines() if line.startswith("left out: ")]
    assert left_out == [
        "left out: api/news/closed: permission denied",
        "left out: api/news/kept/index.json: permission denied",
    ]


def test_a_source_must_be_unambiguous_and_have_an_address(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    assert (
        "no source 'x': there is only site" in curation("export", "api", str(target), "--source", "x").stderr
    )
    (imported_site / "_config.yml").unlink()
    import_folder(store, imported_site, source="bare")
    several = curation("export", "api", str(target))
    assert (several.exit_code, "select one with --source (bare, site)" in several.stderr) == (1, True)
    bare = curation("export", "api", str(target), "--source", "bare")
    assert (bare.exit_code, "`curation source set bare --url " in bare.stderr) == (1, True)
    assert not target.exists()
    assert curation("source", "set", "bare", "--url", "https://example.org/").exit_code == 0
    assert curation("export", "api", str(target), "--source", "bare").exit_code == 0
    sample = json.loads((target / "api/samples/index.json").read_text())["value"][0]
    assert sample["sourceUrl"].startswith("https://example.org/api/samples/")
    assert sample["webUrl"].startswith("https://example.org/sample/")


def test_dates_are_in_the_source_s_zone_except_in_news(
    imported_site: Path, curation: Curation, target: Path
) -> None:
    curation("source", "set", "site", "--zone", "Asia/Kolkata")
    curation("export", "api", str(target))
    dates = re.findall('"publishedDateTime": "(.*)"', (target / "api/learning/index.json").read_text())
    assert dates
    assert all(date.endswith("+05:30") for date in dates)
    news = re.findall('"publishedDateTime": "(.*)"', (target / "api/news/index.json").read_text())
    assert all(date.endswith("Z") for date in news)


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("zone", "midnight"),
    [("America/Los_Angeles", "2024-01-14T00:00:00-08:00"), ("Asia/Kolkata", "2024-01-14T00:00:00+05:30"),
     ("UTC", "2024-01-14T00:00:00+00:00")],
)  # fmt: skip
@pytest.mark.parametrize("written", ["2024-01-14", "'2024-1-14'", "' 2024-01-14'"])
def test_a_date_without_time_is_that_day_everywhere(
    store: Store, site: Path, curation: Curation, target: Path, zone: str, midnight: str, written: str
) -> None:
    dates = f"publishedDateTime: {written}\nupdatedDateTime: {written}"
    for path in ("_learning/videos/day.md", "_samples/day.md", "_news/2024-01-14-day.md"):
        (site / path).write_text(f"---\ntitle: Day\nheat: 1000\n{dates}\n---\n")
    curation("import", str(site))
    curation("source", "set", "site", "--url", "https://example.org", "--zone", zone)
    curation("export", "api", str(target))
    for section in ("learning", "samples"):
        first = json.loads((target / f"api/{section}/index.json").read_text())["value"][0]
        assert (first["title"], first["publishedDateTime"]) == ("Day", midnight)
    assert f"<lastmod>{midnight}</lastmod>" in (target / "learning-sitemap.xml").read_text()
    assert f"<lastmod>{midnight}</lastmod>" in (target / "sample-sitemap.xml").read_text()
    news = json.loads((target / "api/news/index.json").read_text())["value"][0]
    assert (news["title"], news["updatedDateTime"]) == ("Day", "2024-01-14T00:00:00Z")
    assert "<lastmod>2024-01-14T00:00:00+00:00</lastmod>" in (target / "news-sitemap.xml").read_text()


def test_topics_without_services_have_pages_except_the_site_s_own(
    store: Store, site: Path, curation: Curation, target: Path
) -> None:
    for file in (site / "_data/topics").glob("*.yaml"):
        file.write_text(re.sub(r"services:\n(?:  .*\n?)+", "", file.read_text()))
    import_folder(store, site)
    curation("export", "api", str(target))
    folders = {path.parent.parent.parent.name for path in (target / "api").glob("*/*/page/1/index.json")}
    assert folders == {"lighthouses", "tides", "coastal-engineering", "fresnel-lenses", "collections"}
    assert (target / "api/learning/fresnel-lenses").exists() or (target / "api/news/fresnel-lenses").exists()


def test_a_collection_s_page_has_its_published_items(
    imported_site: Path, curation: Curation, target: Path
) -> None:
    curation("export", "api", str(target))
    file = "api/learning/collections/know-your-puddle/index.json"
    items = paths(target, file)
    assert len(items) >= 2
    curation("unpublish", items[0], "--reason", "x")
    curation("export", "api", str(target))
    assert paths(target, file) == items[1:]
    listed = json.loads((target / "api/learning/collections/index.json").read_text())["value"]
    [puddle] = [item for item in listed if item["path"].endswith("know-your-puddle.md")]
    assert [item["path"] for item in puddle["topItems"]] == items[1:5]


def test_a_sitemap_that_is_too_long_is_split(
    imported_site: Path, curation: Curation, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    curation("export", "api", str(target))
    space = {"s": "http://www.sitemaps.org/schemas/sitemap/0.9"}

    def locations(file: str) -> list[str | None]:
        return [found.text for found in ET.parse(target / file).getroot().findall(".//s:loc", space)]

    whole = locations("learning-sitemap.xml")
    assert len(whole) > 2
    monkeypatch.setattr(sitemaps, "MAX_ADDRESSES", 2)
    curation("export", "api", str(target))
    parts = [f"learning-sitemap-{n}.xml" for n in range(1, (len(whole) + 1) // 2 + 1)]
    assert locations("learning-sitemap.xml") == [
        f"https://pages.tidewater.example/today/{part}" for part in parts
    ]
    assert [location for part in parts for location in locations(part)] == whole
    monkeypatch.undo()
    curation("export", "api", str(target))
    assert locations("learning-sitemap.xml") == whole
    assert not (target / parts[0]).exists()


@pytest.mark.any_engine
@pytest.mark.parametrize(
    ("address", "listed"),
    [("/news/here/", "https://pages.tidewater.example/today/news/here/"),
     ("/today/news/here/", "https://pages.tidewater.example/today/news/here/"),
     ("news/here/?a=1", "https://pages.tidewater.example/today/news/here/?a=1"),
     ("//pages.tidewater.example/today/x", "https://pages.tidewater.example/today/x"),
     ("//elsewhere.example/today/x", None), ("../../x", None), ("http://[x", None), ("mailto:a@b.example", None)],
)  # fmt: skip
def test_a_sitemap_has_absolute_addresses_and_is_never_empty(
    store: Store, imported_site: Path, curation: Curation, target: Path, address: str, listed: str | None
) -> None:
    assert (
        curation("source", "set", "site", "--web-url", "https://pages.tidewater.example/today").exit_code == 0
    )
    with store.writing() as connection:
        connection.execute(sa.update(articles).values(web_url=address))
    curation("export", "api", str(target))
    file = target / "learning-sitemap.xml"
    assert file.exists() is (listed is not None)
    if listed is not None:
        assert set(re.findall("<loc>(.*)</loc>", file.read_text())) == {listed}
    with store.writing() as connection:
        connection.execute(sa.update(articles).values(web_url="https://elsewhere.example/"))
    assert curation("export", "api", str(target)).exit_code == 0
    assert list(target.glob("*-sitemap.xml")) == []


NASTY = r"<script>alert(1)</script> & more \u0007\u202E"


def test_feeds_are_valid_and_contain_no_scripts(
    store: Store, site: Path, curation: Curation, target: Path
) -> None:
    file = site / "_news/2022-08-08-we-moved-the-office-above-the-spring-line.md"
    text = file.read_text()
    text = re.sub("(?m)^title: .*$", lambda _: f'title: "{NASTY}"', text)
    text = re.sub("(?m)^excerpt: .*$", 'excerpt: "<img src=x onerror=alert(2)>"', text)
    text = re.sub("(?m)^(originalUrl|webUrl): .*$", r"\1: javascript:alert(3)", text)
    file.write_text(text)
    import_folder(store, site)
    curation("publish", "2022-08-08-we-moved-the-office-above-the-spring-line", "--reason", "x")
    curation("source", "set", "site", "--feed-length", "5")
    curation("export", "api", str(target))
    atom = feedparser.parse(str(target / "api/news/feed.atom"))
    assert not atom.bozo
    news = json.loads((target / "api/news/index.json").read_text())["value"][:5]
    assert [entry.published for entry in atom.entries] == [
        item["publishedDateTime"].replace("Z", "+00:00") for item in news
    ]
    assert atom.feed.updated == max(entry.updated for entry in atom.entries)
    nasty = next(entry for entry in atom.entries if "more" in entry.title)
    assert nasty.title_detail.type == "text/plain"
    assert nasty.title == "<script>alert(1)</script> & more \u202e"
    assert nasty.summary == "&lt;img src=x onerror=alert(2)&gt;"
    feed = json.loads((target / "api/news/feed.json").read_text())
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert feed["feed_url"] == "https://pages.tidewater.example/today/api/news/feed.json"
    assert [item["id"] for item in feed["items"]] == [entry.id for entry in atom.entries]
    assert all(isinstance(item["content_text"], str) for item in feed["items"])
    links = [entry.link for entry in atom.entries] + [item["url"] for item in feed["items"]]
    assert all(link.startswith(("http://", "https://")) for link in links)
    tides = feedparser.parse(str(target / "api/news/tides/feed.atom"))
    assert (tides.feed.title, {tag.term for tag in tides.entries[0].tags} >= {"Tides"}) == (
        "Tidewater Today: Tides", True,
    )  # fmt: skip


def test_addresses_and_dates_follow_their_standards(
    store: Store, site: Path, curation: Curation, target: Path
) -> None:
    """Sitemaps and feeds are escaped, offsets have whole minutes, and each entry has a unique id."""
    head = r'title: Odd, webUrl: "https://today.tidewater.example/a\u0007b <x> é?q=%20&r", topics: [Tides]'
    for name, date in (("odd.md", "2031-01-02"), ("odd.html", "2031-01-01")):
        text = f"---\n{{{head}, publishedDateTime: {date}T00:00:00Z}}\n---\n"
        (site / "_news" / name).write_text(text)
    old = "---\ntitle: Old\ntype: video\nheat: 99\npublishedDateTime: 1850-06-01T00:00:00Z\n---\n"
    (site / "_learning/videos/old.md").write_text(old)
    with (site / "_config.yml").open("a") as config:
        config.write("future: true\n")
    rename_folder(site, "tides", "ebb & née")
    import_folder(store, site)
    assert curation("export", "api", str(target)).exit_code == 0
    locations = [found.text for found in ET.parse(target / "news-sitemap.xml").iter() if "}loc" in found.tag]
    assert locations[0] == "https://today.tidewater.example/a%07b%20%3Cx%3E%20%C3%A9?q=%20&r"
    feed = json.loads((target / "api/news/ebb & née/feed.json").read_text())
    root = "https://pages.tidewater.example/today"
    assert feed["feed_url"] == f"{root}/api/news/ebb%20%26%20n%C3%A9e/feed.json"
    assert [item["id"] for item in feed["items"][:2]] == [f"{root}/_news/odd.md", f"{root}/_news/odd.html"]
    atom = feedparser.parse(str(target / "api/news/ebb & née/feed.atom"))
    assert atom.feed.id == feed["feed_url"].replace(".json", ".atom")
    assert [entry.id for entry in atom.entries] == [item["id"] for item in feed["items"]]
    assert ET.parse(target / "learning-sitemap.xml").getroot()[0][1].text == "1850-06-01T00:00:00+00:00"


def test_the_same_store_gives_the_same_bytes(imported_site: Path, curation: Curation, tmp_path: Path) -> None:
    for name in ("a", "b"):
        curation("export", "api", str(tmp_path / name))
    assert files(tmp_path / "a") == files(tmp_path / "b")


def test_another_source_s_topic_does_not_move_pages(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    curation("export", "api", str(target))
    rename_folder(imported_site, "tides", "ebb-and-flow")
    import_folder(store, imported_site, source="the-other")  # the last by name, so it sets `topics.slug`
    assert counts(curation("export", "api", str(target), "--source", "site")) == (
        "0 written, 46 unchanged, 0 removed"
    )
    curation("export", "api", str(target / "other"), "--source", "the-other")
    assert (target / "other/api/news/ebb-and-flow/index.json").exists()
    assert not (target / "other/api/news/tides").exists()


def test_two_topics_cannot_have_one_folder(
    store: Store, imported_site: Path, curation: Curation, target: Path
) -> None:
    rename_folder(imported_site, "tides", "lighthouses")
    import_folder(store, imported_site)
    done = curation("export", "api", str(target))
    assert done.exit_code == 3
    assert "left out: api/news/lighthouses/index.json: two lists or items have this path" in done.stderr


@pytest.mark.parametrize("mode", [[], ["--check"]])
def test_a_source_without_known_sections_is_an_error(
    curation: Curation, tmp_path: Path, target: Path, mode: list[str]
) -> None:
    for path in ("_posts/2024-01-01-a.md", "_posts/deep/b.md", "_recipes/c.md"):
        (tmp_path / "blog" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "blog" / path).write_text(f"---\ntitle: {path}\n---\n{path}\n")
    assert curation("import", str(tmp_path / "blog")).exit_code == 0
    result = curation("export", "api", str(target), *mode)
    message = (
        "Error: nothing to export: source 'blog' has none of the sections news, learning, samples, people,"
        " communities; its articles are in posts, recipes\n"
    )
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", message)
    assert not target.exists()
    assert curation("revert", "1").exit_code == 0
    assert curation("export", "api", str(target), *mode).stderr.endswith("communities; it has no articles\n")
