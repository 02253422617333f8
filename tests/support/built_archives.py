"""Build small archives, valid and damaged."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

TEXT = b"---\ntitle: x\n---\n"


class Pipe(io.RawIOBase):
    """A stream without seeking. zipfile writes sizes and checksums after the members."""

    def __init__(self) -> None:
        super().__init__()
        self.data = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: bytes) -> int:  # type: ignore[override]
        self.data += data
        return len(data)


def make_zip(target: Path, *names: str, text: bytes = TEXT) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return target


def tar_member(name: str, kind: bytes = tarfile.REGTYPE, **attributes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for key, value in attributes.items():
        setattr(info, key, value)
    return info


def make_tar(target: Path, *members: tarfile.TarInfo | str, text: bytes = TEXT) -> Path:
    with tarfile.open(target, "w") as archive:
        for entry in members:
            info = tar_member(entry) if isinstance(entry, str) else entry
            if info.type == tarfile.REGTYPE:
                info.size = len(text)
            archive.addfile(info, io.BytesIO(text))
    return target


def zip_with_false_size(target: Path, name: str, text: bytes, claimed: int) -> Path:
    """Make a zip whose headers state a false size for a member, followed by a valid member."""
    make_zip(target, name, text=text)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("_news/good.md", TEXT)
    data = bytearray(target.read_bytes())
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + place, claimed)
    target.write_bytes(data)
    return target


def tar_blocks(*names: str) -> bytes:
    """Return the blocks of a tar without its end."""
    blocks = b""
    for name in names:
        blocks += tar_member(name, size=len(TEXT)).tobuf(tarfile.USTAR_FORMAT) + TEXT.ljust(512, b"\0")
    return blocks


END = bytes(1024)
