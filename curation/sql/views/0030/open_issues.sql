-- One row for each open issue of a file, including notices.
-- issue_id: the issue's id
-- source: the name of the source
-- path: the file, relative to the source's root
-- severity: error, warning or notice
-- code: the kind of issue, a code that stays the same between releases
-- line: the line in the file, from 1; null if unknown
-- column: the column in the file, from 1; null if unknown
-- field: the front matter field; null if the issue concerns the whole file
-- message: the description of the issue
-- import_id: the import that found it
-- found_at: the start of that import (UTC)
CREATE VIEW open_issues AS
SELECT
  u.id AS issue_id, s.name AS source, u.path, u.severity, u.code, u.line, u."column", u.field, u.message,
  u.import_id, i.started_at AS found_at
FROM import_issues u
JOIN sources s ON s.id = u.source_id
JOIN imports i ON i.id = u.import_id
WHERE u.resolved_import_id IS NULL
