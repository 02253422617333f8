-- title: Providers
-- purpose: Who carries the site: articles, how many are shown, and how good they are.
-- parameter: minimum integer 1 fewest articles of a provider that is listed
-- parameter: limit integer 20 how many rows at most
SELECT
  p.name AS provider,
  p.domain,
  count(*) AS articles,
  sum(CASE WHEN a.published THEN 1 ELSE 0 END) AS published,
  round(100.0 * sum(CASE WHEN a.published THEN 1 ELSE 0 END) / count(*), 1) AS share_published,
  round(avg(1.0 * a.quality), 1) AS mean_quality,
  max(a.published_at) AS latest
FROM articles a
JOIN providers p ON p.id = a.provider_id
WHERE a.missing_since IS NULL
GROUP BY p.id, p.name, p.domain
HAVING count(*) >= :minimum
ORDER BY articles DESC, p.name, p.domain
LIMIT :limit
