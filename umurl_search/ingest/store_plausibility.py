"""Checks the scale and axes of a clip store that was just read."""

from pathlib import Path

import numpy as np

from umurl_search.clips.normalization import Conventions
from umurl_search.clips.plausibility import MOST_CLIPS, Remedy, check_scale_and_axis
from umurl_search.library.clip_store import ClipStore


def check_store(folder: Path, conventions: Conventions, *, what: str, remedy: Remedy) -> list[str]:
    """`check_scale_and_axis` of a sealed store, from some of its clips. Raises UmurlError for a damaged one."""
    store = ClipStore(folder)
    if store.manifest["state"] == "umurl-normalised":  # turned already
        return []
    some = np.unique(np.linspace(0, len(store) - 1, MOST_CLIPS).astype(int)).tolist()
    return check_scale_and_axis([store.frames(row) for row in some], conventions, what=what, remedy=remedy)
