-- Changesets of each actor and day (UTC), by kind.
-- actor: who made the changesets
-- day: the day, for example 2021-05-28
-- kind: edit, import, keep, revert or score
-- changesets: number of changesets
-- changes: number of changes
-- articles: number of changed articles
-- last_at: when the last changeset was made (UTC)
CREATE VIEW editor_activity AS
SELECT
  c.actor, @day(c.created_at) AS day, c.kind, count(DISTINCT c.id) AS changesets, count(h.id) AS changes,
  count(DISTINCT h.article_id) AS articles, max(c.created_at) AS last_at
FROM changesets c
LEFT JOIN changes h ON h.changeset_id = c.id
GROUP BY c.actor, @day(c.created_at), c.kind
