"""Figures of arrays against a slow oracle: votes, whole rankings, and what the figures cannot say."""

import numpy as np
import pytest
import torch
from retrieval_oracle import assert_oracle, oracle, unit
from values_on_device import Crossings

from umurl_search.evaluation import retrieval
from umurl_search.evaluation.metrics import ClassFigure
from umurl_search.evaluation.retrieval import evaluate
from umurl_search.index import device_memory


@pytest.mark.parametrize("k", [1, 3, 7, 1000])
@pytest.mark.parametrize("grouped", [False, True])
def test_figures_are_the_oracles(k: int, grouped: bool) -> None:
    rng = np.random.default_rng(k)
    gallery, queries = unit(rng.normal(size=(40, 5))), unit(rng.normal(size=(25, 5)))
    gallery[11], gallery[30] = gallery[3], gallery[3]
    labels, wanted = rng.integers(0, 6, 40), rng.integers(0, 8, 25)
    groups = (rng.integers(0, 5, 40), rng.integers(0, 5, 25)) if grouped else None
    figures = evaluate(gallery, labels, queries, wanted, k=k, groups=groups)
    assert_oracle(
        vars(figures) | figures.ranking,
        oracle(gallery, labels, queries, wanted, k=k, groups=groups),
    )
    assert figures.ranked < 25


@pytest.mark.parametrize("grouped", [False, True])
def test_on_a_device_the_figures_are_the_same(
    device: tuple[torch.device, Crossings], monkeypatch: pytest.MonkeyPatch, grouped: bool
) -> None:
    """Votes, neighbours and ranks to the last; average precision to rounding."""
    monkeypatch.setattr(device_memory, "free_bytes", lambda device: 2**30)
    rng = np.random.default_rng(3)
    gallery, queries = unit(rng.normal(size=(90, 5))), unit(rng.normal(size=(40, 5)))
    gallery[11], gallery[30] = gallery[3], gallery[3]
    labels, wanted = rng.integers(0, 6, 90), rng.integers(0, 8, 40)
    groups = (rng.integers(0, 5, 90), rng.integers(0, 5, 40)) if grouped else None
    told: list[float] = []

    def tell(n: float, note: str = "") -> None:
        told.append(n)

    here = evaluate(gallery, labels, queries, wanted, k=(1, 5), groups=groups)
    there = evaluate(
        gallery, labels, queries, wanted, k=(1, 5), groups=groups, device=device[0], advance=tell
    )
    for name in ("accuracy", "accuracy_at", "recall_at", "ranked", "per_class", "warnings"):
        assert getattr(there, name) == getattr(here, name), name
    assert np.array_equal(there.predicted, here.predicted)
    assert np.array_equal(there.neighbours, here.neighbours)
    np.testing.assert_allclose(there.scores, here.scores, rtol=0, atol=1e-12)
    assert there.ranking == pytest.approx(here.ranking, abs=1e-6)
    assert sum(told) == 40


@pytest.mark.parametrize("temperature", [0.07, 0.5, 10.0])
@pytest.mark.parametrize("grouped", [False, True])
def test_weighted_votes_are_the_oracles(temperature: float, grouped: bool) -> None:
    rng = np.random.default_rng(int(10 * temperature))
    gallery, queries = unit(rng.normal(size=(40, 5))), unit(rng.normal(size=(60, 5)))
    gallery[11], gallery[30] = gallery[3], gallery[3]
    labels, wanted = rng.integers(0, 6, 40), rng.integers(0, 6, 60)
    groups = (rng.integers(0, 5, 40), rng.integers(0, 5, 60)) if grouped else None
    ks = (10, 1, 3, 20, 200)
    figures = evaluate(
        gallery, labels, queries, wanted, k=ks, groups=groups, vote="weighted", temperature=temperature
    )
    plain = evaluate(gallery, labels, queries, wanted, k=ks, groups=groups)
    for k in ks:
        expected = oracle(gallery, labels, queries, wanted, k=k, groups=groups, temperature=temperature)
        assert figures.accuracy_at[k] == pytest.approx(expected["accuracy"], abs=1e-12), k
        unweighted = oracle(gallery, labels, queries, wanted, k=k, groups=groups)
        assert plain.accuracy_at[k] == pytest.approx(unweighted["accuracy"], abs=1e-12), k
    assert list(figures.accuracy_at) == list(ks)
    assert figures.accuracy == figures.accuracy_at[10]
    assert (figures.predicted == wanted).mean() == figures.accuracy_at[10]
    assert figures.accuracy_at != plain.accuracy_at


