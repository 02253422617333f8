-- title: Review queue
-- purpose: Articles that wait for an editor, and why: may be hidden, story replaced, conflict with upstream, good but not published, never judged.
-- parameter: quality integer 60 minimum quality of an unpublished article
-- parameter: limit integer 20 maximum number of rows
-- The limit applies to each reason, so that an index finds the first rows and the others are not read.
WITH doubtful AS (
  -- an import makes an override only for an article that may be hidden
  SELECT DISTINCT a.id, 0 AS priority, 'may be a hidden article' AS why,
    a.quality, a.published_at
  FROM changesets c
  JOIN overrides o ON o.changeset_id = c.id
  JOIN articles a ON a.id = o.article_id
  WHERE c.kind = 'import' AND NOT a.removed AND a.missing_since IS NULL
  ORDER BY a.quality DESC NULLS LAST, a.published_at DESC NULLS LAST, a.id
  LIMIT :limit
),
replaced AS (
  SELECT DISTINCT a.id, 1 AS priority, 'story replaced' AS why,
    a.quality, a.published_at
  FROM set_aside_overrides s
  JOIN articles a ON a.id = s.article_id
  WHERE NOT a.removed AND a.missing_since IS NULL AND NOT EXISTS (
    SELECT 1 FROM overrides o WHERE o.article_id = s.article_id AND o.field = s.field
  )
  ORDER BY a.quality DESC NULLS LAST, a.published_at DESC NULLS LAST, a.id
  LIMIT :limit
),
conflicts AS (
  SELECT id, 1 AS priority, 'conflict with upstream' AS why
  FROM articles
  WHERE NOT removed AND missing_since IS NULL
    -- this is the condition of ix_articles_conflicts
    AND CASE
      WHEN quality <> upstream_quality OR heat <> upstream_heat
        OR published <> upstream_published OR removed <> upstream_removed THEN 1 ELSE 0
    END = 1
  ORDER BY quality DESC NULLS LAST, published_at DESC NULLS LAST, id
  LIMIT :limit
),
hidden AS (
  SELECT id, 2 AS priority, 'good, but not published' AS why
  FROM articles
  WHERE NOT removed AND missing_since IS NULL
    AND published = false AND quality >= :quality AND coalesce(heat, 0) <> -1
    AND NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = articles.id AND o.field = 'published')
  ORDER BY quality DESC, published_at DESC NULLS LAST, id
  LIMIT :limit
),
unjudged AS (
  SELECT id, 3 AS priority, 'published, never judged' AS why
  FROM articles
  WHERE NOT removed AND missing_since IS NULL AND published IS TRUE AND quality IS NULL
  ORDER BY published_at DESC NULLS LAST, id
  LIMIT :limit
)
SELECT a.id, w.why, a.quality, a.heat, a.title, p.name AS provider, a.path
FROM (SELECT id, priority, why FROM doubtful UNION ALL SELECT id, priority, why FROM replaced
  UNION ALL SELECT * FROM conflicts UNION ALL SELECT * FROM hidden UNION ALL SELECT * FROM unjudged) w
JOIN articles a ON a.id = w.id
LEFT JOIN providers p ON p.id = a.provider_id
ORDER BY w.priority, a.quality DESC NULLS LAST, a.published_at DESC NULLS LAST, a.id
LIMIT :limit
