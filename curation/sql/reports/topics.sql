-- title: Topics
-- purpose: What the site is about: articles of each topic, how many are shown, and how good they are.
-- parameter: limit integer 50 how many rows at most
SELECT
  t.name AS topic,
  parent.name AS parent,
  count(a.id) AS articles,
  sum(CASE WHEN a.published THEN 1 ELSE 0 END) AS published,
  round(100.0 * sum(CASE WHEN a.published THEN 1 ELSE 0 END) / nullif(count(a.id), 0), 1) AS share_published,
  round(avg(1.0 * a.quality), 1) AS mean_quality,
  max(a.published_at) AS latest
FROM topics t
LEFT JOIN topics parent ON parent.id = t.parent_id
LEFT JOIN article_topics x ON x.topic_id = t.id
LEFT JOIN articles a ON a.id = x.article_id AND a.missing_since IS NULL
GROUP BY t.id, t.name, parent.name
ORDER BY articles DESC, t.name
LIMIT :limit
