-- title: Stale sources
-- purpose: When each source was last taken in whole, and when anything in it last changed; the stalest first.
SELECT source, last_import, last_change, failed
FROM (
  SELECT source, max(CASE WHEN status IN ('succeeded', 'partial') THEN started_at END) AS last_import,
    max(CASE WHEN added + updated + missing > 0 AND status <> 'reverted' THEN started_at END) AS last_change,
    count(CASE WHEN status = 'failed' THEN 1 END) AS failed
  FROM import_history
  GROUP BY source
) h
ORDER BY last_import IS NOT NULL, last_import, source
