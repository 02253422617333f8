"""Editorial overrides for front-matter content, stored in SQL."""

__version__ = "0.1.0"
