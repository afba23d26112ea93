"""OpenPose's JSON files: a folder of `NAME_000000000012_keypoints.json`, a frame each.

A folder of such folders is a corpus, and so is one folder with the frames of several videos, told apart by NAME.
"""

import re
from collections.abc import Sequence
from pathlib import Path

from umurl_search.readers.build_clip import BadRecordingError, FileClip, read_head
from umurl_search.readers.detected_clip import build_clip
from umurl_search.readers.detected_people import DetectedFrame, Detections
from umurl_search.readers.frames_per_file import FrameFile, FramesPerFile, number_of_frame
from umurl_search.readers.keypoint_dialects import read_detections
from umurl_search.readers.keypoints_json import load_json

_HEAD_BYTES = 256
_BEGINS = re.compile(rb'\s*\{\s*"(?:version|people)"\s*:')
_ONE_FRAME = "one frame alone, which shows no motion; a folder of frames is a clip"


class OpenPoseReader(FramesPerFile):
    """Folders of frames, anywhere below the roots."""

    format: str = "openpose"
    suffix: str = ".json"

    def is_frame(self, path: Path) -> bool:
        return is_openpose_frame(path)

    def read_frames(self, frames: Sequence[FrameFile], *, layout: str | None) -> FileClip:
        return build_clip(Detections(frames=tuple(map(_read_frame, frames))), layout=layout)


def is_openpose_frame(path: Path) -> bool:
    """Whether a JSON file begins as OpenPose's do."""
    return _BEGINS.match(read_head(path, _HEAD_BYTES)) is not None


def read_recording(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip of one frame. Raises: BadRecordingError."""
    _, number = number_of_frame(path.stem)
    frame = _read_frame(FrameFile(path=path, source=path.name, number=number))
    return build_clip(Detections(frames=(frame,), notes=(_ONE_FRAME,)), layout=layout)


def _read_frame(file: FrameFile) -> DetectedFrame:
    try:
        content = load_json(file.path)
        found = read_detections(content).frames
    except BadRecordingError as error:
        raise BadRecordingError(error.reason, f"{file.path.name}: {error.detail}") from None
    people = tuple(person for frame in found for person in frame.people)
    fingers = any(frame.has_fingers for frame in found)
    return DetectedFrame(people=people, number=file.number, has_fingers=fingers)
