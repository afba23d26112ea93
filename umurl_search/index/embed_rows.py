"""The rows of an index's part on disk: embedded, and whose they are."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.embed import Embedder
from encoder.errors import UmurlError
from encoder.model import UmURL
from encoder.packed_clips import Chunk
from umurl_search.files import sealed_folder
from umurl_search.index.index import IDS, SPANS, embeddings_file
from umurl_search.index.windows import IndexRows
from umurl_search.library.clip_store import Clips
from umurl_search.progress import Progress

CHUNK = 256
"""Clips between two notes of progress on a CPU."""
DEVICE_CHUNK = 2048
"""Clips that go to a device at once, unless they are long."""
MOST_VALUES = 64 * 1024 * 1024
"""Numbers that go to a device at once, 256 MiB; a single clip may have more."""
DONE = "done"


def write_units(partial: Path, units: IndexRows, ids: NDArray[np.int64]) -> None:
    """Whose the rows of an index's part are: clip ids and, of windows, their frames. ids: of all rows of the clips."""
    np.save(partial / IDS, ids[units.row], allow_pickle=False)
    if units.spans is not None:
        np.save(partial / SPANS, units.spans, allow_pickle=False)


def embed_units(
    partial: Path,
    store: Clips,
    units: IndexRows,
    embedder: Embedder,
    *,
    modalities: tuple[str, ...],
    dimension: int,
    progress: Progress,
) -> None:
    """Writes the embeddings of clips or windows, a file a modality, going on where an earlier run was stopped.

    Raises UmurlError for an encoder that gives NaN or infinite numbers.
    """
    n = len(units)
    done_file = partial / DONE
    done = int(done_file.read_text()) if done_file.exists() else 0
    mode: Any = "r+" if done else "w+"
    out = {
        m: np.lib.format.open_memmap(
            partial / embeddings_file(m), mode=mode, dtype=np.float32, shape=(n, dimension)
        )
        for m in modalities
    }
    with progress("Embedding", total=n, unit="clips" if units.spans is None else "windows") as advance:
        advance(done)
        for start, stop, found in embed_chunks(embedder, store, units, modalities=modalities, first=done):
            for m, y in found.items():
                if not np.isfinite(y).all():
                    row = int(units.row[start + int(np.flatnonzero(~np.isfinite(y).all(axis=1))[0])])
                    raise UmurlError(
                        f"the encoder gave NaN or infinite {m} embeddings, first of clip {row + 1} of the dataset",
                        "train or import it again",
                    )
                out[m][start:stop] = y
                out[m].flush()
            sealed_folder.write_text(done_file, str(stop))
            advance(stop - start)


def embed_chunks(
    embedder: Embedder, store: Clips, units: IndexRows, *, modalities: tuple[str, ...], first: int = 0
) -> Iterator[tuple[int, int, dict[str, NDArray[np.float32]]]]:
    """The embeddings of clips or windows, chunk after chunk from the unit `first` on: start, end, and y (N, D) of each
    modality subset. A device is given raw clips, and normalises them while the next chunk is read."""
    spans = list(pairwise(cut_chunks(store, units, first, on_device=embedder.normalises)))
    make = _raw_chunk if embedder.normalises else _normalised_chunk
    chunks = (make(store, units, start, stop) for start, stop in spans)
    for (start, stop), found in zip(spans, embedder.in_chunks(chunks, modalities), strict=True):
        yield start, stop, found


def embed_clips(
    model: UmURL, store: Clips, rows: Sequence[int], *, modality: str, device: torch.device
) -> NDArray[np.float32]:
    """y (N, D) of some clips of a store, all in one call on a CPU."""
    embedder = Embedder(model, n_clips=len(rows), device=device)
    if not embedder.normalises:
        return embedder([store.normalised_frames(row) for row in rows], (modality,))[modality]
    units = IndexRows(row=np.array(rows, dtype=np.int64))
    chunks = embed_chunks(embedder, store, units, modalities=(modality,))
    return np.concatenate([found[modality] for *_, found in chunks])


def cut_chunks(store: Clips, units: IndexRows, first: int, *, on_device: bool) -> list[int]:
    """Where chunks begin, and the end of the last. Those from the beginning of one on are the same ones."""
    if not on_device:
        return [*range(first, len(units), CHUNK), len(units)]
    until = np.concatenate([[0], np.cumsum(units.n_values(store))])
    cuts = [first]
    while cuts[-1] < len(units):
        fitting = int(np.searchsorted(until, until[cuts[-1]] + MOST_VALUES, side="right")) - 1
        cuts.append(max(cuts[-1] + 1, min(fitting, cuts[-1] + DEVICE_CHUNK)))
    return cuts


def _normalised_chunk(store: Clips, units: IndexRows, start: int, stop: int) -> Chunk:
    return Chunk([units.frames(store, i) for i in range(start, stop)], [False] * (stop - start))


def _raw_chunk(store: Clips, units: IndexRows, start: int, stop: int) -> Chunk:
    frames, is_raw = zip(*(units.raw_frames(store, i) for i in range(start, stop)), strict=True)
    return Chunk(frames, is_raw)
