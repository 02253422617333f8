-- title: Months
-- purpose: Articles by month of publication, with the published share and the mean quality and heat.
-- chart: shares month articles published by source
-- parameter: source source % a source; % matches any text
-- parameter: limit integer 60 maximum number of rows
SELECT source, month, articles, published, round(CAST(100 * share_published AS numeric), 1) AS share_published,
  round(CAST(mean_quality AS numeric), 1) AS mean_quality, round(CAST(mean_heat AS numeric), 1) AS mean_heat
FROM monthly_stats
WHERE source LIKE :source
ORDER BY month DESC, source
LIMIT :limit
