-- The rows of the review queue that some articles should have: one for each reason, and for each flag in conflict.
-- `articles/review_queue.py` describes the reasons, gives their words and priorities, and replaces @chosen by the
-- articles. Each article is read once, by its id.
WITH judged AS (
  SELECT
    a.id, a.source_id, a.quality, a.heat, a.published, a.published_at, a.first_import_id,
    a.upstream_quality, a.upstream_heat,
    -- a date in the future only delays a publication
    CASE
      WHEN a.upstream_published IS NULL OR a.upstream_published OR a.upstream_status = 'scheduled' THEN 1
      ELSE 0
    END AS stated_published,
    CASE WHEN a.upstream_removed THEN 1 ELSE 0 END AS stated_removed,
    -- an import makes an override only for an article that may be hidden
    CASE WHEN EXISTS (
      SELECT 1 FROM overrides o JOIN changesets c ON c.id = o.changeset_id
      WHERE o.article_id = a.id AND c.kind = 'import'
    ) THEN 1 ELSE 0 END AS is_withheld,
    CASE WHEN EXISTS (
      SELECT 1 FROM set_aside_overrides s
      WHERE s.article_id = a.id
        AND NOT EXISTS (SELECT 1 FROM overrides o WHERE o.article_id = s.article_id AND o.field = s.field)
    ) THEN 1 ELSE 0 END AS is_replaced,
    -- what a score has computed is no decision
    CASE WHEN EXISTS (
      SELECT 1 FROM overrides o JOIN changesets c ON c.id = o.changeset_id
      WHERE o.article_id = a.id AND o.field = 'published' AND c.kind <> 'score'
    ) THEN 1 ELSE 0 END AS is_decided
  FROM articles a
  WHERE a.id IN (@chosen) AND NOT a.removed AND a.missing_since IS NULL
),
stated AS (
  SELECT
    a.id, o.field, o.value, o.upstream_value, o.changeset_id,
    CASE o.field
      WHEN 'quality' THEN a.upstream_quality
      WHEN 'heat' THEN a.upstream_heat
      WHEN 'published' THEN a.stated_published
      ELSE a.stated_removed
    END AS upstream_now
  FROM judged a
  JOIN overrides o ON o.article_id = a.id
  JOIN changesets c ON c.id = o.changeset_id
  WHERE c.kind NOT IN ('import', 'score')
),
-- `resets`: the flags whose reset settles a reason; `watches`: those whose upstream values bring it back
waiting AS (
  SELECT id, @withheld AS why, '' AS flag, @withheld_priority AS priority, 'none' AS resets, 'none' AS watches,
    0 AS decision_id
  FROM judged WHERE is_withheld = 1
  UNION ALL
  SELECT id, @replaced, '', @replaced_priority, 'none', 'none', 0
  FROM judged WHERE is_replaced = 1
  UNION ALL
  SELECT id, @conflict, field, @conflict_priority, 'none', field, changeset_id
  FROM stated
  WHERE upstream_now <> value AND (upstream_value IS NULL OR upstream_now <> upstream_value)
  UNION ALL
  SELECT a.id, @good, '', @good_priority, 'published', 'quality and published', 0
  FROM judged a JOIN sources s ON s.id = a.source_id
  WHERE NOT a.published AND a.quality >= s.review_quality AND coalesce(a.heat, 0) <> -1 AND a.is_decided = 0
  UNION ALL
  SELECT a.id, @unapproved, '', @unapproved_priority, 'published', 'published', 0
  FROM judged a JOIN sources s ON s.id = a.source_id
  WHERE a.published AND a.is_decided = 0
    AND (s.approval = 'all' OR (s.approval = 'new' AND a.first_import_id > s.approval_after))
  UNION ALL
  SELECT id, @unjudged, '', @unjudged_priority, 'quality and published', 'quality and published', 0
  FROM judged WHERE published AND quality IS NULL AND is_decided = 0
)
SELECT
  w.id AS article_id, w.why, w.flag, w.priority, a.quality, a.published_at,
  max(r.snoozed_until) AS snoozed_until
FROM waiting w
JOIN judged a ON a.id = w.id
-- a review settles a reason if it holds, is about the same story, and upstream states the same as then
LEFT JOIN reviews r ON r.article_id = w.id
  AND r.ended_changeset_id IS NULL AND r.changeset_id >= w.decision_id
  AND (
    r.field = 'all' OR (r.field = 'published' AND w.resets <> 'none')
    OR (r.field = 'quality' AND w.resets = 'quality and published')
  )
  AND (
    w.watches NOT IN ('quality', 'quality and published') OR r.upstream_quality = a.upstream_quality
    OR (r.upstream_quality IS NULL AND a.upstream_quality IS NULL)
  )
  AND (
    w.watches NOT IN ('published', 'quality and published')
    OR CASE WHEN r.upstream_published THEN 1 ELSE 0 END = a.stated_published
  )
  AND (
    w.watches <> 'heat' OR r.upstream_heat = a.upstream_heat
    OR (r.upstream_heat IS NULL AND a.upstream_heat IS NULL)
  )
  AND (w.watches <> 'removed' OR CASE WHEN r.upstream_removed THEN 1 ELSE 0 END = a.stated_removed)
  AND NOT EXISTS (
    SELECT 1
    FROM story_takeovers t
    JOIN articles n ON n.id = t.article_id
    WHERE t.article_id = r.article_id
      AND t.last_changeset_id = (
        SELECT min(u.last_changeset_id) FROM story_takeovers u
        WHERE u.article_id = r.article_id AND u.last_changeset_id >= r.changeset_id
      )
      AND CASE WHEN t.title = n.title OR (t.title IS NULL AND n.title IS NULL) THEN 0 ELSE 1 END = 1
      AND CASE
        WHEN t.canonical_digest = n.canonical_digest THEN 0
        WHEN t.canonical_digest IS NULL AND n.canonical_digest IS NULL THEN 0
        ELSE 1
      END = 1
  )
GROUP BY w.id, w.why, w.flag, w.priority, a.quality, a.published_at
-- a snoozed review only hides the row for a while; a conflict ends only if its override is confirmed
HAVING w.why = @conflict
  OR count(CASE WHEN r.article_id IS NOT NULL AND r.snoozed_until IS NULL THEN 1 END) = 0
