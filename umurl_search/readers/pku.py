"""PKU-MMD: long recordings, and label files that tell where the actions in them are.

Both are `<id>.txt`: a recording has 150 numbers a line (two people, absent ones zeros), a label file
`action,start,end,confidence`. They may lie anywhere below the roots and are told apart by their first line.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, reason_of
from encoder.skeleton import N_JOINTS, N_PEOPLE
from umurl_search.clips.clip import Clip, Frames, LeftOut, Outcome, Segment
from umurl_search.clips.naming import is_pku_name
from umurl_search.clips.types import Splits, State
from umurl_search.readers.build_clip import BadRecordingError, make_clip, read_bytes, to_float32
from umurl_search.readers.file_per_clip import (
    Place,
    decode_place,
    encode_place,
    find_sources,
    keep_freed_memory,
    require_roots,
)
from umurl_search.readers.number_parser import index_text, parse_words

SLICINGS = {
    "start:end": (0, 0),
    "start-1:end": (-1, 0),
    "start:end+1": (0, 1),
}
"""What is added to the start and end of a label to get the first frame and the one after the last, from 0."""

_PERSON_NUMBERS = N_JOINTS * 3
_FRAME_NUMBERS = N_PEOPLE * _PERSON_NUMBERS
_HEAD_BYTES, _MOST_LINE_BYTES = 256, 65_536
_FEWEST_NUMBERS = 5
_LABEL = re.compile(rb"\s*\d+\s*,\s*-?\d+\s*,\s*-?\d+")
_NUMBER = re.compile(rb"\s*[-+]?\d*\.?\d+(?:[eE][-+]?\d+)?\s")
_LABELS = "\0\0"
_MOST_ACTIONS, _MOST_OVERLAPPING = 10_000, 16


class Action(NamedTuple):
    """A line of a label file: the action from 1, and where it is said to start and end."""

    number: int
    start: int
    end: int


class PkuReader:
    """PKU-MMD's recordings cut into the actions that their label files name, or whole with these as segments.

    slicing: which frames `start,end` mean, of the three conventions in use.
    untrimmed: recordings stay whole, named `<id>`; one without a label file has no segments. A label that cannot be
        used is left out by its clip's name.
    Items are recordings, each with its label file; clips are named `<id>_<kkk>`, kkk the line of the label
    file, from 0. Of two recordings (or label files) with one name the first is used.
    """

    format: str = "pku-mmd"
    state: State = "raw"
    parallel: bool = True
    layout: str = "ntu25"

    def __init__(
        self,
        roots: Sequence[Path],
        *,
        slicing: str = "start:end",
        max_frames: int | None = 300,
        untrimmed: bool = False,
    ) -> None:
        if slicing not in SLICINGS:
            raise BadInputError(f"slicing must be one of {', '.join(SLICINGS)}, not {slicing!r}")
        self.roots = require_roots(roots)
        self._slicing = slicing
        self._max_frames = max_frames
        self._untrimmed = untrimmed

    def __repr__(self) -> str:
        options = f"slicing={self._slicing!r}, max_frames={self._max_frames}, untrimmed={self._untrimmed}"
        return f"PkuReader({self.roots}, {options})"

    def items(self) -> Sequence[str]:
        recordings, labels = self._find()
        items = []
        for name, places in recordings.items():
            found = labels.pop(name, [""])
            first = places[0].partition("/")[2]
            items.append(places[0] + _LABELS + found[0])
            items += [encode_place(*_split(place), repeats=first) + _LABELS for place in places[1:]]
        return items + [_LABELS + found[0] for found in labels.values()]

    def _find(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The places of the recordings and of the label files of each name.

        Other text files do not count, except those named like a recording: one is what its name still lacks.
        """
        recordings: dict[str, list[str]] = {}
        labels: dict[str, list[str]] = {}
        unclear: list[tuple[str, str]] = []
        for name, root, source in find_sources(self.roots, (".txt",)):
            item = encode_place(root, source)
            kind = sniff(decode_place(item, self.roots).path)
            if kind == "labels":
                labels.setdefault(name, []).append(item)
            elif kind == "recording":
                recordings.setdefault(name, []).append(item)
            elif is_pku_name(name):
                unclear.append((name, item))
        for name, item in unclear:
            (labels if name in recordings else recordings).setdefault(name, []).append(item)
        return recordings, labels

    def read(self, items: Sequence[str]) -> Iterator[tuple[Outcome, ...]]:
        keep_freed_memory()
        for item in items:
            recording, _, labels = item.partition(_LABELS)
            place = decode_place(recording or labels, self.roots)
            label_path = decode_place(labels, self.roots).path if labels else None
            try:
                yield self._outcomes(place, label_path, has_recording=bool(recording))
            except BadRecordingError as error:
                yield (error.left_out(place.name, place.source),)

    def _outcomes(self, place: Place, labels: Path | None, *, has_recording: bool) -> tuple[Outcome, ...]:
        if place.repeats:
            raise BadRecordingError("duplicate name", f"{place.repeats} comes first")
        if not has_recording:
            raise BadRecordingError("malformed", "a label file without its recording")
        if self._untrimmed:
            return self._read_whole(place, labels)
        if labels is None:
            raise BadRecordingError("malformed", "no label file")
        recording, lines = read_recording(place.path), _label_lines(labels)
        outcomes: list[Clip | LeftOut] = []
        n_frames = 0
        for number, line in enumerate(lines):
            name = f"{place.name}_{number:03d}"
            outcomes.append(outcome := self._cut_action(recording, line, name=name, source=place.source))
            n_frames += len(outcome.frames) if isinstance(outcome, Clip) else 0
            if n_frames > _MOST_OVERLAPPING * len(recording):
                raise BadRecordingError(
                    "malformed", f"its labels name its frames over {_MOST_OVERLAPPING} times"
                )
        return tuple(outcomes)

    def _read_whole(self, place: Place, labels: Path | None) -> tuple[Outcome, ...]:
        """The recording with its segments, then the labels that name none of its frames."""
        recording = read_recording(place.path)
        segments: list[Segment] = []
        left_out: list[LeftOut] = []
        for number, line in enumerate(_label_lines(labels) if labels else []):
            try:
                segments.append(self._read_segment(line, len(recording)))
            except BadRecordingError as error:
                left_out.append(error.left_out(f"{place.name}_{number:03d}", place.source))
        clip = make_clip(place.name, recording, source=place.source, max_frames=self._max_frames)
        return replace(clip, segments=tuple(segments)), *left_out

    def _cut_action(self, recording: Frames, line: str, *, name: str, source: str) -> Clip | LeftOut:
        try:
            label, _, start, stop = self._read_segment(line, len(recording))
            frames = recording[start:stop]
            return make_clip(name, frames, source=source, label=label, max_frames=self._max_frames)
        except BadRecordingError as error:
            return error.left_out(name, source)

    def _read_segment(self, line: str, n_frames: int) -> Segment:
        """What a line of a label file names in a recording of so many frames. Raises: BadRecordingError."""
        action = parse_label(line)
        start, end = frame_range(action, self._slicing)
        stop = min(end, n_frames)
        if not start < stop:
            detail = f"frames {action.start} to {action.end} of a recording of {n_frames}"
            raise BadRecordingError("malformed", detail)
        return Segment(label=action.number - 1, action=None, start=start, stop=stop)

    def splits(self) -> Splits:
        return {}

    def files(self) -> Sequence[Path]:
        recordings, labels = self._find()
        places = [place for found in (recordings, labels) for same in found.values() for place in same]
        return [decode_place(place, self.roots).path for place in places]


