"""Measure each report and the same in hand-written SQL: `python -m tests.bench.reports DATABASE [ROUNDS]`.

DATABASE is a store of `tests.support.synthetic_store`. Hand-written SQL reads the tables directly and makes
the best use of their indexes; its rows must be the same, which is checked.

It prints a JSON line for each report: median seconds, and the median of the ratios of each round. This is not
a test, because only figures of one run can be compared.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from typing import Any

from curation.backends.queries import Query
from curation.queries.reports import Report, find_reports, make_report_query, run_query
from curation.store.database import Store

#: Expressions that differ between engines; in SQLite months are text.
DIALECTS = {
    "sqlite": {
        "@month": "substr(published_at, 1, 7)",
        "@named": "month",
        "@day": "substr(created_at, 1, 10)",
    },
    "postgresql": {
        "@month": "date_trunc('month', published_at)",
        "@named": "to_char(month, 'YYYY-MM')",
        "@day": "to_char(created_at, 'YYYY-MM-DD')",
    },
}

BY_HAND = {
    "activity": """
SELECT @day AS day, actor, kind, count(DISTINCT c.id), count(*), count(DISTINCT h.article_id), max(created_at)
FROM changesets c JOIN changes h ON h.changeset_id = c.id WHERE kind = :kind
GROUP BY 1, actor, kind ORDER BY day DESC, count(*) DESC, actor, kind LIMIT :limit""",
    "clusters": """
WITH led AS (
  SELECT l.article_id, a.quality FROM related_links l
  JOIN articles a ON a.id = l.article_id LEFT JOIN articles t ON t.id = l.target_id
  WHERE a.missing_since IS NULL GROUP BY l.article_id, a.quality
  HAVING max(CASE WHEN coalesce(t.quality, l.quality) > a.quality OR coalesce(t.quality, l.quality) = a.quality
    AND coalesce(t.published_at, l.published_at) < a.published_at THEN 1 ELSE 0 END) = 0
  ORDER BY a.quality IS NULL, a.quality DESC, l.article_id LIMIT :limit)
SELECT a.id, a.title, a.quality, t.id, l.title, coalesce(t.quality, l.quality)
FROM led JOIN articles a ON a.id = led.article_id JOIN related_links l ON l.article_id = a.id
LEFT JOIN articles t ON t.id = l.target_id
ORDER BY a.quality IS NULL, a.quality DESC, a.id, coalesce(t.quality, l.quality) IS NULL,
  coalesce(t.quality, l.quality) DESC, l.position LIMIT :limit""",
    "collections": """
SELECT c.id, c.title, i.position, i.item_path, CASE WHEN t.id IS NULL THEN 'no such article'
  WHEN t.missing_since IS NOT NULL THEN 'article is missing' ELSE 'not published' END, c.path
FROM collection_items i JOIN articles c ON c.id = i.article_id LEFT JOIN articles t ON t.id = i.item_id
WHERE c.missing_since IS NULL AND (t.id IS NULL OR t.missing_since IS NOT NULL OR NOT t.published)
ORDER BY c.path, i.position LIMIT :limit""",
    "duplicates": """
WITH urls AS (
  SELECT canonical_digest FROM articles WHERE canonical_digest IS NOT NULL
  GROUP BY canonical_digest HAVING count(*) > 1),
titles AS (
  SELECT title FROM articles WHERE title <> '' AND missing_since IS NULL GROUP BY title HAVING count(*) > 1),
found AS (
  SELECT 'url' AS same, canonical_url AS story, a.*,
    count(*) OVER (PARTITION BY canonical_digest, source_id) AS copies
  FROM articles a WHERE missing_since IS NULL AND canonical_digest IN (SELECT canonical_digest FROM urls)
  UNION ALL
  SELECT 'title', title, a.*, count(*) OVER (PARTITION BY title, source_id)
  FROM articles a WHERE missing_since IS NULL AND title IN (SELECT title FROM titles))
