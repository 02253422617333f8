"""Rows into files: documents with the editors' decisions in them, the JSON that the site shows, and rows for
other tools.

- `documents`: what the store holds of documents, and what their flags should say
- `files`: documents compared with the files of a folder; `archives` and `diffs` are other places for them
- `site`: the site's JSON, sitemaps and feeds
- `rows`: articles as rows for other tools
- `target`: a folder that is written to, and nothing outside of it
"""
