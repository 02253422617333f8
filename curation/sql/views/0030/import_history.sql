-- One row for each import, with its counts.
-- import_id: the import's id
-- source: the name of its source
-- started_at: the start (UTC)
-- finished_at: the end (UTC); null while it runs or if it was interrupted
-- status: running, succeeded, partial, failed or reverted
-- location: the path that was read
-- git_commit: the commit that was read; null if the location is not a git repository
-- added: number of new articles
-- updated: number of changed articles
-- unchanged: number of unchanged articles
-- missing: number of articles that became missing
-- skipped: number of files that are not content
-- quarantined: number of files that were not imported because of an error
-- issues: number of new issues that it found, including notices
-- open_issues: number of these that are still open
-- changeset_id: its changeset; null if it changed nothing
-- moved: number of articles whose file moved to another path
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
