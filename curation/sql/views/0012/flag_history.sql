-- Every change of a flag; in the order of change_id they lead from what was to what is.
-- change_id: the change's id
-- changeset_id: the changeset that it is part of
-- at: when the changeset was made (UTC)
-- kind: edit, import, revert or score
-- actor: who
-- reason: why, if it was said
-- article_id: the article's id
-- path: the article's file
-- title: the article's title
-- flag: quality, heat, published or removed
-- old_value: what held before; published and removed are 0 and 1
-- new_value: what held after
-- old_override: the editor's decision before, null where there was none
-- new_override: the editor's decision after, null where there was none
CREATE VIEW flag_history AS
SELECT
  h.id AS change_id, c.id AS changeset_id, c.created_at AS at, c.kind, c.actor, c.reason,
  a.id AS article_id, a.path, a.title, h.field AS flag,
  h.old_value, h.new_value, h.old_override, h.new_override
FROM changes h
JOIN changesets c ON c.id = h.changeset_id
JOIN articles a ON a.id = h.article_id
