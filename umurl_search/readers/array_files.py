"""The arrays in `.npy`, `.npz`, `.mat` and `.csv` files: of one clip, the only array in its file that is a clip."""

import io
import math
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError, reason_of
from encoder.joint_layouts import Layout, joint_counts
from umurl_search.readers.array_axes import clip_readings, is_movenet, set_readings, sizes_as
from umurl_search.readers.build_clip import BadRecordingError, read_bytes
from umurl_search.readers.csv_file import load_csv
from umurl_search.readers.ctrgcn import DAMAGED, MOST_DEFLATED, PACKINGS, open_archive
from umurl_search.readers.mat_file import load_mat
from umurl_search.readers.mat_file import unpacked_size as size_of_mat
from umurl_search.readers.npy_header import read_header
from umurl_search.readers.object_npy import read_object_npy

_MAGIC = b"\x93NUMPY"
_MOST_MEMBERS, _HEAD_BYTES = 100, 4096
_NAMES = (
    "keypoint", "keypoints", "joint", "joints", "skeleton", "skeletons", "skel", "d_skel", "position", "positions",
    "pose", "poses", "coords", "coordinates", "xyz", "data", "x", "arr_0",
)  # fmt: skip
"""Of several arrays that may be the clip, the first that is called so is it."""

Arrays = Mapping[str, NDArray[Any]]


def load_clip_array(path: Path, *, layout: Layout | None, axes: str | None = None) -> NDArray[Any]:
    """The array of a file that is one clip. layout: of its joints; None: that of their number.

    Raises: UmurlError, BadRecordingError where it is not whole or holds none, or several.
    """
    match path.suffix.lower():
        case ".npz":
            return _choose_clip(load_npz(path), path, layout=layout, axes=axes)
        case ".mat":
            return _choose_clip(load_mat(path), path, layout=layout, axes=axes)
        case ".csv" | ".tsv":
            return load_csv(path)
    return load_npy(path)


def _choose_clip(arrays: Arrays, path: Path, *, layout: Layout | None, axes: str | None) -> NDArray[Any]:
    n_joints, dims = ((layout.n_joints,), layout.dims) if layout else (joint_counts(), 3)
    clips = {
        name: array
        for name, array in arrays.items()
        if array.dtype.kind in "iuf"
        and (
            sizes_as(array.shape, axes, n_joints, dims=dims)
            if axes
            else clip_readings(array.shape, n_joints, dims=dims)
        )
    }
    if len(clips) == 1:
        return next(iter(clips.values()))
    by_name = {name.lower(): array for name, array in clips.items()}
    for name in _NAMES:
        if name in by_name:
            return by_name[name]
    shown = list(clips or arrays)[:6]
    seen = ", ".join(f"{name} {arrays[name].shape}" for name in shown) or "no array of numbers"
    if clips:
        raise BadRecordingError("malformed", f"several of its arrays may be the clip: {seen}", path)
    if any(set_readings(array.shape, n_joints, dims=dims) for array in arrays.values()):
        seen += ", which is many clips"
    if objects := _object_arrays(path):
        seen = (
            f"{', '.join(objects)} of Python objects, refused, they may run code: write each clip as an array"
        )
    joints = " or ".join(map(str, n_joints))
    raise BadRecordingError("malformed", f"none of its arrays is a clip of {joints} joints: {seen}", path)


def load_npy(path: Path) -> NDArray[Any]:
    """The numbers in a `.npy` file. Raises: BadRecordingError where it is not whole or holds none."""
    content = read_bytes(path)
    try:
        return parse_npy(content)
    except BadRecordingError as error:
        error.path = path
        raise


def parse_npy(content: bytes) -> NDArray[Any]:
    """The numbers that a `.npy` file of this content holds. Raises: BadRecordingError."""
    if _holds_objects(content):
        return read_object_npy(content)
    try:
        header = read_header(io.BytesIO(content))
    except ValueError as error:
        cut = _MAGIC.startswith(content[: len(_MAGIC)]) and b"\n" not in content
        raise BadRecordingError("truncated" if cut else "malformed", f"no usable array: {error}") from None
    if len(content) < header.n_bytes:
        detail = f"{len(content)} bytes, its header announces {header.n_bytes}"
        raise BadRecordingError("truncated", detail)
    count = math.prod(header.shape)
    values: NDArray[Any] = np.frombuffer(content, header.dtype, count=count, offset=header.offset)
    return values.reshape(header.shape, order="F" if header.fortran_order else "C")


def _holds_objects(content: bytes) -> bool:
    """Whether a `.npy` file is of one Python object, in a header as numpy writes it."""
    head = content[:200].partition(b"\n")[0]
    return head.startswith(_MAGIC) and b"'descr': '|O'" in head and b"'shape': ()" in head


def unpacked_size(path: Path) -> int:
    """The bytes that a file of compressed arrays takes, at most, once they are read; 0 for any other file.

    Raises: UmurlError where it is damaged.
    """
    match path.suffix.lower():
        case ".npz":
            with open_archive(path) as archive:
                return sum(one.file_size for one in archive.infolist() if one.filename.endswith(".npy"))
        case ".mat":
            return size_of_mat(path)
    return 0


