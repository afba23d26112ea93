"""NTU RGB+D's raw `.skeleton` files.

A file is: the number of frames; per frame the number of bodies; per body a line of ten facts, the number of
joints, and a line of twelve numbers per joint, position first. The facts, a 17-digit id too, are skipped.
"""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, reason_of
from encoder.skeleton import N_JOINTS
from umurl_search.clips.body_places import find_places
from umurl_search.clips.body_selection import N_CANDIDATES, choose_bodies
from umurl_search.clips.clip import Clip, Frames
from umurl_search.clips.naming import is_authors_name, is_ntu_name, parse_name
from umurl_search.clips.types import State
from umurl_search.clips.unseen_joints import Marked
from umurl_search.readers.build_clip import (
    BadRecordingError,
    make_clip,
    read_bytes,
    require_places,
    require_range,
    to_float32,
)
from umurl_search.readers.file_per_clip import FilePerClip, Place
from umurl_search.readers.number_parser import Text, index_text, parse_words

_LIST_NAME = re.compile(r"(?i).*missing.*\.(txt|csv|list)")
"""Of a list of samples with missing skeletons, among many: NTU_RGBD120_samples_with_missing_skeletons.txt,
ntu_rgb120_missings.txt, missing_skeletons.txt."""
_LIST_FOLDERS = ("", "statistics", "statics")
_MOST_LIST_BYTES = 2**24
_JOINT_WORDS = 12
_NOT_TRACKED = b"0"
_BOUNDS = np.array([0, 1, 2, 3, _JOINT_WORDS - 1, _JOINT_WORDS])[:, None]
_MOST_FRAMES, _MOST_BODIES = 1_000_000, 100
_BODY_BYTES = N_JOINTS * 3 * 8
_FREE_BYTES, _MOST_TIMES = 16 * 2**20, 4
"""The coordinates take at most this and that many times the file's size: empty frames are cheap to write."""


class NtuReader(FilePerClip):
    """Raw NTU RGB+D recordings, one a file, anywhere below the roots.

    missing: lists of samples with missing skeletons; where None, lists of the dataset's own names are
        looked for in the roots and beside them. `missing_lists` tells which are used.
    max_action, max_setup: the highest that belong to the dataset; recordings beyond are left out.
    """

    format: str = "ntu-skeleton"
    state: State = "raw"
    layout: str = "ntu25"
    suffix: str = ".skeleton"

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        missing: Sequence[Path] | None = None,
        max_action: int | None = None,
        max_setup: int | None = None,
        max_frames: int | None = 300,
    ) -> None:
        super().__init__(roots)
        self.missing_lists = _find_missing_lists(self.roots) if missing is None else tuple(missing)
        self._missing = frozenset(name for path in self.missing_lists for name in read_missing_list(path))
        self._max_action, self._max_setup, self._max_frames = max_action, max_setup, max_frames

    def __repr__(self) -> str:
        limits = f"max_action={self._max_action}, max_setup={self._max_setup}, max_frames={self._max_frames}"
        return f"NtuReader({self.roots}, missing={self.missing_lists}, {limits})"

    def files(self) -> Sequence[Path]:
        return [*super().files(), *self.missing_lists]

    def load(self, place: Place) -> Clip:
        self._require_member(place.name)
        frames, n_unseen, _ = read_people(place.path)
        return make_clip(
            place.name, frames, source=place.source, max_frames=self._max_frames, unseen=n_unseen
        )

    def _require_member(self, name: str) -> None:
        """Raises: BadRecordingError for a recording that is listed as missing or not part of the dataset."""
        fields = parse_name(name)
        for what, number, most in (
            ("action", fields.action, self._max_action),
            ("setup", fields.setup, self._max_setup),
        ):
            if most is not None and (number is None or number > most):
                seen = f"no {what} in its name" if number is None else f"{what} {number}, the last is {most}"
                raise BadRecordingError("not part of the dataset", seen)
        if name in self._missing:
            raise BadRecordingError(
                "listed as missing", "its skeleton is incomplete, the dataset's authors say"
            )


def _find_missing_lists(roots: Sequence[Path]) -> tuple[Path, ...]:
    places = (folder for root in roots for folder in (root, root.resolve().parent))
    folders = dict.fromkeys(place / name for place in places for name in _LIST_FOLDERS)
    found = (
        path
        for folder in folders
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if _LIST_NAME.fullmatch(path.name) and path.is_file()
    )
    return tuple(path for path in found if _listed_names(path))


