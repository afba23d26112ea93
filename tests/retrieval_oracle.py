"""A slow, obvious oracle of retrieval figures: one query at a time, the gallery sorted whole."""

import math
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float32]
Labels = NDArray[np.int64]


def unit(x: NDArray[Any]) -> Array:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), dtype=np.float32)


def oracle(
    gallery: Array,
    labels: Labels,
    queries: Array,
    wanted: Labels,
    *,
    k: int = 1,
    groups: tuple[Labels, Labels] | None = None,
    temperature: float | None = None,
) -> dict[str, Any]:
    """One query at a time, the gallery sorted whole; ties to the lower position. temperature: of weighted votes."""
    correct, found = [], dict.fromkeys((1, 5, 10), 0)
    precisions: list[float] = []
    reciprocals: list[float] = []
    for i, query in enumerate(queries):
        scores = gallery.astype(np.float64) @ query.astype(np.float64)
        order = sorted(range(len(gallery)), key=lambda j: (-scores[j], j))
        if groups is not None:
            order = [j for j in order if groups[0][j] != groups[1][i]]
        ranked = [int(labels[j]) for j in order]
        votes: dict[int, float] = dict(Counter(ranked[:k]))
        if temperature is not None:
            votes = dict.fromkeys(ranked[:k], 0.0)
            for j in order[:k]:
                votes[int(labels[j])] += math.exp(scores[j] / temperature)
        best = max(votes.values(), default=0)
        predicted = next((label for label in ranked[:k] if votes[label] == best), -1)
        correct.append(predicted == wanted[i])
        for r in found:
            found[r] += wanted[i] in ranked[:r]
        hits = [rank for rank, label in enumerate(ranked, start=1) if label == wanted[i]]
        if hits:
            precisions.append(float(np.mean([(n + 1) / rank for n, rank in enumerate(hits)])))
            reciprocals.append(1 / hits[0])
    n = len(queries)
    return {
        "accuracy": np.mean(correct),
        "map": np.mean(precisions or [0]),
        "mrr": np.mean(reciprocals or [0]),
        "ranked": len(precisions),
        "recall_at": {str(r): count / n for r, count in found.items()},
    }


def assert_oracle(figures: Mapping[str, Any], wanted: dict[str, Any]) -> None:
    for name in ("accuracy", "map", "mrr", "ranked"):
        assert figures[name] == pytest.approx(wanted[name], abs=1e-12), name
    assert figures["recall_at"] == pytest.approx(wanted["recall_at"], abs=1e-12)
