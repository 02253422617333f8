-- title: Duplicate stories
-- purpose: Stories that lie at more than one path, by address (url) or by title.
-- parameter: same url|title % url or title; % stands for both
-- parameter: limit integer 100 how many rows at most
SELECT same, story, copies, article_id AS article, published, published_at, provider, path
FROM duplicate_stories
WHERE same LIKE :same
ORDER BY same DESC, copies DESC, story, path
LIMIT :limit
