"""Archives crafted to take a long time, by repetition, overlaps, depth or false sizes."""

from __future__ import annotations

import gzip
import lzma
import struct
import sys
import tarfile
import zlib
from collections.abc import Callable, Iterable

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

TEXT = b"---\ntitle: x\n---\n"


def local_header(name: bytes, data: bytes, claimed: int | None = None) -> bytes:
    size = len(data) if claimed is None else claimed
    fields = (b"PK\3\4", 20, 0, 0, 0, 33, zlib.crc32(data), size, size, len(name), 0)
    return struct.pack("<4s5H3L2H", *fields) + name + data


def directory_entry(name: bytes, size: int, crc: int, offset: int, extra: bytes = b"") -> bytes:
    fields = (b"PK\1\2", 20, 20, 0, 0, 0, 33, crc, size, size, len(name), len(extra), 0, 0, 0, 0, offset)
    return struct.pack("<4s6H3L5H2L", *fields) + name + extra


def join_zip(body: bytes, entries: Iterable[bytes]) -> bytes:
    listed = list(entries)
    directory, count = b"".join(listed), len(listed) & 0xFFFF
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, count, count, len(directory), len(body), 0)
    return body + directory + end


def one_name_many_times(size: int) -> bytes:
    listed = directory_entry(b"_news/a.md", len(TEXT), zlib.crc32(TEXT), 0)
    return join_zip(local_header(b"_news/a.md", TEXT), [listed] * (size // len(listed)))


def many_names_of_one_member(size: int) -> bytes:
    data = bytes(size // 2)
    crc = zlib.crc32(data)
    entries = (directory_entry(b"_news/%06d.md" % n, len(data), crc, 0) for n in range(size // 130))
    return join_zip(local_header(b"_news/a.md", data), entries)


def many_entries_for_a_long_name(size: int) -> bytes:
    body = local_header(b"_news/" + b"x" * 65_000, b"")
    return join_zip(body, (directory_entry(b"_news/%06d.md" % n, 0, 0, 0) for n in range(size // 62)))


def members_within_members(size: int) -> bytes:
    """Return a zip in which each member contains all members after it."""
    names = [b"_news/%06d.md" % n for n in range(size // 108)]
    step = 30 + len(names[0])
    total = step * len(names)
    places = [(n * step, total - (n + 1) * step) for n in range(len(names))]
    body = b"".join(local_header(name, b"", left) for name, (_, left) in zip(names, places, strict=True))
    return join_zip(
        body, (directory_entry(n, left, 0, at) for n, (at, left) in zip(names, places, strict=True))
    )


def names_of_thousands_of_folders(size: int) -> bytes:
    names = [b"a/" * 32_000 + b"_news/%06d.md" % n for n in range(size // 128_200)]
    members = [local_header(name, TEXT) for name in names]
    offsets = [sum(map(len, members[:n])) for n in range(len(members))]
    entries = (
        directory_entry(n, len(TEXT), zlib.crc32(TEXT), at) for n, at in zip(names, offsets, strict=True)
    )
    return join_zip(b"".join(members), entries)


def empty_extra_fields(size: int) -> bytes:
    extra = struct.pack("<2H", 9, 0) * 16_000
    return join_zip(
        local_header(b"_news/0.md", b""),
        (directory_entry(b"_news/%d.md" % n, 0, 0, 0, extra) for n in range(size // 64_100)),
    )


def tar_header(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0) -> bytes:
    info = tarfile.TarInfo(name)
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT)


def pad_to_blocks(data: bytes) -> bytes:
    return data + bytes(-len(data) % 512)


def extended_header(text: bytes, kind: bytes = tarfile.XHDTYPE) -> bytes:
    return tar_header("x", kind, len(text)) + pad_to_blocks(text)


GOOD = tar_header("_news/a.md", size=len(TEXT)) + pad_to_blocks(TEXT)
END = bytes(1024)


def short_records(size: int) -> bytes:
    return extended_header(b"5 a=\n" * (size // 5)) + GOOD + END


def extended_headers_with_many_keys(size: int) -> bytes:
    lines = [b"26 GNU.sparse.%08d=x\n" % n for n in range(size // 26)]
    headers = (extended_header(b"".join(lines[n : n + 2000])) for n in range(0, len(lines), 2000))
    return b"".join(headers) + GOOD + END


def keys_far_from_their_values(size: int) -> bytes:
    return extended_header(b"9 a\n" * (size // 4) + b"=") + GOOD + END


def long_names(size: int) -> bytes:
    name = b"_news/" + b"x" * 60_000 + b"%d.md\0"
    return (
        b"".join(extended_header(name % n, tarfile.GNUTYPE_LONGNAME) + GOOD for n in range(size // 61_000))
        + END
    )


def a_sparse_map(size: int) -> bytes:
    first = bytearray(tar_header("_news/s.md", tarfile.GNUTYPE_SPARSE))
    first[482] = 1
    first[148:156] = b" " * 8
    first[148:156] = b"%06o\0 " % sum(first)
    return bytes(first) + (bytes(504) + b"\1" + bytes(7)) * (size // 512) + bytes(512) + GOOD + END


def a_size_of_8_exabytes(size: int) -> bytes:
    return GOOD * (size // 1024) + extended_header(b"28 size=9223372036854775807\n") + GOOD


def empty_streams(compress: Callable[[bytes], bytes], between: bytes = b"") -> Callable[[int], bytes]:
    def make(size: int) -> bytes:
        empty = compress(b"") + between
        return compress(GOOD + END) + empty * (size // len(empty))

    return make


def a_long_name_of_a_gzip(size: int) -> bytes:
    return b"\x1f\x8b\x08\x08" + bytes(6) + b"n" * size + b"\0" + gzip.compress(GOOD + END)[10:]


#: By kind: the file name, and a function that makes an archive of about the given number of bytes.
CRAFTED: dict[str, tuple[str, Callable[[int], bytes]]] = {
    make.__name__.replace("_", " "): (f"a.{suffix}", make)
    for suffix, makers in {
        "zip": (
            one_name_many_times, many_names_of_one_member, many_entries_for_a_long_name, members_within_members,
            names_of_thousands_of_folders, empty_extra_fields,
        ),
        "tar": (
            short_records, extended_headers_with_many_keys, keys_far_from_their_values, long_names, a_sparse_map,
            a_size_of_8_exabytes,
        ),
        "tar.gz": (a_long_name_of_a_gzip,),
    }.items()
    for make in makers
}  # fmt: skip
CRAFTED |= {
    "empty gzip streams": ("a.tar.gz", empty_streams(gzip.compress)),
    "empty gzip streams and zeros": ("a.tar.gz", empty_streams(gzip.compress, b"\0")),
    "empty xz streams": ("a.tar.xz", empty_streams(lzma.compress)),
    "empty zstd frames": ("a.tar.zst", empty_streams(zstd.compress)),
}
