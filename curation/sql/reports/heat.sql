-- title: Heat over time
-- purpose: Every change of an article's heat since its first import, with who changed it.
-- chart: steps at new
-- parameter: article integer 1 the article's id
WITH heat_changes AS (
  SELECT change_id, at, old_value, new_value, kind, actor, reason, changeset_id
  FROM flag_history
  WHERE article_id = :article AND flag = 'heat'
)
SELECT at, old_value AS old, new_value AS new, kind, actor, reason, changeset_id AS changeset
FROM (
  SELECT
    0 AS change_id, i.started_at AS at, CAST(NULL AS bigint) AS old_value,
    CASE
      WHEN EXISTS (SELECT 1 FROM heat_changes) THEN (SELECT h.old_value FROM heat_changes h ORDER BY h.change_id LIMIT 1)
      ELSE a.heat
    END AS new_value,
    'import' AS kind, CAST(NULL AS text) AS actor, CAST(NULL AS text) AS reason, CAST(NULL AS bigint) AS changeset_id
  FROM articles a
  JOIN imports i ON i.id = a.first_import_id
  WHERE a.id = :article
  UNION ALL
  SELECT * FROM heat_changes
) steps
ORDER BY change_id
