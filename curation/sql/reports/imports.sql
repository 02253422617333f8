-- title: Imports and issues
-- purpose: The last imports, what they counted, and how many of the issues that they found are still open.
-- chart: stacks import added updated missing quarantined by source
-- parameter: limit integer 30 how many rows at most
SELECT import_id AS import, source, started_at, status, added, updated, moved, unchanged, missing, skipped, quarantined,
  open_issues, changeset_id AS changeset, location, git_commit
FROM import_history
ORDER BY import_id DESC
LIMIT :limit
