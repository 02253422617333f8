-- title: Conflicts with upstream
-- purpose: Flags that upstream has changed since an editor overrode them, to something else.
-- parameter: limit integer 100 maximum number of rows
-- What upstream states now is read as by `curation conflicts`: a date in the future only delays a publication.
SELECT a.id AS article, o.field AS flag, o.value AS yours, o.upstream_value AS upstream_then,
  CASE o.field
    WHEN 'quality' THEN a.upstream_quality
    WHEN 'heat' THEN a.upstream_heat
    WHEN 'published' THEN CASE
      WHEN a.upstream_status = 'scheduled' THEN 1 WHEN NOT a.upstream_published THEN 0 ELSE 1
    END
    ELSE CASE WHEN a.upstream_removed THEN 1 ELSE 0 END
  END AS upstream_now,
  c.actor, c.created_at AS at, c.reason, a.title, a.path
FROM review_items i
JOIN articles a ON a.id = i.article_id
JOIN overrides o ON o.article_id = i.article_id AND o.field = i.flag
JOIN changesets c ON c.id = o.changeset_id
WHERE i.priority = 1 AND i.why = 'conflict with upstream'
ORDER BY c.id DESC, a.path, o.field
LIMIT :limit
