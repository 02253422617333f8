-- title: Topics
-- purpose: Topics with their number of articles (alone, and with the topics below), published share and quality.
-- chart: shares topic articles published
-- parameter: parent topic % the parent topic, such as Rivers; % matches any text and topics without a parent
-- parameter: limit integer 50 maximum number of rows
SELECT
  topic, parent, articles, articles_below, published,
  round(CAST(100 * share_published AS numeric), 1) AS share_published,
  round(CAST(mean_quality AS numeric), 1) AS mean_quality, last_published_at AS latest
FROM topic_stats
WHERE coalesce(parent, '') LIKE :parent
ORDER BY articles DESC, topic
LIMIT :limit
