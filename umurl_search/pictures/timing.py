"""Which frames of a clip a moving picture shows, and for how long, so that it lasts as long as the clip does."""

import itertools
from dataclasses import dataclass

from umurl_search.clips.normalization import STORE_FPS

_LEAST = 0.6
"""Of a frame, that the last picture is shown: what would be shorter than 2 hundredths is none, browsers stop at it."""


@dataclass(frozen=True, kw_only=True)
class Timing:
    """frames: of the clip, one a picture. ends_s: when each is over, from the start; the last is the clip's length."""

    frames: tuple[int, ...]
    ends_s: tuple[float, ...]

    @property
    def seconds(self) -> float:
        return self.ends_s[-1]

    def delays_cs(self) -> list[int]:
        """How long each picture is shown in hundredths of a second: their ends are rounded, so errors do not add up."""
        ends = [0, *(round(100 * end) for end in self.ends_s)]
        return [after - before for before, after in itertools.pairwise(ends)]


def timing(n_frames: int, fps: float) -> Timing:
    """`fps` pictures a second of a clip of n frames at 30 a second. Raises ValueError for more than the clip has."""
    if not 0 < fps <= STORE_FPS or n_frames < 1:
        raise ValueError(f"1 frame or more, at most {STORE_FPS:g} pictures a second: got {n_frames}, {fps}")
    step = STORE_FPS / fps
    frames: list[int] = []
    while (start := len(frames) * step) < n_frames - _LEAST:
        frames.append(int(start + 1e-9))
    ends = [(k + 1) * step for k in range(len(frames) - 1)]
    return Timing(frames=tuple(frames), ends_s=tuple(end / STORE_FPS for end in [*ends, n_frames]))
