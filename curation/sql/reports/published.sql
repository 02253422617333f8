-- title: Published now
-- purpose: Published articles, latest first, as the site orders news.
-- parameter: collection collection % a collection such as news; % matches any text
-- parameter: limit integer 50 maximum number of rows
-- Dated and undated articles are limited separately, so that an index finds the latest and the others are not read.
WITH dated AS (
  SELECT id FROM articles
  WHERE published IS TRUE AND missing_since IS NULL AND published_at IS NOT NULL AND collection LIKE :collection
  ORDER BY published_at DESC, path
  LIMIT :limit
),
undated AS (
  SELECT id FROM articles
  WHERE published IS TRUE AND missing_since IS NULL AND published_at IS NULL AND collection LIKE :collection
  ORDER BY path
  LIMIT :limit
)
SELECT a.id, a.published_at, a.quality, a.heat, a.title, a.provider, a.collection, a.path
FROM published_articles a
WHERE a.id IN (SELECT id FROM dated UNION ALL SELECT id FROM undated)
ORDER BY a.published_at IS NULL, a.published_at DESC, a.path
LIMIT :limit
