"""The kinds of index: what holds a gallery's vectors and proposes neighbours.

Exact kinds bound what they leave out, approximate ones do not; all propose, and the stored embeddings decide.
Letters: Q queries, N gallery clips, P dimensions, F proposals.
"""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import DamagedError, Hint, UmurlError
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.exact_knn import SPARE, Proposals
from umurl_search.index.faiss_library import faiss_module
from umurl_search.index.kind_names import Kind
from umurl_search.library.missing import REPAIR

_LISTS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_TRAINED_ON = 50_000
_POINTS_A_LIST = 39
_SPLIT_FROM_BYTES = 2**26
_HNSW_LINKS = 32
APPROXIMATE_SPARE = 64
"""Proposals of an approximate kind beyond k, for exact scores to choose from."""
_SPARE_OF_BYTES = 256
"""In an index of bytes some hundred rows are within rounding of the tenth: three passes over a gallery became one."""

Blocks = Callable[[], Iterator[Embeddings]]
"""Gives the gallery's vectors (n, P), block after block; may be asked more than once."""


def n_lists(n: int) -> int:
    """Lists of an IVF index of n vectors: about 4 sqrt(n), each with vectors enough to be found."""
    return int(max(1, min(4 * n**0.5, n // _POINTS_A_LIST)))


@dataclass(frozen=True, kw_only=True)
class IndexKind:
    """A kind of index. empty: from n, p an empty FAISS index for n vectors of p dimensions.

    is_exact: it bounds what it leaves out. rounds: of an exact one, vectors are rounded, less their mean first.
    efforts: of an approximate one, lists visited (IVF) or candidates kept (HNSW), least first; parameters: FAISS's,
    from the index and an effort; effort_bounds_proposals: no more are proposed than the effort says. spare: proposals
    beyond k to begin with. on_gpu: of an approximate one, FAISS has it there; exact ones are float32 vectors there.
    """

    empty: Callable[[int, int], Any]
    is_exact: bool = False
    rounds: bool = False
    efforts: tuple[int, ...] = ()
    parameters: Callable[[Any, int], Any] | None = None
    effort_bounds_proposals: bool = False
    spare: int = SPARE
    on_gpu: bool = False

    def __post_init__(self) -> None:
        if self.is_exact == bool(self.efforts) or bool(self.efforts) != (self.parameters is not None):
            raise ValueError(
                "an approximate kind has efforts and the parameters for them, an exact one neither"
            )

    def least_effort(self, proposals: int) -> int:
        """The least effort that so many proposals need."""
        return proposals if self.effort_bounds_proposals else 1


def _make_flat(n: int, p: int) -> Any:
    return faiss_module().IndexFlatIP(p)


def _make_half(n: int, p: int) -> Any:
    faiss = faiss_module()
    return faiss.IndexScalarQuantizer(p, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_L2)


def _make_bytes(n: int, p: int) -> Any:
    faiss = faiss_module()
    return faiss.IndexScalarQuantizer(p, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_L2)


def _make_hnsw(n: int, p: int) -> Any:
    faiss = faiss_module()
    index = faiss.IndexHNSWSQ(p, faiss.ScalarQuantizer.QT_fp16, _HNSW_LINKS, faiss.METRIC_INNER_PRODUCT)
    index.hnsw.efConstruction = 80
    return index


def _make_ivf(n: int, p: int, *, codes: str) -> Any:
    faiss = faiss_module()
    index = faiss.index_factory(p, f"IVF{n_lists(n)},{codes}", faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1
    index.cp.max_points_per_centroid = 2 * _POINTS_A_LIST
    return index


def _candidates(index: Any, effort: int) -> Any:
    return faiss_module().SearchParametersHNSW(efSearch=effort)


def _lists(index: Any, effort: int) -> Any:
    return faiss_module().SearchParametersIVF(nprobe=min(effort, index.nlist))


KINDS: dict[Kind, IndexKind] = {
    "flat": IndexKind(empty=_make_flat, is_exact=True),
    "flat16": IndexKind(empty=_make_half, is_exact=True, rounds=True),
    "sq8": IndexKind(empty=_make_bytes, is_exact=True, rounds=True, spare=_SPARE_OF_BYTES),
    "ivf-sq8": IndexKind(
        empty=partial(_make_ivf, codes="SQ8"), efforts=_LISTS, parameters=_lists, on_gpu=True
    ),
    "hnsw": IndexKind(
        empty=_make_hnsw,
        efforts=(16, 32, 64, 128, 256, 512),
        parameters=_candidates,
        effort_bounds_proposals=True,
    ),
    "ivf-rabitq": IndexKind(empty=partial(_make_ivf, codes="RaBitQ4"), efforts=_LISTS, parameters=_lists),
}
EXACT = tuple(name for name, kind in KINDS.items() if kind.is_exact)


@dataclass(frozen=True, kw_only=True)
class Vectors:
    """A FAISS index over a gallery (N, P) of unit vectors.

    error: no stored vector is farther from the true one than that; infinite for approximate kinds, which promise
    nothing of what they do not propose. centre: (P,) taken from the vectors before they were rounded, which makes them
    short and the rounding small; such an index measures distances, which a shift leaves as they are.
    """

    kind: Kind
    index: Any
    error: float
    centre: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return int(self.index.ntotal)

    @property
    def spare(self) -> int:
        """Proposals beyond k to begin with: asking again costs a pass over all, scoring some more costs little."""
        return KINDS[self.kind].spare

    def propose(
        self,
        points: Embeddings,
        fetch: int,
        *,
        among: NDArray[np.bool_] | None = None,
        effort: int | None = None,
    ) -> Proposals:
        """points: (Q, P) unit vectors. among: (N,) who may be proposed; exact kinds only. effort: one of the kind's."""
        if among is not None and self.kind not in EXACT:
            raise ValueError(f"a selector is for exact kinds, not {self.kind}")
        if not np.isfinite(points).all():
            raise DamagedError(
                "the query's vector is not finite: the encoder or the index is damaged",
                Hint("run {command}", command=("verify",)),
            )
        asked = np.ascontiguousarray(points if self.centre is None else points - self.centre)
        n_bytes = len(self) * self.index.code_size if self.kind in EXACT else 0
        if len(points) == 1 and n_bytes > _SPLIT_FROM_BYTES:
            scores, rows = self._split(asked, fetch, among)
        else:
            scores, rows = self.index.search(asked, fetch, params=self._parameters(among, effort))
        rows = np.asarray(rows, dtype=np.int64)
        return Proposals(
            rows=rows, bound=np.where(rows[:, -1] >= 0, self._bound(points, scores[:, -1]), -np.inf)
        )

    def _bound(self, points: Embeddings, last: NDArray[np.float32]) -> NDArray[np.float64]:
        """(Q,) above the true score of whatever FAISS ranks behind its last proposal."""
        summed = points.shape[1] * 2.0**-24
        if self.centre is None:
            bound: NDArray[np.float64] = last.astype(np.float64) + (self.error + summed + 1e-7)
            return bound
        squared = np.maximum(last.astype(np.float64) * (1 - 2 * summed), 0)
        nearest = np.maximum(np.sqrt(squared) - self.error, 0)
        length = np.square(points, dtype=np.float64).sum(axis=1)
        bound = (length + 1 - nearest**2) / 2 + 1e-6
        return bound

    def _parameters(self, among: NDArray[np.bool_] | None, effort: int | None) -> Any:
        faiss = faiss_module()
        if among is not None:
            return faiss.SearchParameters(sel=_bitmap(faiss, among))
        parameters = KINDS[self.kind].parameters
        return None if effort is None or parameters is None else parameters(self.index, effort)

    def _split(
        self, point: Embeddings, fetch: int, among: NDArray[np.bool_] | None
    ) -> tuple[NDArray[np.float32], Rows]:
        """One query over parts of the gallery at once: FAISS itself gives each query one core."""
        faiss = faiss_module()
        n_parts = min(4, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1)
        ends = np.linspace(0, len(self), n_parts + 1).astype(np.int64).tolist()
        wanted = None if among is None else _bitmap(faiss, among)

        def part(i: int) -> tuple[NDArray[np.float32], Rows]:
            mine = faiss.IDSelectorRange(ends[i], ends[i + 1], True)
            selector = mine if wanted is None else faiss.IDSelectorAnd(mine, wanted)
            return self.index.search(point, fetch, params=faiss.SearchParameters(sel=selector))  # type: ignore[no-any-return]

        with ThreadPoolExecutor(n_parts) as pool:
            found = list(pool.map(part, range(n_parts)))
        scores, rows = (np.concatenate(side, axis=1) for side in zip(*found, strict=True))
        worse = -scores if self.centre is None else scores
        order = np.argsort(np.where(rows >= 0, worse, np.inf), axis=1, kind="stable")[:, :fetch]
        return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)


def _bitmap(faiss: Any, among: NDArray[np.bool_]) -> Any:
    packed = np.packbits(among, bitorder="little")
    selector = faiss.IDSelectorBitmap(packed)
    selector.kept = packed  # FAISS keeps a pointer only
    return selector


def make(kind: Kind, blocks: Blocks, *, n: int, p: int) -> Vectors:
    """Trains and fills an index of n vectors of p dimensions. Raises UmurlError for vectors that are not finite."""
    centre = _centre(blocks, n=n, p=p) if KINDS[kind].rounds else None
    shifted: Blocks = blocks if centre is None else lambda: (vectors - centre for vectors in blocks())
    index = KINDS[kind].empty(n, p)
    if not index.is_trained:
        index.train(_sample(shifted, n=n))
    error = 0.0 if kind in EXACT else np.inf
    for vectors in shifted():
        if not np.isfinite(vectors).all():
            raise UmurlError("the encoder gave NaN or infinite embeddings", "train or import it again")
        vectors = np.ascontiguousarray(vectors)
        index.add(vectors)
        if centre is not None:
            error = max(error, _measure_error(index, vectors))
    return Vectors(kind=kind, index=index, error=error, centre=centre)


def _centre(blocks: Blocks, *, n: int, p: int) -> NDArray[np.float32]:
    total = np.zeros(p)
    for vectors in blocks():
        total += vectors.sum(axis=0, dtype=np.float64)
    return np.asarray(total / max(1, n), dtype=np.float32)


def _sample(blocks: Blocks, *, n: int) -> Embeddings:
    """Evenly spaced vectors to train on: all, or as many as lists of an IVF index ask for."""
    wanted = max(_TRAINED_ON, 2 * _POINTS_A_LIST * n_lists(n))
    step, taken, start = -(-n // wanted), [], 0
    for vectors in blocks():
        taken.append(vectors[-start % step :: step])
        start += len(vectors)
    return np.ascontiguousarray(np.concatenate(taken))


def _measure_error(index: Any, vectors: Embeddings) -> float:
    """The largest distance between a vector and what the index holds of it."""
    decoded = index.sa_decode(index.sa_encode(vectors))
    return float(np.linalg.norm(vectors.astype(np.float64) - decoded, axis=1).max())


def _centre_file(path: Path) -> Path:
    return path.with_name(f"{path.stem}-centre.npy")


def write(vectors: Vectors, path: Path) -> None:
    """The index, and beside it the centre if there is one."""
    faiss_module().write_index(vectors.index, str(path))
    if vectors.centre is not None:
        np.save(_centre_file(path), vectors.centre, allow_pickle=False)


def read(path: Path, *, kind: Kind, error: float) -> Vectors:
    """Opens a written index memory-mapped. Raises UmurlError when FAISS cannot read it."""
    faiss = faiss_module()
    try:
        index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP_IFC)
    except RuntimeError as problem:
        raise DamagedError(f"{path}: FAISS cannot open it", REPAIR) from problem
    centre = np.load(_centre_file(path), allow_pickle=False) if KINDS[kind].rounds else None
    return Vectors(kind=kind, index=index, error=error, centre=centre)


class _Held:
    """Memory of an object, which numpy keeps alive for as long as an array of it lives."""

    def __init__(self, array: NDArray[np.float32], owner: Any) -> None:
        self.__array_interface__ = array.__array_interface__
        self.owner = owner


def flat_rows(vectors: Vectors) -> Embeddings:
    """The (N, P) float32 vectors of a flat index, as they lie in its file."""
    faiss, index = faiss_module(), vectors.index
    if vectors.kind != "flat":
        raise ValueError(f"only a flat index holds its vectors as they are, not {vectors.kind}")
    values = faiss.rev_swig_ptr(index.get_xb(), index.ntotal * index.d)
    return np.asarray(_Held(values, index)).reshape(index.ntotal, index.d)
