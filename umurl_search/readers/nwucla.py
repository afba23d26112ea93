"""NW-UCLA's JSON files, one clip a file, Kinect v1 joints."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import reason_of
from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import State
from umurl_search.readers.build_clip import BadRecordingError, describe, make_clip, read_bytes, to_float32
from umurl_search.readers.file_per_clip import FilePerClip, Place

_HEAD_BYTES = 4096
_N_JOINTS = LAYOUTS["kinect-v1"].n_joints


class NwUclaReader(FilePerClip):
    """NW-UCLA's recordings, anywhere below the roots. The class is the file's `label` - 1."""

    format: str = "nw-ucla"
    state: State = "raw"
    layout: str = "kinect-v1"
    suffix: str = ".json"

    def is_recording(self, path: Path) -> bool:
        return is_nw_ucla(path)

    def load(self, place: Place) -> Clip:
        content = _parse(read_bytes(place.path))
        frames = _skeletons(content.get("skeletons"))
        return make_clip(place.name, frames, label=_label(content.get("label")), source=place.source)


def is_nw_ucla(path: Path) -> bool:
    """Whether a JSON file says near its beginning that skeletons follow."""
    if not path.is_file():  # a pipe would keep its reader waiting
        return False
    try:
        with open(path, "rb") as stream:
            return b'"skeletons"' in stream.read(_HEAD_BYTES)
    except OSError:
        return False


def read_recording(path: Path) -> Frames:
    """The person in a file: (T, 1, 20, 3) float32, numbers may be non-finite. Raises: BadRecordingError."""
    try:
        frames = _skeletons(_parse(read_bytes(path)).get("skeletons"))
    except BadRecordingError as error:
        error.path = path
        raise
    return to_float32(frames)


def _parse(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        if not text.rstrip().endswith(b"}"):
            raise BadRecordingError("truncated", f"the JSON ends too soon ({reason_of(error)})") from None
        raise BadRecordingError("malformed", f"no JSON: {reason_of(error)}") from None
    if not isinstance(content, dict):
        raise BadRecordingError("malformed", f"the JSON is a {type(content).__name__}, not an object")
    return content


def _skeletons(skeletons: Any) -> NDArray[np.float64]:
    """The coordinates, (T, 1, 20, 3)."""
    if not isinstance(skeletons, list):
        raise BadRecordingError("malformed", "it has no list 'skeletons'")
    if not skeletons:
        raise BadRecordingError("no body", "it has no frames")
    try:
        frames = np.array(skeletons, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise BadRecordingError(
            "malformed", f"its skeletons are no array of numbers: {reason_of(error)}"
        ) from None
    if frames.shape[1:] != (_N_JOINTS, 3):
        raise BadRecordingError("malformed", f"skeletons of shape {frames.shape}, not (T, {_N_JOINTS}, 3)")
    return frames[:, None]


def _label(label: Any) -> int | None:
    if label is None:
        return None
    if not isinstance(label, int) or label < 1:
        raise BadRecordingError("malformed", f"its label is {describe(label)}, not a number from 1")
    return label - 1
