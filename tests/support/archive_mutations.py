"""Archives of every form, and damaged copies of them: single fields set to wild values, flipped bits, pieces
that are cut off, moved, repeated, or taken from elsewhere.

A mutation knows what is guarded against it. `exact`: documents that come out are those that were put in, at
their names. `complete`: no article counts as missing. A plain tar guards neither against damage beyond single
bits of its headers, and a mutation that writes the right checksum behind what it changed makes another archive
that is whole.
"""

from __future__ import annotations

import gzip
import io
import lzma
import struct
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random
from typing import NamedTuple

import pytest

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LONG = f"_news/{'long-' * 10}/{'long-' * 15}.md"


def documents() -> dict[str, bytes]:
    """The documents of every archive here, by path from the root."""
    random = Random(1)
    names = [
        "_news/a.md",
        "_news/2024-01-01-é.md",
        "_news/c/d.md",
        "_learning/e.markdown",
        "_samples/f.html",
        LONG,
    ]
    texts = {name: f"body of {name} {random.random()} ".encode() * random.randint(1, 60) for name in names}
    found = {
        name: f"---\ntitle: {number}\nquality: {number}\n---\n".encode() + text
        for number, (name, text) in enumerate(texts.items())
    }
    found["_news/noise.md"] = b"---\ntitle: noise\n---\n" + random.randbytes(700).hex().encode()
    return found


DOCUMENTS = documents()

#: What lies beside them, and is no content.
OTHERS = {
    "README.md": b"# A site",
    "_config.yml": b"url: https://site.example\n",
    "attic/_news/z.md": b"---\ntitle: not of this root\n---\n",
    "assets/picture.png": bytes(range(256)) * 3,
    "_news/picture.png": b"\x89PNG" + bytes(200),
}


class Mutation(NamedTuple):
    """A damaged archive: its file's name, its bytes, what was done to it, and what is guarded against that."""

    file: str
    data: bytes
    done: str
    exact: bool
    complete: bool


# Archives that are whole


def inner_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("_news/a.md", b"---\ntitle: of the inner archive\n---\n")
    return stream.getvalue()


def files(root: str) -> dict[str, bytes]:
    return {root + name: text for name, text in {**OTHERS, **DOCUMENTS}.items()}


class _Pipe(io.RawIOBase):
    """What cannot be sought in: sizes and checksums are written behind the members."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def make_zip(
    root: str, method: int, *, nested: bool = False, wide: bool = False, comment: bytes = b""
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.comment = comment
        archive.mkdir(f"{root}_news")
        for name, text in files(root).items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = method
            if wide:
                with archive.open(entry, "w", force_zip64=True) as member:
                    member.write(text)
            else:
                archive.writestr(entry, text)
        if nested:
            archive.writestr(f"{root}_news/old.zip", inner_zip())
    return stream.getvalue()


def make_streamed_zip(root: str) -> bytes:
    pipe = _Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files(root).items():
            archive.writestr(name, text)
    return bytes(pipe.data)


def make_wide_zip(root: str) -> bytes:
    """A zip with an end record of 64 bits, and the offset of each member as one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", 10)
        return make_zip(root, zipfile.ZIP_DEFLATED)


def make_tar(root: str, form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        folder = tarfile.TarInfo(f"{root}_news")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, text in files(root).items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(text), 1_700_000_000
            archive.addfile(entry, io.BytesIO(text))
    return stream.getvalue()


def _in_pieces(compress: Callable[[bytes], bytes], between: bytes = b"") -> Callable[[bytes], bytes]:
    def packed(data: bytes) -> bytes:
        return between.join(compress(data[at : at + 3000]) for at in range(0, len(data), 3000))

    return packed


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data, options={int(zstd.CompressionParameter.checksum_flag): 1})


#: How a tar is packed, by a name for each; the suffix is what comes before a blank.
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "gz in members": _in_pieces(gzip.compress),
    "xz": lzma.compress,
    "xz in streams": _in_pieces(lzma.compress, bytes(4)),
    "xz by crc32": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "zst": _zstd,
    "zst in frames": _in_pieces(_zstd),
}

#: The same without a checksum: nothing tells that other bytes came out.
UNCHECKED: dict[str, Callable[[bytes], bytes]] = {
    "xz without a checksum": lambda data: lzma.compress(data, check=lzma.CHECK_NONE),
    "zst without a checksum": zstd.compress,
}

