"""Write rows in bulk.

- `articles`, `taxonomy`, `images`, `references`: rows of documents and of what they share
- `links`: which articles related links and collection items refer to
- `paths`, `missing`: articles that moved, and files that are gone
- `orphans`: remove providers, topics and images that nothing uses any more
"""
