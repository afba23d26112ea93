"""What an index has a row of: clips whole, or windows cut out of long recordings.

Letters: n rows, T frames, M people.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from encoder.skeleton import N_JOINTS
from umurl_search.clips.body_selection import drop_absent
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import STORE_FPS, normalise
from umurl_search.clips.types import Rows
from umurl_search.index.index import Index
from umurl_search.index.temporal_iou import Intervals, cut_windows
from umurl_search.library.clip_store import Clips

LONG_S = 20.0
"""A clip that is longer is a recording of several actions, more likely than not."""
STRIDES_A_WINDOW = 5
"""Windows that begin within the length of one, unless a stride is given."""


@dataclass(frozen=True, kw_only=True)
class Window:
    """Windows of these lengths, one beginning every `stride_s` seconds."""

    lengths_s: tuple[float, ...]
    stride_s: float

    def __post_init__(self) -> None:
        if not self.lengths_s or min(*self.lengths_s, self.stride_s, np.inf) * STORE_FPS < 1:
            raise ValueError(
                f"windows and their stride last a frame (1/30 s) or more, got {self.lengths_s} and {self.stride_s}"
            )

    @classmethod
    def parse(cls, lengths_s: Iterable[float], stride_s: float | None) -> "Window | None":
        """None without lengths; the stride is a fifth of the shortest window unless given."""
        lengths = tuple(sorted(set(lengths_s)))
        return cls(lengths_s=lengths, stride_s=stride_s or lengths[0] / STRIDES_A_WINDOW) if lengths else None

    @classmethod
    def from_manifest(cls, manifest: dict[str, Any]) -> "Window | None":
        """Those of an index, None where its rows are whole clips."""
        return cls.parse(manifest.get("window_s", ()), manifest.get("stride_s"))

    def to_dict(self) -> dict[str, Any]:
        """For the manifest."""
        return {"window_s": list(self.lengths_s), "stride_s": self.stride_s}

    def spans(self, n_frames: int) -> NDArray[np.int64]:
        """(n, 2) first frame and the one after the last of each window of a recording, ascending."""
        stride = max(1, round(self.stride_s * STORE_FPS))
        lengths = [max(1, round(length * STORE_FPS)) for length in self.lengths_s]
        cut = [np.stack(cut_windows(n_frames, window=length, stride=stride), axis=1) for length in lengths]
        return np.unique(np.concatenate(cut), axis=0)


@dataclass(frozen=True, kw_only=True)
class IndexRows:
    """row: (n,) rows of the clips, ascending. spans: (n, 2) the frames of each window, None for clips whole."""

    row: Rows
    spans: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.row)

    def frames(self, store: Clips, i: int) -> Frames:
        """(T, M, 25, 3) float32 of a unit as the encoder's pipeline wants it: a window is normalised on its own."""
        row = int(self.row[i])
        if self.spans is None:
            return store.normalised_frames(row)
        return normalise(self._window(store, i))

    def raw_frames(self, store: Clips, i: int) -> tuple[Frames, bool]:
        """(T, M, 25, 3) float32 of a unit as the store has it, a view of its file where it can be, and whether it is
        still to be normalised."""
        row = int(self.row[i])
        return (
            (store.frames(row), store.is_raw(row)) if self.spans is None else (self._window(store, i), True)
        )

    def n_values(self, store: Clips) -> NDArray[np.int64]:
        """(n,) numbers of each unit, at most."""
        n_frames, n_people = store.extents()[self.row].astype(np.int64).T
        if self.spans is not None:
            n_frames = self.spans[:, 1] - self.spans[:, 0]
        return np.asarray(n_frames * n_people * (N_JOINTS * 3), dtype=np.int64)

    def _window(self, store: Clips, i: int) -> Frames:
        assert self.spans is not None
        start, stop = self.spans[i].tolist()
        cut = drop_absent(store.frames(int(self.row[i]))[start:stop])
        assert cut.size, (self.row[i], self.spans[i])
        return cut


def index_rows_of(store: Clips, rows: Rows, window: Window | None) -> IndexRows:
    """The units of some clips, by their rows. Windows in which nobody is there are left out."""
    if window is None:
        return IndexRows(row=rows)
    found = [(row, _inhabited_windows(store.frames(row), window)) for row in rows.tolist()]
    counts = [len(spans) for _, spans in found]
    spans = np.concatenate([np.zeros((0, 2), dtype=np.int64), *(spans for _, spans in found)])
    return IndexRows(row=np.repeat(rows, counts), spans=spans)


def _inhabited_windows(frames: Frames, window: Window) -> NDArray[np.int64]:
    """(n, 2) the windows of a recording with somebody in them; frames: (T, M, 25, 3)."""
    spans = window.spans(len(frames))
    there = np.concatenate([[0], np.cumsum(frames.any(axis=(1, 2, 3)))])
    return spans[there[spans[:, 1]] > there[spans[:, 0]]]


def long_clips(n_frames: Sequence[int], *, dataset: str) -> list[str]:
    """A warning where most of the clips that an index is to have a row of are long recordings."""
    median_s = float(np.median(n_frames)) / STORE_FPS
    if median_s <= LONG_S:
        return []
    return [
        f"half of the recordings of {dataset} last {median_s:.0f} s or more and each is one row of this index: "
        "--window SECONDS makes the moments in them findable"
    ]


def long_windows(window: Window, n_frames: Sequence[int], *, dataset: str) -> list[str]:
    """A warning for each length of windows that no recording has."""
    longest_s = max(n_frames) / STORE_FPS
    return [
        f"windows of {length:g} s are longer than all recordings of {dataset}, of which the longest lasts "
        f"{longest_s:.1f} s: one is a whole recording"
        for length in window.lengths_s
        if length > longest_s
    ]


def windows_of(index: Index) -> Intervals | None:
    """The windows that are an index's rows, None where its rows are whole clips."""
    spans = index.spans
    return None if spans is None else Intervals(clip=index.ids, start=spans[:, 0], stop=spans[:, 1])


def no_windows(index: str, *, dataset: str) -> UmurlError:
    """The error where windows are asked for of an index of whole clips."""
    command = ("build-index", dataset, "--window", "SECONDS")
    return UmurlError(
        f"index {index} is of whole clips", Hint("{command} makes one of windows", command=command)
    )


def require_whole_clips(index: Index) -> None:
    """Raises UmurlError for an index of windows, which have no class of their own."""
    if index.spans is not None:
        raise UmurlError(
            f"index {index.name} is of windows of recordings, not of whole clips",
            Hint("{command} evaluates it", command=("localize-eval", "--index", index.name)),
        )
