-- title: What to review next
-- purpose: Articles that wait for an editor, and why: upstream parted from a decision, good but not shown, shown but never judged.
-- parameter: quality integer 60 least quality of an unpublished article worth a look
-- parameter: limit integer 20 how many rows at most
WITH parted AS (
  SELECT DISTINCT o.article_id
  FROM overrides o
  JOIN articles a ON a.id = o.article_id
  WHERE o.value <> CASE o.field
    WHEN 'quality' THEN a.upstream_quality
    WHEN 'heat' THEN a.upstream_heat
    WHEN 'published' THEN CASE WHEN a.upstream_published THEN 1 WHEN NOT a.upstream_published THEN 0 END
    ELSE CASE WHEN a.upstream_removed THEN 1 WHEN NOT a.upstream_removed THEN 0 END
  END
),
waiting AS (
  SELECT
    a.id, a.title, a.quality, a.heat, a.provider_id, a.path, a.published_at,
    CASE
      WHEN p.article_id IS NOT NULL THEN 1
      WHEN NOT a.published AND a.quality >= :quality AND coalesce(a.heat, 0) <> -1 THEN 2
      WHEN a.published AND a.quality IS NULL THEN 3
    END AS rank
  FROM articles a
  LEFT JOIN parted p ON p.article_id = a.id
  WHERE NOT a.removed AND a.missing_since IS NULL
)
SELECT
  w.id,
  CASE w.rank
    WHEN 1 THEN 'upstream parts from a decision'
    WHEN 2 THEN 'good, but not published'
    ELSE 'published, never judged'
  END AS why,
  w.quality, w.heat, w.title, p.name AS provider, w.path
FROM waiting w
LEFT JOIN providers p ON p.id = w.provider_id
WHERE w.rank IS NOT NULL
ORDER BY w.rank, coalesce(w.quality, 0) DESC, coalesce(w.heat, 0) DESC, w.published_at DESC, w.path
LIMIT :limit