def read_missing_list(path: Path) -> list[str]:
    """The names in a list of samples with missing skeletons; lines that are no sample's name are its header.

    Raises: UmurlError where the file cannot be read or holds no name.
    """
    try:
        names = _listed_names(path)
    except OSError as error:
        raise BadInputError(
            f"{path}: the list of missing samples cannot be read: {error.strerror}"
        ) from error
    if not names:
        raise BadInputError(
            f"{path}: holds no sample name (SsssCccPpppRrrrAaaa), so it is no list of missing samples"
        )
    return names


def _listed_names(path: Path) -> list[str]:
    """The sample names in a list, a line each, in any of the encodings that lists come in."""
    content = path.read_bytes()[:_MOST_LIST_BYTES]
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "replace")
    words = (line.strip().strip(",;\"'").removesuffix(".skeleton") for line in text.splitlines())
    return [word.upper() for word in words if is_ntu_name(word.upper())]


def read_skeleton(path: Path) -> Frames:
    """The people of a recording that UmURL keeps.

    Returns: (T, M, 25, 3) float32, metres, M <= 2; an absent person is zeros.
    Raises: BadRecordingError.
    """
    return read_people(path).frames


def read_people(path: Path) -> Marked:
    """The same, and how many joints the file says were not tracked.

    Files that are named as the dataset's authors do are read by the rule of UmURL: bodies by their position in the
    frame's list, whatever was tracked. In others a body keeps its place, and what was not tracked is zeros.
    """
    try:
        content, n_unseen = read_bytes(path), 0
        if is_authors_name(path.stem):
            bodies = parse_skeleton(content)
        else:
            bodies, n_unseen, _ = parse_tracked_skeleton(content)
        require_places(bodies)
        people = choose_bodies(bodies)
        if not people.size:
            raise BadRecordingError("no body", f"nobody in any of {len(people)} frames")
        frames = to_float32(people)
        require_range(people, frames)
    except BadRecordingError as error:
        error.path = path
        raise
    return Marked(frames, n_unseen)


def parse_skeleton(content: bytes) -> NDArray[np.float64]:
    """The first four bodies of each frame, by their position in its list.

    Returns: (T, M, 25, 3) float64, M <= 4; an absent body is zeros.
    Raises: BadRecordingError.
    """
    text = index_text(content)
    n_frames, bodies = _find_bodies(text)
    frame, position, first_line = np.array(bodies, np.int64).reshape(-1, 3).T
    return _place_bodies(text, (n_frames, frame, position), _list_joint_lines(first_line))


def parse_tracked_skeleton(content: bytes) -> Marked:
    """The bodies of each frame, each in the place of its id, and joints that were not tracked as zeros.

    Returns: (T, M, 25, 3) float64, M <= 4, and the number of joints that were not tracked. Raises: BadRecordingError.
    """
    text = index_text(content)
    n_frames, bodies = _find_bodies(text)
    frame, position, first_line = np.array(bodies, np.int64).reshape(-1, 3).T
    ids = [text.line(line - 2).split()[:1] for line in first_line.tolist()]
    place = find_places(frame.tolist(), [words[0] if words else b"" for words in ids])
    kept = np.flatnonzero(position >= 0 if place is None else np.asarray(place) < N_CANDIDATES)
    where = position if place is None else np.asarray(place, np.int64)
    lines = _list_joint_lines(first_line[kept])
    frames = _place_bodies(text, (n_frames, frame[kept], where[kept]), lines)
    is_unseen = np.array([text.line(line).split()[-1] == _NOT_TRACKED for line in lines.tolist()], dtype=bool)
    if is_unseen.all():  # such a file does not say
        return Marked(frames, 0)
    unseen = np.zeros(frames.shape[:-1], dtype=bool)
    unseen[frame[kept], where[kept]] = is_unseen.reshape(-1, N_JOINTS)
    frames[unseen] = 0
    return Marked(frames, int(unseen.sum()))


def _list_joint_lines(first_line: NDArray[np.int64]) -> NDArray[np.int64]:
    return (first_line[:, None] + np.arange(N_JOINTS)).ravel()


