"""Revert an import, for example of a bad dump.

- Articles that the import added are removed. Articles that it changed get their earlier document and flags.
  Articles that it moved get their old path. What it marked missing is present again, and what it found again
  is missing again. The same applies to taxonomy documents.
- An article stays as it is and is reported if an editor has decided on it since.
- The same applies if a later import has changed it: revert that import first.
- Overrides of editors are never reverted. They stay, or return with their story.
- The next import reads the dump again. If it is still the bad one, it is imported again.

The last `versions.KEPT_IMPORTS` imports of a source can be reverted.

- `run`: the transaction and the order of the steps
- `checks`: imports that cannot be reverted
- `context`: what the steps share
- `limits`: articles that stay as they are
- `removal`, `moves`, `restoring`: the steps
"""
