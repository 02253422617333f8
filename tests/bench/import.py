"""Measure whole imports: `python -m tests.bench.import [FOLDER [DATABASE]]`.

Without a folder it makes one of 20,000 documents from the sample site. It prints a JSON line for the first
import, and one for a second import that changes nothing: documents per second, and peak memory in MB. This is
not a test, because machines differ, and only figures of one run can be compared.
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

from ..support.copied_news import multiply_site
from ..support.importing_helpers import import_folder


def measure(store: Store, root: Path, what: str) -> None:
    started = time.perf_counter()
    summary = import_folder(store, root, actor="bench", source="bench")
    seconds = time.perf_counter() - started
    documents = summary.added + summary.updated + summary.unchanged
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    result = {"what": what, "documents": documents, "seconds": round(seconds, 2)}
    print(json.dumps(result | {"documents_per_second": round(documents / seconds), "peak_mb": peak}))


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
