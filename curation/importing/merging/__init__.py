"""Merge upstream's flags with the overrides of editors.

- `rules`: what each flag becomes, as pure functions: the one place of the rules
- `stories`: whether two documents tell the same story
- `stored_state`: flags, overrides and stories of known articles, as the rules need them
"""
