"""NW-UCLA's JSON files, one clip a file, Kinect v1 joints."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import reason_of
from encoder.joint_layouts import LAYOUTS
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.types import State
from umurl_search.readers.build_clip import (
    BadRecordingError,
    describe,
    make_clip,
    parse_object,
    read_bytes,
    read_head,
    to_float32,
)
from umurl_search.readers.file_per_clip import FilePerClip, Place

_HEAD_BYTES = 4096
_N_JOINTS = LAYOUTS["kinect-v1"].n_joints
_PARSED_WHOLE = 2**20
"""Bytes of a file that is parsed in one piece."""
_LONGEST_FRAME = 2**14
"""Characters of a frame, and of any other value of a larger file."""
_BLANKS, _END_OF_FRAME = re.compile(r"[ \t\n\r]*"), re.compile(r"\][ \t\n\r]*\]")
_DECODER = json.JSONDecoder()


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
    return b'"skeletons"' in read_head(path)


def read_recording(path: Path) -> Frames:
    """The person in a file: (T, 1, 20, 3) float32, numbers may be non-finite. Raises: BadRecordingError."""
    try:
        frames = _skeletons(_parse(read_bytes(path)).get("skeletons"))
    except BadRecordingError as error:
        error.path = path
        raise
    return to_float32(frames)


def _parse(text: bytes) -> dict[str, Any]:
    """The object in a file. `skeletons` is an array, not a list, where the file is large."""
    return parse_object(text, json.loads if len(text) <= _PARSED_WHOLE else _parse_by_frame)


def _parse_by_frame(content: bytes) -> dict[str, Any]:
    """The same frame by frame: lists of millions of numbers take ten times the memory of their text.

    Raises: ValueError, RecursionError, BadRecordingError.
    """
    text = content.decode(json.detect_encoding(content)).removeprefix("\ufeff")
    start = _skip(text, 0)
    if text[start : start + 1] != "{":
        raise BadRecordingError("malformed", "the JSON is no object")
    found: dict[str, Any] = {}
    at = _expect(text, 0, "{")
    while True:
        key, at = _DECODER.raw_decode(text, _skip(text, at))
        if not isinstance(key, str):
            raise ValueError("a key is no text")
        at = _skip(text, _expect(text, at, ":"))
        if key == "skeletons" and text[at : at + 1] == "[":
            found[key], at = _read_frames(text, at + 1)
        else:
            found[key], at = _read_other(text, at)
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            break
        at += 1
    if _skip(text, _expect(text, at, "}")) != len(text):
        raise ValueError("something follows the object")
    return found


def _skip(text: str, at: int) -> int:
    """The place behind blanks."""
    found = _BLANKS.match(text, at)
    return at if found is None else found.end()


def _expect(text: str, at: int, mark: str) -> int:
    """The place behind a mark, before which there may be blanks. Raises: ValueError."""
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"a '{mark}' is missing at character {at}")
    return at + 1


def _read_frames(text: str, at: int) -> tuple[NDArray[np.float64], int]:
    """Frames (T, 20, 3) up to the end of their list, and the place behind it. Raises: ValueError, BadRecordingError."""
    frames: list[NDArray[np.float64]] = []
    while True:
        end = _END_OF_FRAME.search(text, at, at + _LONGEST_FRAME)
        if end is None:
            raise ValueError(f"no frame ends within {_LONGEST_FRAME:,} characters of character {at}")
        frames.append(_to_array(json.loads(text[at : end.end()])))
        if frames[-1].shape != (_N_JOINTS, 3):
            detail = f"a skeleton of shape {frames[-1].shape}, not ({_N_JOINTS}, 3)"
            raise BadRecordingError("malformed", detail)
        at = _skip(text, end.end())
        if text[at : at + 1] != ",":
            return np.stack(frames), _expect(text, at, "]")
        at += 1


def _read_other(text: str, at: int) -> tuple[Any, int]:
    """A value beside the skeletons, which is short, and the place behind it. Raises: ValueError."""
    try:
        value, end = _DECODER.raw_decode(text[at : at + _LONGEST_FRAME])
    except ValueError:
        if at + _LONGEST_FRAME < len(text):
            raise ValueError(f"a value of over {_LONGEST_FRAME:,} characters at character {at}") from None
        raise
    return value, at + end


def _to_array(numbers: Any) -> NDArray[np.float64]:
    """Raises: BadRecordingError."""
    try:
        return np.array(numbers, np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        detail = f"its skeletons are no array of numbers: {reason_of(error)}"
        raise BadRecordingError("malformed", detail) from None


def _skeletons(skeletons: Any) -> NDArray[np.float64]:
    """The coordinates, (T, 1, 20, 3)."""
    if isinstance(skeletons, np.ndarray):
        return skeletons[:, None]
    if not isinstance(skeletons, list):
        raise BadRecordingError("malformed", "it has no list 'skeletons'")
    if not skeletons:
        raise BadRecordingError("no body", "it has no frames")
    frames = _to_array(skeletons)
    if frames.shape[1:] != (_N_JOINTS, 3):
        raise BadRecordingError("malformed", f"skeletons of shape {frames.shape}, not (T, {_N_JOINTS}, 3)")
    return frames[:, None]


def _label(label: Any) -> int | None:
    if label is None:
        return None
    if not isinstance(label, int) or label < 1:
        raise BadRecordingError("malformed", f"its label is {describe(label)}, not a number from 1")
    return label - 1
