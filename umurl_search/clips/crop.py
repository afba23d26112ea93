"""Cuts a clip out of a recording, and segments to the store's frame rate."""

from collections.abc import Sequence

from umurl_search.clips.body_selection import drop_absent
from umurl_search.clips.clip import Frames, Segment
from umurl_search.clips.normalization import normalise


def crop(frames: Frames, start: int, stop: int) -> Frames | None:
    """The frames [start, stop) of a recording as a clip of their own, normalised; None where nobody is there.

    frames: (T, M, 25, 3) as the store holds them. Returns (stop - start, <= M, 25, 3): who is absent is dropped.
    """
    cut = drop_absent(frames[start:stop])
    return normalise(cut) if cut.size else None


def to_store_rate(segments: Sequence[Segment], *, n_source: int, n_store: int) -> tuple[Segment, ...]:
    """Segments in frames of the source as frames of the store, where the recording has another number of them."""
    if n_source == n_store:
        return tuple(segments)
    ratio = n_store / n_source
    moved = (one._replace(start=round(one.start * ratio), stop=round(one.stop * ratio)) for one in segments)
    return tuple(one._replace(stop=max(one.stop, one.start + 1)) for one in moved)
