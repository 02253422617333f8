-- One row for each provider that has articles, with its figures. Missing articles do not count.
-- provider_id: the provider's id
-- provider: its name
-- domain: its domain
-- articles: number of articles
-- published: number of published articles
-- share_published: published articles divided by articles, from 0 to 1
-- mean_quality: the mean quality of the articles that have one
-- median_quality: the median quality of the articles that have one
-- mean_heat: the mean heat of the articles that have one
-- first_published_at: the publication date of its first article (UTC)
-- last_published_at: the publication date of its last article (UTC)
CREATE VIEW provider_stats AS
WITH by_quality AS (
  -- integers overflow in sums and products; 1.0 * number is numeric on PostgreSQL and REAL on SQLite
  SELECT
    provider_id, quality, count(*) AS articles, count(CASE WHEN published THEN 1 END) AS published,
    sum(1.0 * heat) AS heat, count(heat) AS heats, min(published_at) AS first_at, max(published_at) AS last_at
  FROM articles
  WHERE missing_since IS NULL
  GROUP BY provider_id, quality
),
counted AS (
  SELECT
    provider_id, CAST(sum(articles) AS bigint) AS articles, CAST(sum(published) AS bigint) AS published,
    sum(CASE WHEN quality IS NOT NULL THEN articles END) AS judged, sum(1.0 * quality * articles) AS qualities,
    sum(heat) / nullif(sum(heats), 0) AS mean_heat,
    min(first_at) AS first_published_at, max(last_at) AS last_published_at
  FROM by_quality
  GROUP BY provider_id
),
placed AS (
  SELECT
    provider_id, quality, articles,
    sum(articles) OVER (PARTITION BY provider_id ORDER BY quality) AS up_to
  FROM by_quality
  WHERE quality IS NOT NULL
),
medians AS (
  -- the middle quality, or both of them if the middle is between two
  SELECT g.provider_id, avg(1.0 * g.quality) AS median_quality
  FROM placed g
  JOIN counted c ON c.provider_id = g.provider_id
  WHERE 2 * g.up_to >= c.judged AND 2 * (g.up_to - g.articles) <= c.judged
  GROUP BY g.provider_id
)
SELECT
  p.id AS provider_id, p.name AS provider, p.domain, c.articles, c.published,
  CAST(1.0 * c.published / c.articles AS double precision) AS share_published,
  CAST(c.qualities / c.judged AS double precision) AS mean_quality,
  CAST(m.median_quality AS double precision) AS median_quality,
  CAST(c.mean_heat AS double precision) AS mean_heat,
  c.first_published_at, c.last_published_at
FROM counted c
JOIN providers p ON p.id = c.provider_id
LEFT JOIN medians m ON m.provider_id = c.provider_id