def load_npz(path: Path, *, most_axes: int = 32) -> dict[str, NDArray[Any]]:
    """The arrays of numbers in a `.npz` file, by name; others, of objects say, are passed over.

    most_axes: of those that are wanted.
    Raises: BadRecordingError where the file is not whole.
    """
    return {name: parse_npy(content) for name, content in read_members(path, most_axes=most_axes)}


def read_members(path: Path, *, kinds: str = "iuf", most_axes: int = 32) -> list[tuple[str, bytes]]:
    """The arrays of an archive as their bytes, by name. kinds: of values that are wanted, in numpy's letters.

    Raises: BadRecordingError where the file is not whole.
    """
    if not path.is_file():
        raise BadRecordingError("malformed", "no regular file (a link to nowhere, or a pipe)", path)
    try:
        with open_archive(path) as archive:
            members = [member for member in archive.infolist() if member.filename.endswith(".npy")]
            if len(members) > _MOST_MEMBERS:
                raise BadRecordingError("malformed", f"{len(members)} arrays in one file", path)
            return [
                (member.filename[:-4], content)
                for member in members
                if len(_read_member_shape(archive, member.filename, kinds=kinds) or ()) <= most_axes
                and (content := _read_member(archive, member, kinds=kinds)) is not None
            ]
    except DAMAGED as error:
        raise BadRecordingError("malformed", f"a damaged archive ({reason_of(error)})", path) from None
    except BadRecordingError:
        raise
    except UmurlError as error:
        raise BadRecordingError("malformed", error.message, path) from None


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, *, kinds: str) -> bytes | None:
    """An array of an archive, None for one of other values. Raises: BadRecordingError for a damaged one."""
    there = min(member.compress_size, Path(str(archive.filename)).stat().st_size)
    if member.compress_type not in PACKINGS or member.file_size > MOST_DEFLATED * there:
        raise BadRecordingError("malformed", f"{member.filename[:80]}: packed as numpy packs nothing")
    with archive.open(member) as stream:
        content = stream.read(member.file_size + 1)
    try:
        read_header(io.BytesIO(content), kinds=kinds)
    except ValueError:
        return None
    return content


def _object_arrays(path: Path) -> list[str]:
    """The arrays of a `.npz` file that hold Python objects, by name, as VideoPose3D's `positions_3d` does."""
    if path.suffix.lower() != ".npz":
        return []
    found = []
    with open_archive(path) as archive:
        for name in archive.namelist()[:_MOST_MEMBERS]:
            with archive.open(name) as stream:
                if b"'descr': '|O'" in stream.read(200):
                    found.append(name.removesuffix(".npy")[:80])
    return found


def is_likely_clip(path: Path) -> bool:
    """Whether a file holds an array that may be a clip, by its head where it has one."""
    try:
        shapes = read_shapes(path).values()
        return any(is_movenet(shape) or clip_readings(shape, joint_counts()) for shape in shapes)
    except (OSError, ValueError, UmurlError):
        return False


def read_shapes(path: Path) -> dict[str, tuple[int, ...]]:
    """The shapes of the arrays of numbers in a `.npy`, `.npz` or `.mat` file, by name.

    One of an authors' converter, which holds one object, is shown as it will be read.
    Raises: OSError, ValueError, UmurlError where it holds none.
    """
    match path.suffix.lower():
        case ".npz":
            with open_archive(path) as archive:
                names = [name for name in archive.namelist() if name.endswith(".npy")][:_MOST_MEMBERS]
                shapes = {name[:-4]: _read_member_shape(archive, name) for name in names}
            return {name: shape for name, shape in shapes.items() if shape is not None}
        case ".mat":
            return {name: array.shape for name, array in load_mat(path).items()}
    if not path.is_file():
        raise ValueError("no regular file")
    with open(path, "rb") as stream:
        head = stream.read(_HEAD_BYTES)
        if _holds_objects(head):
            return {"": load_npy(path).shape}
        stream.seek(0)
        return {"": read_header(stream).shape}


def announced_bytes(path: Path) -> int:
    """The size that a `.npy` file must have, by its header; 0 for one of an object. Raises: OSError, ValueError."""
    with open(path, "rb") as stream:
        head = stream.read(_HEAD_BYTES)
        if _holds_objects(head):
            return 0
        stream.seek(0)
        return read_header(stream).n_bytes


def _read_member_shape(archive: zipfile.ZipFile, name: str, *, kinds: str = "iuf") -> tuple[int, ...] | None:
    """The shape of an array of these kinds; None for other values, and where the member cannot hold them."""
    member = archive.getinfo(name)
    try:
        with archive.open(name) as stream:
            header = read_header(stream, kinds=kinds)
        there = min(member.file_size, MOST_DEFLATED * max(1, member.compress_size))
        return header.shape if header.n_bytes <= there else None
    except DAMAGED:
        return None
