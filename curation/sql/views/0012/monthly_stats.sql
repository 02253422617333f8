-- Of each source and month (UTC) what was published then; missing articles do not count.
-- source: the name of the source
-- month: the month, as 2021-05
-- articles: how many articles are of it
-- published: how many of them are shown
-- share_published: the share of them that is shown, 0 to 1
-- mean_quality: the mean of their qualities, of those that have one
-- mean_heat: the mean of their heats, of those that have one
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
