-- title: Providers
-- purpose: Providers with their number of articles, published share, quality and recent trend.
-- chart: shares provider articles published
-- parameter: minimum integer 1 minimum number of articles of a provider
-- parameter: recent date today-90 first day of the recent period (UTC)
-- parameter: earlier date today-180 first day of the earlier period (UTC), which the trend compares with the recent one
-- parameter: limit integer 20 maximum number of rows
-- Like the view provider_stats, but it computes medians only for the providers that are listed.
WITH by_quality AS (
  SELECT
    provider_id, quality, count(*) AS articles, count(CASE WHEN published THEN 1 END) AS published,
    max(published_at) AS latest
  FROM articles
  WHERE missing_since IS NULL
  GROUP BY provider_id, quality
),
listed AS (
  SELECT
    p.id, p.name, p.domain, CAST(sum(q.articles) AS bigint) AS articles,
    CAST(sum(q.published) AS bigint) AS published, sum(1.0 * q.quality * q.articles) AS qualities,
    sum(CASE WHEN q.quality IS NOT NULL THEN q.articles END) AS judged, max(q.latest) AS latest
  FROM by_quality q
  JOIN providers p ON p.id = q.provider_id
  GROUP BY p.id, p.name, p.domain
  HAVING sum(q.articles) >= :minimum
  ORDER BY sum(q.articles) DESC, p.name NULLS LAST, p.domain NULLS LAST
  LIMIT :limit
),
placed AS (
  SELECT
    q.provider_id, q.quality, q.articles, l.judged,
    sum(q.articles) OVER (PARTITION BY q.provider_id ORDER BY q.quality) AS up_to
  FROM by_quality q
  JOIN listed l ON l.id = q.provider_id
  WHERE q.quality IS NOT NULL
),
medians AS (
  SELECT provider_id, avg(1.0 * quality) AS quality
  FROM placed
  WHERE 2 * up_to >= judged AND 2 * (up_to - articles) <= judged
  GROUP BY provider_id
),
late AS (
  SELECT
    provider_id, count(CASE WHEN published_at >= :recent THEN 1 END) AS recent,
    count(CASE WHEN published_at < :recent THEN 1 END) AS earlier
  FROM articles
  WHERE published_at >= :earlier AND missing_since IS NULL
  GROUP BY provider_id
)
SELECT
  l.name AS provider, l.domain, l.articles, l.published,
  round(100.0 * l.published / l.articles, 1) AS share_published,
  round(l.qualities / l.judged, 1) AS mean_quality, round(CAST(m.quality AS numeric), 1) AS median_quality,
  coalesce(t.recent, 0) AS recent, coalesce(t.recent - t.earlier, 0) AS trend, l.latest
FROM listed l
LEFT JOIN medians m ON m.provider_id = l.id
LEFT JOIN late t ON t.provider_id = l.id
ORDER BY l.articles DESC, l.name NULLS LAST, l.domain NULLS LAST
