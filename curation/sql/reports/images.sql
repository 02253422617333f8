-- title: Images
-- purpose: Images that want a look: without a size, of an odd one (under 50 pixels, or five times as wide as high, or the other way round), or used the most.
-- parameter: used integer 10 how many articles make an image one of the most used
-- parameter: limit integer 100 how many rows at most
SELECT why, articles, width, height, url
FROM (
  SELECT 'no size' AS why, articles, width, height, url FROM image_usage WHERE width IS NULL OR height IS NULL
  UNION ALL
  SELECT 'odd size', articles, width, height, url FROM image_usage
  WHERE width < 50 OR height < 50 OR width > 5 * height OR height > 5 * width
  UNION ALL
  SELECT 'much used', articles, width, height, url FROM image_usage WHERE articles >= :used
) found
ORDER BY why DESC, articles DESC, url
LIMIT :limit
