"""Exports: documents with the editors' overrides, the JSON of a site, and rows for other tools.

- `documents`: stored documents, and the flags that their files should have
- `files`: compares documents with the files of a folder
- `archives`, `diffs`: other outputs for the same documents
- `site`: the JSON, sitemaps and feeds of a site
- `rows`: articles as rows for other tools
- `output_folder`: writes below one folder and nowhere else
"""
