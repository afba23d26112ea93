"""The points in a C3D file: its head, its parameters, and the places of markers.

After the format's user guide (c3d.org). A file is blocks of 512 bytes: a head, parameters in groups, and frames of
points (x, y, z and how they were seen) with analogue samples behind them, as scaled 16-bit integers or as floats of one
of three processors.

Letters: T frames, V points.
"""

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umurl_search.readers.build_clip import BadRecordingError

MAGIC = 0x50
_BLOCK = 512
_INTEL, _DEC, _MIPS = 84, 85, 86
_OVER_16_BITS = 0xFFFF
_MOST_PARAMETERS = 4096
_TEXT, _BYTE, _INTEGER, _FLOAT = -1, 1, 2, 4

Parameters = Mapping[str, Any]
"""`POINT:LABELS` -> a list of texts, or an array of numbers"""


@dataclass(frozen=True, kw_only=True)
class Points:
    """places: (T, V, 3) in the file's unit, NaN where no camera saw a marker. labels: V names. units: one, or one a
    point; none where the file says none. rate: frames a second. missing: frames that are announced and not there."""

    places: NDArray[np.float64]
    labels: tuple[str, ...]
    units: tuple[str, ...]
    rate: float
    missing: int = 0


class _Numbers:
    """Numbers as the file's processor writes them."""

    def __init__(self, content: bytes, processor: int) -> None:
        self._content = content
        self._order = ">" if processor == _MIPS else "<"
        self._is_dec = processor == _DEC

    def unsigned(self, at: int) -> int:
        return int(struct.unpack_from(f"{self._order}H", self._content, at)[0])

    def integers(self, at: int, count: int) -> NDArray[np.int16]:
        return np.frombuffer(self._content, f"{self._order}i2", count, at)

    def floats(self, at: int, count: int) -> NDArray[np.float64]:
        if not self._is_dec:
            return np.frombuffer(self._content, f"{self._order}f4", count, at).astype(np.float64)
        words = np.frombuffer(self._content, "<u2", 2 * count, at).reshape(-1, 2)[:, ::-1]
        return np.ascontiguousarray(words).view("<f4").reshape(-1).astype(np.float64) / 4


def is_c3d_head(head: bytes) -> bool:
    """Whether a file begins as C3D does."""
    return head[1:2] == bytes([MAGIC]) and head[:1] > b"\0"


@np.errstate(over="ignore", invalid="ignore")
def parse_c3d(content: bytes) -> Points:
    """The points of a file. Raises: BadRecordingError."""
    if not is_c3d_head(content):
        raise BadRecordingError("malformed", "no C3D: it does not begin as one")
    start = (content[0] - 1) * _BLOCK
    if len(content) < max(_BLOCK, start + 4):
        raise BadRecordingError("truncated", "the file ends in its head")
    processor = content[start + 3]
    if processor not in (_INTEL, _DEC, _MIPS):
        raise BadRecordingError("malformed", f"numbers of the processor {processor} are not read")
    numbers = _Numbers(content, processor)
    parameters = _read_parameters(content, numbers, start + 4)
    places, stated = _read_places(content, numbers, parameters)
    rate = _number(parameters, "POINT:RATE") or float(numbers.floats(20, 1)[0])
    return Points(
        places=places,
        labels=_labels(parameters, places.shape[1]),
        units=_units(parameters),
        rate=rate,
        missing=max(0, stated - len(places)),
    )


def _read_parameters(content: bytes, numbers: _Numbers, at: int) -> Parameters:
    """All parameters, by `GROUP:NAME`; those of a group that is never named are passed over."""
    groups: dict[int, str] = {}
    found: list[tuple[int, str, Any]] = []
    for _ in range(_MOST_PARAMETERS):
        if at + 2 > len(content):
            raise BadRecordingError("truncated", "the file ends in its parameters")
        length, number = struct.unpack_from("<bb", content, at)
        behind = at + 2 + abs(length)
        if length == 0 or number == 0:
            break
        if behind + 2 > len(content):
            raise BadRecordingError("truncated", "the file ends in its parameters")
        name = _decode(content[at + 2 : behind]).upper()
        step = numbers.unsigned(behind)
        if number < 0:
            groups[-number] = name
        else:
            found.append((number, name, _read_value(content, numbers, behind + 2)))
        if step == 0:
            break
        at = behind + step
    return {f"{groups[number]}:{name}": value for number, name, value in found if number in groups}


