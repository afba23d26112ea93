"""What a kind of index gives up, measured on clips that it does not hold, and which kind to take.

Letters: N rows, Q clips left out, P dimensions.
"""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index import faiss_kinds
from umurl_search.index.bridges_and_whitening import LinearMap, Maps
from umurl_search.index.exact_knn import (
    Neighbours,
    nearest,
    products_with,
    rank_proposals,
    rerank_until_exact,
)
from umurl_search.index.faiss_kinds import APPROXIMATE_SPARE, EXACT, KINDS, Vectors
from umurl_search.index.index import ORDER, UNIT, mapped_blocks, vectors_file, views, write_unit
from umurl_search.index.kind_names import Kind

ASKED = 256
K = 10
RECALL = 0.95
SMALL_BYTES = 2**24
LARGE = 300_000
_MEMORY_SHARE = 0.5
_BLOCK = 8192


@dataclass(frozen=True, kw_only=True)
class Choice:
    kind: Kind
    why: str


def choose(*, n: int, p: int, recall: float, memory_bytes: int, converts_half: bool) -> Choice:
    """The kind for a corpus: exact unless less is enough and the corpus large (docs/index-kinds.md has the table).

    converts_half: whether FAISS does so by an instruction, without which float32 is read faster.
    """
    flat, half = 4 * n * p, 2 * n * p
    size = f"{n:,} x {p} in float32 are {flat / 2**20:,.0f} MiB"
    if flat <= SMALL_BYTES:
        return Choice(kind="flat", why=f"{size}: float32 answers in a millisecond or two")
    if recall < 1 and n >= LARGE:
        return Choice(
            kind="ivf-sq8", why=f"{size}, and a recall of {recall:g} is enough: lists save most of the work"
        )
    if not converts_half and flat <= _MEMORY_SHARE * memory_bytes:
        return Choice(
            kind="flat", why=f"{size}: FAISS converts half precision one by one here, float32 is faster"
        )
    if half <= _MEMORY_SHARE * memory_bytes:
        return Choice(
            kind="flat16",
            why=f"{size}: half precision proposes, exact scores decide, all neighbours are found",
        )
    return Choice(kind="sq8", why=f"{size}, memory is short: a byte a number proposes, exact scores decide")


def write_vectors(
    folder: Path,
    embeddings: Embeddings,
    maps: Maps,
    *,
    kind: Kind,
    recall: float = RECALL,
    labels: NDArray[np.int64] | None = None,
) -> dict[str, Any]:
    """Writes the main modality's searchable vectors, as its own queries and as bridges see them.

    labels: (N,) classes, -1 where unknown. Returns what the manifest says of them: rounding by file; the effort of an
    approximate kind, the least that reaches `recall` at 10; the quality. Raises UmurlError for embeddings that are
    not finite.
    """
    held = _hold_out(len(embeddings))
    order = np.concatenate([np.setdiff1d(np.arange(len(embeddings)), held), held])
    if kind not in EXACT:
        np.save(folder / ORDER, order.astype(np.int64), allow_pickle=False)
    if kind != "flat" and maps.transform.kind != "none":
        write_unit(folder, embeddings, maps)
    rounding, about = {}, {}
    for centred in views(maps.transform):
        mapping = maps.gallery("fused", bridged=centred)
        vectors, measured = _fill(embeddings, mapping, kind, order, held, recall, labels)
        if not centred:
            about = measured
        rounding[vectors_file(centred=centred)] = vectors.error if kind in EXACT else None
        faiss_kinds.write(vectors, folder / vectors_file(centred=centred))
    about["search"]["recall"] = recall
    return {"rounding": rounding, **about}


def describe_recall(manifest: dict[str, Any]) -> float:
    """The recall that an index was asked to reach when it was built."""
    return float(manifest.get("search", {}).get("recall", RECALL))


