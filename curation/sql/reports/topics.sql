-- title: Topics
-- purpose: What the site is about: articles of each topic, and of those below it, how many are shown, and how good they are.
-- chart: shares topic articles published
-- parameter: parent topic % the topic above, such as Rivers; % stands for any text, and for none
-- parameter: limit integer 50 how many rows at most
SELECT
  topic, parent, articles, articles_below, published,
  round(CAST(100 * share_published AS numeric), 1) AS share_published,
  round(CAST(mean_quality AS numeric), 1) AS mean_quality, last_published_at AS latest
FROM topic_stats
WHERE coalesce(parent, '') LIKE :parent
ORDER BY articles DESC, topic
LIMIT :limit
