-- Every article, one row each, with all that is told of it in one line.
-- id: the article's id
-- source: the name of its source
-- path: its file, from the source's root
-- collection: its folder without underscores: news, learning/videos
-- slug: what its file is called, without date and suffix
-- type: article, video, course, ... as its document says
-- category: as its document says
-- title: its title
-- provider: the name of who published it first
-- domain: the domain of who published it first
-- topics: the names of its topics, in the document's order, with commas
-- published_at: when it was published (UTC)
-- updated_at: when it was last updated (UTC)
-- quality: the quality that holds
-- heat: the heat that holds
-- published: whether it is shown
-- removed: whether it is vetoed
-- upstream_quality: the quality that its document states
-- upstream_heat: the heat that its document states
-- upstream_published: what its document states, null where it is silent
-- upstream_removed: what its document states, null where it is silent
-- decisions: how many of its flags an editor decides
-- related: how many related articles its document lists
-- images: how many images its document lists
-- url: its address, as its document writes it
-- canonical_url: its address, normalised
-- missing_since: since when its file is not in the dump any more (UTC), null while it is
-- upstream_status: why upstream does not publish it: draft, or scheduled (its date is still to come); null for any other reason
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
