-- title: Stale sources
-- purpose: The last completed import and the last change of each source, stalest first.
-- The last import is the one with the highest id, because a clock can be wrong.
SELECT h.source, (SELECT i.started_at FROM import_history i WHERE i.import_id = h.last_import) AS last_import,
  (SELECT i.started_at FROM import_history i WHERE i.import_id = h.last_change) AS last_change, h.failed
FROM (
  SELECT source, max(CASE WHEN status IN ('succeeded', 'partial') THEN import_id END) AS last_import,
    max(
      CASE WHEN (added > 0 OR updated > 0 OR missing > 0) AND status <> 'reverted' THEN import_id END
    ) AS last_change,
    count(CASE WHEN status = 'failed' THEN 1 END) AS failed
  FROM import_history
  GROUP BY source
) h
ORDER BY h.last_import IS NOT NULL, h.last_import, h.source
