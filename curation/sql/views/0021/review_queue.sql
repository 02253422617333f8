-- What waits for an editor, a row for each reason; the most urgent have the lowest priority, and then the
-- highest quality. What an editor has decided not to publish does not wait.
-- id: the article's id
-- source: the name of its source
-- path: its file, from the source's root
-- title: its title
-- provider: the name of who published it first
-- published_at: when it was published (UTC)
-- quality: the quality that holds
-- heat: the heat that holds
-- published: whether it is shown
-- priority: 0 may be an article that an editor hid, 1 another story has taken the path of a decision, or upstream parts from a decision, 2 good but not published, 3 published but never judged
-- why: the same in words
CREATE VIEW review_queue AS
SELECT
  w.id, s.name AS source, w.path, w.title, p.name AS provider, w.published_at, w.quality, w.heat, w.published,
  w.priority, w.why
FROM (
  -- an import makes an override only to hold back what may be hidden
  SELECT
    a.id, a.source_id, a.path, a.title, a.provider_id, a.published_at, a.quality, a.heat, a.published,
    0 AS priority, 'may be an article that was hidden' AS why
  FROM changesets c
  JOIN overrides o ON o.changeset_id = c.id
  JOIN articles a ON a.id = o.article_id
  WHERE c.kind = 'import' AND NOT a.removed AND a.missing_since IS NULL
  UNION ALL
  SELECT
    id, source_id, path, title, provider_id, published_at, quality, heat, published,
    1, 'another story, without its decisions'
  FROM articles
  WHERE NOT removed AND missing_since IS NULL AND id IN (
    SELECT s.article_id FROM set_aside_overrides s WHERE NOT EXISTS (
      SELECT 1 FROM overrides o WHERE o.article_id = s.article_id AND o.field = s.field
    )
  )
  UNION ALL
  SELECT
    id, source_id, path, title, provider_id, published_at, quality, heat, published,
    1, 'upstream parts from a decision'
  FROM articles
  WHERE NOT removed AND missing_since IS NULL
    -- what holds is the decision, or else what upstream says; ix_articles_parted says it in the same words
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