SELECT same, story, copies, f.id, published, published_at, p.name, path
FROM found f LEFT JOIN providers p ON p.id = f.provider_id
WHERE copies > 1 ORDER BY same DESC, copies DESC, story, path LIMIT :limit""",
    "heat": """
WITH moved AS (SELECT id, changeset_id, old_value, new_value FROM changes
  WHERE article_id = :article AND field = 'heat')
SELECT at, old, new, kind, actor, reason, changeset FROM (
  SELECT 0 AS n, i.started_at AS at, CAST(NULL AS bigint) AS old, CASE WHEN EXISTS (SELECT 1 FROM moved)
    THEN (SELECT old_value FROM moved ORDER BY id LIMIT 1) ELSE a.heat END AS new, 'import' AS kind,
    CAST(NULL AS text) AS actor, CAST(NULL AS text) AS reason, CAST(NULL AS bigint) AS changeset
  FROM articles a JOIN imports i ON i.id = a.first_import_id WHERE a.id = :article
  UNION ALL
  SELECT h.id, c.created_at, h.old_value, h.new_value, c.kind, c.actor, c.reason, c.id
  FROM moved h JOIN changesets c ON c.id = h.changeset_id) s ORDER BY n""",
    "images": """
WITH found AS (
  SELECT 'no size' AS why, id FROM images WHERE width IS NULL OR height IS NULL
  UNION ALL
  SELECT 'odd size', id FROM images WHERE width < 50 OR height < 50 OR width > 5 * height OR height > 5 * width
  UNION ALL
  SELECT 'much used', image_id FROM article_images GROUP BY image_id HAVING count(DISTINCT article_id) >= :used),
used AS (
  SELECT why, (SELECT count(DISTINCT u.article_id) FROM article_images u JOIN articles a ON a.id = u.article_id
    WHERE u.image_id = i.id AND a.missing_since IS NULL) AS articles, width, height, url
  FROM found f JOIN images i ON i.id = f.id)
SELECT * FROM (
  SELECT used.*, CAST(NULL AS text) AS path FROM used WHERE why <> 'much used' OR articles >= :used
  UNION ALL
  SELECT 'no image', NULL, NULL, NULL, NULL, path FROM articles a WHERE published IS TRUE AND missing_since IS NULL
    AND NOT EXISTS (SELECT 1 FROM article_images i WHERE i.article_id = a.id)) u
ORDER BY why DESC, articles DESC, url, path LIMIT :limit""",
    "imports": """
WITH last AS (SELECT * FROM imports ORDER BY id DESC LIMIT :limit)
SELECT i.id, s.name, i.started_at, i.status, i.added, i.updated, i.unchanged, i.missing, i.skipped, i.quarantined,
  (SELECT count(*) FROM import_issues u WHERE u.import_id = i.id AND u.resolved_import_id IS NULL),
  (SELECT max(c.id) FROM changesets c WHERE c.import_id = i.id), i.location, i.git_commit
FROM last i JOIN sources s ON s.id = i.source_id ORDER BY i.id DESC""",
    "months": """
SELECT s.name, @named AS month, n, p, round(100.0 * p / n, 1), round(CAST(q AS numeric), 1),
  round(CAST(h AS numeric), 1)
FROM (
  SELECT @month AS month, source_id, count(*) AS n, count(CASE WHEN published THEN 1 END) AS p,
    avg(1.0 * quality) AS q, avg(1.0 * heat) AS h
  FROM articles WHERE published_at IS NOT NULL AND missing_since IS NULL GROUP BY 1, source_id) m
JOIN sources s ON s.id = m.source_id WHERE s.name LIKE :source ORDER BY 2 DESC, s.name LIMIT :limit""",
    "conflicts": """
WITH overridden AS (
  SELECT o.*, a.title, a.path, CASE o.field WHEN 'quality' THEN a.upstream_quality
    WHEN 'heat' THEN a.upstream_heat
    WHEN 'published' THEN CASE WHEN NOT a.upstream_published THEN 0 ELSE 1 END
    ELSE CASE WHEN a.upstream_removed THEN 1 ELSE 0 END END AS stated
  FROM overrides o JOIN articles a ON a.id = o.article_id WHERE NOT a.removed AND a.missing_since IS NULL)
