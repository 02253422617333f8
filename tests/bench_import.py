"""Times an import as a whole: `python -m tests.bench_import [FOLDER [DATABASE]]`.

Without a folder it makes one of 20,000 documents out of the sample site. Prints one JSON line for the
first import, and one for a second that finds everything unchanged: documents a second, peak memory in
MB. No test: machines differ, and only figures of one run compare.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from curation.store import migrate
from curation.store.database import Store

from .taking import import_folder

SITE = Path(__file__).parent / "site"


def multiply_site(root: Path, documents: int, folder: Path | None = None) -> None:
    """Copies of the sample's news, each with a path and URLs of its own; in `_news` of a root, or elsewhere."""
    news = [file.read_text(encoding="utf-8-sig") for file in sorted((SITE / "_news").glob("*.md"))]
    folder = folder or root / "_news"
    folder.mkdir()
    for i in range(documents):
        text = news[i % len(news)].replace("https://", f"https://copy{i}.")
        (folder / f"2024-01-01-copy-{i}.md").write_text(text)


def measure(store: Store, root: Path, what: str) -> None:
    began = time.perf_counter()
    summary = import_folder(store, root, actor="bench", source="bench")
    seconds = time.perf_counter() - began
    documents = summary.added + summary.updated + summary.unchanged
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    told = {"what": what, "documents": documents, "seconds": round(seconds, 2)}
    print(json.dumps(told | {"documents_per_second": round(documents / seconds), "peak_mb": peak}))


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(folder, "site")
        if len(sys.argv) < 2:
            root.mkdir()
            multiply_site(root, 20_000)
        store = Store(sys.argv[2] if len(sys.argv) > 2 else f"{folder}/bench.db")
        migrate.upgrade(store)
        measure(store, root, "first import")
        measure(store, root, "nothing changed")


if __name__ == "__main__":
    main()
