"""Small well-formed files of motion capture, to start from."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import motion_files
import numpy as np
import rigs


def _places(*shape: int) -> Any:
    return np.random.default_rng(1).normal(size=shape).round(3)


def _npy(array: Any) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=False)
    return out.getvalue()


MARKERS = json.dumps(
    {
        "name": "markers",
        "joints": list("abcdefghi"),
        "ntu25": {
            **dict(zip(("spine base", "spine mid"), "ab", strict=True)),
            **{
                f"{side} {part}": letter
                for side, letters in (("left", "cdef"), ("right", "cghi"))
                for part, letter in zip(("shoulder", "hip", "knee", "ankle"), letters, strict=True)
            },
        },
    }
)


def azure_kinect() -> list[bytes]:
    bodies = [{"body_id": at, "joint_positions": (900 * _places(32, 3)).round(1).tolist()} for at in (1, 4)]
    frames = [{"timestamp_usec": 33_333 * at, "bodies": bodies[:at]} for at in range(3)]
    return [json.dumps({"frames": frames}).encode()]


def bvh() -> list[bytes]:
    usual, cmu = rigs.person(root="joint_Root"), rigs.scaled(rigs.person(), 0.177)
    texts = (
        rigs.bvh(usual, n_frames=2, six=True),
        rigs.bvh(cmu, n_frames=3, order="xyz", first_is_rest=True, end=(0, 1, 0)),
        rigs.bvh(usual, n_frames=1).replace("\n", "\r\n"),
    )
    return [text.encode() for text in texts]


def c3d() -> list[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        path = motion_files.write_c3d(Path(folder) / "a.c3d", 900 * _places(3, 9, 2), list("abcdefghi"))
        return [path.read_bytes()]


def pose() -> list[bytes]:
    places = 200 + 90 * _places(2, 1, 33, 3)
    return [motion_files.pose_bytes(places), motion_files.pose_bytes(places, version=0.2)]


def amass() -> list[bytes]:
    found = []
    for width, packing in ((156, zipfile.ZIP_DEFLATED), (66, zipfile.ZIP_STORED)):
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", packing) as archive:
            for name, array in (
                ("poses", _places(2, width)),
                ("trans", _places(2, 3)),
                ("betas", _places(16)),
            ):
                archive.writestr(f"{name}.npy", _npy(array))
            archive.writestr("mocap_framerate.npy", _npy(np.array(120.0)))
        found.append(out.getvalue())
    return found
