"""The rule behind heat and published: inferred from documents, explained, and applied after edits.

The rule is upstream's, and its documents confirm it:

- heat = quality + bonus * (number of related articles) + a temporary remainder of 0 to 8
- heat = -1 if a related article outranks the article: it has a higher quality, or the same and is earlier
- an article is published if its heat reaches the threshold, and never if it is removed

Bonus and threshold are settings of the source.

- `rule`: the rule as SQL expressions
- `inferring`: find the settings in the documents
- `explaining`: explain one article's heat and published
- `applying`: recompute heat and published
"""
