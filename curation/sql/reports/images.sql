-- title: Images
-- purpose: Images that want a look: without a size, of an odd one (under 50 pixels, or five times as wide as high, or the other way round), or used the most.
-- parameter: used integer 10 how many articles make an image one of the most used
-- parameter: limit integer 100 how many rows at most
-- Missing articles do not count, but are looked for among what is found alone.
WITH found AS (
  SELECT 'no size' AS why, id FROM images WHERE width IS NULL OR height IS NULL
  UNION ALL
  SELECT 'odd size', id FROM images WHERE width < 50 OR height < 50 OR width > 5 * height OR height > 5 * width
  UNION ALL
  SELECT 'much used', image_id FROM article_images
  GROUP BY image_id HAVING count(DISTINCT article_id) >= :used
)
SELECT f.why, u.articles, u.width, u.height, u.url
FROM found f
JOIN image_usage u ON u.image_id = f.id
WHERE f.why <> 'much used' OR u.articles >= :used
ORDER BY f.why DESC, u.articles DESC, u.url
LIMIT :limit
