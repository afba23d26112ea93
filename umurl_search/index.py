"""Exact nearest neighbours and indexes on disk: the only `import faiss`.

Letters: Q queries, N gallery clips, K neighbours, P dimensions. A gallery's rows are in order of clip id.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file

from encoder.errors import UmurlError
from encoder.subsets import BASE, FUSED
from umurl_search import folders
from umurl_search.maps import Embeddings, Map, Maps, Transform

IDS = "ids.npy"
MAPS = "bridges.safetensors"
MAIN = "fused"
"""The modality whose searchable vectors lie ready on disk."""
KINDS = ("flat",)
_SPARE = 8
_QUERY_BLOCK = 1024
_PRODUCT_BYTES = 2**25


def faiss_module() -> Any:
    """The faiss module. Raises UmurlError, saying how to install it, when there is none."""
    try:
        import faiss
    except ImportError as error:
        raise UmurlError(
            f"FAISS is not installed ({error}): pip install 'umurl-search[cpu]' (or [gpu])"
        ) from error
    return faiss


def gpu_search_available() -> bool:
    """Whether this build of FAISS drives a GPU that is here."""
    faiss = faiss_module()
    return hasattr(faiss, "StandardGpuResources") and faiss.get_num_gpus() > 0


Groups = tuple[NDArray[np.int64], NDArray[np.int64]] | None
"""Numbers of the gallery's clips (N,) and the queries (Q,): neighbours of one's own number are left out."""


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """scores: (Q, K) float64 cosines, falling. rows: (Q, K) gallery positions, -1 where there are fewer."""

    scores: NDArray[np.float64]
    rows: NDArray[np.int64]


def nearest(
    gallery: Embeddings,
    queries: Embeddings,
    k: int,
    *,
    faiss_index: Any = None,
    gpu: int | None = None,
    groups: Groups = None,
) -> Neighbours:
    """The k best of the gallery for each query by inner product; exact, ties to the lower position.

    gallery: (N, P), queries: (Q, P), float32 rows of length 1. FAISS (`faiss_index` if it holds the gallery
    already, on the GPU of that number if given) proposes a few more than k; float64 products decide.
    groups: numbers (N,) and (Q,); a query's neighbours are never of its own group (-1: of none).
    """
    out = [
        _nearest_block(gallery, queries[i : i + _QUERY_BLOCK], k, faiss_index, gpu, _block_groups(groups, i))
        for i in range(0, len(queries), _QUERY_BLOCK)
    ]
    empty = Neighbours(scores=np.zeros((0, k)), rows=np.zeros((0, k), dtype=np.int64))
    out = out or [empty]
    return Neighbours(
        scores=np.concatenate([o.scores for o in out]), rows=np.concatenate([o.rows for o in out])
    )


def _block_groups(groups: Groups, start: int) -> Groups:
    return None if groups is None else (groups[0], groups[1][start : start + _QUERY_BLOCK])


def _nearest_block(
    gallery: Embeddings, queries: Embeddings, k: int, faiss_index: Any, gpu: int | None, groups: Groups
) -> Neighbours:
    n = len(gallery)
    fetch = min(n, k + _SPARE + _largest_group(groups))
    while True:
        proposed = _propose(gallery, queries, fetch, faiss_index, gpu)
        exact = _products(gallery, queries, proposed)
        last = exact[:, -1]
        if groups is not None:
            own = (groups[0][proposed] == groups[1][:, None]) & (groups[1][:, None] >= 0)
            exact = np.where(own, -np.inf, exact)
        # A tie that reaches the last proposal may go on beyond it: widen until it does not.
        kth = -np.sort(-exact, axis=1)[:, min(k, fetch) - 1]
        open_tie = fetch < n and bool((last >= kth - 1e-6).any())
        if not open_tie:
            return _best(exact, proposed, k)
        fetch = min(n, fetch * 4)


def _products(gallery: Embeddings, queries: Embeddings, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(Q, K) float64 products; equal vectors give equal products, wherever they stand."""
    out = np.empty(rows.shape)
    step = max(1, _PRODUCT_BYTES // (rows.shape[1] * gallery.shape[1] * 8))
    for i in range(0, len(rows), step):
        chosen = gallery[rows[i : i + step]].astype(np.float64)
        out[i : i + step] = np.einsum("qp,qkp->qk", queries[i : i + step].astype(np.float64), chosen)
    return out


def _largest_group(groups: Groups) -> int:
    if groups is None:
        return 0
    members = groups[0][groups[0] >= 0]
    return int(np.unique(members, return_counts=True)[1].max()) if members.size else 0


def _propose(
    gallery: Embeddings, queries: Embeddings, k: int, faiss_index: Any, gpu: int | None
) -> NDArray[np.int64]:
    faiss = faiss_module()
    queries = np.ascontiguousarray(queries)
    if gpu is not None:
        resources = faiss.StandardGpuResources()
        metric = faiss.METRIC_INNER_PRODUCT
        _, rows = faiss.knn_gpu(
            resources, queries, np.ascontiguousarray(gallery), k, metric=metric, device=gpu
        )
    elif faiss_index is not None:
        _, rows = faiss_index.search(queries, k)
    else:
        _, rows = faiss.knn(queries, np.ascontiguousarray(gallery), k, metric=faiss.METRIC_INNER_PRODUCT)
    if (rows < 0).any():
        raise UmurlError("FAISS returned fewer neighbours than the gallery holds: run umurl-search verify")
    return np.asarray(rows, dtype=np.int64)


def _best(scores: NDArray[np.float64], rows: NDArray[np.int64], k: int) -> Neighbours:
    order = np.lexsort((rows, -scores), axis=1)[:, :k]
    scores, rows = np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
    rows = np.where(np.isneginf(scores), -1, rows)
    missing = k - rows.shape[1]
    if missing > 0:
        rows = np.pad(rows, ((0, 0), (0, missing)), constant_values=-1)
        scores = np.pad(scores, ((0, 0), (0, missing)), constant_values=-np.inf)
    return Neighbours(scores=scores, rows=rows)


# on disk


def embeddings_file(modality: str) -> str:
    return f"embeddings-{modality}.npy"


def vectors_file(*, centred: bool) -> str:
    return "vectors-centred.faiss" if centred else "vectors.faiss"


def write_vectors(folder: Path, embeddings: Embeddings, maps: Maps) -> None:
    """The fused gallery ready to search: as its own queries see it and, if that differs, as bridges do."""
    faiss = faiss_module()
    for centred in (False, True) if maps.transform.kind == "none" else (False,):
        mapping = maps.gallery(MAIN, bridged=centred)
        index = None
        for start in range(0, len(embeddings), 8192):
            vectors = mapping(embeddings[start : start + 8192])
            if not np.isfinite(vectors).all():
                raise UmurlError("the encoder gave NaN or infinite embeddings: train or import it again")
            index = faiss.IndexFlatIP(vectors.shape[1]) if index is None else index
            index.add(np.ascontiguousarray(vectors))
        faiss.write_index(index, str(folder / vectors_file(centred=centred)))


def write_maps(folder: Path, maps: Maps) -> None:
    tensors = {f"mean/{m}": mean for m, mean in maps.means.items()}
    tensors |= {f"whitening/{m}": w for m, w in maps.whitenings.items()}
    tensors |= {f"bridge/{q}/{g}": w for (q, g), w in maps.bridges.items()}
    save_file({name: np.ascontiguousarray(x) for name, x in tensors.items()}, str(folder / MAPS))


@dataclass(frozen=True)
class Index:
    """An index folder, opened: its manifest is checked, its arrays are memory-mapped."""

    folder: Path

    @cached_property
    def manifest(self) -> dict[str, Any]:
        name = self.folder.name
        again = f"umurl-search delete index:{name}, then umurl-search build-index"
        return folders.read_manifest(self.folder, remedy=f"run: {again}")

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        return np.asarray(np.load(self.folder / IDS, allow_pickle=False), dtype=np.int64)

    @property
    def modalities(self) -> tuple[str, ...]:
        return tuple(self.manifest["modalities"])

    @property
    def transform(self) -> Transform:
        return Transform.parse(self.manifest["transform"])

    def embeddings(self, modality: str) -> Embeddings:
        """(N, D) float32 as the encoder gave them, memory-mapped. Raises UmurlError for one not in the index."""
        if modality not in self.modalities:
            trained = set(BASE) & set(self.modalities)
            possible = set(modality.split("+")) <= trained | {FUSED}
            remedy = "build it with --modalities all" if possible else "build one with another --encoder"
            raise UmurlError(
                f"index {self.folder.name} holds no {modality} embeddings (it has {', '.join(self.modalities)}): "
                f"{remedy}"
            )
        path = self.folder / embeddings_file(modality)
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]

    def maps(self, modality: str, against: str) -> Maps:
        """What a query of `modality` against `against` needs of the fitted maps; only that is read."""
        wanted = {
            f"mean/{modality}",
            f"mean/{against}",
            f"whitening/{against}",
            f"bridge/{modality}/{against}",
        }
        with safe_open(str(self.folder / MAPS), framework="numpy") as file:
            there = {name: file.get_tensor(name) for name in wanted & set(file.keys())}
        split = {tuple(name.split("/")): tensor for name, tensor in there.items()}
        return Maps(
            transform=self.transform,
            means={k[1]: x for k, x in split.items() if k[0] == "mean"},
            whitenings={k[1]: x for k, x in split.items() if k[0] == "whitening"},
            bridges={(k[1], k[2]): x for k, x in split.items() if k[0] == "bridge"},
        )

    def vectors(self, against: str, mapping: Map, *, bridged: bool) -> tuple[Embeddings, Any]:
        """The gallery's unit vectors (N, P) and the FAISS index that holds them, if one lies on disk."""
        if against != MAIN:
            return mapping(np.asarray(self.embeddings(against))), None
        path = self.folder / vectors_file(centred=bridged and self.transform.kind == "none")
        faiss = faiss_module()
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
        flat = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)
        return flat.reshape(index.ntotal, index.d), index
