-- title: Images
-- purpose: Images to check: no size, odd size (a side under 50 pixels or over five times the other), much used, and published articles without an image.
-- parameter: used integer 10 minimum number of articles that use a much used image
-- parameter: limit integer 100 maximum number of rows
-- Missing articles do not count. The view excludes them after the first selection, which is faster.
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
) images_to_check
ORDER BY why DESC, articles DESC, url, path
LIMIT :limit