SELECT t.article_id, t.field, t.value, t.upstream_value, t.stated, c.actor, c.created_at, c.reason, t.title, t.path
FROM overridden t JOIN changesets c ON c.id = t.changeset_id
WHERE t.value <> t.stated AND (t.upstream_value IS NULL OR t.upstream_value <> t.stated)
ORDER BY c.id DESC, t.path, t.field LIMIT :limit""",
    "providers": """
WITH g AS (
  SELECT provider_id, quality, count(*) AS n, count(CASE WHEN published THEN 1 END) AS p, max(published_at) AS d
  FROM articles WHERE missing_since IS NULL GROUP BY provider_id, quality),
best AS (
  SELECT provider_id, sum(n) AS n, sum(p) AS p, 1.0 * sum(quality * n) AS q,
    sum(CASE WHEN quality IS NOT NULL THEN n END) AS qn, max(d) AS d
  FROM g GROUP BY provider_id HAVING sum(n) >= :minimum ORDER BY 2 DESC LIMIT :limit),
run AS (
  SELECT g.provider_id, g.quality, g.n, qn, sum(g.n) OVER (PARTITION BY g.provider_id ORDER BY g.quality) AS up_to
  FROM g JOIN best b ON b.provider_id = g.provider_id WHERE g.quality IS NOT NULL),
middle AS (
  SELECT provider_id, avg(1.0 * quality) AS m FROM run
  WHERE 2 * up_to >= qn AND 2 * (up_to - n) <= qn GROUP BY provider_id),
late AS (
  SELECT provider_id, count(CASE WHEN published_at >= :recent THEN 1 END) AS r,
    count(CASE WHEN published_at < :recent THEN 1 END) AS e
  FROM articles WHERE published_at >= :earlier AND missing_since IS NULL GROUP BY provider_id)
SELECT s.name, s.domain, CAST(n AS bigint), CAST(p AS bigint), round(100.0 * p / n, 1), round(q / qn, 1),
  round(CAST(m AS numeric), 1), coalesce(r, 0), coalesce(r - e, 0), d
FROM best b JOIN providers s ON s.id = b.provider_id LEFT JOIN middle m ON m.provider_id = b.provider_id
LEFT JOIN late l ON l.provider_id = b.provider_id ORDER BY n DESC, s.name, s.domain""",
    "published": """
WITH newest AS (
  SELECT id, published_at, path FROM articles
  WHERE published IS TRUE AND missing_since IS NULL AND published_at IS NOT NULL AND collection LIKE :collection
  ORDER BY published_at DESC, path LIMIT :limit)
SELECT a.id, a.published_at, a.quality, a.heat, a.title, p.name, a.collection, a.path
FROM newest n JOIN articles a ON a.id = n.id LEFT JOIN providers p ON p.id = a.provider_id
ORDER BY a.published_at DESC, a.path LIMIT :limit""",
    "review": """
WITH conflicting AS (
  SELECT DISTINCT a.id FROM overrides o JOIN articles a ON a.id = o.article_id
  WHERE NOT a.removed AND a.missing_since IS NULL AND (a.quality <> a.upstream_quality
    OR a.heat <> a.upstream_heat OR a.published <> a.upstream_published OR a.removed <> a.upstream_removed)),
hidden AS (
  SELECT a.id FROM articles a
  WHERE NOT a.removed AND a.missing_since IS NULL AND a.published = false AND a.quality >= :quality
    AND coalesce(a.heat, 0) <> -1
    AND NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = a.id AND o.field = 'published')
  ORDER BY a.quality DESC LIMIT :limit),
unjudged AS (
  SELECT id FROM articles WHERE NOT removed AND missing_since IS NULL AND published IS TRUE AND quality IS NULL
  ORDER BY published_at DESC LIMIT :limit)
SELECT a.id, CASE w.n WHEN 1 THEN 'conflict with upstream' WHEN 2 THEN 'good, but not published'
  ELSE 'published, never judged' END, a.quality, a.heat, a.title, p.name, a.path
