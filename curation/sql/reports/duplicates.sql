-- title: Duplicate stories
-- purpose: Stories that are at more than one path, with the same URL or title.
-- parameter: same url|title % url or title; % matches both
-- parameter: limit integer 100 maximum number of rows
SELECT same, story, copies, article_id AS article, published, published_at, provider, path
FROM duplicate_stories
WHERE same LIKE :same
ORDER BY same DESC, copies DESC, story, path
LIMIT :limit
