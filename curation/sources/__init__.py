"""The sources of a store and their settings.

- `site_settings`: dates, addresses and page sizes of a source's site
- `rule_settings`: the rule for heat and published
- `finding`: the source of an export, and whether a folder belongs to it
"""
