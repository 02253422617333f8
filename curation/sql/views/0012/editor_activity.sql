-- What each actor did on each day (UTC), by kind of changeset.
-- actor: who
-- day: the day, as 2021-05-28
-- kind: edit, import, revert or score
-- changesets: how many changesets were made
-- changes: how many flags they changed
-- articles: how many articles they changed
-- last_at: when the last of them was made (UTC)
CREATE VIEW editor_activity AS
SELECT
  c.actor, @day(c.created_at) AS day, c.kind, count(DISTINCT c.id) AS changesets, count(h.id) AS changes,
  count(DISTINCT h.article_id) AS articles, max(c.created_at) AS last_at
FROM changesets c
LEFT JOIN changes h ON h.changeset_id = c.id
GROUP BY c.actor, @day(c.created_at), c.kind
