"""Rows into files: documents with the editors' decisions in them, and the JSON that the site shows.

- `rows`: articles as rows for other tools
- `target`: a folder that is written to, and nothing outside of it
"""
