"""Make archives of every form, and damaged copies of them.

Damage sets single fields to extreme values, flips bits, or truncates, moves, repeats or inserts pieces.

Each mutation states what the format protects against it:

- `exact`: every document that is read has its original bytes and name.
- `complete`: no article counts as missing.

A plain tar protects neither, except against damage to single header fields and truncation. A mutation that also
corrects the checksum makes a different, valid archive.
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

from .built_archives import Pipe

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

LONG = f"_news/{'long-' * 10}/{'long-' * 15}.md"


def documents() -> dict[str, bytes]:
    """Return the documents of every archive here, by path from the root."""
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

#: Other files in the archives, which are not content.
OTHER_FILES = {
    "README.md": b"# A site",
    "_config.yml": b"url: https://site.example\n",
    "attic/_news/z.md": b"---\ntitle: not of this root\n---\n",
    "assets/picture.png": bytes(range(256)) * 3,
    "_news/picture.png": b"\x89PNG" + bytes(200),
}


class Mutation(NamedTuple):
    """A damaged archive: file name, bytes, description of the damage, and what the format protects."""

    file: str
    data: bytes
    description: str
    exact: bool
    complete: bool


# Valid archives


def inner_zip() -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("_news/a.md", b"---\ntitle: of the inner archive\n---\n")
    return stream.getvalue()


def archive_files(root: str) -> dict[str, bytes]:
    return {root + name: text for name, text in {**OTHER_FILES, **DOCUMENTS}.items()}


def make_zip(
    root: str, method: int, *, nested: bool = False, wide: bool = False, comment: bytes = b""
) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", method) as archive:
        archive.comment = comment
        archive.mkdir(f"{root}_news")
        for name, text in archive_files(root).items():
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
    pipe = Pipe()
    with zipfile.ZipFile(pipe, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in archive_files(root).items():
            archive.writestr(name, text)
    return bytes(pipe.data)


def make_wide_zip(root: str) -> bytes:
    """Return a zip with a 64-bit end record and a 64-bit offset for each member."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zipfile, "ZIP64_LIMIT", 10)
        return make_zip(root, zipfile.ZIP_DEFLATED)


def make_tar(root: str, form: int) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w", format=form) as archive:
        folder = tarfile.TarInfo(f"{root}_news")
        folder.type = tarfile.DIRTYPE
        archive.addfile(folder)
        for name, text in archive_files(root).items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mtime = len(text), 1_700_000_000
            archive.addfile(entry, io.BytesIO(text))
    return stream.getvalue()


def _compress_in_pieces(compress: Callable[[bytes], bytes], between: bytes = b"") -> Callable[[bytes], bytes]:
    def packed(data: bytes) -> bytes:
        return between.join(compress(data[at : at + 3000]) for at in range(0, len(data), 3000))

    return packed


def _zstd(data: bytes) -> bytes:
    return zstd.compress(data, options={int(zstd.CompressionParameter.checksum_flag): 1})


#: Compression functions for a tar, by name. The part of the name before a space is the file suffix.
PACKERS: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "gz in members": _compress_in_pieces(gzip.compress),
    "xz": lzma.compress,
    "xz in streams": _compress_in_pieces(lzma.compress, bytes(4)),
    "xz by crc32": lambda data: lzma.compress(data, check=lzma.CHECK_CRC32),
    "zst": _zstd,
    "zst in frames": _compress_in_pieces(_zstd),
}

