"""Made-up files of pose estimators, in the forms that their makers document."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout

_PLACES = {
    "nose": (0, -0.7),
    "ear": (0.08, -0.7),
    "eye": (0.04, -0.72),
    "shoulder": (0.2, -0.5),
    "elbow": (0.3, -0.25),
    "wrist": (0.35, 0),
    "hip": (0.12, 0),
    "knee": (0.13, 0.45),
    "ankle": (0.14, 0.9),
    "neck": (0, -0.5),
    "pelvis": (0, 0),
}
"""Of a person who stands and faces the camera: metres to the left and down from the hips."""


def person(layout: str, *, at: tuple[float, float] = (300, 240), scale: float = 100) -> NDArray[np.float64]:
    """(V, 2) pixels of somebody who stands."""
    return np.array([_place(joint) for joint in find_layout(layout).joints]) * scale + at


def _place(joint: str) -> tuple[float, float]:
    words = joint.split(" ")
    part = next((word for word in words if word in _PLACES), None)
    x, y = (
        _PLACES[part]
        if part
        else (0.1, 0.92 if "toe" in joint or "heel" in joint or "foot" in joint else 0.02)
    )
    if "mouth" in words:
        x, y = 0.03, -0.65
    return (x if "left" in words else -x if "right" in words else 0, y)


def walk(layout: str, n_frames: int = 8, *, at: tuple[float, float] = (300, 240)) -> NDArray[np.float64]:
    """(T, V, 2) of somebody who goes to the right and waves the left hand."""
    frames = np.stack([person(layout, at=(at[0] + 5 * t, at[1])) for t in range(n_frames)])
    hand = find_layout(layout).joints.index("left wrist")
    frames[:, hand, 1] -= 10 * np.arange(n_frames)
    return frames.round(2)


def points(joints: NDArray[np.float64], score: float = 0.9, **also: Any) -> list[dict[str, Any]]:
    """A person's joints as objects."""
    return [{"x": x, "y": y, **also, "score": score} for x, y in joints.tolist()]


def flat(joints: NDArray[np.float64], score: float = 0.9) -> list[float]:
    """x, y, score in turn."""
    return np.column_stack([joints, np.full(len(joints), score)]).ravel().round(3).tolist()


def openpose(people: Sequence[NDArray[np.float64]]) -> dict[str, Any]:
    return {
        "version": 1.3,
        "people": [
            {"person_id": [-1], "pose_keypoints_2d": flat(joints), "face_keypoints_2d": []}
            for joints in people
        ],
    }


def write_openpose(folder: Path, n_frames: int = 8, *, prefix: str = "walk") -> Path:
    """A folder of frames, as OpenPose writes it."""
    folder.mkdir(parents=True, exist_ok=True)
    for t, joints in enumerate(walk("openpose-25", n_frames)):
        (folder / f"{prefix}_{t:012d}_keypoints.json").write_text(json.dumps(openpose([joints])))
    return folder


def landmarks(n_frames: int = 8, *, legs: float = 0.9) -> NDArray[np.float64]:
    """(T, 33, 4) of MediaPipe: parts of a picture of 640 x 480, and visibility; legs: theirs."""
    frames = np.zeros((n_frames, 33, 4))
    frames[..., :2] = walk("mediapipe-33", n_frames) / (640, 480)
    frames[..., 2] = -0.1
    frames[..., 3] = 0.9
    frames[:, 25:, 3] = legs
    return frames


def write_holistic(folder: Path, frames: NDArray[np.float64]) -> Path:
    """A folder of frames as the holistic tutorial's store has them. frames: (T, 33, 4)."""
    folder.mkdir(parents=True, exist_ok=True)
    for t, frame in enumerate(frames):
        hands = np.full(126, 0.5) if frame.any() else np.zeros(126)
        np.save(folder / f"{t}.npy", np.concatenate([frame.ravel(), np.zeros(1404), hands]))
    return folder
