"""Fill a store of any size with generated rows, in the real schema.

    python -m tests.support.synthetic_store DATABASE ARTICLES

Rows are inserted directly into the tables, and are the same for the same count. Stored documents and the
full-text index stay empty, since reports do not use them. Of a hundred articles two have overrides, one has a
duplicate, thirty have a related article, and ten are not published. Providers and topics are as unequally
frequent as those of real sites.
"""

from __future__ import annotations

import hashlib
import random
import sys
from bisect import bisect
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Any

import sqlalchemy as sa

from curation.articles.review_queue import refresh_queue
from curation.store import migrate
from curation.store.database import Store
from curation.store.schema import articles, metadata

Row = Sequence[Any]

#: Rows of one bulk insert.
ARTICLES_PER_BATCH = 20_000

WORDS = str.split(
    "tide lamp harbour keeper stair barrier mudlark eel bollard parking needle rock lantern fog bell ferry"
    " chart pilot anchor sound night auction report guide review season storm rope signal dock"
)


def fill(store: Store, count: int) -> None:
    """Fill an empty store with `count` articles."""
    for table, columns, rows in _tables(count):
        left = iter(rows)
        while batch := list(islice(left, ARTICLES_PER_BATCH)):
            with store.writing() as connection:
                store.backend.bulk_insert(connection, metadata.tables[table], columns.split(), batch)
    with store.writing() as connection:
        refresh_queue(connection, sa.select(articles.c.id.label("article_id")))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.text("ANALYZE"))


