"""From the people that a pose estimator found to a clip: who is who, which joints count as seen, and when frames were.

Letters: T frames, M people, V joints, C coordinates.
"""

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from encoder.errors import UmurlError
from encoder.joint_layouts import Layout
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.picture_people import FINGERS_LEFT_OUT, describe_people
from umurl_search.clips.types import State
from umurl_search.readers.build_clip import (
    BadRecordingError,
    FileClip,
    keep_notes,
    make_clip,
    require_places,
    take_places,
    to_float32,
)
from umurl_search.readers.detected_people import (
    LEAST_PERSON_SCORE,
    DetectedPerson,
    Detections,
    drop_ghosts,
    layout_of_people,
)
from umurl_search.readers.file_per_clip import FilePerClip, Place, decode_place, require_layout
from umurl_search.readers.frame_times import find_timing, sort_frames, spread
from umurl_search.readers.repeated_frames import settle_repeats
from umurl_search.readers.tracks import Tracked, follow_people

_MOST_NUMBERS = 2**29
"""Of the coordinates of all people in all frames: more would not fit into memory."""
_MOST_TRIED = 10
_FROM_CAMERA = np.array([-1, -1, 1], dtype=np.float32)
"""From x to the right, y down, z away, to a Kinect's axes."""


def build_clip(found: Detections, *, layout: str | None) -> FileClip:
    """The clip of a file's detections. layout: where it is stated. Raises: BadRecordingError where nobody is left."""
    frames, repeated = settle_repeats(found.frames)
    frames, n_ghosts = drop_ghosts(frames)
    if n_ghosts and not any(frame.people for frame in frames):
        detail = f"all {n_ghosts:,} people have scores under {LEAST_PERSON_SCORE:g}"
        raise BadRecordingError("no body", detail)
    frames = sort_frames(frames)
    joints = layout_of_people(frames, layout)
    is_own = layout is not None and layout.lstrip().startswith("{")
    tracked = follow_people(frames, _hips(joints))
    timing = find_timing(frames, found.fps)
    places = take_places(_to_array(tracked, joints), joints)
    require_places(places)
    places[~np.isfinite(places).all(axis=-1)] = 0
    if layout is None and joints.axes == "world":  # a picture's joints with a depth, in the camera's frame
        places *= _FROM_CAMERA
    if timing.positions is not None:
        places = spread(places, timing.positions)
    has_fingers = any(frame.has_fingers for frame in frames)
    notes = (
        *found.notes,
        *repeated,
        *timing.notes,
        *_describe(tracked, n_ghosts),
        *(FINGERS_LEFT_OUT,) * has_fingers,
    )
    return FileClip(places, notes, layout if is_own else joints.name, timing.fps)


def to_clip(place: Place, read: FileClip) -> Clip:
    """The same as a recording of a source. Raises: BadRecordingError."""
    clip = make_clip(place.name, read.frames, source=place.source, layout=read.layout, fps=read.fps)
    return keep_notes(clip, read)


def name_notes(path: Path, read: FileClip) -> FileClip:
    """What was read, its notes beginning with the file's name."""
    return read._replace(notes=tuple(f"{path}: {note}" for note in read.notes))


def _hips(layout: Layout) -> tuple[int, ...]:
    return tuple(layout.joints.index(name) for name in ("left hip", "right hip") if name in layout.joints)


def _to_array(tracked: Tracked, layout: Layout) -> Frames:
    """(T, M, V, C + 1): places and scores, zeros where somebody is not there."""
    n_people = len(tracked.people[0])
    shape = (len(tracked.people), n_people, layout.n_joints, layout.dims + 1)
    if np.prod(shape, dtype=np.float64) > _MOST_NUMBERS:
        raise BadRecordingError("malformed", f"{shape[0]:,} frames of {n_people} people are too many")
    array = np.zeros(shape, dtype=np.float32)
    for t, people in enumerate(tracked.people):
        for m, person in enumerate(people):
            if person is not None:
                _fill(array[t, m], person, layout)
    return array


def _fill(joints: Frames, person: DetectedPerson, layout: Layout) -> None:
    dims = min(layout.dims, person.points.shape[1])
    joints[:, :dims] = to_float32(person.points[: layout.n_joints, :dims])
    sure = np.ones(layout.n_joints) if person.scores is None else person.scores[: layout.n_joints]
    joints[:, -1] = to_float32(np.nan_to_num(sure, nan=0.0))


def _describe(tracked: Tracked, n_ghosts: int) -> Sequence[str]:
    said = []
    n_told = len(tracked.people[0])
    if tracked.n_people > 1:
        counts = [sum(frame[m] is not None for frame in tracked.people) for m in range(n_told)]
        most = ", ".join(f"{m + 1} in {n:,}" for m, n in enumerate(counts))
        how = (
            "followed by where they are, as the file does not say who is who"
            if tracked.is_guessed
            else "by tracks"
        )
        there = f"{tracked.n_people:,} people, {how} (frames of person {most})"
        said.append(describe_people(there, tracked.n_people))
    if n_ghosts:
        were = "1 person was" if n_ghosts == 1 else f"{n_ghosts:,} people were"
        said.append(f"{were} left out whose score is under {LEAST_PERSON_SCORE:g}")
    return said


class DetectorReader(FilePerClip):
    """Files of keypoints, one clip each, that say their own joints unless a layout is stated.

    usual_layout: of a source in whose first files no recording can be read.
    """

    state: State = "raw"
    usual_layout: str

    def __init__(self, roots: Sequence[Path], *, layout: str | None = None) -> None:
        super().__init__(roots)
        self._stated = layout
        if layout is not None:
            require_layout(layout)
        self.layout: str = layout or self._find_layout()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.roots}, layout={self._stated!r})"

    @abstractmethod
    def read_recording(self, path: Path, *, layout: str | None = None) -> FileClip:
        """The clip in a file. Raises: UmurlError."""

    def _find_layout(self) -> str:
        """That of the first recording that can be read; NTU's where it does not say."""
        for item in self.items()[:_MOST_TRIED]:
            try:
                return self.read_recording(decode_place(item, self.roots).path).layout or "ntu25"
            except UmurlError:
                continue
        return self.usual_layout

    def load(self, place: Place) -> Clip:
        return to_clip(place, self.read_recording(place.path, layout=self._stated))
