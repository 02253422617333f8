"""The JSON, the sitemaps and the feeds that a site shows, from the tables.

What differs from section to section is said once, in `sections`; the rest asks there:

- `rows`: published articles with all that hangs on them, by chunks of ids
- `items`: an article as the site's JSON has it
- `pages`, `sitemaps`, `feeds`: files of items, cut as they come
- `listings`: which topics have pages of their own
- `output`: files that are written only where they differ, and pages that are no more taken away
- `run`: all of it
"""
