-- What is wrong with files and not mended yet; notices too.
-- issue_id: the issue's id
-- source: the name of the source
-- path: the file, from the source's root
-- severity: error, warning or notice
-- code: what is wrong, by a code that stays the same
-- line: the line in the file, from 1; null where none can be named
-- column: the column in the file, from 1; null where none can be named
-- field: the field of the front matter
-- message: what is wrong, in words
-- import_id: the import that found it
-- found_at: when that import began (UTC)
CREATE VIEW open_issues AS
SELECT
  u.id AS issue_id, s.name AS source, u.path, u.severity, u.code, u.line, u."column", u.field, u.message,
  u.import_id, i.started_at AS found_at
FROM import_issues u
JOIN sources s ON s.id = u.source_id
JOIN imports i ON i.id = u.import_id
WHERE u.resolved_import_id IS NULL
