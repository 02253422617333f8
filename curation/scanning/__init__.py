"""A dump's files: which are content, in what order, and their bytes, whatever holds them.

What is content is a matter of where a file lies (`kind_of`). Nothing is followed out of its place: links,
devices, FIFOs and sockets are passed over with an issue and never opened. What only archives and git need
is loaded when one is met: an import of a folder that has not changed is mostly start-up.
"""

from __future__ import annotations

from .archive import Archive
from .content import (
    CONFIG,
    MAX_BYTES,
    Kind,
    collection_of,
    is_storable,
    kind_of,
    printable,
    slug_of,
    why_skipped,
)
from .dumps import Dump, find_dumps
from .folder import Folder, read_file
from .git import GitTree
from .tree import File, Scan, Tree, same_name

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
    "find_dumps",
    "is_storable",
    "kind_of",
    "printable",
    "read_file",
    "same_name",
    "slug_of",
    "why_skipped",
]
