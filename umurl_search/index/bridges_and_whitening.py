"""Linear maps between embedding spaces: bridges from one modality to another, and half-whitening.

Letters: N clips, D embedding, P dimensions kept. Both are fitted without labels on a gallery, where every
clip is there in every modality; in an evaluation that gallery is the protocol's own.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Embeddings
from umurl_search.index import device_memory
from umurl_search.index.float32_products import whole_float32
from umurl_search.progress import Advance

RIDGE = 0.1
BLOCK = 8192
_RANK_TOLERANCE = 1e-7
"""Of the largest eigenvalue: what float32 products leave where there is none."""
_LEAST_VARIANCE = 1e-30
CPU = torch.device("cpu")
Matrix = Any
"""Of float64, where it is worked on: numpy's on the CPU, torch's on a device. Both add and multiply alike."""


@dataclass(frozen=True, kw_only=True)
class Transform:
    """What is done to a gallery before the cosine: nothing, or half-whitening to `dimensions`."""

    kind: str = "none"
    dimensions: int = 256

    @classmethod
    def parse(cls, text: str) -> "Transform":
        """`none`, `half-whiten` or `half-whiten:D`. Raises ValueError with the rule."""
        kind, colon, digits = text.partition(":")
        if kind == "none" and not colon:
            return cls()
        if kind == "half-whiten" and (not colon or (digits.isdecimal() and int(digits) > 0)):
            return cls(kind=kind, dimensions=int(digits) if colon else 256)
        raise ValueError(f"transform is none or half-whiten[:D] with D a positive number, got '{text}'")

    def __str__(self) -> str:
        return self.kind if self.kind == "none" else f"{self.kind}:{self.dimensions}"


NO_TRANSFORM = Transform()


@dataclass(frozen=True, kw_only=True)
class LinearMap:
    """y -> the unit vector of (y - mean) @ matrix; either may be absent. Cosines are products of such."""

    mean: NDArray[np.float32] | None = None
    matrix: NDArray[np.float32] | None = None

    def __call__(self, y: Embeddings) -> Embeddings:
        """y: (N, D). Returns (N, D or P) float32 rows of length 1; a zero row stays zero."""
        x = y if self.mean is None else y - self.mean
        x = x if self.matrix is None else x @ self.matrix
        norms = np.linalg.norm(x, axis=1, keepdims=True)
        return np.asarray(x / np.where(norms > 0, norms, 1), dtype=np.float32)


@dataclass(frozen=True, kw_only=True)
class Maps:
    """Everything fitted on one gallery. Keys: modality, or (query modality, gallery modality)."""

    transform: Transform
    means: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    whitenings: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    bridges: dict[tuple[str, str], NDArray[np.float32]] = field(default_factory=dict)

    def gallery(self, modality: str, *, bridged: bool) -> LinearMap:
        """How the gallery's embeddings of a modality are searched, by its own queries or across a bridge."""
        if self.transform.kind == "none":
            return LinearMap(mean=self.means[modality]) if bridged else LinearMap()
        return LinearMap(mean=self.means[modality], matrix=self.whitenings[modality])

    def query(self, modality: str, against: str, *, bridged: bool) -> LinearMap:
        """How a query of `modality` enters the gallery of `against`."""
        if not bridged:
            return self.gallery(against, bridged=False)
        if (modality, against) not in self.bridges:
            raise UmurlError(
                f"no bridge from {modality} to {against} in this index",
                Hint("build it with all modalities, or query with {option}", option="no_bridge"),
            )
        bridge = self.bridges[modality, against]
        matrix = bridge if self.transform.kind == "none" else bridge @ self.whitenings[against]
        return LinearMap(mean=self.means[modality], matrix=matrix)


@whole_float32()
def fit_maps(
    embeddings: dict[str, Embeddings],
    transform: Transform,
    *,
    rows: NDArray[np.int64] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
    device: torch.device = CPU,
    advance: Advance = lambda n, note="": None,
) -> Maps:
    """Fits means, half-whitenings and bridges on the chosen rows of a gallery.

    embeddings: modality -> (N, D), may be memory-mapped. rows: ascending positions, all unless given.
    pairs: the bridges wanted as (query modality, gallery modality), all unless given.
    A bridge is ridge regression between centred embeddings: (X'X + 0.1 mean|x|^2 I)^-1 X'Z.
    device: where products are summed and equations solved; elsewhere than on a CPU the maps differ by rounding.
    `advance` is told of query modalities done.
    """
    wanted = [(q, g) for q in embeddings for g in embeddings if q != g] if pairs is None else list(pairs)
    means = {m: _mean(y, rows) for m, y in embeddings.items()}
    whitened = list(embeddings) if transform.kind == "half-whiten" else []
    own = [(m, m) for m in dict.fromkeys([*whitened, *(q for q, _ in wanted)])]
    moments = _moments(embeddings, means, rows, [*own, *wanted], device)
    n = len(next(iter(embeddings.values()))) if rows is None else len(rows)
    kept = min(transform.dimensions, max(1, n - 1))
    whitenings = {m: _half_whitening(moments[m, m], kept) for m in whitened}
    bridges = {}
    for modality in dict.fromkeys(q for q, _ in wanted):
        targets = [g for q, g in wanted if q == modality]
        crosses = [moments[modality, g] for g in targets]
        bridges.update(_bridges_from(modality, targets, moments[modality, modality], crosses, n))
        advance(1)
    return Maps(transform=transform, means=means, whitenings=whitenings, bridges=bridges)


