"""What was taken for what, counted by hand."""

from collections import Counter

import numpy as np
from reported import unit_rows

from umurl_search.evaluation.confusion import Confusion, confusion, find_most_confused, wrong_neighbours

RNG = np.random.default_rng(7)


def test_confusion_counts_what_was_taken_for_what() -> None:
    wanted, predicted = RNG.choice([2, 3, 5, 11], size=200), RNG.choice([0, 3, 5, 11], size=200)
    counted = Counter(zip(wanted.tolist(), predicted.tolist(), strict=True))
    retrieved = confusion(predicted, wanted)
    assert retrieved.classes.tolist() == [0, 2, 3, 5, 11]
    for i, is_a in enumerate(retrieved.classes.tolist()):
        for j, taken_for in enumerate(retrieved.classes.tolist()):
            assert retrieved.counts[i, j] == counted[is_a, taken_for]


def test_the_most_confused_pairs_come_first_and_ties_go_by_label() -> None:
    counts = np.array([[5, 2, 0], [3, 9, 2], [2, 0, 4]])
    pairs = find_most_confused(Confusion(classes=np.array([4, 6, 9]), counts=counts), 3)
    assert [(p.wanted, p.predicted, p.count, p.queries) for p in pairs] == [
        (6, 4, 3, 14),
        (4, 6, 2, 7),
        (6, 9, 2, 14),
    ]
    assert find_most_confused(confusion(np.array([1, 2]), np.array([1, 2])), 9) == []


def test_wrong_neighbours_are_those_of_a_search_by_hand() -> None:
    gallery, queries = unit_rows(40), unit_rows(25)
    labels, wanted = RNG.integers(0, 3, 40), RNG.integers(0, 3, 25)
    scores = queries.astype(np.float64) @ gallery.astype(np.float64).T
    nearest = scores.argmax(axis=1)
    expected = sorted(
        ((-scores[q, n], q, n) for q, n in enumerate(nearest.tolist()) if labels[n] != wanted[q]),
    )
    retrieved = wrong_neighbours(queries, wanted, gallery, labels, nearest, most=8)
    assert 8 < len(expected) < 25
    assert [(one.query, one.neighbour) for one in retrieved] == [(q, n) for _, q, n in expected[:8]]
    np.testing.assert_allclose([one.score for one in retrieved], [-s for s, _, _ in expected[:8]], atol=1e-12)
