-- One row for each link to a related article. Links of missing articles do not count.
-- article_id: the article whose document has the link
-- path: that article's file
-- title: that article's title
-- position: the link's position in the document, from 0
-- related_id: the related article; null if the store has none that matches
-- related_path: the related article's file
-- related_title: the title in the link
-- related_published_at: the related article's publication date (UTC), or else the date in the link
-- quality: the article's effective quality
-- related_quality: the related article's effective quality, or else the quality in the link
-- stated_quality: the quality in the link, a copy that can be stale
-- outranks: 1 if the related article has the higher quality, or the same and an earlier date; otherwise 0
CREATE VIEW related_graph AS
SELECT
  l.article_id, a.path, a.title, l.position, t.id AS related_id, t.path AS related_path,
  l.title AS related_title, coalesce(t.published_at, l.published_at) AS related_published_at,
  a.quality, coalesce(t.quality, l.quality) AS related_quality, l.quality AS stated_quality,
  CASE
    WHEN coalesce(t.quality, l.quality) > a.quality THEN 1
    WHEN coalesce(t.quality, l.quality) = a.quality
      AND coalesce(t.published_at, l.published_at) < a.published_at THEN 1
    ELSE 0
  END AS outranks
FROM related_links l
JOIN articles a ON a.id = l.article_id
LEFT JOIN articles t ON t.id = l.target_id
WHERE a.missing_since IS NULL
