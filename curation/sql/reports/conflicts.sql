-- title: Conflicts with upstream
-- purpose: Flags that upstream has changed since an editor overrode them, to something else.
-- parameter: limit integer 100 maximum number of rows
-- The rule is that of `curation conflicts`. A date in the future only delays a publication.
SELECT id AS article, flag, yours, upstream_then, upstream_now, actor, at, reason, title, path
FROM (
  SELECT a.id, o.field AS flag, o.value AS yours, o.upstream_value AS upstream_then,
    CASE o.field
      WHEN 'quality' THEN a.upstream_quality
      WHEN 'heat' THEN a.upstream_heat
      WHEN 'published' THEN CASE
        WHEN a.upstream_status = 'scheduled' THEN 1 WHEN NOT a.upstream_published THEN 0 ELSE 1
      END
      ELSE CASE WHEN a.upstream_removed THEN 1 ELSE 0 END
    END AS upstream_now,
    c.id AS changeset, c.actor, c.created_at AS at, c.reason, a.title, a.path
  FROM review_items i
  JOIN articles a ON a.id = i.article_id
  JOIN overrides o ON o.article_id = i.article_id
  JOIN changesets c ON c.id = o.changeset_id
  WHERE i.priority = 1 AND i.why = 'conflict with upstream' AND c.kind NOT IN ('import', 'score')
) compared
WHERE upstream_now <> yours AND (upstream_then IS NULL OR upstream_now <> upstream_then)
ORDER BY changeset DESC, path, flag
LIMIT :limit
