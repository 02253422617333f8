"""Generates the JSON, the sitemaps and the feeds of a site.

The differences between sections are defined in `sections` only.

- `rows`: reads published articles with their lists, in chunks of ids
- `items`: renders an article as an item of the site's JSON
- `pages`, `sitemaps`, `feeds`: write items to files, page by page
- `listings`: finds the topics that have pages of their own
- `output`: writes files that differ and deletes obsolete ones
- `run`: runs the export
"""
