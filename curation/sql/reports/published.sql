-- title: Published now
-- purpose: What the site shows, in the site's own order of news: the newest first.
-- parameter: collection text % a collection such as news; % stands for any text
-- parameter: limit integer 50 how many rows at most
SELECT id, published_at, quality, heat, title, provider, collection, path
FROM published_articles
WHERE collection LIKE :collection
ORDER BY published_at IS NULL, published_at DESC, path
LIMIT :limit
