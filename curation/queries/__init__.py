"""Read-only SQL on a store.

- `reports`: named reports and ad-hoc queries
- `suggestions`: similar names for unknown tables and columns
- `datasette`: metadata for Datasette
"""
