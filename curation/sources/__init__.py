"""What is set for each source.

- `site_settings`: its dates and addresses; `rule_settings`: the rule of its heat and published flags
- `finding`: which source a folder belongs to
"""
