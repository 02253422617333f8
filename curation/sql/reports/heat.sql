-- title: Heat over time
-- purpose: How an article's heat moved, and who moved it; by the article's id.
-- chart: steps at new
-- parameter: article integer 1 the article's id
SELECT at, old_value AS old, new_value AS new, kind, actor, reason, changeset_id AS changeset
FROM flag_history
WHERE article_id = :article AND flag = 'heat'
ORDER BY change_id