def _place_bodies(
    text: Text, bodies: tuple[int, NDArray[np.int64], NDArray[np.int64]], lines: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Joints at their places, (T, M, 25, 3); bodies: the number of frames, and of each body its frame and its place."""
    n_frames, frame, place = bodies
    n_places = int(place.max(initial=-1)) + 1
    if n_frames * n_places * _BODY_BYTES > _FREE_BYTES + _MOST_TIMES * len(text.data):
        raise BadRecordingError("malformed", f"{n_frames} frames for {len(frame)} bodies in all")
    frames = np.zeros((n_frames, n_places, N_JOINTS, 3))
    frames[frame, place] = _parse_joints(text, lines).reshape(-1, N_JOINTS, 3)
    return frames


def _find_bodies(text: Text) -> tuple[int, list[tuple[int, int, int]]]:
    """The number of frames; of each body its frame, its position there and its first joint's line."""
    n_frames = _count(text, 1, what="frames", most=_MOST_FRAMES)
    bodies: list[tuple[int, int, int]] = []
    line = 2
    for frame in range(n_frames):
        n_bodies = _count(text, line, what="bodies", most=_MOST_BODIES)
        line += 1
        for position in range(n_bodies):
            _require_25_joints(text, line + 1)
            if position < N_CANDIDATES:
                bodies.append((frame, position, line + 2))
            line += 2 + N_JOINTS
    if line > text.n_lines + 1:
        raise BadRecordingError("truncated", f"{text.n_lines} lines; the bodies it announces need {line - 1}")
    return n_frames, bodies


def _count(text: Text, line: int, *, what: str, most: int) -> int:
    """The count that stands alone on a line."""
    if line > text.n_lines:
        raise BadRecordingError("truncated", f"it ends at line {text.n_lines}, before its number of {what}")
    written = text.line(line)
    try:
        count = int(written)
    except ValueError:
        raise BadRecordingError(
            "malformed", f"line {line}: {_show(written)} is no number of {what}"
        ) from None
    if not 0 <= count <= most:
        raise BadRecordingError("malformed", f"line {line}: {_show(written)} {what}, at most {most} can be")
    return count


def _require_25_joints(text: Text, line: int) -> None:
    n_joints = _count(text, line, what="joints", most=_MOST_FRAMES)
    if n_joints != N_JOINTS:
        if text.is_cut(line):
            raise BadRecordingError("truncated", f"it ends within line {line}, its number of joints")
        raise BadRecordingError("malformed", f"line {line}: {n_joints} joints, not {N_JOINTS}")


def _parse_joints(text: Text, lines: NDArray[np.int64]) -> NDArray[np.float64]:
    """The first three numbers on each of these lines: (n, 3).

    Lines that are not twelve words with one blank between are taken apart one by one.
    """
    first = text.line_breaks[lines - 1]
    usual = text.line_breaks[lines] - first >= _JOINT_WORDS
    bounds = text.breaks[np.where(usual, first, 0) + _BOUNDS]
    for left, right in ((0, 1), (1, 2), (2, 3), (4, 5)):
        usual &= bounds[right] - bounds[left] > 1
    try:
        if usual.all():
            return _parse_columns(text, bounds[:4]).T
        joints = np.empty((len(lines), 3))
        joints[usual] = _parse_columns(text, bounds[:4, usual]).T
        for row in np.flatnonzero(~usual).tolist():
            joints[row] = _parse_joint(text.line(int(lines[row])), int(lines[row]))
    except ValueError as error:
        raise BadRecordingError("malformed", f"a joint's place is no number ({reason_of(error)})") from None
    return joints


def _parse_columns(text: Text, bounds: NDArray[np.int64]) -> NDArray[np.float64]:
    """The numbers in the words between these breaks: (W + 1, n) positions -> (W, n)."""
    return parse_words(text, (bounds[:-1] + 1).ravel(), bounds[1:].ravel()).reshape(len(bounds) - 1, -1)


def _parse_joint(line: bytes, number: int) -> list[float]:
    words = line.split()
    if len(words) < _JOINT_WORDS:
        raise BadRecordingError(
            "truncated", f"line {number}: {len(words)} of a joint's {_JOINT_WORDS} numbers"
        )
    return [float(word) for word in words[:3]]


def _show(written: bytes) -> str:
    return repr(written[:20].decode("ascii", "replace"))