def _split(place: str) -> tuple[int, str]:
    root, _, source = place.partition("/")
    return int(root), source


def sniff(path: Path) -> Literal["recording", "labels", "neither"]:
    """What a text file is, by its first line."""
    if not path.is_file():  # a pipe would keep its reader waiting
        return "neither"
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return "neither"
    if _LABEL.match(head):
        return "labels"
    return "recording" if _NUMBER.match(head) and _is_long(head) else "neither"


def _is_long(head: bytes) -> bool:
    """Whether the first line begins with more numbers than a line of labels or of a note has."""
    words = head.lstrip().partition(b"\n")[0].split()[:_FEWEST_NUMBERS]
    return len(words) == _FEWEST_NUMBERS and all(_NUMBER.fullmatch(word + b" ") for word in words)


def is_likely_recording(path: Path) -> bool:
    """Whether a text file begins with a line of as many numbers as one person or two have."""
    if sniff(path) != "recording":
        return False
    with open(path, "rb") as stream:
        line = stream.readline(_MOST_LINE_BYTES)
    return len(line.split()) in (_FRAME_NUMBERS, _PERSON_NUMBERS)


def frame_range(action: Action, slicing: str) -> tuple[int, int]:
    """The first frame of an action and the one after its last, counted from 0; never negative."""
    before, after = SLICINGS[slicing]
    return max(0, action.start + before), max(0, action.end + after)


