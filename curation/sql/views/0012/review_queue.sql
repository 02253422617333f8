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
-- priority: 1 upstream parts from a decision, 2 good but not published, 3 published but never judged
-- why: the same in words
CREATE VIEW review_queue AS
SELECT
  a.id, s.name AS source, a.path, a.title, p.name AS provider, a.published_at, a.quality, a.heat, a.published,
  w.priority, w.why
FROM (
  SELECT a.id, 1 AS priority, 'upstream parts from a decision' AS why
  FROM articles a
  WHERE a.id IN (
    SELECT o.article_id
    FROM overrides o
    JOIN articles b ON b.id = o.article_id
    WHERE o.value <> CASE o.field
      WHEN 'quality' THEN b.upstream_quality
      WHEN 'heat' THEN b.upstream_heat
      WHEN 'published' THEN CASE WHEN b.upstream_published THEN 1 WHEN NOT b.upstream_published THEN 0 END
      ELSE CASE WHEN b.upstream_removed THEN 1 WHEN NOT b.upstream_removed THEN 0 END
    END
  )
  UNION ALL
  SELECT a.id, 2, 'good, but not published'
  FROM articles a
  WHERE NOT a.published AND a.quality >= 60 AND coalesce(a.heat, 0) <> -1
    AND NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = a.id AND o.field = 'published')
  UNION ALL
  SELECT a.id, 3, 'published, never judged'
  FROM articles a
  WHERE a.published AND a.quality IS NULL
) w
JOIN articles a ON a.id = w.id
JOIN sources s ON s.id = a.source_id
LEFT JOIN providers p ON p.id = a.provider_id
WHERE NOT a.removed AND a.missing_since IS NULL
