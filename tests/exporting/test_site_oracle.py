"""Compares exports with the files that the powerapps site rendered itself. Every difference has a known cause."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result

from curation.store.database import Store

from ..support.importing_helpers import import_folder
from ..support.real_dumps import needs_dumps

pytestmark = needs_dumps

#: Templates of the site generator, not rendered JSON.
TEMPLATES = {"api/topics/index.json", "api/sponsorships/today/index.json"}

#: An item of a collection that was unpublished (`removed: true`) after its page was last rendered.
ITEM_UNPUBLISHED_SINCE = (
    "api/learning/collections/april-dunnam-intermediate-power-apps-topics-by-april-dunnam/index.json"
)

#: A collection that was unpublished after its page was last rendered.
COLLECTION_UNPUBLISHED_SINCE = (
    "api/learning/collections/microsoft-learn-use-best-practices-to-secure-and-govern-power-automate"
    "-environments/index.json"
)

#: The site has no communities. Its renderer writes an empty sitemap, which the protocol does not allow.
WITHOUT_ENTRIES = "community-sitemap.xml"

#: Samples whose bodies the renderer read with LF, and all others with CRLF: its checkout was mixed.
READ_WITH_LF = (
    "customer-capacity-at-stores",
    "properties-of-controls-in-power-apps-video-tutorial-for-beginners",
)

#: In these the renderer wrote the day of its run as `lastmod`. Articles of equal heat, which we order by path,
#: have an order that cannot be derived from the content.
RENDERING_DEPENDENT = {"learning-sitemap.xml", "people-sitemap.xml", "sample-sitemap.xml"}


@pytest.fixture
def rendered(store: Store, curation: Callable[..., Result], dumps: Path, tmp_path: Path) -> Path:
    """The export of the dump, with the defaults and the settings of its `_config.yml`."""
    import_folder(store, dumps / "powerapps")
    assert curation("export", "api", str(tmp_path / "out")).exit_code == 0
    return tmp_path / "out"


def rendered_files(root: Path) -> set[str]:
    found = [*(root / "api").rglob("index.json"), *root.glob("*-sitemap.xml")]
    return {str(path.relative_to(root)) for path in found}


@pytest.mark.slow
def test_files_equal_those_of_the_site_with_known_exceptions(rendered: Path, dumps: Path) -> None:
    site = dumps / "powerapps"
    theirs, ours = rendered_files(site), rendered_files(rendered)
    assert ours - theirs == set()
    assert theirs - ours == TEMPLATES | {COLLECTION_UNPUBLISHED_SINCE, WITHOUT_ENTRIES}
    differing = {path for path in ours if (site / path).read_bytes() != (rendered / path).read_bytes()}
    samples = {f"api/samples/power-apps-community-{name}/index.json" for name in READ_WITH_LF}
    pages = {"api/samples/page/2/index.json"}
    assert differing == {ITEM_UNPUBLISHED_SINCE, *samples, *pages, *RENDERING_DEPENDENT}
    news = {path for path in ours if path.startswith("api/news/") and "/page/" in path}
    assert len(news) == 22
    assert not news & differing


@pytest.mark.slow
def test_the_exceptions_differ_only_as_expected(rendered: Path, dumps: Path) -> None:
    site = dumps / "powerapps"

    def both(path: str) -> tuple[Any, Any]:
        return json.loads((site / path).read_text()), json.loads((rendered / path).read_text())

    theirs, ours = both(ITEM_UNPUBLISHED_SINCE)
    [gone] = [item for item in theirs["value"] if item not in ours["value"]]
    assert ours == theirs | {"value": [item for item in theirs["value"] if item != gone]}
    assert "removed: true" in (site / gone["path"]).read_text()
    assert "removed: true" in (site / f"{_document(COLLECTION_UNPUBLISHED_SINCE)}").read_text()

    for name in READ_WITH_LF:
        theirs, ours = both(f"api/samples/power-apps-community-{name}/index.json")
        assert ours == theirs | {"content": ours["content"]}
        assert ours["content"].replace("\r\n", "\n") == theirs["content"].replace("\r\n", "\n")
    theirs, ours = both("api/samples/page/2/index.json")
    differing = [
        item["path"] for item, other in zip(theirs["value"], ours["value"], strict=True) if item != other
    ]
    assert sorted(differing) == [f"_samples/power-apps-community-{name}.md" for name in READ_WITH_LF]

    for path, is_dated in (
        ("learning-sitemap.xml", True),
        ("sample-sitemap.xml", False),
        ("people-sitemap.xml", False),
    ):
        found = [_entries((root / path).read_text(), is_dated=is_dated) for root in (site, rendered)]
        assert sorted(found[0]) == sorted(found[1])
    days = re.findall("<lastmod>(.*)</lastmod>", (site / "sample-sitemap.xml").read_text())
    assert set(days) == {"2021-05-31T00:00:00-07:00"}


def _document(file: str) -> str:
    return "_" + file.removeprefix("api/").removesuffix("/index.json") + ".md"


def _entries(sitemap: str, *, is_dated: bool) -> list[str]:
    """Return the entries of a sitemap, without dates if these depend on the rendering."""
    entries = re.findall("<url>.*?</url>", sitemap, re.DOTALL)
    return entries if is_dated else [re.sub("\n *<lastmod>.*</lastmod>", "", entry) for entry in entries]


def test_an_older_template_of_news_lists_the_same_articles_in_order(
    store: Store,
    curation: Callable[..., Result],
    dumps: Path,
    tmp_path: Path,
) -> None:
    """The pages of diablo4 are from an earlier version of the template, with addresses and local dates.

    The other sections still have these. Everything else is equal.
    """
    import_folder(store, dumps / "03")
    assert curation("export", "api", str(tmp_path / "out")).exit_code == 0
    template_keys = {"sourceUrl", "webUrl", "content", "publishedDateTime"}
    theirs, ours = dumps / "03" / "api/news/page", tmp_path / "out/api/news/page"
    assert sorted(os.listdir(theirs)) == sorted(os.listdir(ours))  # noqa: PTH208 - as short
    for number in os.listdir(theirs):  # noqa: PTH208 - as short
        their, our = (json.loads((root / number / "index.json").read_text()) for root in (theirs, ours))
        assert their["nextPage"] == our["nextPage"]
        for item, other in zip(their["value"], our["value"], strict=True):
            assert list(item) == list(other)
            assert {key for key in item if item[key] != other[key]} <= template_keys
