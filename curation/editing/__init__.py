"""Edit flags: one command makes one changeset in one transaction, with actor and reason, by set-based SQL.

Setting a flag to its upstream value creates an override too, which stays when upstream changes.

- `flags`: set flags, or remove overrides so that flags follow upstream again
- `reverting`: revert a changeset
- `changing`: record overrides, for these two and for `scoring`
"""
