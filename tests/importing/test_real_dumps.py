"""Import real dumps, if they are next to the checkout. Compare the counts and every field of every article."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa

from curation.store.database import Store
from curation.store.schema import (
    article_images,
    article_topics,
    articles,
    import_issues,
    related_links,
    sources,
    topics,
)

from ..support.importing_helpers import import_folder
from ..support.places import SITE
from ..support.real_dumps import needs_dumps
from ..support.rejoined_documents import differences, parsed
from ..support.store_digest import digests


def run_import(store: Store, root: Path, source: str) -> None:
    import_folder(store, root, actor="tester", source=source)


def read_number(store: Store, query: sa.Select[int]) -> int:
    with store.reading() as connection:
        return connection.scalar(query) or 0


def test_the_sample_site_joins_back_together(store: Store) -> None:
    run_import(store, SITE, "site")
    assert differences(store, "site", SITE) == []


@needs_dumps
@pytest.mark.slow
def test_powerapps(store: Store, dumps: Path) -> None:
    root = dumps / "powerapps"
    run_import(store, root, "powerapps")
    collections = sa.select(articles.c.collection, sa.func.count()).group_by(articles.c.collection)
    with store.reading() as connection:
        found = dict(map(tuple, connection.execute(collections)))
        issues = connection.execute(sa.select(import_issues)).all()
    assert found == {
        "news": 674,
        "learning/videos": 441,
        "learning/courses": 94,
        "learning/collections": 41,
        "samples": 118,
        "people": 6,
        "communities": 5,
        "newsletters": 59,
    }
    count = sa.func.count
    assert issues == []
    assert read_number(store, sa.select(count(articles.c.provider_id.distinct()))) == 98
    assert read_number(store, sa.select(count()).select_from(topics)) == 7
    assert read_number(store, sa.select(count(topics.c.parent_id))) == 6
    assert read_number(store, sa.select(count()).select_from(article_topics)) == 1710
    assert read_number(store, sa.select(count(article_images.c.image_id.distinct()))) == 1009
    assert read_number(store, sa.select(count()).select_from(article_images)) == 1306
    published = sa.select(count()).select_from(articles).where(articles.c.published.is_(sa.true()))
    assert read_number(store, published) == 1188
    assert differences(store, "powerapps", root) == []
    before = digests(store, "imports")
    run_import(store, root, "powerapps")
    assert digests(store, "imports") == before


@needs_dumps
@pytest.mark.slow
def test_diablo4(store: Store, dumps: Path) -> None:
    root = dumps / "03"
    run_import(store, root, "03")
    count = sa.func.count
    assert read_number(store, sa.select(count()).select_from(articles)) == 342
    assert read_number(store, sa.select(count(articles.c.provider_id.distinct()))) == 164
    assert read_number(store, sa.select(count()).select_from(related_links)) == 1323
    resolved = read_number(store, sa.select(count(related_links.c.target_id)))
    assert resolved == _count_resolvable(root)
    assert differences(store, "03", root) == []
    before = digests(store, "imports")
    run_import(store, root, "03")
    assert digests(store, "imports") == before
    assert read_number(store, sa.select(count()).select_from(sources)) == 1


def _count_resolvable(root: Path) -> int:
    """Return the number of entries of `related` with the title and time of another document."""
    documents = [parsed(file) for file in sorted((root / "_news").glob("*.md"))]
    known = {(d["title"], d["publishedDateTime"]) for d in documents}
    return sum((e["title"], e["publishedDateTime"]) in known for d in documents for e in d.get("related", ()))
