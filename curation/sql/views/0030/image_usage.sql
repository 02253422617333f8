-- One row for each image, with its size and use. Missing articles do not count.
-- image_id: the image's id
-- url: its URL, as written
-- width: its width in pixels; null if unknown
-- height: its height in pixels; null if unknown
-- is_cached: whether the site has a copy of it; null if not stated
-- title: its title
-- attribution: the name to credit
-- articles: number of articles with this image
-- related_links: number of links to related articles with this image
-- providers: number of providers with this image
CREATE VIEW image_usage AS
SELECT
  i.id AS image_id, i.url, i.width, i.height, i.is_cached, i.title, i.attribution,
  (
    SELECT count(DISTINCT u.article_id)
    FROM article_images u
    JOIN articles a ON a.id = u.article_id
    WHERE u.image_id = i.id AND a.missing_since IS NULL
  ) AS articles,
  (
    SELECT count(DISTINCT u.related_link_id)
    FROM related_link_images u
    JOIN related_links l ON l.id = u.related_link_id
    JOIN articles a ON a.id = l.article_id
    WHERE u.image_id = i.id AND a.missing_since IS NULL
  ) AS related_links,
  (SELECT count(DISTINCT u.provider_id) FROM provider_images u WHERE u.image_id = i.id) AS providers
FROM images i
