-- title: Related clusters
-- purpose: Stories with related articles: the leader, which nothing outranks, and those that it outranks.
-- parameter: limit integer 100 how many rows at most
WITH leaders AS (
  SELECT article_id FROM related_graph GROUP BY article_id HAVING max(outranks) = 0
)
SELECT g.article_id AS leader, g.title AS leader_title, g.quality AS leader_quality,
  g.related_id AS outranked, g.related_title AS outranked_title, g.related_quality AS outranked_quality
FROM related_graph g
JOIN leaders l ON l.article_id = g.article_id
ORDER BY g.quality DESC, g.article_id, g.related_quality DESC, g.position
LIMIT :limit
