"""Windows cut out of recordings, and an index that has a row of each."""

from typing import Any

import numpy as np
import pytest
from conftest import LONG_INDEX, WINDOW
from numpy.typing import NDArray

from umurl_search.clips.crop import crop
from umurl_search.clips.normalization import normalise
from umurl_search.index.open_index import open_index
from umurl_search.index.windows import IndexRows, Window, index_rows_of, long_clips, long_windows
from umurl_search.library.clip_store import ClipStore, open_clips
from umurl_search.library.library import Library
from umurl_search.search.searcher import Searcher

Array = NDArray[np.float32]


class Held:
    """Recordings in memory, as a store gives them."""

    def __init__(self, *frames: Array) -> None:
        self._frames = frames

    def frames(self, row: int) -> Array:
        return self._frames[row]


def cut(window: Window | None, *frames: Array) -> IndexRows:
    return index_rows_of(Held(*frames), np.arange(len(frames)), window)  # type: ignore[arg-type]


def somebody(n_frames: int) -> Array:
    return np.ones((n_frames, 1, 25, 3), np.float32)


def test_units_without_windows_are_clips() -> None:
    units = cut(None, somebody(5), somebody(9))
    assert (units.row.tolist(), units.spans) == ([0, 1], None)


def test_windows_are_in_order_of_recording_and_time() -> None:
    units = cut(Window(lengths_s=(1.0, 0.5), stride_s=0.5), somebody(40), somebody(10))
    assert units.spans is not None
    found = [(row, *span) for row, span in zip(units.row.tolist(), units.spans.tolist(), strict=True)]
    assert found == [(0, 0, 15), (0, 0, 30), (0, 10, 40), (0, 15, 30), (0, 25, 40), (1, 0, 10)]


def test_windows_without_anybody_are_left_out() -> None:
    frames = somebody(100)
    frames[20:70] = 0
    units = cut(Window(lengths_s=(0.5,), stride_s=0.25), frames)
    assert units.spans is not None
    every = Window(lengths_s=(0.5,), stride_s=0.25).spans(100).tolist()
    assert units.spans.tolist() == [span for span in every if frames[span[0] : span[1]].any()]
    assert 0 < len(units) < len(every)


def test_a_window_lasts_a_frame() -> None:
    assert Window.parse((), None) is None
    assert Window.parse((2, 1, 2), None) == Window(lengths_s=(1, 2), stride_s=0.2)
    assert Window.from_manifest({"window_s": [3.0], "stride_s": 1.0}) == Window(
        lengths_s=(3.0,), stride_s=1.0
    )
    assert Window.from_manifest({}) is None
    with pytest.raises(
        ValueError, match=r"^windows and their stride last a frame \(1/30 s\) or more, got \(0.01,\) and 1$"
    ):
        Window(lengths_s=(0.01,), stride_s=1)


def test_long_recordings_without_windows_are_told() -> None:
    assert long_clips([600, 600, 601], dataset="x") == []
    assert long_clips([30, 1500, 1500], dataset="x") == [
        "half of the recordings of x last 50 s or more and each is one row of this index: --window SECONDS makes the "
        "moments in them findable"
    ]


# An index of windows


def test_windows_longer_than_all_recordings_are_told() -> None:
    window = Window.parse((2.0, 4.0, 60.0), None)
    assert window is not None
    (told,) = long_windows(window, [30, 300], dataset="mine")
    assert told.startswith(
        "windows of 60 s are longer than all recordings of mine, of which the longest lasts 10.0 s"
    )


def test_every_window_is_embedded_as_a_clip_of_its_own(long: Library) -> None:
    index, _ = open_index(long, LONG_INDEX)
    spans = index.spans
    assert spans is not None
    store = ClipStore(long.clips("long"))
    lengths = [len(store.frames(row)) for row in range(len(store))]
    assert len(index.ids) == sum(len(WINDOW.spans(n)) for n in lengths)
    first = int(index.ids[0])
    searcher = Searcher(long, LONG_INDEX, device="cpu")
    rows = np.arange(3, len(index.ids), 41)
    clips = [crop(store.frames(int(index.ids[row]) - first), *spans[row].tolist()) for row in rows]
    for modality in ("joint", "fused"):
        alone = searcher.embed([clip for clip in clips if clip is not None], modality)
        np.testing.assert_allclose(index.embeddings(modality)[rows], alone, rtol=0, atol=1e-4)
    assert index.manifest["window_s"] == [2.5]
    assert index.manifest["stride_s"] == 1.0


def test_raw_units_are_what_is_normalised(long: Library) -> None:
    store = open_clips(long, "long")
    rows = np.arange(4)
    for window in (None, WINDOW):
        units = index_rows_of(store, rows, window)
        for i in range(0, len(units), 17):
            raw, is_raw = units.raw_frames(store, i)
            assert is_raw
            assert raw.size == units.n_values(store)[i]
            np.testing.assert_array_equal(normalise(raw), units.frames(store, i))


def test_a_raw_window_is_without_who_is_absent() -> None:
    frames = np.ones((90, 2, 25, 3), np.float32)
    frames[:30, 1] = 0
    units = IndexRows(row=np.array([0, 0]), spans=np.array([[0, 30], [15, 45]]))
    store: Any = Held(frames)
    assert [units.raw_frames(store, i)[0].shape for i in (0, 1)] == [(30, 1, 25, 3), (30, 2, 25, 3)]
