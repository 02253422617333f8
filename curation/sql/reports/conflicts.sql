-- title: Conflicts with upstream
-- purpose: Flags whose upstream value differs from an editor's override.
-- parameter: limit integer 100 maximum number of rows
SELECT a.id, o.field AS flag,
  CASE o.field
    WHEN 'quality' THEN a.upstream_quality
    WHEN 'heat' THEN a.upstream_heat
    WHEN 'published' THEN CASE WHEN a.upstream_published THEN 1 WHEN NOT a.upstream_published THEN 0 END
    ELSE CASE WHEN a.upstream_removed THEN 1 WHEN NOT a.upstream_removed THEN 0 END
  END AS upstream,
  o.value AS editor, c.actor, c.created_at AS at, c.reason, a.title, a.path
FROM overrides o
JOIN articles a ON a.id = o.article_id
JOIN changesets c ON c.id = o.changeset_id
WHERE o.value <> CASE o.field
    WHEN 'quality' THEN a.upstream_quality
    WHEN 'heat' THEN a.upstream_heat
    WHEN 'published' THEN CASE WHEN a.upstream_published THEN 1 WHEN NOT a.upstream_published THEN 0 END
    ELSE CASE WHEN a.upstream_removed THEN 1 WHEN NOT a.upstream_removed THEN 0 END
  END
ORDER BY c.id DESC, a.path, o.field
LIMIT :limit
