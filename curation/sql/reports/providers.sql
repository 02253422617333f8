-- title: Providers
-- purpose: Who carries the site: articles, how many are shown, how good they are, and whether it is more or less of late.
-- chart: shares provider articles published
-- parameter: minimum integer 1 fewest articles of a provider that is listed
-- parameter: recent date today-90 recent articles are those from this day on (UTC)
-- parameter: earlier date today-180 the earlier ones, which the trend compares them with, are those from this day on
-- parameter: limit integer 20 how many rows at most
WITH late AS (
  SELECT
    provider_id, count(CASE WHEN published_at >= :recent THEN 1 END) AS recent,
    count(CASE WHEN published_at < :recent THEN 1 END) AS earlier
  FROM articles
  WHERE published_at >= :earlier AND missing_since IS NULL
  GROUP BY provider_id
)
SELECT
  s.provider, s.domain, s.articles, s.published,
  round(CAST(100 * s.share_published AS numeric), 1) AS share_published,
  round(CAST(s.mean_quality AS numeric), 1) AS mean_quality,
  round(CAST(s.median_quality AS numeric), 1) AS median_quality,
  coalesce(l.recent, 0) AS recent, coalesce(l.recent - l.earlier, 0) AS trend,
  s.last_published_at AS latest
FROM provider_stats s
LEFT JOIN late l ON l.provider_id = s.provider_id
WHERE s.articles >= :minimum
ORDER BY s.articles DESC, s.provider, s.domain
LIMIT :limit