def test_weights_decide_against_numbers_and_numbers_against_faint_weights() -> None:
    gallery = unit(np.array([[1, 0], [0.8, 0.6], [0.8, -0.6]]))
    labels, query, wanted = np.array([0, 1, 1]), unit(np.array([[1, 0]])), np.array([0])
    assert evaluate(gallery, labels, query, wanted, k=3).accuracy == 0
    near, far = (
        evaluate(gallery, labels, query, wanted, k=3, vote="weighted", temperature=t).accuracy
        for t in (0.07, 10)
    )
    assert (near, far) == (1, 0)


def test_very_low_temperatures_do_not_overflow() -> None:
    rng = np.random.default_rng(3)
    x, labels = unit(rng.normal(size=(20, 4))), rng.integers(0, 4, 20)
    cold = evaluate(x, labels, x, labels, k=20, vote="weighted", temperature=1e-3)
    assert cold.predicted.tolist() == labels.tolist()


def test_what_the_figures_cannot_say() -> None:
    x = unit(np.eye(4))
    labels = np.array([0, 1, 2, 2])
    assert evaluate(x, labels, x, labels).warnings == []
    assert evaluate(x, labels, x, np.array([0, 1, 5, 6])).warnings == [
        "2 of the 4 test clips are of actions that the gallery lacks: they count as wrong"
    ]
    assert evaluate(x, labels, x, labels, k=(1, 20)).warnings == [
        "k is 20, and all queries have 4 clips to be compared with at most: all of these vote"
    ]
    own = (np.array([0, 0, 1, 2]), np.array([0, -1, 1, 2]))
    assert evaluate(x, labels, x, labels, k=3, groups=own).warnings == [
        "k is 3, and 1 of the 4 queries have 2 clips to be compared with at most: all of these vote"
    ]
    assert evaluate(x, labels * 0, x, labels * 0).warnings == [
        "the gallery holds one action only: whatever asks is taken for it, so the figures say little"
    ]


@pytest.mark.parametrize(("k", "temperature"), [((), 0.07), (0, 0.07), ((3, 0), 0.07), (1, 0.0), (1, -1.0)])
def test_votes_that_cannot_be(k: int | tuple[int, ...], temperature: float) -> None:
    x = unit(np.eye(3))
    with pytest.raises(ValueError, match="k is 1 or more and the temperature above 0"):
        evaluate(x, np.arange(3), x, np.arange(3), k=k, temperature=temperature)


def test_blocks_of_queries_and_clips_of_no_group(monkeypatch: pytest.MonkeyPatch) -> None:
    """A query of no group meets everybody, also the clips of no group."""
    rng = np.random.default_rng(5)
    gallery, queries = unit(rng.normal(size=(40, 5))), unit(rng.normal(size=(25, 5)))
    labels, wanted = rng.integers(0, 6, 40), rng.integers(0, 6, 25)
    groups = rng.integers(-1, 4, 40), rng.integers(-1, 4, 25)
    nobodys = np.where(groups[1] < 0, -2, groups[1])
    monkeypatch.setattr(retrieval, "_QUERIES_A_BLOCK", 4)
    figures = evaluate(gallery, labels, queries, wanted, k=3, groups=groups)
    assert_oracle(
        vars(figures) | figures.ranking,
        oracle(gallery, labels, queries, wanted, k=3, groups=(groups[0], nobodys)),
    )


def test_more_neighbours_than_the_gallery_has() -> None:
    rng = np.random.default_rng(0)
    gallery, queries = unit(rng.normal(size=(4, 3))), unit(rng.normal(size=(6, 3)))
    labels, wanted = np.array([0, 1, 1, 2]), np.zeros(6, dtype=np.int64)
    few, many = (evaluate(gallery, labels, queries, wanted, k=k) for k in (4, 10**9))
    assert few.accuracy == many.accuracy
    assert many.predicted.tolist() == [1] * 6
    assert many.recall_at["10"] == 1


def test_nothing_relevant() -> None:
    x = unit(np.eye(3))
    figures = evaluate(x, np.array([0, 1, 2]), x, np.array([7, 7, 7]))
    assert (figures.accuracy, figures.mean_average_precision, figures.mrr, figures.ranked) == (0, 0, 0, 0)
    assert figures.per_class == [ClassFigure(label=7, queries=3, accuracy=0.0)]
    everybody = (np.zeros(3, dtype=np.int64), np.zeros(3, dtype=np.int64))
    lonely = evaluate(x, np.array([0, 1, 2]), x, np.array([0, 1, 2]), groups=everybody)
    assert (lonely.accuracy, lonely.recall_at["10"], lonely.ranked) == (0, 0, 0)
    with pytest.raises(ValueError, match="at least one query"):
        evaluate(x, np.array([0, 1, 2]), x[:0], np.zeros(0, dtype=np.int64))
