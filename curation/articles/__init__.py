"""Read articles: choose them by name, filter or search, list them, and tell their history.

- `selecting`: articles by name and by filter; `searching`: by words
- `listing`: rows for lists, and one article in full; `history`: changesets and changes
- `upstream`: how overrides and upstream values compare
- `completing`: names for a shell's completion
"""
