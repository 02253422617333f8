"""Keep earlier versions of files, so that imports can be reverted.

The earlier bytes are stored as a delta against the later ones (some 60 bytes if heat changed). They are
kept for the last `KEPT_IMPORTS` imports of a source that changed anything. The delta ignores `secured` in
the later bytes, because upstream rewrites it often and the delta must stay valid.

If a flag cannot be read, its upstream value is the one from before, which the bytes do not contain. So the
flags are kept too.
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

#: Number of imports of a source that can be reverted.
KEPT_IMPORTS = 20

#: Number of bytes of the later version that a delta can refer to: the window of DEFLATE.
_WINDOW = 32 * 1024 - 512

#: The columns of the upstream values, in the order of `Upstream`.
UPSTREAM_COLUMNS = (*(f"upstream_{flag}" for flag in FLAGS), "upstream_status")

_COLUMNS = (
    "source_id", "path", "import_id", "digest", "delta", "missing_since", "last_import_id", *UPSTREAM_COLUMNS,
)  # fmt: skip


class Upstream(NamedTuple):
    """The upstream values of an article, and why upstream does not publish it (`upstream_status`)."""

    flags: Flags
    status: str | None


class Restored(NamedTuple):
    """What reverting an import restores in addition to documents.

    upstream: the upstream values before the import, by article id.
    changeset_id: of the import. Overrides that the import itself made are removed.
    """

    upstream: Mapping[int, Upstream]
    changeset_id: int


#: For taxonomy, which has no flags, and for files whose bytes did not change.
_NO_UPSTREAM = Upstream(Flags(None, None, None, None), None)


def encode_delta(before: bytes, after: bytes) -> bytes:
    """Return a delta that restores `before` from `after`, whatever `secured` is in `after`."""
    packer = zlib.compressobj(9, zdict=_delta_dictionary(after))
    return packer.compress(before) + packer.flush()


def decode_delta(delta: bytes, after: bytes) -> bytes:
    """Return the earlier bytes."""
    unpacker = zlib.decompressobj(zdict=_delta_dictionary(after))
    return unpacker.decompress(delta) + unpacker.flush()


def _delta_dictionary(content: bytes) -> bytes:
    # Imported here, so that an import without changes loads no parser.
    from ...documents.parsing import without_secured

    return without_secured(content)[:_WINDOW]


class Versions:
    """Collects the versions of files before one import."""

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
        """Add a file whose bytes changed.

        Args:
            contents: the bytes before and after.
            digest: of the bytes before.
            missing_since, last_import_id, upstream: values before.
        """
        self._add(path, digest, encode_delta(*contents), missing_since, last_import_id, upstream)

    def add_presence_change(self, path: str, missing_since: dt.datetime | None, last_import_id: int) -> None:
        """Add a file that went missing or came back with the same bytes, as it was before."""
        self._add(path, None, None, missing_since, last_import_id, _NO_UPSTREAM)

    def _add(
        self,
        path: str,
        digest: bytes | None,
        delta: bytes | None,
        since: dt.datetime | None,
        last: int,
        upstream: Upstream,
    ) -> None:
        key = (self._source_id, path, self._import_id)
        self._new.append((*key, digest, delta, format_instant(since), last, *upstream.flags, upstream.status))

    def flush(self, connection: sa.Connection) -> None:
        """Write the collected versions. The caller commits."""
        backend_of(connection).bulk_insert(connection, file_versions, _COLUMNS, self._new)
        self._new = []


def delete_old_versions(connection: sa.Connection, source_id: int) -> None:
    """Delete the versions of imports before the last `KEPT_IMPORTS`. The caller commits."""
    with_versions = sa.select(file_versions.c.import_id).where(file_versions.c.source_id == source_id)
    kept = (
        sa.select(imports.c.id)
        .where(imports.c.source_id == source_id, imports.c.id.in_(with_versions))
        .order_by(imports.c.id.desc())  # by id, because a clock can be wrong
        .limit(KEPT_IMPORTS)
    )
    connection.execute(
        sa.delete(file_versions).where(
            file_versions.c.source_id == source_id, file_versions.c.import_id.not_in(kept)
        )
    )
