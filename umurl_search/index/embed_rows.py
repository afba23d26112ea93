"""The rows of an index's part on disk: embedded, and whose they are."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.embed import Embedder
from encoder.errors import UmurlError
from umurl_search.files import sealed_folder
from umurl_search.index.index import IDS, SPANS, embeddings_file
from umurl_search.index.windows import IndexRows
from umurl_search.library.clip_store import Clips
from umurl_search.progress import Progress

CHUNK = 256
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
        for start in range(done, n, CHUNK):
            stop = min(start + CHUNK, n)
            clips = [units.frames(store, i) for i in range(start, stop)]
            for m, y in embedder(clips, modalities).items():
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