def _label_lines(path: Path) -> list[str]:
    if not path.is_file():
        raise BadRecordingError("malformed", "its label file is no regular file")
    try:
        content = path.read_text(encoding="ascii")
    except (OSError, ValueError) as error:
        raise BadRecordingError("malformed", f"its label file cannot be read: {reason_of(error)}") from error
    lines = [line for line in content.splitlines() if line.strip()]
    if not lines:
        raise BadRecordingError("malformed", "its label file names no action")
    if len(lines) > _MOST_ACTIONS:
        raise BadRecordingError(
            "malformed", f"its label file names {len(lines)} actions, at most {_MOST_ACTIONS}"
        )
    return lines


def parse_label(line: str) -> Action:
    """The action on a line of a label file. Raises: BadRecordingError."""
    try:
        number, start, end = (int(field) for field in line.split(",")[:3])
    except ValueError:
        raise BadRecordingError("malformed", f"label line {line.strip()[:80]!r}") from None
    if not 1 <= number <= _MOST_ACTIONS:
        raise BadRecordingError("malformed", f"action {number}; actions count from 1")
    return Action(number, start, end)


def read_recording(path: Path) -> Frames:
    """A whole recording: (T, 2, 25, 3) float32, metres; absent people are zeros, numbers may be non-finite.

    A text of 75 numbers a line is of one person: (T, 1, 25, 3).

    Raises: BadRecordingError.
    """
    text = index_text(read_bytes(path))
    starts, ends = text.breaks[:-1] + 1, text.breaks[1:]
    words = ends > starts
    try:
        numbers = parse_words(text, starts[words], ends[words])
    except ValueError as error:
        raise BadRecordingError("malformed", reason_of(error), path) from None
    n_words = np.add.reduceat(words, text.line_breaks[:-1], dtype=np.int64)
    alone = bool(n_words.any()) and n_words[n_words != 0][0] == _PERSON_NUMBERS
    wanted = _PERSON_NUMBERS if alone else _FRAME_NUMBERS
    _require_whole_lines(n_words, path, wanted=wanted)
    return to_float32(numbers.reshape(-1, wanted // _PERSON_NUMBERS, N_JOINTS, 3))


def _require_whole_lines(n_words: NDArray[np.int64], path: Path, *, wanted: int) -> None:
    """Raises: BadRecordingError for a line that is neither blank nor of the numbers wanted; n_words: (n_lines,)."""
    odd = np.flatnonzero((n_words != wanted) & (n_words != 0))
    if len(odd):
        line, count = int(odd[0]) + 1, int(n_words[odd[0]])
        cut = line == len(n_words) and count < wanted
        detail = f"line {line}: {count} numbers, not {wanted}"
        raise BadRecordingError("truncated" if cut else "malformed", detail, path)
