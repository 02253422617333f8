-- One row for each article, with its main properties.
-- id: the article's id
-- source: the name of its source
-- path: its file, relative to the source's root
-- collection: its folder without underscores, such as news or learning/videos
-- slug: the name of its file without date and suffix
-- type: the type in its document, such as article, video or course
-- category: the category in its document
-- title: its title
-- provider: the name of its provider
-- domain: the domain of its provider
-- topics: the names of its topics, in the document's order, separated by commas
-- published_at: its publication date (UTC)
-- updated_at: the date of its last update (UTC)
-- quality: the effective quality
-- heat: the effective heat
-- published: the effective value of published
-- removed: the effective value of removed
-- upstream_quality: the upstream value of quality
-- upstream_heat: the upstream value of heat
-- upstream_published: the upstream value of published; null if not stated
-- upstream_removed: the upstream value of removed; null if not stated
-- decisions: number of its flags that have an override
-- related: number of related articles in its document
-- images: number of images in its document
-- url: its URL, as its document writes it
-- canonical_url: its URL, normalised
-- missing_since: when an import first found the file gone from the source (UTC); null while it is present
-- upstream_status: why upstream does not publish it: draft, or scheduled (publication date in the future); null otherwise
CREATE VIEW article_overview AS
SELECT
  a.id, s.name AS source, a.path, a.collection, a.slug, a.type, a.category, a.title,
  p.name AS provider, p.domain,
  (
    SELECT @list(t.name)
    FROM (
      SELECT t.name FROM article_topics u JOIN topics t ON t.id = u.topic_id
      WHERE u.article_id = a.id ORDER BY u.position
    ) t
  ) AS topics,
  a.published_at, a.updated_at, a.quality, a.heat, a.published, a.removed,
  a.upstream_quality, a.upstream_heat, a.upstream_published, a.upstream_removed,
  (SELECT count(*) FROM overrides o WHERE o.article_id = a.id) AS decisions,
  (SELECT count(*) FROM related_links l WHERE l.article_id = a.id) AS related,
  (SELECT count(*) FROM article_images i WHERE i.article_id = a.id) AS images,
  coalesce(a.original_url, a.web_url) AS url, a.canonical_url, a.missing_since, a.upstream_status
FROM articles a
JOIN sources s ON s.id = a.source_id
LEFT JOIN providers p ON p.id = a.provider_id
