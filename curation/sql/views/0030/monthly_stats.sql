-- Articles of each source by month of publication (UTC). Missing articles do not count.
-- source: the name of the source
-- month: the month, for example 2021-05
-- articles: number of articles
-- published: number of published articles
-- share_published: published articles divided by articles, from 0 to 1
-- mean_quality: the mean quality of the articles that have one
-- mean_heat: the mean heat of the articles that have one
CREATE VIEW monthly_stats AS
SELECT
  s.name AS source, @month_name(c.month) AS month, c.articles, c.published,
  CAST(1.0 * c.published / c.articles AS double precision) AS share_published,
  CAST(c.mean_quality AS double precision) AS mean_quality, CAST(c.mean_heat AS double precision) AS mean_heat
FROM (
  SELECT
    a.source_id, @month(a.published_at) AS month, count(*) AS articles,
    count(CASE WHEN a.published THEN 1 END) AS published,
    avg(1.0 * a.quality) AS mean_quality, avg(1.0 * a.heat) AS mean_heat
  FROM articles a
  WHERE a.published_at IS NOT NULL AND a.missing_since IS NULL
  GROUP BY @month(a.published_at), a.source_id
) c
JOIN sources s ON s.id = c.source_id
