"""Import documents into tables, repeatedly, and keep all overrides of editors.

`run.import_dump` is the entry point. A document passes through these packages, in this order:

- `reading/`: read and parse files on all cores, compare them with the store, and make rows of them
- `merging/`: merge upstream values with overrides
- `matching/`: match a document at a new path with the article that it continues
- `records/`: collect what an import records: issues, changes, file versions and the summary
- `writing/`: write rows in bulk, resolve links and remove orphans

These modules and packages use them:

- `run`: the lock and the choice of transactions
- `steps`: the steps of an import
- `batches`: reading and writing batch by batch
- `context`: what the steps share
- `site_config`: settings from a site's `_config.yml`
- `publish_dates`: articles whose date has come, or has not
- `reverting/`: reverting an import

`reading` and `merging.override_rules` do not load SQLAlchemy, and no `__init__` imports anything. So a
process that reads files starts at once.
"""
