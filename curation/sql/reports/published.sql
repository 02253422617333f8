-- title: Published now
-- purpose: What the site shows, in the site's own order of news: the newest first.
-- parameter: collection collection % a collection such as news; % stands for any text
-- parameter: limit integer 50 how many rows at most
-- Dated and undated apart, each cut at the limit: so an index leads to the newest, and the rest is not read.
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