def _tables(count: int) -> Iterator[tuple[str, str, Iterable[Row]]]:
    """Yield each table with its columns and rows; tables that others refer to come first."""
    providers, topics, imports = max(count // 500, 5), 300, 200
    yield "sources", "id name location", [(n, f"site-{n}", f"/dumps/site-{n}") for n in (1, 2)]
    yield (
        "imports", "id source_id started_at finished_at status location added updated",
        [(n, n % 2 + 1, _at(n, 86_400), _at(n, 86_400), "succeeded", "/dumps", n % 7, n % 5)
         for n in range(1, imports + 1)],
    )  # fmt: skip
    yield (
        "providers", "id name domain digest",
        [(n, f"Provider {n}", f"p{n}.example.org", _digest("provider", n)) for n in range(1, providers + 1)],
    )  # fmt: skip
    yield (
        "topics", "id name slug parent_id digest",
        [(n, f"Topic {n}", f"topic-{n}", n // 8 or None, _digest("topic", n)) for n in range(1, topics + 1)],
    )  # fmt: skip
    yield (
        "images", "id url width height is_cached digest",
        ((n, f"https://i.example.org/{n}.jpg", None if n % 50 == 0 else 40 + n % 1200, 630, n % 2 == 0,
          _digest("image", n)) for n in range(1, count // 2 + 2)),
    )  # fmt: skip
    yield "articles", _ARTICLE, _articles(count, providers, imports)
    pick = _zipf(topics, seed=2)
    yield (
        "article_topics", "article_id position topic_id",
        ((n, position, pick()) for n in range(1, count + 1) for position in (0, 1)),
    )  # fmt: skip
    yield (
        "article_images", "article_id position image_id", ((n, 0, n // 2 + 1) for n in range(1, count + 1)),
    )  # fmt: skip
    yield (
        "related_links", "id article_id position title published_at quality target_id",
        ((n, n, 0, f"title {n}", _at(n), n % 130, count - n + 1) for n in range(1, count * 3 // 10)),
    )  # fmt: skip
    yield (
        "import_issues", "id import_id source_id path severity code message resolved_import_id",
        ((n, n % imports + 1, n % 2 + 1, f"_news/bad-{n}.md", "error", "yaml_syntax", "not YAML",
          imports if n % 3 else None) for n in range(1, count // 200 + 2)),
    )  # fmt: skip
    yield (
        "collection_items", "article_id position item_path item_id",
        ((n, position, f"/news/{position}", None if position == 7 else count - n * 20 - position)
         for n in range(1, count // 1000 + 2) for position in range(20) if count - n * 20 - position > 0),
    )  # fmt: skip
    yield from _overrides(count)


def _overrides(count: int) -> Iterator[tuple[str, str, Iterable[Row]]]:
    """Override quality of every fiftieth article, and heat of some; each changeset has a hundred articles."""
    overridden = range(50, count + 1, 50)
    changesets = len(overridden) // 100 + 1
    yield (
        "changesets", "id kind actor created_at",
        [(n, "edit", f"editor {n % 9}", _at(n, 7_200)) for n in range(1, changesets + 1)],
    )  # fmt: skip
    rows = [
        (n, flag, n // 50 // 100 + 1) for n in overridden for flag in ("quality", "heat")[: 1 + n % 100 // 50]
    ]
    yield (
        "overrides",
        "article_id field value changeset_id",
        ((n, flag, 90, changeset) for n, flag, changeset in rows),
    )
    yield (
        "changes",
        "id changeset_id article_id field old_value new_value new_override new_decision_id",
        ((i, changeset, n, flag, 50, 90, 90, changeset) for i, (n, flag, changeset) in enumerate(rows, 1)),
    )  # fmt: skip


_ARTICLE = (
    "id source_id path collection slug type title quality heat published removed upstream_quality"
    " upstream_heat upstream_published published_at provider_id first_import_id last_import_id"
    " missing_since content_hash canonical_digest canonical_url original_url excerpt extra body"
)


def _articles(count: int, providers: int, imports: int) -> Iterator[Row]:
    pick, rng = _zipf(providers, seed=1), random.Random(3)
    for n in range(1, count + 1):
        original = n - 50 if n % 100 == 99 else n
        upstream = None if n % 40 == 7 else rng.randrange(130)
        quality = 90 if n % 50 == 0 else upstream
        title = f"{rng.choice(WORDS)} {rng.choice(WORDS)} {original}"
        heat = (
            90
            if n % 100 == 50
            else None
            if upstream is None
            else -1
            if n % 11 == 0
            else upstream + n % 3 * 20
        )
        published = n % 10 != 0
        url = f"https://p{original % 97}.example.org/{original}"
        yield (
            n, n % 2 + 1, f"_news/{n:09}-story.md", "news" if n % 8 else "learning/videos", f"{n:09}-story",
            "article", title, quality, heat, published, n % 331 == 0 and not published, upstream,
            heat if n % 100 != 50 else 10, None if n % 3 else published, _at(rng.randrange(43_800), 3_600),
            pick(), 1, imports, _at(1) if n % 211 == 0 else None, f"{n:064x}", _digest("url", original), url, url,
            f"{title}, told in brief. " * 4, "{}", " ".join(rng.choices(WORDS, k=150)),
        )  # fmt: skip


def _at(n: int, seconds: int = 60) -> str:
    """Return the n-th of instants that are `seconds` apart, from 2021 on."""
    minutes, second = divmod(n * seconds, 60)
    hours, minute = divmod(minutes, 60)
    days, hour = divmod(hours, 24)
    months, day = divmod(days, 28)
    return f"{2021 + months // 12}-{months % 12 + 1:02}-{day + 1:02} {hour:02}:{minute:02}:{second:02}"


def _digest(*parts: object) -> bytes:
    return hashlib.sha256(repr(parts).encode()).digest()


def _zipf(size: int, seed: int) -> Callable[[], int]:
    """Return a generator of numbers from 1 to `size` that follow Zipf's law, like names in real dumps."""
    rng, ends = random.Random(seed), list(accumulate(1 / n for n in range(1, size + 1)))
    return lambda: bisect(ends, rng.random() * ends[-1]) + 1


if __name__ == "__main__":
    store = Store(sys.argv[1])
    migrate.upgrade(store)
    fill(store, int(sys.argv[2]))
