"""Find and read the content files of a folder, an archive or a git revision.

A file's path decides whether it is content (`kind_of`). Links are never followed. Devices, FIFOs and sockets
are never opened. Each of these is skipped with an issue.

Modules that only archives or git need are loaded on first use. An import of an unchanged folder spends most
of its time on start-up.
"""

from __future__ import annotations

from .archive import Archive
from .content import (
    CONFIG,
    MAX_BYTES,
    Kind,
    collection_of,
    explain_skipped,
    is_storable,
    kind_of,
    make_printable,
    slug_of,
)
from .dumps import Dump, find_dumps
from .folder import Folder, read_file
from .git import GitTree
from .tree import File, Scan, Tree, fold_name

__all__ = [
    "CONFIG",
    "MAX_BYTES",
    "Archive",
    "Dump",
    "File",
    "Folder",
    "GitTree",
    "Kind",
    "Scan",
    "Tree",
    "collection_of",
    "explain_skipped",
    "find_dumps",
    "fold_name",
    "is_storable",
    "kind_of",
    "make_printable",
    "read_file",
    "slug_of",
]
