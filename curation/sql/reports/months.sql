-- title: Months
-- purpose: How the site moves: of each month what was published then, how much of it is shown, and how good it is.
-- chart: shares month articles published by source
-- parameter: source source % a source; % stands for any text
-- parameter: limit integer 60 how many rows at most
SELECT source, month, articles, published, round(CAST(100 * share_published AS numeric), 1) AS share_published,
  round(CAST(mean_quality AS numeric), 1) AS mean_quality, round(CAST(mean_heat AS numeric), 1) AS mean_heat
FROM monthly_stats
WHERE source LIKE :source
ORDER BY month DESC, source
LIMIT :limit
