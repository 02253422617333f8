"""Tables, transactions, migrations and roles of a store.

- `schema`, `columns`: the tables; `descriptions`: what their columns and the views' mean
- `database`: `Store`, which begins and ends transactions
- `migrate`: the schema from revision to revision; `readers`: roles that read the views
- `names`: the names of sources, topics and providers that a store has
"""
