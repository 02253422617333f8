"""A site with any number of documents, which are copies of the sample site's news."""

from __future__ import annotations

from pathlib import Path

from .places import SITE


def multiply_site(root: Path, documents: int, folder: Path | None = None) -> None:
    """Write copies of the sample's news, each with its own path and URLs, to a folder (default `_news`)."""
    news = [file.read_text(encoding="utf-8-sig") for file in sorted((SITE / "_news").glob("*.md"))]
    folder = folder or root / "_news"
    folder.mkdir()
    for i in range(documents):
        text = news[i % len(news)].replace("https://", f"https://copy{i}.")
        (folder / f"2024-01-01-copy-{i}.md").write_text(text)
