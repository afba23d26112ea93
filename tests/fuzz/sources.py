"""Folders of files that mean harm, and what readers make of them."""

import io
import struct
import zipfile
from pathlib import Path

from fuzz.guard import watch

from umurl_search.clips.clip import Clip, LeftOut
from umurl_search.readers import open_reader
from umurl_search.readers.base import Reader


def write(folder: Path, name: str, content: bytes) -> Path:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def outcomes(reader: Reader) -> list[Clip | LeftOut]:
    return [outcome for group in reader.read(reader.items()) for outcome in group]


def read(fmt: str, folder: Path) -> list[Clip | LeftOut]:
    """What a folder's files give, under guard."""
    n_bytes = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    with watch(folder.resolve(), n_bytes=n_bytes):
        return outcomes(open_reader(fmt, [folder]))


def only_reason(fmt: str, folder: Path) -> tuple[str, str]:
    """Why the only recording is left out, and the particulars."""
    (found,) = read(fmt, folder)
    assert isinstance(found, LeftOut), found
    return found.reason, found.detail


def npy_header(shape: str, *, descr: str = "'<f4'", version: int = 1) -> bytes:
    text = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes((version, 0)) + struct.pack("<H" if version == 1 else "<I", len(text)) + text


def npz(members: dict[str, bytes], *, packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip archive."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()
