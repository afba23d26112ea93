"""Keypoints in JSON as pose estimators write them, one clip a file: MediaPipe, MoveNet, YOLO, AlphaPose, MMPose."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from encoder.errors import UmurlError, reason_of
from umurl_search.readers.array_axes import describe_unknown, is_movenet
from umurl_search.readers.arrays import read_array, read_movenet
from umurl_search.readers.build_clip import BadRecordingError, FileClip, read_bytes, read_head
from umurl_search.readers.detected_clip import DetectorReader, build_clip
from umurl_search.readers.file_per_clip import require_layout
from umurl_search.readers.keypoint_dialects import KEYPOINTS, read_detections

_HEAD_BYTES, _MOST_BYTES = 65_536, 2**29
_SAYS_KEYPOINTS = re.compile(rb'"(?:' + "|".join((*KEYPOINTS, "instance_info")).encode() + rb')"\s*:')
_NESTED = re.compile(rb"\s*\[\s*\[\s*(?:\[\s*)*(?:-?\d|NaN|null)")
_BARE_OBJECTS = re.compile(rb'\s*\[\s*(?:\[\s*)+\{[^{}]*"x"\s*:[^{}]*"y"\s*:')
_MOST_AXES = 6


class KeypointsReader(DetectorReader):
    """Recordings of keypoints, anywhere below the roots; each says its own joints unless a layout is stated."""

    format: str = "keypoints-json"
    suffix: str = ".json"
    usual_layout: str = "coco-17"

    def is_recording(self, path: Path) -> bool:
        return is_keypoints_json(path)

    def read_recording(self, path: Path, *, layout: str | None = None) -> FileClip:
        return read_recording(path, layout=layout)


def is_keypoints_json(path: Path) -> bool:
    """Whether a JSON file says near its beginning that keypoints follow, or begins with numbers in lists."""
    head = read_head(path, _HEAD_BYTES)
    return bool(_SAYS_KEYPOINTS.search(head) or _NESTED.match(head) or _BARE_OBJECTS.match(head))


def read_recording(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip in a file. layout: of its joints, where it is stated. Raises: BadRecordingError."""
    try:
        return _read(load_json(path), layout)
    except BadRecordingError as error:
        error.path = path
        raise


def load_json(path: Path) -> Any:
    """What a JSON file holds; of one document a line, a list of them. Raises: BadRecordingError."""
    text = read_bytes(path)
    if len(text) > _MOST_BYTES:
        raise BadRecordingError("malformed", f"a JSON file of {len(text) / 1e6:,.0f} MB is too large")
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = text.splitlines()
        if len(lines) > 1 and lines[0].rstrip()[-1:] in (b"}", b"]"):
            try:
                return [json.loads(line) for line in lines if line.strip()]
            except (ValueError, RecursionError):
                pass
        cut = not text.rstrip().endswith((b"}", b"]"))
        reason = f"the JSON ends too soon ({reason_of(error)})" if cut else f"no JSON: {reason_of(error)}"
        raise BadRecordingError("truncated" if cut else "malformed", reason) from None


def _read(content: Any, layout: str | None) -> FileClip:
    if isinstance(content, dict) and isinstance(content.get("keypoints"), list):
        rows = content["keypoints"]
        content = rows if _count_axes(rows) > 2 else content
    if isinstance(content, list) and _count_axes(content) > 2:
        return _read_nested(content, layout)
    return build_clip(read_detections(content), layout=layout)


def _count_axes(content: Any) -> int:
    """How deep numbers lie in lists alone; 0 where anything else is in them."""
    for n_axes in range(_MOST_AXES + 1):
        if isinstance(content, int | float) and not isinstance(content, bool):
            return n_axes
        if not (isinstance(content, list) and content):
            return 0
        content = next((one for one in content if one is not None and one != []), None)
    return 0


def _read_nested(content: list[Any], layout: str | None) -> FileClip:
    """Lists of numbers without a word, read as the same array in a file is: their number of joints may say nothing."""
    try:
        array = np.array(content, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        detail = f"its lists are no array of numbers: {reason_of(error)}"
        raise BadRecordingError("malformed", detail) from None
    if is_movenet(array.shape):
        return read_movenet(array, layout)
    stated = require_layout(layout) if layout else None
    try:
        return FileClip(read_array(array, axes=None, layout=stated).frames, layout=layout)
    except BadRecordingError:
        raise
    except UmurlError as error:
        raise BadRecordingError("malformed", describe_unknown(error, array.shape)) from None
