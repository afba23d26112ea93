"""Made-up files of motion capture, in the documented form."""

import json
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from encoder.joint_layouts import LAYOUTS

MEDIAPIPE = tuple(name.upper().replace(" ", "_") for name in LAYOUTS["mediapipe-33"].joints)
HAND = ("WRIST", "THUMB_TIP")


def write_azure_kinect(path: Path, frames: Sequence[Mapping[int, Any]], **fields: Any) -> Path:
    """frames: of each, id -> (32, 3) millimetres."""
    said = [
        {
            "frame_id": at,
            "timestamp_usec": 1_000_000 + at * 33_333,
            "num_bodies": len(bodies),
            "bodies": [
                {"body_id": body_id, "joint_positions": np.asarray(joints).tolist()}
                for body_id, joints in bodies.items()
            ],
        }
        for at, bodies in enumerate(frames)
    ]
    path.write_text(json.dumps({"k4abt_sdk_version": "1.1.2", "frames": said} | fields))
    return path


def pose_bytes(
    places: Any,
    *,
    sure: Any = None,
    parts: Mapping[str, Sequence[str]] | None = None,
    fps: float = 25,
    version: float = 0.1,
    n_frames: int | None = None,
) -> bytes:
    """places: (T, M, V, 3), V the points of all parts together."""
    places = np.asarray(places, "<f4")
    parts = {"POSE_LANDMARKS": MEDIAPIPE} if parts is None else parts
    said = [struct.pack("<fHHHH", version, 640, 480, 0, len(parts))]
    for name, points in parts.items():
        said += [_text(name), _text("XYZC"), struct.pack("<HHH", len(points), 1, 1), *map(_text, points)]
        said.append(struct.pack("<HHHHH", 0, 1, 255, 0, 0))
    frames, people = len(places) if n_frames is None else n_frames, places.shape[1]
    said.append(struct.pack("<HHH" if version < 0.15 else "<fIH", fps, frames, people))
    sure = np.ones(places.shape[:3]) if sure is None else sure
    return b"".join([*said, places.tobytes(), np.asarray(sure, "<f4").tobytes()])


def _text(text: str) -> bytes:
    return struct.pack("<H", len(text.encode())) + text.encode()


def write_pose(path: Path, places: Any, **fields: Any) -> Path:
    path.write_bytes(pose_bytes(places, **fields))
    return path


def c3d_bytes(
    points: Any,
    labels: Sequence[str],
    *,
    unit: str | Sequence[str] = "mm",
    rate: float = 100,
    processor: int = 84,
    scale: float = -1.0,
    n_samples: int = 0,
    frames: int | None = None,
) -> bytes:
    """points: (3, V, T), NaN where no camera saw a marker. scale: above 0 for integers. n_samples: analogue ones."""
    places = np.asarray(points, np.float64).transpose(2, 1, 0)
    units = [unit] if isinstance(unit, str) else list(unit)
    stated = len(places) if frames is None else frames
    pack = _Packer(processor)
    said = [
        *pack.group(1, "POINT"),
        *pack.parameter(1, "USED", pack.shorts([places.shape[1]])),
        *pack.parameter(1, "FRAMES", pack.shorts([stated])),
        *pack.parameter(1, "SCALE", pack.several_floats([scale])),
        *pack.parameter(1, "RATE", pack.several_floats([rate])),
        *pack.parameter(1, "DATA_START", pack.shorts([0])),
        *pack.parameter(1, "LABELS", _texts(labels)),
        *pack.parameter(1, "UNITS", _texts(units)),
    ]
    section = b"\1\x50\0" + bytes([processor]) + b"".join(said) + b"\0\0"
    n_blocks = -(-len(section) // 512)
    section = section[:2] + bytes([n_blocks]) + section[3:].ljust(512 * n_blocks - 3, b"\0")
    head = b"\2\x50" + pack.short(places.shape[1], n_samples, 1, stated, 0) + pack.single(scale)
    head += pack.short(2 + n_blocks, 1) + pack.single(rate)
    whole = np.zeros((len(places), places.shape[1], 4))
    whole[..., :3] = np.nan_to_num(places) / (1 if scale < 0 else scale)
    whole[..., 3] = np.where(np.isnan(places).any(axis=-1), -1, 0)
    rows = np.concatenate([whole.reshape(len(places), -1), np.full((len(places), n_samples), 7)], axis=1)
    data = pack.single(*rows.ravel()) if scale < 0 else pack.short(*np.round(rows.ravel()).astype(int))
    return head.ljust(512, b"\0") + section + data


class _Packer:
    """Numbers as a processor writes them: 84 Intel, 85 DEC, 86 MIPS."""

    def __init__(self, processor: int) -> None:
        self._order = ">" if processor == 86 else "<"
        self._is_dec = processor == 85

    def short(self, *numbers: int) -> bytes:
        return np.array(numbers).astype(f"{self._order}i2").tobytes()

    def single(self, *numbers: float) -> bytes:
        if not self._is_dec:
            return np.array(numbers).astype(f"{self._order}f4").tobytes()
        words = (np.array(numbers) * 4).astype("<f4").view("<u2").reshape(-1, 2)
        return np.ascontiguousarray(words[:, ::-1]).tobytes()

    def shorts(self, numbers: Sequence[int]) -> tuple[int, Sequence[int], bytes]:
        return 2, (), self.short(*numbers)

    def several_floats(self, numbers: Sequence[float]) -> tuple[int, Sequence[int], bytes]:
        return 4, (), self.single(*numbers)

    def group(self, number: int, name: str) -> tuple[bytes, ...]:
        return struct.pack("<bb", len(name), -number), name.encode(), self.short(3), b"\0"

    def parameter(self, group: int, name: str, value: tuple[int, Sequence[int], bytes]) -> tuple[bytes, ...]:
        kind, axes, data = value
        content = struct.pack("<bB", kind, len(axes)) + bytes(axes) + data + b"\0"
        return struct.pack("<bb", len(name), group), name.encode(), self.short(len(content) + 2), content


def _texts(texts: Sequence[str]) -> tuple[int, Sequence[int], bytes]:
    width = max(len(text.encode()) for text in texts)
    return -1, (width, len(texts)), b"".join(text.encode().ljust(width) for text in texts)


def write_c3d(path: Path, points: Any, labels: Sequence[str], **fields: Any) -> Path:
    path.write_bytes(c3d_bytes(points, labels, **fields))
    return path
