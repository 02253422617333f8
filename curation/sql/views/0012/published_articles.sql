-- What the site shows: articles that are published and whose file is there. The site's own order of news is
-- published_at descending, then path; of all else heat descending, then path.
-- id: the article's id
-- source: the name of its source
-- path: its file, from the source's root
-- collection: its folder without underscores: news, learning/videos
-- slug: what its file is called, without date and suffix
-- type: article, video, course, ... as its document says
-- category: as its document says
-- title: its title
-- excerpt: its excerpt
-- provider: the name of who published it first
-- domain: the domain of who published it first
-- published_at: when it was published (UTC)
-- updated_at: when it was last updated (UTC)
-- quality: the quality that holds
-- heat: the heat that holds
-- original_url: its address at who published it first, as written
-- web_url: its address for readers, as written
CREATE VIEW published_articles AS
SELECT
  a.id, s.name AS source, a.path, a.collection, a.slug, a.type, a.category, a.title, a.excerpt,
  p.name AS provider, p.domain, a.published_at, a.updated_at, a.quality, a.heat, a.original_url, a.web_url
FROM articles a
JOIN sources s ON s.id = a.source_id
LEFT JOIN providers p ON p.id = a.provider_id
WHERE a.published AND a.missing_since IS NULL
