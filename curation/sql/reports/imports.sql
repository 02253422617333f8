-- title: Imports and issues
-- purpose: The latest imports, with their counts and the number of their issues that are still open.
-- chart: stacks import added updated missing quarantined by source
-- parameter: limit integer 30 maximum number of rows
SELECT import_id AS import, source, started_at, status, added, updated, moved, unchanged, missing, skipped, quarantined,
  open_issues, changeset_id AS changeset, location, git_commit
FROM import_history
ORDER BY import_id DESC
LIMIT :limit
