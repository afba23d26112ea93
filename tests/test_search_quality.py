"""What a kind of index gives up: counted as docs/index-kinds.md says."""

import numpy as np
import pytest

from umurl_search.index.kind_selection import LARGE, SMALL_BYTES, _accuracy_change, _recall, choose

FOUND = np.array([[3, 1, 2], [7, 8, 9], [4, -1, -1]])
TRUTH = np.array([[1, 3, 5], [7, 9, 8], [4, 6, -1]])


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
