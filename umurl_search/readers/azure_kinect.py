"""Azure Kinect's body tracking as JSON, one clip a file: what the SDK's `offline_processor` writes.

`{"joint_names": [...], "frames": [{"timestamp_usec": n, "bodies": [{"body_id": n, "joint_positions": [...]}]}]}`, the
positions [x, y, z] of 32 joints in millimetres, x to the right, y down, z away from the camera. People keep their
place by their `body_id`.

Letters: T frames, M people, V = 32 joints.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import reason_of
from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.assumed_rates import assume_rate
from umurl_search.clips.body_selection import choose_bodies
from umurl_search.clips.clip import Frames
from umurl_search.readers.build_clip import (
    BadRecordingError,
    FileClip,
    parse_object,
    read_bytes,
    read_head,
    require_places,
    to_float32,
)
from umurl_search.readers.named_joints import OneLayoutReader, match_names, require_own_layout

LAYOUT = "azure-32"
_WHAT = "Azure Kinect's joints"
_JOINTS = LAYOUTS[LAYOUT].joints
_HEAD_BYTES = 65_536
_MOST_PEOPLE = 6
_METRES = np.float32(0.001)
_RATES = (30.0, 15.0, 5.0)
_SAME_RATE = 0.05


class AzureKinectReader(OneLayoutReader):
    """Azure Kinect's recordings, anywhere below the roots."""

    format: str = "azure-kinect"
    layout: str = LAYOUT
    suffix: str = ".json"
    what: str = _WHAT

    def is_recording(self, path: Path) -> bool:
        return is_azure_kinect(path)

    def read_clip(self, path: Path) -> FileClip:
        return read_clip(path)


def is_azure_kinect(path: Path) -> bool:
    """Whether a JSON file speaks of bodies' `joint_positions` near its beginning, or of the tracker's SDK."""
    head = read_head(path, _HEAD_BYTES)
    return b'"joint_positions"' in head or b'"k4abt_sdk_version"' in head


def read_clip(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip of a file: metres, y down. Raises: BadRecordingError, BadInputError for another layout."""
    require_own_layout(layout, LAYOUT, what=_WHAT)
    try:
        document = parse_object(read_bytes(path))
        recorded = document.get("frames")
        if not isinstance(recorded, list):
            raise BadRecordingError("malformed", "it has no list 'frames'")
        frames = _read_people(recorded)
        require_places(frames)
        frames = _order_joints(frames * _METRES, document.get("joint_names"))
    except BadRecordingError as error:
        error.path = path
        raise
    frames = choose_bodies(frames) if frames.shape[1] > 2 else frames
    fps = _find_rate(recorded)
    notes = (f"{path}: {assume_rate('its time stamps say no rate')}",) if fps is None else ()
    return FileClip(frames, notes, LAYOUT, fps)


def _read_people(recorded: Sequence[Any]) -> Frames:
    """(T, M, 32, 3) millimetres, the people who are there longest first in the order of their ids."""
    if not recorded:
        raise BadRecordingError("no body", "it has no frames")
    bodies = [_read_bodies(frame) for frame in recorded]
    times = Counter(body_id for frame in bodies for body_id in frame)
    kept = sorted(body_id for body_id, _ in times.most_common(_MOST_PEOPLE))
    if not kept:
        raise BadRecordingError("no body", f"nobody in any of {len(recorded)} frames")
    frames = np.zeros((len(recorded), len(kept), len(_JOINTS), 3), np.float32)
    for at, frame in enumerate(bodies):
        for person, body_id in enumerate(kept):
            if body_id in frame:
                frames[at, person] = frame[body_id]
    return frames


def _read_bodies(frame: Any) -> dict[int, Frames]:
    """id -> (32, 3) of the bodies in a frame."""
    bodies = frame.get("bodies", []) if isinstance(frame, dict) else None
    if not isinstance(bodies, list):
        raise BadRecordingError("malformed", "a frame has no list 'bodies'")
    found = {}
    for number, body in enumerate(bodies):
        if not isinstance(body, dict):
            raise BadRecordingError("malformed", "a body is no object")
        body_id = body.get("body_id", number)
        if isinstance(body_id, bool) or not isinstance(body_id, int) or abs(body_id) >= 2**63:
            raise BadRecordingError("malformed", "a body's body_id is no number")
        found[body_id] = _read_joints(body.get("joint_positions"))
    return found


def _read_joints(stated: Any) -> Frames:
    try:
        joints: NDArray[np.float64] = np.array(stated, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRecordingError("malformed", f"joint_positions are no numbers: {reason_of(error)}") from None
    if joints.shape != (len(_JOINTS), 3):
        raise BadRecordingError(
            "malformed", f"joint_positions of shape {joints.shape}, not ({len(_JOINTS)}, 3)"
        )
    return to_float32(joints)


def _order_joints(frames: Frames, names: Any) -> Frames:
    """The joints in the layout's order, where the file names its own."""
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        return frames
    plain = [name.lower().replace("naval", "navel").replace("handtip", "hand_tip") for name in names]
    found = match_names(_JOINTS, plain)
    if len(names) != len(_JOINTS) or None in found:
        return frames
    return frames[:, :, [at for at in found if at is not None]]


def _find_rate(recorded: Sequence[Any]) -> float | None:
    """By the time stamps: one of the camera's rates where they fit it, None where there are none."""
    stamps = [frame.get("timestamp_usec") for frame in recorded if isinstance(frame, dict)]
    times = [stamp for stamp in stamps if isinstance(stamp, int | float) and abs(stamp) < 2**63]
    if len(times) < 2 or len(times) != len(recorded):
        return None
    steps = np.diff(np.array(times, np.float64))
    middle = float(np.median(steps)) / 1e6
    if not 1e-4 < middle <= 1:
        return None
    return next((rate for rate in _RATES if abs(rate * middle - 1) < _SAME_RATE), 1 / middle)