ZIPS: Mapping[str, bytes] = {
    "deflated": make_zip("", zipfile.ZIP_DEFLATED),
    "in a folder": make_zip("site/", zipfile.ZIP_DEFLATED, comment=b"a comment"),
    "stored": make_zip("", zipfile.ZIP_STORED, nested=True),
    "streamed": make_streamed_zip("site/"),
    "wide members": make_zip("", zipfile.ZIP_DEFLATED, wide=True),
    "wide directory": make_wide_zip("site/"),
    "behind a program": b"#!/bin/sh\nexit\n" + make_zip("", zipfile.ZIP_DEFLATED),
}

TARS: Mapping[str, bytes] = {
    "ustar": make_tar("", tarfile.USTAR_FORMAT),
    "gnu": make_tar("site/", tarfile.GNU_FORMAT),
    "pax": make_tar("", tarfile.PAX_FORMAT),
}

# Fields


class Field(NamedTuple):
    """Where a field of a header lies, and what it is called."""

    name: str
    at: int
    size: int


_LOCAL = (4, ("signature", 4), ("version", 2), ("flags", 2), ("method", 2), ("time", 2), ("date", 2), ("crc", 4), ("packed", 4), ("size", 4), ("name length", 2), ("extra length", 2))  # fmt: skip
_ENTRY = (4, ("signature", 4), ("made by", 2), ("version", 2), ("flags", 2), ("method", 2), ("time", 2), ("date", 2), ("crc", 4), ("packed", 4), ("size", 4), ("name length", 2), ("extra length", 2), ("comment length", 2), ("disk", 2), ("internal", 2), ("external", 4), ("offset", 4), ("first of the name", 1))  # fmt: skip
_END = (4, ("signature", 4), ("disk", 2), ("disk of the directory", 2), ("entries here", 2), ("entries", 2), ("size", 4), ("offset", 4), ("comment length", 2))  # fmt: skip
_END64 = (4, ("signature", 4), ("length", 8), ("made by", 2), ("version", 2), ("disk", 4), ("disk of the directory", 4), ("entries here", 8), ("entries", 8), ("size", 8), ("offset", 8))  # fmt: skip
_PLACE64 = (4, ("signature", 4), ("disk", 4), ("offset", 8), ("disks", 4))
_DESCRIPTOR = (4, ("signature", 4), ("crc", 4), ("packed", 4), ("size", 4))
_RECORDS: Mapping[bytes, tuple[int | tuple[str, int], ...]] = {
    b"PK\x03\x04": _LOCAL,
    b"PK\x01\x02": _ENTRY,
    b"PK\x05\x06": _END,
    b"PK\x06\x06": _END64,
    b"PK\x06\x07": _PLACE64,
    b"PK\x07\x08": _DESCRIPTOR,
}


def zip_fields(data: bytes) -> list[Field]:
    """All fields of all records, the extra fields of 64 bits among them."""
    found: list[Field] = []
    for signature, (_, *fields) in _RECORDS.items():
        at = -1
        while (at := data.find(signature, at + 1)) >= 0:
            place = at
            for name, size in fields:  # type: ignore[misc]
                found.append(Field(f"{signature!r} {name}", place, size))
                place += size
            if signature in (b"PK\x03\x04", b"PK\x01\x02"):
                found += _wide_fields(data, at, 26 if signature == b"PK\x03\x04" else 28, place)
    return found


