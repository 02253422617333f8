"""Decisions: one command, one changeset, one transaction, with who and why. All of it set-based.

A decision is an override of one flag of one article. Setting a flag to what upstream says already is a
decision too: it stands when upstream changes its mind.

- `flags`: set flags, or give them back to upstream
- `undo`: take a changeset back
- `changing`: what all of these, and `scoring`, come down to: rows of overrides that are wanted
"""
