"""Match documents without an article of their own with the articles that they continue.

- `moves`: which article a moved document continues, as pure functions; `placement` asks the store
- `hidden_stories`: documents of a story that an editor hides are not published
- `copies`: warn about copies of articles that go missing with their overrides
- `other_sources`, `additions`: refuse documents that are mostly another source's articles
"""
