-- Who names whom as related, a row for each related link; those of missing articles do not count.
-- article_id: the article whose document has the link
-- path: that article's file
-- title: that article's title
-- position: the link's place in the document, from 0
-- related_id: the article that the link names, null while there is none
-- related_path: that article's file
-- related_title: the title that the link states
-- related_published_at: when the related article was published (UTC)
-- quality: the quality that holds for the article
-- related_quality: the quality that holds for the related article, or else the one that the link states
-- stated_quality: the quality that the link states; a copy, which can be stale
-- outranks: 1 where the related article has the higher quality, or the same and is earlier, else 0
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
