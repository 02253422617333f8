-- Articles that wait for an editor, one row for each reason. Order by priority, then by quality, highest first.
-- Articles with an override of `published` are not listed as good but not published.
-- id: the article's id
-- source: the name of its source
-- path: its file, relative to the source's root
-- title: its title
-- provider: the name of its provider
-- published_at: its publication date (UTC)
-- quality: the effective quality
-- heat: the effective heat
-- published: the effective value of published
-- priority: 0 may be a hidden article, 1 story replaced or conflict with upstream, 2 good but not published, 3 published but never judged
-- why: the reason in words
CREATE VIEW review_queue AS
SELECT
  w.id, s.name AS source, w.path, w.title, p.name AS provider, w.published_at, w.quality, w.heat, w.published,
  w.priority, w.why
FROM (
  -- an import makes an override only for an article that may be hidden
  SELECT
    a.id, a.source_id, a.path, a.title, a.provider_id, a.published_at, a.quality, a.heat, a.published,
    0 AS priority, 'may be a hidden article' AS why
  FROM changesets c
  JOIN overrides o ON o.changeset_id = c.id
  JOIN articles a ON a.id = o.article_id
  WHERE c.kind = 'import' AND NOT a.removed AND a.missing_since IS NULL
  UNION ALL
  SELECT
    id, source_id, path, title, provider_id, published_at, quality, heat, published,
    1, 'story replaced'
  FROM articles
  WHERE NOT removed AND missing_since IS NULL AND id IN (
    SELECT s.article_id FROM set_aside_overrides s WHERE NOT EXISTS (
      SELECT 1 FROM overrides o WHERE o.article_id = s.article_id AND o.field = s.field
    )
  )
  UNION ALL
  SELECT
    id, source_id, path, title, provider_id, published_at, quality, heat, published,
    1, 'conflict with upstream'
  FROM articles
  WHERE NOT removed AND missing_since IS NULL
    -- the effective value differs from the upstream value; this is the condition of ix_articles_conflicts
    AND CASE
      WHEN quality <> upstream_quality OR heat <> upstream_heat
        OR published <> upstream_published OR removed <> upstream_removed THEN 1 ELSE 0
    END = 1
  UNION ALL
  SELECT
    id, source_id, path, title, provider_id, published_at, quality, heat, published,
    2, 'good, but not published'
  FROM articles
  WHERE NOT removed AND missing_since IS NULL
    AND published = false AND quality >= 60 AND coalesce(heat, 0) <> -1
    AND NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = articles.id AND o.field = 'published')
  UNION ALL
  SELECT
    id, source_id, path, title, provider_id, published_at, quality, heat, published,
    3, 'published, never judged'
  FROM articles
  WHERE NOT removed AND missing_since IS NULL AND published IS TRUE AND quality IS NULL
) w
JOIN sources s ON s.id = w.source_id
LEFT JOIN providers p ON p.id = w.provider_id
