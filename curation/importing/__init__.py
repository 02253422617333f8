"""Documents into rows, again and again: read, compare, merge with the editors' decisions, write.

`run.import_dump` is the way in. From file to row, in order:

- `files`: which files are as they were, and need not be read
- `pipeline`, `outcomes`, `rows`: the others are read on all cores, compared, and made rows; nothing of
  these loads SQLAlchemy, and this package imports nothing by itself, so that a process which reads starts
  at once
- `standing`, `merge`: what holds of a known article, and who decides each flag
- `references`, `write`, `taxonomy`, `sweep`: rows, in bulk, and nothing left behind
- `issues`, `audit`, `versions`: faults, changes of flags, and what files were before
- `resolve`, `missing`: which articles related links and collection items name; what is gone
- `running`: the course of it all
"""
