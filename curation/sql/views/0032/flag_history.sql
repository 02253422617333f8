-- One row for each change of a flag. In order of change_id, the changes lead to the current values.
-- change_id: the change's id
-- changeset_id: the changeset that contains it
-- at: when the changeset was made (UTC)
-- kind: edit, import, keep, revert or score
-- actor: who made the changeset
-- reason: why; null if not stated
-- article_id: the article's id
-- path: the article's file, relative to the source's root
-- title: the article's title
-- flag: quality, heat, published or removed
-- old_value: the effective value before; published and removed are 0 and 1
-- new_value: the effective value after
-- old_override: the override before; null if there was none
-- new_override: the override after; null if there is none
CREATE VIEW flag_history AS
SELECT
  h.id AS change_id, c.id AS changeset_id, c.created_at AS at, c.kind, c.actor, c.reason,
  a.id AS article_id, a.path, a.title, h.field AS flag,
  h.old_value, h.new_value, h.old_override, h.new_override
FROM changes h
JOIN changesets c ON c.id = h.changeset_id
JOIN articles a ON a.id = h.article_id
