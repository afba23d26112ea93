"""Small whole files of motion capture and pose estimators, to be spoiled."""

import io
import json
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import motion_files
import numpy as np
import rigs
from fuzz.mutate import SEPARATOR
from fuzz.seeds import _npy, _places, npy_clips, nw_ucla, pku, skeletons

from encoder.joint_layouts import LAYOUTS


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
    return found + [_archive(arrays) for arrays in _other_names()]


def _other_names() -> list[dict[str, Any]]:
    body = {"root_orient": _places(2, 3), "pose_body": _places(2, 63), "trans": _places(2, 3)}
    parts = {"global_orient": _places(2, 3), "body_pose": _places(2, 23, 3), "fps": np.array([25])}
    dance = {"smpl_poses": _places(2, 72), "smpl_trans": _places(2, 3), "smpl_scaling": np.array([90.0])}
    return [body, parts, dance]


def _archive(arrays: dict[str, Any]) -> bytes:
    out = io.BytesIO()
    np.savez(out, **arrays)
    return out.getvalue()


def keypoints_json() -> list[bytes]:
    """One of each dialect, of few numbers."""
    joints = [[300 + 7 * j % 50, 100 + 9 * j] for j in range(17)]
    objects = [{"x": x, "y": y, "score": 0.9} for x, y in joints]
    row = [number for x, y in joints for number in (x, y, 0.8)]
    landmarks = [{"x": 0.4 + j / 99, "y": j / 40, "z": -0.1, "visibility": 0.9} for j in range(33)]
    columns = {"x": [x for x, _ in joints], "y": [y for _, y in joints], "visible": [0.9] * 17}
    instance = {"keypoints": joints, "keypoint_scores": [0.9] * 17, "bbox_score": 0.8}
    contents: list[Any] = [
        [{"keypoints": objects}, {"keypoints": []}, {"keypoints": objects}],
        {"fps": 25, "frames": [{"timestamp": 40 * t, "pose_world_landmarks": landmarks} for t in (0, 1, 3)]},
        [{"image_id": f"{t}.jpg", "keypoints": row, "score": 1.2, "idx": [[1.0]]} for t in (2, 10, 1)],
        {"instance_info": [{"frame_id": t, "instances": [instance, instance]} for t in (1, 2)]},
        [[{"name": "person", "class": 0, "box": {"x1": 1}, "keypoints": columns, "confidence": 0.9}]] * 2,
        [joints, joints],
        [[[[*joint, 0.5] for joint in joints]]] * 2,
        [{"t": t % 3, "keypoints": [{**one, "y": one["y"] + t % 3} for one in objects]} for t in range(6)],
    ]
    return [json.dumps(content).encode() for content in contents]


def keypoints_csv() -> list[bytes]:
    joints = [f"{axis}{joint}" for joint in range(1, 34) for axis in "xyzv"]
    row = ",".join(["0.5"] * len(joints))
    named = [f"{joint}_{axis}" for joint in LAYOUTS["coco-17"].joints for axis in "xy"]
    people = [",".join([str(t), str(who), *["7"] * 34]) for t in (1, 2) for who in (0, 1)]
    return [
        "\n".join([",".join(joints), row, row]).encode(),
        "\n".join([",".join(["frame", "person", *named]), *people]).encode(),
        "\n".join(
            [",".join(["t", *named]), *[",".join([str(t), *["7", "9"] * 17]) for t in (0, 1, 2, 1)]]
        ).encode(),
    ]


def openpose() -> list[bytes]:
    row = [number for j in range(18) for number in (300 + 7 * j % 50, 100 + 9 * j, 0.8)]
    frame = json.dumps({"version": 1.3, "people": [{"person_id": [-1], "pose_keypoints_2d": row}]}).encode()
    return [SEPARATOR.join([frame, b'{"people": []}', frame])]


def mediapipe_npy() -> list[bytes]:
    frame = np.tile([0.4, 0.5, -0.1, 0.9], 33) + np.arange(132) / 200
    return [
        SEPARATOR.join([_npy(frame), _npy(frame.reshape(33, 4)), b""]),
        SEPARATOR.join([_npy(np.zeros(132)), _npy(np.tile(frame, 1)), _npy(np.stack([frame, frame]))]),
    ]


def queries() -> list[bytes]:
    recording = pku()[0].split(SEPARATOR)[0]
    kinds = [(b"n", npy_clips()), (b"s", skeletons()), (b"t", [recording]), (b"j", nw_ucla())]
    kinds += [(b"j", keypoints_json()[:2]), (b"j", azure_kinect()), (b"b", bvh()[:1]), (b"p", pose()[:1])]
    return [kind + content for kind, contents in kinds for content in contents]


def layout_files() -> list[bytes]:
    known = [LAYOUTS[name].to_json().replace(name, "mine") for name in ("coco-17", "smpl-22")]
    return [MARKERS.encode(), *(text.encode() for text in known)]
