"""MediaPipe's landmarks in `.npy` files: a frame a file, `ACTION/SEQUENCE/FRAME.npy`, or a recording a file.

A frame is 1,662 numbers (pose 33 x (x, y, z, visibility), face 468 x 3, each hand 21 x 3), or fewer of these.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.readers.array_files import load_npy, read_shapes
from umurl_search.readers.build_clip import BadRecordingError, FileClip
from umurl_search.readers.detected_clip import build_clip
from umurl_search.readers.detected_people import DetectedFrame, DetectedPerson, Detections, Points
from umurl_search.readers.file_per_clip import walk_files
from umurl_search.readers.frames_per_file import FrameFile, FrameFolder, FramesPerFile, gather_frames

_N_JOINTS, _HANDS = 33, 2 * 21 * 3
_WITH_SCORES, _PLACES = 4, 3
_FACES = (0, 468 * 3, 478 * 3)
_WIDTHS = {
    _N_JOINTS * numbers + face + hands: (numbers, hands > 0)
    for numbers in (_PLACES, _WITH_SCORES)
    for face in _FACES
    for hands in (0, _HANDS)
}
"""Numbers of a frame -> those of a joint of the pose, which comes first, and whether hands are there."""
_MOST_TRIED = 50
_ONE_FRAME = "one frame alone, which shows no motion; a folder of frames is a clip"


class MediapipeNpyReader(FramesPerFile):
    """Folders of frames, or files of a recording each, anywhere below the roots."""

    format: str = "mediapipe-npy"
    suffix: str = ".npy"

    def is_frame(self, path: Path) -> bool:
        return is_mediapipe_npy(path)

    def gather(self, sources: Sequence[tuple[int, str]]) -> list[FrameFolder]:
        whole = [one for one in sources if not _is_one_frame(_shape(self._path(*one)))]
        frames = [one for one in sources if one not in set(whole)]
        alone = [self._alone(*one) for one in whole]
        return sorted([*gather_frames(self.roots, frames), *alone], key=lambda one: (one.name, one.source))

    def _alone(self, root: int, source: str) -> FrameFolder:
        name = PurePosixPath(source).with_suffix("").as_posix()
        path = self._path(root, source)
        return FrameFolder(
            name=name, source=source, frames=(FrameFile(path=path, source=source, number=None),)
        )

    def read_frames(self, frames: Sequence[FrameFile], *, layout: str | None) -> FileClip:
        found = tuple(frame for file in frames for frame in _read_file(file))
        return build_clip(Detections(frames=found), layout=layout)


def is_mediapipe_npy(path: Path) -> bool:
    """Whether an array has the numbers of MediaPipe's landmarks, of a frame or of some."""
    return path.suffix.lower() == ".npy" and _is_known(_shape(path))


def count_mediapipe_files(folder: Path) -> int:
    """How many of a folder's `.npy` files hold such landmarks, by what some of them hold."""
    if not folder.is_dir():
        return int(is_mediapipe_npy(folder))
    names = [name for name in walk_files(folder) if name.lower().endswith(".npy")]
    tried = names[:: -(-len(names) // _MOST_TRIED) or 1]
    fitting = sum(is_mediapipe_npy(folder / name) for name in tried)
    return round(len(names) * fitting / len(tried)) if 2 * fitting > len(tried) else 0


def read_recording(path: Path, *, layout: str | None = None) -> FileClip:
    """The clip in a file. Raises: BadRecordingError."""
    frames = tuple(_read_file(FrameFile(path=path, source=path.name, number=None)))
    return build_clip(
        Detections(frames=frames, notes=(_ONE_FRAME,) if len(frames) == 1 else ()), layout=layout
    )


def _shape(path: Path) -> tuple[int, ...]:
    """The shape of the array in a file; none of one that holds no array of numbers."""
    try:
        return next(iter(read_shapes(path).values()), ())
    except (OSError, ValueError, UmurlError):
        return ()


def _is_known(shape: tuple[int, ...]) -> bool:
    return _is_one_frame(shape) or (len(shape) == 2 and shape[0] > 0 and shape[1] in _WIDTHS)


def _is_one_frame(shape: tuple[int, ...]) -> bool:
    return (len(shape) == 1 and shape[0] in _WIDTHS) or shape in (
        (_N_JOINTS, _PLACES),
        (_N_JOINTS, _WITH_SCORES),
    )


def _read_file(file: FrameFile) -> list[DetectedFrame]:
    """The frames of a file. Raises: BadRecordingError."""
    array = load_npy(file.path)
    if array.dtype.kind not in "iuf" or not _is_known(array.shape):
        raise BadRecordingError("malformed", f"{file.path.name}: an array of shape {array.shape}")
    rows = array.reshape(1, -1) if _is_one_frame(array.shape) else array
    return [_read_frame(row.astype(np.float64), file.number) for row in rows]


def _read_frame(row: NDArray[np.float64], number: int | None) -> DetectedFrame:
    width, has_hands = _WIDTHS[len(row)]
    joints: Points = row[: _N_JOINTS * width].reshape(_N_JOINTS, width)
    fingers = has_hands and bool(row[-_HANDS:].any())
    if not joints.any():
        return DetectedFrame(number=number, has_fingers=fingers)
    scores = joints[:, _PLACES] if width == _WITH_SCORES else None
    person = DetectedPerson(points=joints[:, :_PLACES], scores=scores)
    return DetectedFrame(people=(person,), number=number, has_fingers=fingers)
