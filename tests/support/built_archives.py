"""Archives built byte by byte, sound and unsound."""

from __future__ import annotations

import io
import struct
import tarfile
import zipfile
from pathlib import Path

TEXT = b"---\ntitle: x\n---\n"


def zip_of(target: Path, *names: str, text: bytes = TEXT) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), text, zipfile.ZIP_DEFLATED)
    return target


def member(name: str, kind: bytes = tarfile.REGTYPE, **facts: object) -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type = kind
    for key, value in facts.items():
        setattr(made, key, value)
    return made


def tar_of(target: Path, *wanted: tarfile.TarInfo | str, text: bytes = TEXT) -> Path:
    with tarfile.open(target, "w") as archive:
        for one in wanted:
            made = member(one) if isinstance(one, str) else one
            if made.type == tarfile.REGTYPE:
                made.size = len(text)
            archive.addfile(made, io.BytesIO(text))
    return target


def lying_zip(target: Path, name: str, text: bytes, claimed: int) -> Path:
    """A zip whose headers claim another size for a member, and a good one after it."""
    zip_of(target, name, text=text)
    with zipfile.ZipFile(target, "a") as archive:
        archive.writestr("_news/good.md", TEXT)
    data = bytearray(target.read_bytes())
    for signature, place in ((b"PK\x03\x04", 22), (b"PK\x01\x02", 24)):
        struct.pack_into("<L", data, data.index(signature) + place, claimed)
    target.write_bytes(data)
    return target


def tar_blocks(*names: str) -> bytes:
    """A tar's blocks without its end."""
    blocks = b""
    for name in names:
        blocks += member(name, size=len(TEXT)).tobuf(tarfile.USTAR_FORMAT) + TEXT.ljust(512, b"\0")
    return blocks


END = bytes(1024)
