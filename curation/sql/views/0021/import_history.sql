-- Every import, with what it counted.
-- import_id: the import's id
-- source: the name of its source
-- started_at: when it began (UTC)
-- finished_at: when it ended (UTC), null while it runs or where it was cut off
-- status: running, succeeded, partial, failed or reverted
-- location: what was read
-- git_commit: the commit that was read, of a git repository
-- added: how many articles were new
-- updated: how many were changed
-- unchanged: how many were as before
-- missing: how many went missing
-- skipped: how many files were no content
-- quarantined: how many files could not be imported
-- issues: how many issues it found that were not known before, notices too
-- open_issues: how many of these are still open
-- changeset_id: the changeset of it, if it changed anything
-- moved: how many articles had their files at another path
CREATE VIEW import_history AS
SELECT
  i.id AS import_id, s.name AS source, i.started_at, i.finished_at, i.status, i.location, i.git_commit,
  i.added, i.updated, i.unchanged, i.missing, i.skipped, i.quarantined,
  (SELECT count(*) FROM import_issues u WHERE u.import_id = i.id) AS issues,
  (SELECT count(*) FROM import_issues u WHERE u.import_id = i.id AND u.resolved_import_id IS NULL) AS open_issues,
  (SELECT max(c.id) FROM changesets c WHERE c.import_id = i.id) AS changeset_id,
  i.moved
FROM imports i
JOIN sources s ON s.id = i.source_id
