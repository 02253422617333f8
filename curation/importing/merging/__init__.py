"""Merge upstream values with the overrides of editors.

- `override_rules`: when an override applies, and when it conflicts with upstream, as pure functions
- `stories`: decide whether two documents tell the same story
- `stored_state`: read and write the flags, overrides and stories of known articles
"""
