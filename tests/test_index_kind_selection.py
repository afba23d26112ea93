"""What a kind of index gives up, and which kind is chosen."""

from pathlib import Path

import numpy as np
import pytest
from galleries import cluster_rows
from numpy.typing import NDArray

from encoder.errors import UmurlError
from umurl_search.index.bridges_and_whitening import Transform, fit_maps
from umurl_search.index.faiss_kinds import EXACT, KINDS
from umurl_search.index.index import Index
from umurl_search.index.kind_selection import (
    LARGE,
    SMALL_BYTES,
    _accuracy_change,
    _recall,
    choose,
    write_vectors,
)

FOUND = np.array([[3, 1, 2], [7, 8, 9], [4, -1, -1]])
TRUTH = np.array([[1, 3, 5], [7, 9, 8], [4, 6, -1]])
N, D = 400, 12


def test_recall_is_the_share_of_the_true_first_among_as_many_found() -> None:
    assert _recall(FOUND, TRUTH, 1) == 2 / 3
    assert _recall(FOUND, TRUTH, 2) == (2 + 1 + 1) / 6
    assert _recall(FOUND, TRUTH, 3) == (2 + 3 + 1) / 8
    assert _recall(FOUND, np.full((3, 3), -1), 3) == 0


def test_an_accuracy_lost_is_negative() -> None:
    held, labels = np.array([0, 1, 2]), np.array([5, 6, 7, 5, -1, 6, 7, 8])
    right, wrong = np.array([[3], [5], [6]]), np.array([[3], [4], [-1]])
    assert _accuracy_change(wrong, right, held, labels) == pytest.approx(-2 / 3)
    assert _accuracy_change(right, wrong, held, labels) == pytest.approx(2 / 3)
    assert _accuracy_change(wrong[1:], right[1:], held[1:], np.where(labels == 6, -1, labels)) == -1
    assert _accuracy_change(wrong, right, held, np.full(8, -1)) is None
    assert _accuracy_change(wrong, right, held, None) is None


@pytest.mark.parametrize(
    ("n", "recall", "memory", "kind"),
    [
        (SMALL_BYTES // 256, 1.0, 2**36, "flat"),
        (SMALL_BYTES // 256 + 1, 1.0, 2**36, "flat16"),
        (LARGE, 0.99, 2**36, "ivf-sq8"),
        (LARGE - 1, 0.99, 2**36, "flat16"),
        (LARGE, 1.0, 2 * 128 * LARGE, "flat16"),
        (LARGE, 1.0, 2 * 128 * LARGE - 1, "sq8"),
    ],
)
def test_auto_chooses_at_the_limits(n: int, recall: float, memory: int, kind: str) -> None:
    assert choose(n=n, p=64, recall=recall, memory_bytes=memory, converts_half=True).kind == kind


def test_what_is_measured_is_told(every: dict[tuple[str, str], Index]) -> None:
    for kind in KINDS:
        quality = every[kind, "none"].manifest["quality"]
        assert quality["queries"] == N // 10
        assert quality["recall_at"]["10"] == 1.0 if kind in EXACT else quality["recall_at"]["10"] >= 0.9
        assert quality["accuracy_change"] is None
    labels = np.arange(N) % 3
    about = write_vectors_of(every["flat", "none"], labels)
    assert about["quality"]["accuracy_change"] == 0.0


def write_vectors_of(index: Index, labels: NDArray[np.int64]) -> dict[str, dict[str, float]]:
    y = np.asarray(index.parts[0].embeddings("fused"))
    folder = index.folder.with_name("again")
    folder.mkdir()
    return write_vectors(folder, y, index.all_maps(), kind="flat", labels=labels)


def test_embeddings_that_are_no_numbers_are_not_written(tmp_path: Path) -> None:
    y = cluster_rows(30, seed=0)
    maps = fit_maps({"fused": y}, Transform())
    y[2, 1] = np.nan
    with pytest.raises(UmurlError, match="the encoder gave NaN or infinite embeddings"):
        write_vectors(tmp_path, y, maps, kind="flat16")


@pytest.mark.parametrize(
    ("n", "recall", "memory", "kind", "without_vectors"),
    [
        (5_000, 1.0, 2**34, "flat", "flat"),
        (114_000, 1.0, 2**34, "flat16", "flat"),
        (114_000, 1.0, 2**28, "flat16", "flat16"),
        (114_000, 1.0, 2**27, "sq8", "sq8"),
        (1_000_000, 0.95, 2**34, "ivf-sq8", "ivf-sq8"),
        (1_000_000, 1.0, 2**36, "flat16", "flat"),
        (100_000, 0.95, 2**34, "flat16", "flat"),
    ],
)
@pytest.mark.parametrize("converts_half", [True, False])
def test_auto_chooses_by_size_memory_recall_and_cpu(
    n: int, recall: float, memory: int, kind: str, without_vectors: str, converts_half: bool
) -> None:
    choice = choose(n=n, p=512, recall=recall, memory_bytes=memory, converts_half=converts_half)
    kind = kind if converts_half else without_vectors
    assert choice.kind == kind
    assert f"{n:,} x 512" in choice.why
