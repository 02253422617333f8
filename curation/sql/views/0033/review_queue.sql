-- Articles that wait for an editor, one row for each reason and for each flag in conflict. Order by priority, then by quality, highest first.
-- A decision on the flag in question takes an article out, and so does `curation keep`. It returns when
-- upstream changes something that matters, or at the date until which it was kept.
-- id: the article's id
-- source: the name of its source
-- path: its file, relative to the source's root
-- title: its title
-- provider: the name of its provider
-- published_at: its publication date (UTC)
-- quality: the effective quality
-- heat: the effective heat
-- published: the effective value of published
-- priority: 0 may be a hidden article, 1 story replaced or conflict with upstream, 2 good but not published or not approved yet, 3 published but never judged
-- why: the reason in words
-- flag: the flag in conflict; null for other reasons
CREATE VIEW review_queue AS
SELECT
  a.id, s.name AS source, a.path, a.title, p.name AS provider, i.published_at, i.quality, a.heat, a.published,
  i.priority, @text(i.why) AS why, nullif(@text(i.flag), '') AS flag
FROM review_items i
JOIN articles a ON a.id = i.article_id
JOIN sources s ON s.id = a.source_id
LEFT JOIN providers p ON p.id = a.provider_id
WHERE i.snoozed_until IS NULL OR i.snoozed_until <= @now()
