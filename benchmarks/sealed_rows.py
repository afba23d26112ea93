"""An index of made-up rows, sealed as `build-index` seals it."""

from pathlib import Path

import numpy as np
from made_up import Array

from umurl_search.files import sealed_folder
from umurl_search.index.bridges_and_whitening import Maps, Transform
from umurl_search.index.index import IDS, Index, embeddings_file, write_maps
from umurl_search.index.kind_names import Kind
from umurl_search.index.kind_selection import write_vectors


def seal_index(folder: Path, rows: Array, kind: Kind) -> Index:
    """An index of these rows as they are."""
    with sealed_folder.building(folder, resume_token="") as partial:
        np.save(partial / embeddings_file("fused"), rows)
        np.save(partial / IDS, np.arange(len(rows)))
        maps = Maps(transform=Transform(), means={"fused": np.zeros(rows.shape[1], dtype=np.float32)})
        write_maps(partial, maps)
        measured = write_vectors(partial, rows, maps, kind=kind)
        about = {"modalities": ["fused"], "transform": "none", "index_kind": kind}
        sealed_folder.seal(partial, folder, {**about, **measured})
    return Index(folder)
