"""Is the store sound? Each check is a function that yields findings; nothing here writes but `repair` and
`deriving`.

`run.verify` is the way in. In its order:

- `engine`: what the engine itself finds wrong, and references to rows that are not there
- `search`: the full-text index
- `counts`: files, imports and documents that must match one to one, and rows that nobody uses
- `taxonomy`, `links`: what providers, topics and related links have from documents other than their own
- `imports`: counts of imports, their changesets, and where articles moved
- `versions`: what files were before imports changed them
- `contents`: the stored documents, parsed again, against every row that was made of them
- `flags`: who decides each flag, and whether its history leads to what it is now

What ought to be is asked of `importing`, by whose rules the rows were made; no rule stands here twice.
"""
