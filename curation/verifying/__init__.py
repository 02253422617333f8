"""Checks the integrity of a store, and repairs it.

Each check is a function that yields findings. Checks never write; only `repair` and `reindexing` do.
`run.verify` runs all checks, in this order:

- `engine`: damage that the engine itself finds, and references to rows that do not exist
- `search`: the full-text index
- `counts`: articles, documents, files and imports that do not match one to one, and unused rows
- `taxonomy`, `links`: values of providers, topics and related links that come from other documents
- `imports`: counts of imports, changesets and moves
- `versions`: the earlier content of files
- `contents`: stored documents, parsed again, against the rows made from them
- `flags`: effective values of flags, overrides and the history of changes
- `review`: the review queue

The expected values come from `importing`, which made the rows. No rule is defined a second time here.
"""