#: Compression without a checksum, where wrong bytes cannot be detected.
UNCHECKED_PACKERS: dict[str, Callable[[bytes], bytes]] = {
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
    """A field of a header: its name, offset and size in bytes."""

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
    """Return all fields of all records of a zip, including the 64-bit extra fields."""
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
    """Return the offsets of the headers of a valid tar."""
    found, at = [], 0
    while any(data[at : at + 512]):
        found.append(at)
        size = int(data[at + 124 : at + 135], 8)
        at += 512 + size + -size % 512
    return found


def wild_number(random: Random, size: int, before: int) -> int:
    """Return a number of `size` bytes: near the number before, near a limit, or random."""
    maximum = (1 << 8 * size) - 1
    near = [
        before + random.choice((-1, 1, 2, -2, 512, -512)),
        before ^ (1 << random.randrange(8 * size)),
        before << 8,
    ]
    limits = [
        0,
        1,
        2,
        maximum,
        maximum - 1,
        maximum >> 1,
        (maximum >> 1) + 1,
        1 << 31,
        (1 << 32) - 1,
        1 << 32,
        (1 << 63) - 1,
    ]
    return random.choice([*near, *limits, random.getrandbits(8 * size)]) & maximum


def wild_text(random: Random, size: int) -> bytes:
    """Return a value for a tar field: octal, base-256, blank, a name, a link or noise."""
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

#: Changes bytes. Returns a description of the change, and the new bytes.
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
    return f"truncated at {at}", data[: max(at, 0)]


def _piece(random: Random, data: bytes) -> tuple[int, int]:
    step = random.choice((1, 1, 512))
    at = random.randrange(len(data)) // step * step
    return at, at + random.choice((1, 4, 16, 512, 1024, random.randrange(1, len(data)))) // step * step


def remove(random: Random, data: bytes) -> tuple[str, bytes]:
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


CHANGES: tuple[Change, ...] = (flip, flip, flip_some, cut, remove, splice, blank, append)


def set_zip_fields(random: Random, data: bytes) -> tuple[str, bytes]:
    """Set some fields of a zip's records to extreme values."""
    fields, description = zip_fields(data), []
    for field in random.sample(fields, random.choice((1, 1, 1, 2, 3))):
        before = int.from_bytes(data[field.at : field.at + field.size], "little")
        value = wild_number(random, field.size, before)
        data = data[: field.at] + value.to_bytes(field.size, "little") + data[field.at + field.size :]
        description.append(f"{field.name} at {field.at}: {before} -> {value}")
    return "; ".join(description), data


def set_tar_field(random: Random, data: bytes) -> tuple[str, bytes]:
    """Set a field of a tar header to an extreme value, without correcting the checksum."""
    return _set_tar_field(random, data, lambda header: header)


def set_checked_tar_field(random: Random, data: bytes) -> tuple[str, bytes]:
    """Set a field of a tar header to an extreme value, and correct the checksum."""
    return _set_tar_field(random, data, with_checksum)


def _set_tar_field(random: Random, data: bytes, finish: Callable[[bytes], bytes]) -> tuple[str, bytes]:
    at = random.choice(tar_headers(data))
    number = random.randrange(len(_TAR_FIELDS))
    name, size = _TAR_FIELDS[number]
    start = at + sum(size for _, size in _TAR_FIELDS[:number])
    value = wild_text(random, size)
    header = data[at:start] + value + data[start + size : at + 512]
    return f"{name} at {at}: {value!r}", data[:at] + finish(header) + data[at + 512 :]


def set_attributes(random: Random, data: bytes) -> tuple[str, bytes]:
    """Change a byte of the data after a header: of an extended header or of a file."""
    at = random.choice(tar_headers(data)) + 512
    place = min(at + random.randrange(60), len(data) - 1)
    value = random.choice(b"\0\n =0919azZ/\xff")
    return f"byte {place}: {value}", data[:place] + bytes([value]) + data[place + 1 :]


@dataclass(frozen=True)
class Damage:
    """One kind of damage to archives. A tar can be damaged before or after it is compressed."""

    name: str
    change: Change
    exact: bool
    complete: bool


_ZIP_DAMAGES = (
    *(Damage(c.__name__, c, True, True) for c in CHANGES),
    *[Damage("fields", set_zip_fields, True, True)] * 8,
)
_TAR_DAMAGES = (
    *(Damage(c.__name__, c, False, False) for c in CHANGES),
    *[Damage("cut", cut, True, True)] * 2,
    *[Damage("a field", set_tar_field, True, True)] * 3,
    *[Damage("a checked field", set_checked_tar_field, False, False)] * 3,
    *[Damage("attributes", set_attributes, False, False)] * 2,
)
_PACKED_DAMAGES = tuple(Damage(c.__name__, c, True, True) for c in CHANGES)
_UNCHECKED_DAMAGES = tuple(Damage(c.__name__, c, False, False) for c in CHANGES)


def mutate(number: int) -> Mutation:
    """Return the damaged archive with a number, which is always the same one."""
    random = Random(number)
    return random.choice((_mutate_zip, _mutate_zip, _mutate_tar, _mutate_packed, _mutate_unchecked))(random)


def _mutate_zip(random: Random) -> Mutation:
    form, data = random.choice(list(ZIPS.items()))
    return _mutation(random, "a.zip", form, data, random.choice(_ZIP_DAMAGES))


def _mutate_tar(random: Random) -> Mutation:
    """Return a damaged tar, compressed after the damage or not at all."""
    form, data = random.choice(list(TARS.items()))
    mutation = _mutation(random, "a.tar", form, data, random.choice(_TAR_DAMAGES))
    packer = random.choice((None, None, *PACKERS))
    if packer is None:
        return mutation
    file, packed = f"a.tar.{packer.partition(' ')[0]}", PACKERS[packer](mutation.data)
    return mutation._replace(file=file, data=packed, description=f"{mutation.description}, then {packer}")


def _mutate_packed(random: Random) -> Mutation:
    return _mutate_packed_by(random, PACKERS, _PACKED_DAMAGES)


def _mutate_unchecked(random: Random) -> Mutation:
    return _mutate_packed_by(random, UNCHECKED_PACKERS, _UNCHECKED_DAMAGES)


def _mutate_packed_by(
    random: Random, packers: Mapping[str, Callable[[bytes], bytes]], damages: tuple[Damage, ...]
) -> Mutation:
    form, data = random.choice(list(TARS.items()))
    packer = random.choice(list(packers))
    key = form, packer
    if key not in _packed_archives:
        _packed_archives[key] = packers[packer](data)
    return _mutation(
        random,
        f"a.tar.{packer.partition(' ')[0]}",
        f"{form}, {packer}",
        _packed_archives[key],
        random.choice(damages),
    )


_packed_archives: dict[tuple[str, str], bytes] = {}


def _mutation(random: Random, file: str, form: str, data: bytes, damage: Damage) -> Mutation:
    description, changed = damage.change(random, data)
    return Mutation(
        file, changed, f"{file} ({form}): {damage.name}: {description}", damage.exact, damage.complete
    )
