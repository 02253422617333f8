-- title: Images
-- purpose: Images that want a look: without a size, of an odd one (under 50 pixels, or five times as wide as high, or the other way round), missing from a published article, or used the most.
-- parameter: used integer 10 how many articles make an image one of the most used
-- parameter: limit integer 100 how many rows at most
-- Missing articles do not count, but are looked for among what is found alone.
WITH found AS (
  SELECT 'no size' AS why, id FROM images WHERE width IS NULL OR height IS NULL
  UNION ALL
  SELECT 'odd size', id FROM images WHERE width < 50 OR height < 50 OR width > 5.0 * height OR height > 5.0 * width
  UNION ALL
  SELECT 'much used', image_id FROM article_images
  GROUP BY image_id HAVING count(DISTINCT article_id) >= :used
)
SELECT why, articles, width, height, url, path
FROM (
  SELECT f.why, u.articles, u.width, u.height, u.url, CAST(NULL AS text) AS path
  FROM found f
  JOIN image_usage u ON u.image_id = f.id
  WHERE f.why <> 'much used' OR u.articles >= :used
  UNION ALL
  SELECT 'no image', CAST(NULL AS bigint), CAST(NULL AS bigint), CAST(NULL AS bigint), CAST(NULL AS text), a.path
  FROM articles a
  WHERE a.published IS TRUE AND a.missing_since IS NULL
    AND NOT EXISTS (SELECT 1 FROM article_images i WHERE i.article_id = a.id)
) looked_at
ORDER BY why DESC, articles DESC, url, path
LIMIT :limit