FROM (SELECT 1 AS n, id FROM conflicting UNION ALL SELECT 2, id FROM hidden UNION ALL SELECT 3, id FROM unjudged) w
JOIN articles a ON a.id = w.id LEFT JOIN providers p ON p.id = a.provider_id
ORDER BY w.n, a.quality DESC NULLS LAST, a.published_at DESC NULLS LAST, a.id LIMIT :limit""",
    "stale": """
SELECT s.name, max(CASE WHEN status IN ('succeeded', 'partial') THEN started_at END) AS last,
  max(CASE WHEN added + updated + missing > 0 AND status <> 'reverted' THEN started_at END),
  count(CASE WHEN status = 'failed' THEN 1 END)
FROM imports i JOIN sources s ON s.id = i.source_id GROUP BY s.name ORDER BY 2 IS NOT NULL, 2, 1""",
    "topics": """
WITH RECURSIVE below (topic_id, child_id) AS (
  SELECT id, id FROM topics UNION SELECT b.topic_id, t.id FROM below b JOIN topics t ON t.parent_id = b.child_id),
under AS (
  SELECT b.topic_id, count(DISTINCT u.article_id) AS n FROM below b
  JOIN article_topics u ON u.topic_id = b.child_id
  WHERE u.article_id NOT IN (SELECT id FROM articles WHERE missing_since IS NOT NULL) GROUP BY b.topic_id),
counted AS (
  SELECT u.topic_id, count(*) AS n, count(CASE WHEN a.published THEN 1 END) AS p, avg(1.0 * a.quality) AS q,
    max(a.published_at) AS d
  FROM (SELECT DISTINCT topic_id, article_id FROM article_topics) u JOIN articles a ON a.id = u.article_id
  WHERE a.missing_since IS NULL GROUP BY u.topic_id)
SELECT t.name, o.name, coalesce(c.n, 0), coalesce(u.n, 0), coalesce(c.p, 0), round(100.0 * c.p / c.n, 1),
  round(CAST(c.q AS numeric), 1), c.d
FROM topics t LEFT JOIN topics o ON o.id = t.parent_id LEFT JOIN counted c ON c.topic_id = t.id
LEFT JOIN under u ON u.topic_id = t.id WHERE coalesce(o.name, '') LIKE :parent
ORDER BY 3 DESC, t.name LIMIT :limit""",
}


def main() -> None:
    store, rounds = Store(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 5
    for report in find_reports():
        print(json.dumps(compare(store, report, rounds)), flush=True)


def compare(store: Store, report: Report, rounds: int) -> dict[str, Any]:
    """Measure a report and its hand-written SQL in turn."""
    ours = make_report_query(report, {}, 300.0)
    sql = BY_HAND[report.name]
    for name, word in DIALECTS[store.backend.name].items():
        sql = sql.replace(name, word)
    hand = Query(sql, {name: value for name, value in ours.parameters.items() if f":{name}" in sql}, 300.0)
    times: list[tuple[float, float]] = []
    for _ in range(rounds):
        (rows, seconds), (by_hand, seconds_by_hand) = timed(store, ours), timed(store, hand)
        if rows != by_hand:
            first = next((pair for pair in zip(rows, by_hand, strict=False) if pair[0] != pair[1]), None)
            sys.exit(f"{report.name}: {len(rows)} and {len(by_hand)} rows; the first that differ: {first}")
        times.append((seconds, seconds_by_hand))
    return {
        "report": report.name,
        "rows": len(rows),
        "seconds": round(statistics.median(a for a, _ in times), 3),
        "by hand": round(statistics.median(b for _, b in times), 3),
        "ratio": round(statistics.median(a / b for a, b in times), 2),
    }


def timed(store: Store, query: Query) -> tuple[list[tuple[Any, ...]], float]:
    start = time.perf_counter()
    with run_query(store, query) as answer:
        rows = list(answer.rows)
    return rows, time.perf_counter() - start


if __name__ == "__main__":
    main()
