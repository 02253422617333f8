"""Write the rows of an import in bulk.

- `articles`, `taxonomy`: rows of documents
- `references`, `images`: rows that documents share
- `links`: the articles that related links and collection items refer to
- `paths`, `missing`: articles that moved, and files that are gone
- `orphans`: removal of providers, topics and images that nothing uses any more
"""
