"""Editorial decisions about front-matter content, kept in SQL."""

__version__ = "0.1.0"
