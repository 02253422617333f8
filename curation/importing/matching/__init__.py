"""Match documents that have no article yet with existing articles.

- `moves`: find the article of a moved document, as pure functions
- `placement`: collect the documents to match, and read the store for `moves` and `hidden_stories`
- `hidden_stories`: withhold documents of a story that an editor hides
- `copies`: warn about copies of articles that go missing with their overrides
- `other_sources`, `additions`: refuse documents that are mostly articles of another source
"""
