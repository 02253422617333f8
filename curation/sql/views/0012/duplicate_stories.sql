-- Stories that lie at more than one path of a source, a row for each article and each way in which it is the
-- same as another; missing articles do not count.
-- source: the name of the source
-- same: url where the canonical addresses are the same, title where the titles are
-- story: that address or title
-- copies: how many articles are the same
-- article_id: the article's id
-- path: its file, from the source's root
-- title: its title
-- provider: the name of who published it first
-- published_at: when it was published (UTC)
-- published: whether it is shown
CREATE VIEW duplicate_stories AS
SELECT
  s.name AS source, d.same, d.story, d.copies, d.id AS article_id, d.path, d.title, p.name AS provider,
  d.published_at, d.published
FROM (
  SELECT
    source_id, 'url' AS same, canonical_url AS story, id, path, title, provider_id, published_at, published,
    count(*) OVER (PARTITION BY canonical_digest, source_id) AS copies
  FROM articles
  WHERE missing_since IS NULL AND canonical_digest IN (
    SELECT canonical_digest FROM articles
    WHERE canonical_digest IS NOT NULL GROUP BY canonical_digest HAVING count(*) > 1
  )
  UNION ALL
  SELECT
    source_id, 'title', title, id, path, title, provider_id, published_at, published,
    count(*) OVER (PARTITION BY title, source_id)
  FROM articles
  WHERE missing_since IS NULL AND title IN (
    SELECT title FROM articles
    WHERE title <> '' AND missing_since IS NULL GROUP BY title HAVING count(*) > 1
  )
) d
JOIN sources s ON s.id = d.source_id
LEFT JOIN providers p ON p.id = d.provider_id
WHERE d.copies > 1
