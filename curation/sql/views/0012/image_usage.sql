-- Every image, with its size and how often it is used; missing articles do not count.
-- image_id: the image's id
-- url: its address, as written
-- width: pixels; null where it is not known
-- height: pixels; null where it is not known
-- is_cached: whether the site has a copy of it
-- title: its title
-- attribution: who is to be named
-- articles: how many articles show it
-- related_links: how many related links show it
-- providers: how many providers show it
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
