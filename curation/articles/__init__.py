"""Read articles: select them by name, filter or search, list them, and show their history.

- `selecting`: articles by reference and by filter
- `searching`: full-text search
- `listing`: rows for lists
- `reading`: whole articles with the lists that belong to them
- `status`: sources, issues and skipped files
- `history`: changesets and changes
- `override_status`: how overrides and upstream values compare
- `completing`: names for a shell's completion
"""
