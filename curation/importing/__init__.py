"""Import documents into tables, repeatedly, and keep every editor's decision.

`run.import_dump` is the entry point. In the order in which a document passes through:

- `reading/`: files are read and parsed on all cores, compared with what the store has, and become rows
- `merging/`: upstream's flags are merged with the overrides of editors
- `matching/`: a document at a new path is matched with the article that it continues
- `records/`: what an import records: its issues, changes, file versions and summary
- `writing/`: rows are written in bulk, links are resolved, orphans are removed

Above them: `run` takes the lock and chooses the transactions, `steps` are the steps of an import, `batches`
reads and writes batch by batch, `context` is what they share. `undo` reverts an import, `site_config` reads
settings from a site's `_config.yml`, and `publish_dates` finds articles whose date has not come yet.

`reading` and `merging.rules` load no SQLAlchemy, and the packages import nothing by themselves, so that a
process that reads files starts at once.
"""