def _bridges_from(
    modality: str, targets: list[str], square: Matrix, crosses: list[Matrix], n: int
) -> dict[tuple[str, str], NDArray[np.float32]]:
    spread = float(square.trace()) / n
    ridge = RIDGE * (spread if spread > _LEAST_VARIANCE else 1.0)
    solved = _solve(square, ridge, crosses)
    parts = np.split(solved.astype(np.float32), len(targets), axis=1)
    return {(modality, g): np.ascontiguousarray(w) for g, w in zip(targets, parts, strict=True)}


def _solve(square: Matrix, ridge: float, crosses: list[Matrix]) -> NDArray[np.float64]:
    """(square + ridge I)^-1 of the crosses side by side."""
    if isinstance(square, torch.Tensor):
        one = torch.eye(len(square), dtype=square.dtype, device=square.device)
        found: NDArray[np.float64] = (
            torch.linalg.solve(square + ridge * one, torch.hstack(crosses)).cpu().numpy()
        )
        return found
    return np.asarray(np.linalg.solve(square + ridge * np.eye(len(square)), np.hstack(crosses)))


def _place(x: NDArray[Any], device: torch.device) -> Matrix:
    """The array where it is worked on."""
    return torch.from_numpy(x).to(device) if device_memory.holds_galleries(device) else x


def _blocks(y: Embeddings, rows: NDArray[np.int64] | None) -> list[slice] | list[NDArray[np.int64]]:
    if rows is None:
        return [slice(i, i + BLOCK) for i in range(0, len(y), BLOCK)]
    return [rows[i : i + BLOCK] for i in range(0, len(rows), BLOCK)]


def _mean(y: Embeddings, rows: NDArray[np.int64] | None) -> NDArray[np.float32]:
    n = len(y) if rows is None else len(rows)
    total = sum(y[block].sum(axis=0, dtype=np.float64) for block in _blocks(y, rows))
    return np.asarray(total / n, dtype=np.float32)


ModalityPair = tuple[str, str]


def _moments(
    embeddings: dict[str, Embeddings],
    means: dict[str, NDArray[np.float32]],
    rows: NDArray[np.int64] | None,
    pairs: list[ModalityPair],
    device: torch.device,
) -> dict[ModalityPair, Matrix]:
    """(D, D) sums over clips of (x - mean_x)' (z - mean_z), of all pairs in one pass; float32 blocks, float64 sums.

    A pair and its reverse are one product.
    """
    once = list(dict.fromkeys(pair if pair[::-1] > pair else pair[::-1] for pair in pairs))
    used = dict.fromkeys(m for pair in once for m in pair)
    total = {
        (a, b): _place(np.zeros((embeddings[a].shape[1], embeddings[b].shape[1])), device) for a, b in once
    }
    any_of = next(iter(embeddings.values()))
    for block in _blocks(any_of, rows) if once else []:
        centred = {m: _place(embeddings[m][block] - means[m], device) for m in used}
        for a, b in once:
            total[a, b] += centred[a].T @ centred[b]
    return total | {(b, a): sums.T for (a, b), sums in total.items() if a != b}


def _half_whitening(moments: Matrix, dimensions: int) -> NDArray[np.float32]:
    """(D, P): the leading principal axes, each over the square root of its singular value.

    P is the rank if that is below `dimensions`: an axis of rounding errors would outweigh all others. Where
    nothing varies P is 1 and the axis zero.
    """
    values, vectors = _eigh(moments)
    values, vectors = values[::-1], vectors[:, ::-1]
    if values[0] < _LEAST_VARIANCE:
        return np.zeros((len(moments), 1), dtype=np.float32)
    kept = min(dimensions, int((values > values[0] * _RANK_TOLERANCE).sum()))
    return np.asarray(vectors[:, :kept] / values[:kept] ** 0.25, dtype=np.float32)


def _eigh(moments: Matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Eigenvalues, rising, and eigenvectors of a symmetric matrix."""
    if isinstance(moments, torch.Tensor):
        values, vectors = (part.cpu().numpy() for part in torch.linalg.eigh(moments))
        return values, vectors
    found = np.linalg.eigh(moments)
    return found.eigenvalues, found.eigenvectors
