-- One row for each topic, with the figures of its articles. Missing articles do not count.
-- topic_id: the topic's id
-- topic: its name
-- slug: its part of URLs; null if the taxonomy has none
-- parent: the name of its parent topic
-- articles: number of articles on the topic
-- articles_below: number of articles on the topic or on any topic below it, each counted once
-- published: number of published articles on the topic
-- share_published: published articles divided by articles, from 0 to 1; null if there are no articles
-- mean_quality: the mean quality of the articles that have one
-- mean_heat: the mean heat of the articles that have one
-- last_published_at: the publication date of the latest article (UTC)
CREATE VIEW topic_stats AS
WITH RECURSIVE below (topic_id, child_id) AS (
  SELECT parent_id, id FROM topics WHERE parent_id IS NOT NULL
  UNION
  SELECT b.topic_id, t.id FROM below b JOIN topics t ON t.parent_id = b.child_id
),
counted AS (
  SELECT
    u.topic_id, count(*) AS articles, count(CASE WHEN a.published THEN 1 END) AS published,
    avg(1.0 * a.quality) AS mean_quality, avg(1.0 * a.heat) AS mean_heat,
    max(a.published_at) AS last_published_at
  FROM (SELECT DISTINCT topic_id, article_id FROM article_topics) u
  CROSS JOIN articles a -- CROSS JOIN makes SQLite read the topics' index in order
  WHERE a.id = u.article_id AND a.missing_since IS NULL
  GROUP BY u.topic_id
),
counted_below AS (
  -- a topic without children has only its own articles
  SELECT b.topic_id, count(DISTINCT u.article_id) AS articles
  FROM (SELECT topic_id, child_id FROM below UNION SELECT topic_id, topic_id FROM below) b
  JOIN article_topics u ON u.topic_id = b.child_id
  WHERE u.article_id NOT IN (SELECT id FROM articles WHERE missing_since IS NOT NULL)
  GROUP BY b.topic_id
)
SELECT
  t.id AS topic_id, t.name AS topic, t.slug, above.name AS parent,
  coalesce(c.articles, 0) AS articles, coalesce(d.articles, c.articles, 0) AS articles_below,
  coalesce(c.published, 0) AS published,
  CAST(1.0 * c.published / c.articles AS double precision) AS share_published,
  CAST(c.mean_quality AS double precision) AS mean_quality,
  CAST(c.mean_heat AS double precision) AS mean_heat, c.last_published_at
FROM topics t
LEFT JOIN topics above ON above.id = t.parent_id
LEFT JOIN counted c ON c.topic_id = t.id
LEFT JOIN counted_below d ON d.topic_id = t.id
