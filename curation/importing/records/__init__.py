"""Record what an import did.

- `import_records`: what all parts of an import record; `summary`: the counts that it reports
- `issues`: errors, warnings and notices of files; `decision_notices`: those about editors' decisions
- `audit`: changes of flags; `versions`: what files were before; `files`: files that need not be read again
- `log`: what an import did to documents, for `curation log`
"""
