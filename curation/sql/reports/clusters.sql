-- title: Related clusters
-- purpose: Articles that no related article outranks (leaders), with the related articles that they outrank.
-- parameter: limit integer 100 maximum number of rows
WITH leaders AS (
  SELECT article_id, quality
  FROM related_graph
  GROUP BY article_id, quality
  HAVING max(outranks) = 0
  ORDER BY quality IS NULL, quality DESC, article_id
  LIMIT :limit
)
SELECT g.article_id AS leader, g.title AS leader_title, g.quality AS leader_quality,
  g.related_id AS outranked, g.related_title AS outranked_title, g.related_quality AS outranked_quality
FROM leaders l
JOIN related_graph g ON g.article_id = l.article_id
ORDER BY g.quality IS NULL, g.quality DESC, g.article_id, g.related_quality IS NULL, g.related_quality DESC, g.position
LIMIT :limit
