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
WITH same AS (
  SELECT
    source_id, 'url' AS same, canonical_url AS story, id,
    count(*) OVER (PARTITION BY source_id, canonical_digest) AS copies
  FROM articles
  WHERE canonical_digest IS NOT NULL AND missing_since IS NULL
  UNION ALL
  SELECT source_id, 'title', title, id, count(*) OVER (PARTITION BY source_id, title)
  FROM articles
  WHERE title IS NOT NULL AND title <> '' AND missing_since IS NULL
)
SELECT
  s.name AS source, d.same, d.story, d.copies, a.id AS article_id, a.path, a.title, p.name AS provider,
  a.published_at, a.published
FROM same d
JOIN articles a ON a.id = d.id
JOIN sources s ON s.id = a.source_id
LEFT JOIN providers p ON p.id = a.provider_id
WHERE d.copies > 1
