"""Checks the joints, scale, axes and lengths of a clip store that was just read."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from umurl_search.clips.normalization import Conventions
from umurl_search.clips.plausibility import MOST_CLIPS, Remedy, check_clips
from umurl_search.clips.types import NORMALISED
from umurl_search.library.clip_store import ClipStore


def check_store(
    folder: Path,
    conventions: Conventions,
    *,
    what: str,
    remedy: Remedy,
    journal: Sequence[dict[str, Any]],
    is_whole: bool = False,
) -> list[str]:
    """`check_clips` of a sealed store, from some of its clips. Raises UmurlError for a damaged one.

    journal: of the store. is_whole: recordings are kept whole, so that they may be long.
    """
    store = ClipStore(folder)
    some = np.unique(np.linspace(0, len(store) - 1, MOST_CLIPS).astype(int)).tolist()
    return check_clips(
        [store.frames(row) for row in some],
        conventions,
        what=what,
        remedy=remedy,
        is_turned=store.manifest["state"] in NORMALISED,
        lengths=[] if is_whole else store.extents[:, 0],
        dataset=what,
        standing=[
            clip["stands_along"] for entry in journal for clip in entry["clips"] if "stands_along" in clip
        ],
    )