def _read_value(content: bytes, numbers: _Numbers, at: int) -> Any:
    """A list of texts, or an array of numbers."""
    if at + 2 > len(content):
        raise BadRecordingError("truncated", "the file ends in its parameters")
    kind, n_axes = struct.unpack_from("<bB", content, at)
    axes = content[at + 2 : at + 2 + n_axes]
    count, start = int(np.prod(list(axes), dtype=object)) if axes else 1, at + 2 + n_axes
    if kind not in (_TEXT, _BYTE, _INTEGER, _FLOAT):
        raise BadRecordingError("malformed", f"a parameter of kind {kind}")
    if start + abs(kind) * count > len(content):
        raise BadRecordingError("truncated", "the file ends in its parameters")
    if kind == _TEXT:
        width = max(1, axes[0] if axes else 1)
        text = content[start : start + count]
        return [_decode(text[place : place + width]) for place in range(0, count, width)]
    if kind == _BYTE:
        return np.frombuffer(content, np.uint8, count, start)
    return numbers.integers(start, count) if kind == _INTEGER else numbers.floats(start, count)


def _decode(text: bytes) -> str:
    return text.rstrip(b"\0 ").decode("utf-8", "replace").strip()


def _read_places(
    content: bytes, numbers: _Numbers, parameters: Parameters
) -> tuple[NDArray[np.float64], int]:
    """(T, V, 3) of the frames that are there, and how many are announced."""
    n_points, n_samples = numbers.unsigned(2), numbers.unsigned(4)
    scale = _number(parameters, "POINT:SCALE") or float(numbers.floats(12, 1)[0])
    start = (int(_number(parameters, "POINT:DATA_START") or 0) or numbers.unsigned(16)) - 1
    is_float = scale < 0
    width = 4 * n_points + n_samples
    n_there = 0
    if start >= 0 and width and np.isfinite(scale):
        n_there = max(0, len(content) - start * _BLOCK) // (width * (4 if is_float else 2))
    stated = _count_frames(numbers, parameters)
    n_frames = next((count for count in stated if count <= n_there), n_there)
    if not n_points or not (n_there or stated):
        raise BadRecordingError("no body", f"it has {n_points} points in {n_frames} frames")
    if not n_frames:
        raise BadRecordingError("truncated", f"no frame is there, its head announces {stated[0]}")
    read = numbers.floats if is_float else numbers.integers
    frames = read(start * _BLOCK, n_frames * width).reshape(n_frames, width)[:, : 4 * n_points]
    points = frames.reshape(n_frames, n_points, 4)
    places = points[..., :3].astype(np.float64) * (1.0 if is_float else scale)
    places[points[..., 3] < 0] = np.nan
    return places, stated[0] if stated and n_frames not in stated else n_frames


def _count_frames(numbers: _Numbers, parameters: Parameters) -> list[int]:
    """How many frames a file says to have, in up to three places, the first the best; none where there are more than
    16 bits can say."""
    ends = [_wide(parameters.get(f"TRIAL:ACTUAL_{end}_FIELD")) for end in ("START", "END")]
    low, high = numbers.unsigned(6), numbers.unsigned(8)
    counts = [int(_number(parameters, "POINT:FRAMES") or 0) & _OVER_16_BITS] + [high - low + 1] * (
        high < _OVER_16_BITS
    )
    if ends[0] is not None and ends[1] is not None:
        counts.insert(0, ends[1] - ends[0] + 1)
    return [count for count in counts if 0 < count != _OVER_16_BITS]


def _wide(value: Any) -> int | None:
    """A number of 32 bits that is kept in two of 16, the lower first."""
    if not isinstance(value, np.ndarray) or value.dtype.kind != "i" or len(value) != 2:
        return None
    low, high = (int(word) & 0xFFFF for word in value.tolist())
    return low + 65536 * high


def _number(parameters: Parameters, name: str) -> float | None:
    value = parameters.get(name)
    if not isinstance(value, np.ndarray) or not len(value):
        return None
    number = float(value[0])
    return number if np.isfinite(number) else None


def _labels(parameters: Parameters, n_points: int) -> tuple[str, ...]:
    """Markers by name; more than 255 of them have several lists."""
    found: list[str] = []
    for number in ("", *range(2, 2 + n_points // 255)):
        more = parameters.get(f"POINT:LABELS{number}")
        found += more if isinstance(more, list) else []
    return (*found[:n_points], *(f"marker {at + 1}" for at in range(len(found), n_points)))


def _units(parameters: Parameters) -> tuple[str, ...]:
    stated = parameters.get("POINT:UNITS")
    return tuple(unit.lower() for unit in stated if unit) if isinstance(stated, list) else ()
