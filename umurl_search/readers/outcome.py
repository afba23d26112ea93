"""From the coordinates in a file to a clip, or to the reason why there is none."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.bodies import FloatT, drop_absent
from umurl_search.clip import Clip, Frames, LeftOut, Reason
from umurl_search.names import parse_name

_DETAIL_LENGTH = 200


class BadRecordingError(UmurlError):
    """A recording that cannot be used: why (one of `REASONS`), the particulars and, when known, its file."""

    def __init__(self, reason: Reason, detail: str, path: Path | None = None) -> None:
        super().__init__(reason, detail, path)
        self.reason: Reason = reason
        self.detail = detail if len(detail) <= _DETAIL_LENGTH else detail[:_DETAIL_LENGTH] + "..."
        self.path = path

    def __str__(self) -> str:
        return ": ".join(str(part) for part in (self.path, self.reason, self.detail) if part)

    def left_out(self, name: str, source: str) -> LeftOut:
        return LeftOut(name=name, reason=self.reason, detail=self.detail, source=source)


def read_bytes(path: Path) -> bytes:
    """The content of a file. Raises: BadRecordingError where it is empty or cannot be read."""
    if not path.is_file():
        raise BadRecordingError("malformed", "no regular file (a link to nowhere, or a pipe)", path)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BadRecordingError("malformed", f"cannot be read: {error.strerror}", path) from error
    if not content or content.isspace():
        raise BadRecordingError("truncated", "the file is empty", path)
    return content


@np.errstate(over="ignore", invalid="ignore")
def to_float32(numbers: NDArray[Any]) -> Frames:
    """The nearest single-precision numbers; infinite beyond their range."""
    return numbers.astype(np.float32)


def require_finite(frames: NDArray[FloatT]) -> None:
    """Raises: BadRecordingError for a coordinate that is NaN or infinite; frames: (T, ...)."""
    finite = np.isfinite(frames)
    if not finite.all():
        first = int(np.flatnonzero(~finite.all(axis=tuple(range(1, frames.ndim))))[0])
        raise BadRecordingError(
            "non-finite", f"{np.sum(~finite)} NaN or infinite numbers, from frame {first + 1}"
        )


def make_clip(
    name: str,
    frames: NDArray[FloatT],
    *,
    source: str,
    label: int | None = None,
    max_frames: int | None = None,
) -> Clip:
    """The clip of these coordinates: at most `max_frames`, only people that are there, float32.

    frames: (T, M, V, 3) of any float type; an absent person or joint is zeros.
    label: where None, the action in the name, if it has one.
    Raises: BadRecordingError for numbers that are not finite, or when nobody is there.
    """
    kept = frames[:max_frames]
    kept32 = to_float32(kept)
    require_finite(kept32)
    kept32 = drop_absent(kept32)
    if not kept32.size:
        raise BadRecordingError("no body", f"nobody in any of {len(kept)} frames")
    fields = parse_name(name)
    if label is None and fields.action is not None:
        label = fields.action - 1
    return Clip(
        name=name,
        frames=np.ascontiguousarray(kept32),
        label=label,
        subject=fields.subject,
        camera=fields.camera,
        setup=fields.setup,
        replication=fields.replication,
        source=source,
        cut=len(frames) - len(kept),
    )
