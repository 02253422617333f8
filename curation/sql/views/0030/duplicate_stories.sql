-- Stories that are at more than one path of a source, one row for each article and kind of match.
-- Missing articles do not count.
-- source: the name of the source
-- same: url if the canonical URLs are the same, title if the titles are
-- story: that URL or title
-- copies: number of articles that are the same
-- article_id: the article's id
-- path: its file, relative to the source's root
-- title: its title
-- provider: the name of its provider
-- published_at: its publication date (UTC)
-- published: the effective value of published
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
