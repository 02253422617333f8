-- Every provider that has articles, with what it carries; missing articles do not count.
-- provider_id: the provider's id
-- provider: its name
-- domain: its domain
-- articles: how many articles it has
-- published: how many of them are shown
-- share_published: the share of them that is shown, 0 to 1
-- mean_quality: the mean of their qualities, of those that have one
-- median_quality: the median of their qualities, of those that have one
-- mean_heat: the mean of their heats, of those that have one
-- first_published_at: when its first article was published (UTC)
-- last_published_at: when its last article was published (UTC)
CREATE VIEW provider_stats AS
WITH ranked AS (
  SELECT
    a.provider_id, a.quality,
    row_number() OVER (PARTITION BY a.provider_id ORDER BY a.quality, a.id) AS place,
    count(*) OVER (PARTITION BY a.provider_id) AS places
  FROM articles a
  WHERE a.quality IS NOT NULL AND a.missing_since IS NULL
),
medians AS (
  SELECT r.provider_id, avg(1.0 * r.quality) AS median_quality
  FROM ranked r
  WHERE r.place * 2 BETWEEN r.places AND r.places + 2
  GROUP BY r.provider_id
),
counted AS (
  SELECT
    a.provider_id, count(*) AS articles, count(CASE WHEN a.published THEN 1 END) AS published,
    avg(1.0 * a.quality) AS mean_quality, avg(1.0 * a.heat) AS mean_heat,
    min(a.published_at) AS first_published_at, max(a.published_at) AS last_published_at
  FROM articles a
  WHERE a.missing_since IS NULL
  GROUP BY a.provider_id
)
SELECT
  p.id AS provider_id, p.name AS provider, p.domain, c.articles, c.published,
  CAST(1.0 * c.published / c.articles AS double precision) AS share_published,
  CAST(c.mean_quality AS double precision) AS mean_quality,
  CAST(m.median_quality AS double precision) AS median_quality,
  CAST(c.mean_heat AS double precision) AS mean_heat,
  c.first_published_at, c.last_published_at
FROM counted c
JOIN providers p ON p.id = c.provider_id
LEFT JOIN medians m ON m.provider_id = c.provider_id
