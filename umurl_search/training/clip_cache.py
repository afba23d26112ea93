"""A training run's clips, normalised once and memory-mapped, so that a corpus need not fit in memory."""

import os
from pathlib import Path

import numpy as np
import torch

from encoder.ragged import RaggedClips
from encoder.skeleton import N_JOINTS
from umurl_search.files import sealed_folder
from umurl_search.files.atomic import replacing
from umurl_search.library.clip_store import Clips
from umurl_search.progress import Progress

ROWS = "prepared.f32"
PLACES = "prepared.npy"
PREPARED = (PLACES, f".{PLACES}", ROWS)
"""All that `prepare` writes, in the order in which it may be removed."""
_CHUNK = 256


def prepare(folder: Path, store: Clips, rows: list[int], *, progress: Progress) -> None:
    """Writes the normalised clips of these store rows into `folder`, unless a run before has.

    `prepared.f32` holds a clip's (T, M, 25, 3) values after the other's; `prepared.npy`, written last, is
    (N, 3) int64: a clip's first row of (25, 3), its frames and its people. Raises UmurlError when the disk is
    too full.
    """
    if _is_whole(folder, len(rows)):
        return
    sealed_folder.need_space(
        folder, sum(store.frames(row).nbytes for row in rows), what="preparing the clips"
    )
    places = np.zeros((len(rows), 3), dtype=np.int64)
    written = 0
    with (
        open(folder / ROWS, "wb") as file,
        progress("Preparing clips", total=len(rows), unit="clips") as advance,
    ):
        for i, row in enumerate(rows):
            frames = store.normalised_frames(row)
            file.write(np.ascontiguousarray(frames, dtype="<f4").tobytes())
            places[i] = written, *frames.shape[:2]
            written += frames.shape[0] * frames.shape[1]
            if i % _CHUNK == _CHUNK - 1 or i == len(rows) - 1:
                advance(i % _CHUNK + 1)
        file.flush()
        os.fsync(file.fileno())
    with replacing(folder / PLACES, aside=folder / f".{PLACES}") as whole:
        np.save(whole, places, allow_pickle=False)


def _is_whole(folder: Path, n: int) -> bool:
    if not ((folder / PLACES).exists() and (folder / ROWS).exists()):
        return False
    places = np.load(folder / PLACES, allow_pickle=False)
    values = int((places[:, 1] * places[:, 2]).sum()) * N_JOINTS * 3
    return len(places) == n and (folder / ROWS).stat().st_size == 4 * values


def open_prepared(folder: Path) -> RaggedClips:
    """The clips that `prepare` wrote, their values mapped from disk."""
    places = torch.from_numpy(np.load(folder / PLACES, allow_pickle=False))
    values = np.memmap(folder / ROWS, dtype="<f4", mode="c")  # never written; torch warns of what cannot be
    start, n_frames, n_people = (column.contiguous() for column in places.T)
    rows = torch.from_numpy(values).view(-1, N_JOINTS, 3)
    return RaggedClips(rows=rows, start=start, n_frames=n_frames, n_people=n_people)
