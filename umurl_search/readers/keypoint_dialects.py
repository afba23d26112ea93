"""What JSON files of pose estimators hold: frames, the people in each, their keypoints and scores.

- MoveNet, YOLO, MediaPipe: a list of frames, `{"keypoints": [{x, y, score}, ..]}` or with `landmarks`,
  `pose_landmarks`, `pose_world_landmarks`; Ultralytics: detections with `keypoints: {x: [..], y: [..], visible: [..]}`.
- AlphaPose, Halpe, COCO results: a list of detections with `image_id`, `keypoints` (x, y, score in turn) and `score`.
- MMPose, RTMPose: `instance_info: [{frame_id, instances: [{keypoints, keypoint_scores}]}]`.
- OpenPose, and AlphaPose in its form: `people: [{pose_keypoints_2d}]`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from umurl_search.readers.build_clip import BadRecordingError, preview
from umurl_search.readers.detected_people import (
    DetectedFrame,
    DetectedPerson,
    Detections,
    Points,
    natural_key,
)
from umurl_search.readers.keypoint_values import (
    as_number,
    first_of,
    mean_score,
    read_joints,
    read_text,
)

_MOST_FRAMES, _MOST_PEOPLE, _MOST_INSIDE = 1_000_000, 1_000, 6
_MOST_SHOWN = 20
"""Characters of a key that nobody knows."""
_KNOWN = "frames with keypoints, landmarks, people or instances"
_FRAMES = ("instance_info", "frames", "results", "predictions", "annotations", "poses", "data", "images")
_PEOPLE = ("instances", "people", "persons", "bodies", "detections", "predictions", "poses")
_IN_SPACE = (
    "pose_world_landmarks",
    "poseWorldLandmarks",
    "world_landmarks",
    "worldLandmarks",
    "keypoints3D",
    "pose_keypoints_3d",
)
KEYPOINTS = (
    *_IN_SPACE,
    "pose_keypoints_2d",
    "keypoints",
    "pose_landmarks",
    "poseLandmarks",
    "landmarks",
    "landmark",
    "keypoint",
    "pose_keypoints",
    "joints",
    "pose",
)
"""Of several, the first that holds something is taken: metres before parts of a picture."""
_SCORES = ("keypoint_scores", "keypoints_scores", "keypoints_score", "scores", "visibility", "confidences")
_PERSON_SCORES = ("score", "bbox_score", "confidence", "conf", "pose_score")
_TRACKS = ("idx", "track_id", "tracking_id", "trackId", "track", "person_id", "instance_id")
_NUMBERS = ("frame_id", "frame", "frame_number", "frame_index", "frameIndex", "frame_idx", "frame_no")
_TIMES = ("timestamp", "timestamp_ms", "time", "time_ms", "time_s", "timestampMs", "timestamp_s", "t")
_FINGERS = (
    "left_hand_landmarks",
    "right_hand_landmarks",
    "leftHandLandmarks",
    "rightHandLandmarks",
    "hand_left_keypoints_2d",
    "hand_right_keypoints_2d",
    "hand_landmarks",
)
_RATES = ("fps", "frame_rate", "framerate", "frameRate", "FPS")


def read_detections(content: Any) -> Detections:
    """The recording that a JSON text holds. Raises: BadRecordingError for anything else."""
    frames, notes = _keep_one_kind(_read_frames(content))
    return Detections(frames=frames, fps=_find_rate(content), notes=notes)


def _keep_one_kind(frames: Sequence[DetectedFrame]) -> tuple[tuple[DetectedFrame, ...], tuple[str, ...]]:
    """The frames with people in space alone where any is, and a note on those that had people in a picture only."""
    if len({person.in_space for frame in frames for person in frame.people}) < 2:
        return tuple(frames), ()
    kept = [tuple(person for person in frame.people if person.in_space) for frame in frames]
    n_empty = sum(bool(frame.people) and not people for frame, people in zip(frames, kept, strict=True))
    ready = tuple(replace(frame, people=people) for frame, people in zip(frames, kept, strict=True))
    said = (
        f"landmarks of the world are taken: {n_empty:,} frames hold those of the picture only and show nobody"
    )
    return ready, (said,) if n_empty else ()


def _find_rate(content: Any) -> float | None:
    """Frames a second, where the file says them: in its head or in what it says of the video."""
    for part in (content, *(content.values() if isinstance(content, Mapping) else ())):
        if isinstance(part, Mapping):
            rate = as_number(first_of(part, _RATES))
            if rate is not None and 1 <= rate < 10_000:
                return rate
    return None


def _read_frames(content: Any, *, within: int = 0) -> list[DetectedFrame]:
    if within > _MOST_INSIDE:
        raise _nothing_known([content])
    if isinstance(content, Mapping):
        if _is_person(content) or _has_people(content):
            return [_read_frame(content)]
        inner = first_of(content, _FRAMES)
        if isinstance(inner, list | Mapping):
            return _read_frames(inner, within=within + 1)
        return _read_named_frames(content)
    if not isinstance(content, list):
        raise BadRecordingError("malformed", f"the JSON is a {type(content).__name__}, not a list of frames")
    if len(content) > _MOST_FRAMES:
        raise BadRecordingError("malformed", f"over {_MOST_FRAMES:,} frames")
    if any(isinstance(one, Mapping) and "image_id" in one for one in content):
        return _gather_detections(content)
    _require_known(content)
    return [_read_frame(one) for one in content]


def _require_known(frames: Sequence[Any]) -> None:
    """Raises: BadRecordingError where there are no frames, or where these are objects that hold other things only."""
    if not frames:
        raise BadRecordingError("no body", f"an empty list, no frames; read are {_KNOWN}")
    objects = [one for one in frames if isinstance(one, Mapping) and one]
    names = {*KEYPOINTS, *_PEOPLE, "x"}
    others = any(one and not isinstance(one, Mapping) for one in frames)
    if objects and not others and not any(names & one.keys() for one in objects):
        raise _nothing_known(objects)


def _nothing_known(objects: Sequence[Any]) -> BadRecordingError:
    """What such objects hold, and what would be read."""
    keys = list(
        dict.fromkeys(key for one in objects[:_MOST_PEOPLE] if isinstance(one, Mapping) for key in one)
    )
    shown = ", ".join(preview(key[:_MOST_SHOWN]) for key in keys[:4]) + ", .." * (len(keys) > 4)
    found = f"it holds {shown}" if keys else "it holds nothing"
    return BadRecordingError("malformed", f"{found}: no keypoints that are known; read are {_KNOWN}")


def _read_named_frames(content: Mapping[str, Any]) -> list[DetectedFrame]:
    """Frames by the names of their pictures, or by their numbers."""
    if not all(isinstance(one, Mapping | list) for one in content.values()) or not content:
        raise _nothing_known([content])
    names = sorted(content, key=natural_key)
    numbers = number_names(names)
    return [_read_frame(content[name], number=number) for name, number in zip(names, numbers, strict=True)]


def _gather_detections(content: Sequence[Any]) -> list[DetectedFrame]:
    """Frames of detections that name their picture, in the natural order of the names."""
    by_picture: dict[str, list[DetectedPerson]] = {}
    for one in content:
        if not isinstance(one, Mapping):
            raise BadRecordingError("malformed", f"a detection is a {type(one).__name__}, not an object")
        picture = read_text(one.get("image_id")) or ""
        by_picture.setdefault(picture, []).extend(_read_people(one))
    names = sorted(by_picture, key=natural_key)
    return [
        DetectedFrame(people=tuple(by_picture[name][:_MOST_PEOPLE]), number=number)
        for name, number in zip(names, number_names(names), strict=True)
    ]


def number_names(names: Sequence[str]) -> list[int | None]:
    """The number of each frame in its name; none where names differ in more than their last number."""
    keys = [natural_key(name) for name in names]
    places = [max((place for place, (kind, _) in enumerate(key) if kind == 0), default=-1) for key in keys]
    rests = {(*key[:place], None, *key[place + 1 :]) for key, place in zip(keys, places, strict=True)}
    if len(rests) != 1 or -1 in places:
        return [None] * len(names)
    return [int(key[place][1]) for key, place in zip(keys, places, strict=True)]


def _is_person(value: Mapping[str, Any]) -> bool:
    return any(key in value for key in KEYPOINTS)


def _has_people(value: Mapping[str, Any]) -> bool:
    found = first_of(value, _PEOPLE)
    return isinstance(found, list) and all(isinstance(one, Mapping) and _is_person(one) for one in found)


def _read_frame(value: Any, *, number: int | None = None) -> DetectedFrame:
    """A frame: an object with people or one person's keypoints; a list of people, or of one person's joints."""
    if not isinstance(value, Mapping):
        return DetectedFrame(people=tuple(_list_people(value)), number=number)
    stated = as_number(first_of(value, _NUMBERS))
    people = first_of(value, _PEOPLE) if not _is_person(value) else None
    return DetectedFrame(
        people=tuple(_list_people(people if people is not None else [value])),
        number=int(stated) if stated is not None and stated.is_integer() and abs(stated) < 1e15 else number,
        time=as_number(first_of(value, _TIMES)),
        has_fingers=_has_fingers(value) or (isinstance(people, list) and any(map(_has_fingers, people))),
    )


def _has_fingers(value: Any) -> bool:
    """Whether hands were found joint by joint; files without any hold zeros."""
    found = [value.get(key) for key in _FINGERS] if isinstance(value, Mapping) else []
    return any(one for hand in found if isinstance(hand, list) for one in hand)


def _list_people(value: Any) -> list[DetectedPerson]:
    """The people of a frame, whichever way it lists them; none of a frame that says other things only."""
    if value is None or value == []:
        return []
    if isinstance(value, Mapping):
        value = [value]
    if not isinstance(value, list):
        raise BadRecordingError("malformed", f"a frame is a {type(value).__name__}")
    first = value[0]
    if isinstance(first, Mapping) and any(_is_person(one) for one in value if isinstance(one, Mapping)):
        return [
            person for one in value[:_MOST_PEOPLE] if isinstance(one, Mapping) for person in _read_people(one)
        ]
    if isinstance(first, Mapping) and not {"x", "y"} <= first.keys():
        return []
    if _holds_several(value):
        return [person for one in value[:_MOST_PEOPLE] for person in _read_several(one)]
    return _read_several(value)


def _read_several(joints: Any) -> list[DetectedPerson]:
    """One person's joints as a list of people, empty where there are none."""
    points, scores = read_joints(joints)
    return [] if points is None else [DetectedPerson(points=points, scores=scores)]


