"""The database of the store: tables, transactions, migrations and read-only roles.

- `schema`, `columns`: the tables
- `descriptions`: descriptions of tables, views and their columns
- `database`: `Store`, which begins and ends transactions
- `migrate`: upgrades and downgrades of the schema
- `readers`: roles that may only read the views
- `names`: checks of names of sources, topics, providers and the like
"""
