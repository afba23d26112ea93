"""Whether clips are as long as actions: an hour in as many frames as the encoder reads shows nothing, nor does one."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.skeleton import N_FRAMES
from umurl_search.clips.normalization import STORE_FPS

LONGEST_S = 60
"""Longer than any action of the datasets that are known; a frame a second is left of it."""
SHORTEST_FRAMES = 3


def check_lengths(n_frames: Sequence[int] | NDArray[np.int32], *, what: str, dataset: str = "") -> list[str]:
    """A line for clips that are long, and one for those of one or two frames, with what would mend them.

    n_frames: of each clip, 30 a second. what: whose they are. dataset: in which clips have names.
    """
    lengths = np.asarray(n_frames)
    long, short = lengths[lengths > LONGEST_S * STORE_FPS], int((lengths < SHORTEST_FRAMES).sum())
    said = []
    if len(long):
        longest_s = int(long.max()) / STORE_FPS
        said.append(
            f"{what}: {_count(len(long), len(lengths))} longer than {LONGEST_S} s (up to {longest_s:,.0f} s), and "
            f"{N_FRAMES} frames are left of a clip: {_LONG}"
        )
    if short:
        mend = (
            f'; umurl-search remove {dataset} --where "frames < {SHORTEST_FRAMES}" takes them out'
            if dataset
            else ""
        )
        said.append(
            f"{what}: {_count(short, len(lengths))} of one or two frames, which show no motion; if there are "
            f"more, --axes says which axis is time{mend}"
        )
    return said


_LONG = "ingest long recordings with --untrimmed and index them with --window; ask with the moment alone"


def _count(n: int, of: int) -> str:
    if of == 1:
        return "the clip is"
    return f"{n:,} of {of:,} clips {'is' if n == 1 else 'are'}"