def _read_people(value: Mapping[str, Any]) -> list[DetectedPerson]:
    """The people of an object with keypoints: one, several where it lists them so, none in a frame without anybody."""
    for key in KEYPOINTS:
        joints = _unwrap(value.get(key))
        if _holds_several(joints):
            several = [one for person in joints[:_MOST_PEOPLE] for one in _read_several(person)]
            return [replace(one, in_space=key in _IN_SPACE) for one in several]
        sure = first_of(value, _SCORES)
        points, scores = read_joints(
            joints, dims=3 if key.endswith("_3d") or _has_depth(joints, sure) else None
        )
        if points is not None:
            scores = _read_scores(sure, len(points)) if scores is None else scores
            return [replace(_describe_person(value, points, scores), in_space=key in _IN_SPACE)]
    return []


def _describe_person(value: Mapping[str, Any], points: Points, scores: Points | None) -> DetectedPerson:
    track = read_text(first_of(value, _TRACKS))
    return DetectedPerson(
        points=points,
        scores=scores,
        track=None if track in ("-1", "-1.0") else track,
        score=mean_score(first_of(value, _PERSON_SCORES)),
    )


def _holds_several(joints: Any) -> bool:
    """Whether keypoints are a list of people's, each a list of joints."""
    first = joints[0] if isinstance(joints, list) and joints else None
    return isinstance(first, list) and bool(first) and isinstance(first[0], Mapping | list)


def _has_depth(joints: Any, sure: Any) -> bool:
    """Whether rows of three numbers are places, since their scores stand elsewhere."""
    rows = isinstance(joints, list) and all(isinstance(one, list) and len(one) == 3 for one in joints)
    return rows and isinstance(sure, list) and bool(sure) and [one[2] for one in joints] != sure


def _unwrap(joints: Any) -> Any:
    """The joints of the only person in a list of people, as MediaPipe's tasks and MMPose's boxes give them."""
    while isinstance(joints, list) and len(joints) == 1 and isinstance(joints[0], list):
        joints = joints[0]
    return joints


def _read_scores(sure: Any, n_joints: int) -> Points | None:
    if not isinstance(sure, list) or not sure:
        return None
    flat = sure[0] if len(sure) == 1 and isinstance(sure[0], list) else sure
    found = [as_number(one[0] if isinstance(one, list) and len(one) == 1 else one) for one in flat]
    if len(found) != n_joints:
        raise BadRecordingError("malformed", f"{len(found)} scores of {n_joints} keypoints")
    return np.array([np.nan if one is None else one for one in found], dtype=np.float64)