def _wide_fields(data: bytes, record: int, lengths: int, place: int) -> list[Field]:
    name_length, extra_length = struct.unpack_from("<2H", data, record + lengths)
    fixed = 30 if lengths == 26 else 46
    at = record + fixed + name_length
    if extra_length < 4:
        return []
    values = [Field(f"wide value {n}", at + 4 + 8 * n, 8) for n in range((extra_length - 4) // 8)]
    return [Field("extra tag", at, 2), Field("extra size", at + 2, 2), *values]


_TAR_FIELDS = (("name", 100), ("mode", 8), ("uid", 8), ("gid", 8), ("size", 12), ("mtime", 12), ("checksum", 8), ("type", 1), ("link", 100), ("magic", 6), ("version", 2), ("user", 32), ("group", 32), ("major", 8), ("minor", 8), ("prefix", 155))  # fmt: skip


def tar_headers(data: bytes) -> list[int]:
    """Where the headers of a whole tar begin."""
    found, at = [], 0
    while any(data[at : at + 512]):
        found.append(at)
        size = int(data[at + 124 : at + 135], 8)
        at += 512 + size + -size % 512
    return found


def wild_number(random: Random, size: int, before: int) -> int:
    """A value for a number of some bytes: near what it was, near a limit, or anything."""
    most = (1 << 8 * size) - 1
    near = [
        before + random.choice((-1, 1, 2, -2, 512, -512)),
        before ^ (1 << random.randrange(8 * size)),
        before << 8,
    ]
    limits = [
        0,
        1,
        2,
        most,
        most - 1,
        most >> 1,
        (most >> 1) + 1,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        (1 << 63) - 1,
    ]
    return random.choice([*near, *limits, random.getrandbits(8 * size)]) & most


def wild_text(random: Random, size: int) -> bytes:
    """A value for a field of a tar: octal, of 256, blank, names, links, noise."""
    number = random.choice((0, 1, 511, 512, 513, 1 << 20, (1 << 33) - 1, random.getrandbits(32)))
    signed = random.choice((number, 1 << 62, (1 << 63) - 1))
    values = [
        b"%o" % number,
        b"%o \0" % number,
        b"\x80" + signed.to_bytes(11, "big")[-(size - 1) :] if size > 1 else b"\x80",
        b"\xff" * size,
        b" " * size,
        b"",
        b"-1",
        b"9" * size,
        random.randbytes(size),
        b"../_news/a.md",
        b"_news/a.md",
        bytes([random.choice(b"\001234567gxLKSMVNDXA")]),
        "ünï/".encode(),
    ]
    return random.choice(values)[:size].ljust(size, b"\0")


def with_checksum(header: bytes) -> bytes:
    blank = header[:148] + b" " * 8 + header[156:512]
    return header[:148] + b"%06o\0 " % sum(blank) + header[156:]


# Mutations

#: Changes bytes; what it did, and the new bytes.
Change = Callable[[Random, bytes], tuple[str, bytes]]


def flip(random: Random, data: bytes) -> tuple[str, bytes]:
    at, bit = random.randrange(len(data)), random.randrange(8)
    return f"bit {bit} of byte {at}", data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :]


def flip_some(random: Random, data: bytes) -> tuple[str, bytes]:
    count = random.randint(2, 9)
    for _ in range(count):
        _, data = flip(random, data)
    return f"{count} bits", data


def cut(random: Random, data: bytes) -> tuple[str, bytes]:
    at = random.choice((random.randrange(len(data)), len(data) - random.randint(1, 30)))
    return f"cut off at {at}", data[: max(at, 0)]


def _piece(random: Random, data: bytes) -> tuple[int, int]:
    step = random.choice((1, 1, 512))
    at = random.randrange(len(data)) // step * step
    return at, at + random.choice((1, 4, 16, 512, 1024, random.randrange(1, len(data)))) // step * step


def lose(random: Random, data: bytes) -> tuple[str, bytes]:
    at, end = _piece(random, data)
    return f"without {at}..{end}", data[:at] + data[end:]


def splice(random: Random, data: bytes) -> tuple[str, bytes]:
    (at, end), to = _piece(random, data), random.randrange(len(data))
    piece = data[at:end]
    if random.random() < 0.5:
        return f"{at}..{end} inserted at {to}", data[:to] + piece + data[to:]
    return f"{at}..{end} written over {to}", data[:to] + piece + data[to + len(piece) :]


def blank(random: Random, data: bytes) -> tuple[str, bytes]:
    at, end = _piece(random, data)
    end = min(end, len(data))
    value = random.choice((b"\0", b"\xff"))
    return f"{at}..{end} all {value!r}", data[:at] + value * (end - at) + data[end:]


def append(random: Random, data: bytes) -> tuple[str, bytes]:
    more = random.choice(
        (b"\0", b"\n", random.randbytes(40), data, data[: len(data) // 2], inner_zip(), bytes(600))
    )
    return f"{len(more)} bytes more", data + more


CHANGES: tuple[Change, ...] = (flip, flip, flip_some, cut, lose, splice, blank, append)


def set_zip_fields(random: Random, data: bytes) -> tuple[str, bytes]:
    """Some fields of a zip's records set to wild values."""
    fields, done = zip_fields(data), []
    for field in random.sample(fields, random.choice((1, 1, 1, 2, 3))):
        before = int.from_bytes(data[field.at : field.at + field.size], "little")
        value = wild_number(random, field.size, before)
        data = data[: field.at] + value.to_bytes(field.size, "little") + data[field.at + field.size :]
        done.append(f"{field.name} at {field.at}: {before} -> {value}")
    return "; ".join(done), data


def set_tar_field(random: Random, data: bytes) -> tuple[str, bytes]:
    """A field of a tar's header set to a wild value; the checksum is as it was."""
    return _set_tar_field(random, data, lambda header: header)


def set_checked_tar_field(random: Random, data: bytes) -> tuple[str, bytes]:
    """The same, with the checksum that goes with it."""
    return _set_tar_field(random, data, with_checksum)


def _set_tar_field(random: Random, data: bytes, seal: Callable[[bytes], bytes]) -> tuple[str, bytes]:
    at = random.choice(tar_headers(data))
    number = random.randrange(len(_TAR_FIELDS))
    name, size = _TAR_FIELDS[number]
    start = at + sum(size for _, size in _TAR_FIELDS[:number])
    value = wild_text(random, size)
    header = data[at:start] + value + data[start + size : at + 512]
    return f"{name} at {at}: {value!r}", data[:at] + seal(header) + data[at + 512 :]


def set_attributes(random: Random, data: bytes) -> tuple[str, bytes]:
    """A byte of what stands behind a header of attributes, or a file, changed."""
    at = random.choice(tar_headers(data)) + 512
    place = min(at + random.randrange(60), len(data) - 1)
    value = random.choice(b"\0\n =0919azZ/\xff")
    return f"byte {place}: {value}", data[:place] + bytes([value]) + data[place + 1 :]


@dataclass(frozen=True)
class Way:
    """A way to damage archives of some form: to a tar it may be done before it is packed, or after."""

    name: str
    change: Change
    exact: bool
    complete: bool


_ZIP_WAYS = (
    *(Way(c.__name__, c, True, True) for c in CHANGES),
    *[Way("fields", set_zip_fields, True, True)] * 8,
)
_TAR_WAYS = (
    *(Way(c.__name__, c, False, False) for c in CHANGES),
    *[Way("cut", cut, True, True)] * 2,
    *[Way("a field", set_tar_field, True, True)] * 3,
    *[Way("a checked field", set_checked_tar_field, False, False)] * 3,
    *[Way("attributes", set_attributes, False, False)] * 2,
)
_PACKED_WAYS = tuple(Way(c.__name__, c, True, True) for c in CHANGES)
_UNCHECKED_WAYS = tuple(Way(c.__name__, c, False, False) for c in CHANGES)


def mutate(number: int) -> Mutation:
    """The damaged archive of some number: always the same one."""
    random = Random(number)
    return random.choice((_mutate_zip, _mutate_zip, _mutate_tar, _mutate_packed, _mutate_unchecked))(random)


def _mutate_zip(random: Random) -> Mutation:
    form, data = random.choice(list(ZIPS.items()))
    return _mutation(random, "a.zip", form, data, random.choice(_ZIP_WAYS))


def _mutate_tar(random: Random) -> Mutation:
    """A tar that is damaged and then packed, or not."""
    form, data = random.choice(list(TARS.items()))
    made = _mutation(random, "a.tar", form, data, random.choice(_TAR_WAYS))
    packer = random.choice((None, None, *PACKERS))
    if packer is None:
        return made
    file, packed = f"a.tar.{packer.partition(' ')[0]}", PACKERS[packer](made.data)
    return made._replace(file=file, data=packed, done=f"{made.done}, then {packer}")


def _mutate_packed(random: Random) -> Mutation:
    return _mutate_packed_by(random, PACKERS, _PACKED_WAYS)


def _mutate_unchecked(random: Random) -> Mutation:
    return _mutate_packed_by(random, UNCHECKED, _UNCHECKED_WAYS)


def _mutate_packed_by(
    random: Random, packers: Mapping[str, Callable[[bytes], bytes]], ways: tuple[Way, ...]
) -> Mutation:
    form, data = random.choice(list(TARS.items()))
    packer = random.choice(list(packers))
    key = form, packer
    if key not in _PACKED:
        _PACKED[key] = packers[packer](data)
    return _mutation(
        random, f"a.tar.{packer.partition(' ')[0]}", f"{form}, {packer}", _PACKED[key], random.choice(ways)
    )


_PACKED: dict[tuple[str, str], bytes] = {}


def _mutation(random: Random, file: str, form: str, data: bytes, way: Way) -> Mutation:
    done, changed = way.change(random, data)
    return Mutation(file, changed, f"{file} ({form}): {way.name}: {done}", way.exact, way.complete)