def _hold_out(n: int) -> Rows:
    """Up to 256 evenly spaced rows, a tenth at most."""
    q = min(ASKED, n // 10)
    return np.unique(np.linspace(0, n - 1, q).astype(np.int64)) if q else np.zeros(0, dtype=np.int64)


def _fill(
    embeddings: Embeddings,
    mapping: LinearMap,
    kind: Kind,
    order: Rows,
    held: Rows,
    recall: float,
    labels: NDArray[np.int64] | None,
) -> tuple[Vectors, dict[str, Any]]:
    width = mapping(np.asarray(embeddings[:1])).shape[1]
    if kind in EXACT:
        vectors = faiss_kinds.make(
            kind, lambda: mapped_blocks(embeddings, mapping), n=len(embeddings), p=width
        )
        return vectors, _measure(vectors, embeddings, mapping, np.arange(len(embeddings)), held, None, labels)
    rest = order[: len(order) - len(held)]
    vectors = faiss_kinds.make(kind, lambda: _ordered_blocks(embeddings, mapping, rest), n=len(rest), p=width)
    measured = _measure(vectors, embeddings, mapping, rest, held, recall, labels)
    if len(held):
        vectors.index.add(mapping(np.asarray(embeddings[held])))
    return vectors, measured


def _ordered_blocks(embeddings: Embeddings, mapping: LinearMap, order: Rows) -> Any:
    for start in range(0, len(order), _BLOCK):
        yield mapping(np.asarray(embeddings[order[start : start + _BLOCK]]))


def _measure(
    vectors: Vectors,
    embeddings: Embeddings,
    mapping: LinearMap,
    stored: Rows,
    held: Rows,
    recall: float | None,
    labels: NDArray[np.int64] | None,
) -> dict[str, Any]:
    """Recall, latency and accuracy of clips left out: of an exact kind, those are in it and pass over themselves."""
    if len(held) == 0:
        return {"search": {"effort": max(KINDS[vectors.kind].efforts, default=0)}, "quality": None}
    exact_kind = vectors.kind in EXACT
    points = mapping(np.asarray(embeddings[held]))
    truth = _truth(embeddings, mapping, stored, held, points)
    ladder = (0,) if exact_kind else KINDS[vectors.kind].efforts
    for effort in ladder:
        found, seconds = _ask_all(vectors, embeddings, mapping, stored, held, points, effort)
        recalls = {str(k): _recall(found, truth, k) for k in (1, K)}
        if recall is None or recalls[str(K)] >= recall:
            break
    quality = {
        "queries": len(held),
        "recall_at": recalls,
        "latency_ms": seconds * 1000,
        "accuracy_change": _accuracy_change(found, truth, held, labels),
    }
    return {"search": {"effort": effort}, "quality": quality}


def _truth(embeddings: Embeddings, mapping: LinearMap, stored: Rows, held: Rows, points: Embeddings) -> Rows:
    """(Q, K) rows of the true neighbours among all others."""
    gallery = np.concatenate(list(_ordered_blocks(embeddings, mapping, stored)))
    own = np.where(np.isin(stored, held), stored, -1)
    found = nearest(gallery, points, K, groups=(own, held))
    return np.where(found.rows >= 0, stored[found.rows], -1)


def _ask_all(
    vectors: Vectors,
    embeddings: Embeddings,
    mapping: LinearMap,
    stored: Rows,
    held: Rows,
    points: Embeddings,
    effort: int,
) -> tuple[Rows, float]:
    """(Q, K) rows found, and the median seconds of one query."""
    rows, seconds = [], []
    for i in range(len(held)):
        begun = time.perf_counter()
        found = _ask_one(vectors, embeddings, mapping, stored, points[i : i + 1], effort)
        seconds.append(time.perf_counter() - begun)
        mine = np.where(found.rows[0] >= 0, stored[found.rows[0]], -1)
        others = mine[mine != held[i]][:K]
        rows.append(np.pad(others, (0, K - len(others)), constant_values=-1))
    return np.stack(rows), float(np.median(seconds))


def _ask_one(
    vectors: Vectors, embeddings: Embeddings, mapping: LinearMap, stored: Rows, point: Embeddings, effort: int
) -> Neighbours:
    def exact(asking: Rows, rows: Rows) -> NDArray[np.float64]:
        wanted, which = np.unique(np.maximum(rows, 0), return_inverse=True)
        chosen = mapping(np.asarray(embeddings[stored[wanted]]))
        return products_with(chosen, point)(asking, which.reshape(rows.shape))

    if vectors.kind in EXACT:
        propose = lambda asking, fetch: vectors.propose(point, fetch)  # noqa: E731
        wanted = min(K + 1, len(vectors))
        return rerank_until_exact(
            propose, exact, wanted, n_queries=1, n_rows=len(vectors), spare=vectors.spare
        )
    fetch = min(len(vectors), K + APPROXIMATE_SPARE)
    effort = max(effort, KINDS[vectors.kind].least_effort(fetch))
    rows = vectors.propose(point, fetch, effort=effort).rows
    return rank_proposals(np.where(rows >= 0, exact(np.zeros(1, dtype=np.int64), rows), -np.inf), rows, K + 1)


def _recall(found: Rows, truth: Rows, k: int) -> float:
    """Share of the true first k that are among the first k found."""
    hits = [(np.isin(t[:k], f[:k]) & (t[:k] >= 0)).sum() for f, t in zip(found, truth, strict=True)]
    return float(np.sum(hits) / max(1, (truth[:, :k] >= 0).sum()))


def _accuracy_change(found: Rows, truth: Rows, held: Rows, labels: NDArray[np.int64] | None) -> float | None:
    if labels is None or (labels[held] < 0).all():
        return None
    known = held[labels[held] >= 0]
    at = labels[held] >= 0
    mine = (found[at, 0] >= 0) & (labels[np.maximum(found[at, 0], 0)] == labels[known])
    theirs = (truth[at, 0] >= 0) & (labels[np.maximum(truth[at, 0], 0)] == labels[known])
    return float(mine.mean() - theirs.mean())


def parse_kind(text: str) -> str:
    """`auto` or one of the kinds. Raises ValueError listing them."""
    if text not in ("auto", *faiss_kinds.KINDS):
        raise ValueError(f"kind is auto or one of {', '.join(faiss_kinds.KINDS)}, got '{text}'")
    return text


def available_memory() -> int:
    """Bytes of memory that are free for use."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="utf-8").splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024
    except (OSError, StopIteration):
        import os

        try:
            return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        except (OSError, ValueError) as error:
            raise UmurlError(
                "how much memory there is cannot be found out", Hint("give {option}", option="kind")
            ) from error


__all__ = ["UNIT", "Choice", "available_memory", "choose", "parse_kind", "write_vectors"]
