"""What files were before an import changed them: enough to undo it, and little more.

The earlier bytes are kept as a delta against the later ones (heat changed: some 60 bytes), of the last
`KEPT_IMPORTS` imports of a source that changed anything. The later bytes are taken without `secured`:
upstream rewrites that all the time, and the delta must outlive it.

The bytes do not say what upstream's flags were where one cannot be read, since that is what it was before
them. So the flags are kept too.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Mapping
from typing import NamedTuple

import sqlalchemy as sa

from ...backends import backend_of
from ...documents.instants import format_instant
from ...flags import FLAGS, Flags
from ...store.schema import file_versions, imports

#: Imports of a source that can be undone.
KEPT_IMPORTS = 20

#: Bytes of the later text that a delta can refer to: DEFLATE's window.
_WINDOW = 32 * 1024 - 512

#: What upstream made of the flags, in the order of `Upstream`.
UPSTREAM_COLUMNS = (*(f"upstream_{flag}" for flag in FLAGS), "upstream_status")

_COLUMNS = (
    "source_id", "path", "import_id", "digest", "delta", "missing_since", "last_import_id", *UPSTREAM_COLUMNS,
)  # fmt: skip


class Upstream(NamedTuple):
    """What upstream makes of an article's flags, and why it does not publish it (`upstream_status`)."""

    flags: Flags
    status: str | None


class Restored(NamedTuple):
    """What undoing an import restores beside documents.

    upstream: what upstream made of flags before it, by article id.
    changeset_id: of the import, whose own overrides end.
    """

    upstream: Mapping[int, Upstream]
    changeset_id: int


#: Of taxonomy, which has no flags, and of files that were only marked.
_NO_UPSTREAM = Upstream(Flags(None, None, None, None), None)


def delta(before: bytes, after: bytes) -> bytes:
    """What gives `before` back, once `after` is there with any `secured`."""
    packer = zlib.compressobj(9, zdict=_told(after))
    return packer.compress(before) + packer.flush()


def before(delta_: bytes, after: bytes) -> bytes:
    """The earlier bytes."""
    unpacker = zlib.decompressobj(zdict=_told(after))
    return unpacker.decompress(delta_) + unpacker.flush()


def _told(content: bytes) -> bytes:
    from ...documents.parsing import without_secured  # an import that finds nothing changed loads no parser

    return without_secured(content)[:_WINDOW]


class Versions:
    """Collects what files were before one import."""

    def __init__(self, source_id: int, import_id: int) -> None:
        self._source_id = source_id
        self._import_id = import_id
        self._new: list[tuple[object, ...]] = []

    def add_changed(
        self,
        path: str,
        contents: tuple[bytes, bytes],
        digest: bytes,
        missing_since: dt.datetime | None,
        last_import_id: int,
        upstream: Upstream = _NO_UPSTREAM,
    ) -> None:
        """A file's bytes (before, now), the digest of those before, and an article's flags before."""
        self._add(path, digest, delta(*contents), missing_since, last_import_id, upstream)

    def add_marked(self, path: str, missing_since: dt.datetime | None, last_import_id: int) -> None:
        """A file that went missing or is there again, its bytes being as they were."""
        self._add(path, None, None, missing_since, last_import_id, _NO_UPSTREAM)

    def _add(
        self,
        path: str,
        digest: bytes | None,
        packed: bytes | None,
        since: dt.datetime | None,
        last: int,
        upstream: Upstream,
    ) -> None:
        key = (self._source_id, path, self._import_id)
        self._new.append(
            (*key, digest, packed, format_instant(since), last, *upstream.flags, upstream.status)
        )

    def flush(self, connection: sa.Connection) -> None:
        """Writes what was collected; the caller commits."""
        backend_of(connection).bulk_insert(connection, file_versions, _COLUMNS, self._new)
        self._new = []


def forget_old_versions(connection: sa.Connection, source_id: int) -> None:
    """Drops what only imports before the last `KEPT_IMPORTS` need."""
    with_versions = sa.select(file_versions.c.import_id).where(file_versions.c.source_id == source_id)
    kept = (
        sa.select(imports.c.id)
        .where(imports.c.source_id == source_id, imports.c.id.in_(with_versions))
        .order_by(imports.c.id.desc())  # a clock can be wrong
        .limit(KEPT_IMPORTS)
    )
    connection.execute(
        sa.delete(file_versions).where(
            file_versions.c.source_id == source_id, file_versions.c.import_id.not_in(kept)
        )
    )
