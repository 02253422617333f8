"""Why heat and published are what they are, and what they ought to be after an editor's decision.

The rule is upstream's, proved on its documents:

- heat = quality + bonus * (number of related articles) + a remainder of 0 to 8, which passes
- heat = -1 where a related article outranks it: it has a higher quality, or the same and is earlier
- published where heat is at least the threshold; an article that is removed is not published at all

Bonus and threshold are settings of the source. `rule` says it in SQL, once; `inferring` finds the settings
in the documents, `explaining` tells it of one article, `applying` recomputes what has come to differ.
"""
