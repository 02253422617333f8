-- What the site shows: published articles whose file is present. The site orders news by published_at, latest
-- first, then by path. It orders other articles by heat, highest first, then by path.
-- id: the article's id
-- source: the name of its source
-- path: its file, relative to the source's root
-- collection: its folder without underscores, such as news or learning/videos
-- slug: the name of its file without date and suffix
-- type: the type in its document, such as article, video or course
-- category: the category in its document
-- title: its title
-- excerpt: its excerpt
-- provider: the name of its provider
-- domain: the domain of its provider
-- published_at: its publication date (UTC)
-- updated_at: the date of its last update (UTC)
-- quality: the effective quality
-- heat: the effective heat
-- original_url: its URL at the provider, as written
-- web_url: its URL for readers, as written
CREATE VIEW published_articles AS
SELECT
  a.id, s.name AS source, a.path, a.collection, a.slug, a.type, a.category, a.title, a.excerpt,
  p.name AS provider, p.domain, a.published_at, a.updated_at, a.quality, a.heat, a.original_url, a.web_url
FROM articles a
JOIN sources s ON s.id = a.source_id
LEFT JOIN providers p ON p.id = a.provider_id
WHERE a.published AND a.missing_since IS NULL
