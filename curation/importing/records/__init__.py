"""Record what an import did.

- `import_records`: what all parts of an import record
- `summary`: options of an import, and the counts that it reports
- `issue_tracker`: errors, warnings and notices of files
- `decision_notices`: issues about overrides
- `audit`: changes of flags
- `versions`: earlier versions of files
- `files`: the state of each file, so that unchanged files are not read again
- `log`: the documents that an import changed, for `curation log`
"""
