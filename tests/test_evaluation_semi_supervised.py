"""Figures from few labels: balanced shares, draws by seed, no other label seen."""

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from classified import linear, parts_of

from encoder.errors import UmurlError
from encoder.finetune import finetune
from encoder.probe import ProbeConfig, probe
from umurl_search.evaluation import linear_eval, semi_supervised
from umurl_search.evaluation.semi_supervised import SemiRequest, sample_class_balanced, semi_eval
from umurl_search.index.index import Index
from umurl_search.library.library import Library


@pytest.mark.parametrize("share", [0.001, 0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_share_is_balanced_over_classes(share: float, seed: int) -> None:
    sizes = {0: 40, 3: 1, 4: 25, 9: 6}
    classes = np.random.default_rng(7).permutation(np.repeat(list(sizes), list(sizes.values())))
    drawn = sample_class_balanced(classes, share, seed)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    wanted = {c: max(1, int(np.floor(share * n + 0.5))) for c, n in sizes.items()}
    assert Counter(classes[drawn].tolist()) == wanted


def test_draws_repeat_differ_by_seed_and_nest() -> None:
    classes = np.repeat(np.arange(4), 50)
    draws = {
        (s, seed): sample_class_balanced(classes, s, seed).tolist()
        for s in (0.1, 0.3, 1.0)
        for seed in range(5)
    }
    assert draws[0.1, 2] == sample_class_balanced(classes, 0.1, 2).tolist()
    assert len({tuple(draws[0.1, seed]) for seed in range(5)}) == 5
    assert all(set(draws[0.1, seed]) < set(draws[0.3, seed]) < set(draws[1.0, seed]) for seed in range(5))
    often = np.bincount(np.concatenate([sample_class_balanced(classes, 0.2, seed) for seed in range(200)]))
    assert often.min() > 15  # every clip is drawn, 40 times on average
    assert often.max() < 70


def test_the_whole_share_is_the_linear_figure(indexed: Library) -> None:
    document = semi_eval(indexed, SemiRequest(shares=(1.0,), seeds=2, epochs=20, device="cpu"))
    wanted = [linear(indexed, config=ProbeConfig(epochs=20, seed=seed)) for seed in range(2)]
    (row,) = document["shares"]
    assert [run["accuracy"] for run in row["runs"]] == [one["accuracy"] for one in wanted]
    assert [run["best"] for run in row["runs"]] == [one["best"] for one in wanted]
    assert row["accuracy"] == pytest.approx(np.mean([one["accuracy"] for one in wanted]))
    per_class = [
        np.mean(pair) for pair in zip(*([r["accuracy"] for r in w["per_class"]] for w in wanted), strict=True)
    ]
    assert [r["accuracy"] for r in row["per_class"]] == pytest.approx(per_class)
    assert (row["clips"], row["steps"], document["method"]) == (30, 20, "linear")


def test_mean_and_deviation_over_draws(indexed: Library) -> None:
    document = semi_eval(indexed, SemiRequest(shares=(0.01, 0.5), seeds=4, epochs=10, device="cpu"))
    for row, clips in zip(document["shares"], (5, 15), strict=True):
        accuracies = [run["accuracy"] for run in row["runs"]]
        mean = sum(accuracies) / 4
        assert row["clips"] == clips
        assert row["accuracy"] == pytest.approx(mean)
        assert row["std"] == pytest.approx((sum((a - mean) ** 2 for a in accuracies) / 3) ** 0.5)
        assert len(set(accuracies)) > 1
    assert document["warnings"] == [
        "0.01 of 30 labels, rounded within each of 5 classes and at least one of each, is 5 clips, 16.7 %"
    ]
    (lonely,) = semi_eval(indexed, SemiRequest(shares=(0.5,), seeds=1, epochs=1, device="cpu"))["shares"]
    assert lonely["std"] is None


def test_few_labels_reach_the_classifier_and_no_others(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[torch.Tensor] = []

    def watch(train: torch.Tensor, labels: torch.Tensor, test: torch.Tensor, **given: Any) -> Any:
        seen.extend((train, labels))
        return probe(train, labels, test, **given)

    monkeypatch.setattr(linear_eval, "probe", watch)
    semi_eval(indexed, SemiRequest(shares=(0.3,), seeds=1, epochs=1, device="cpu"))
    x, classes, _, _ = parts_of(indexed, "fused")
    drawn = sample_class_balanced(classes, 0.3, 0)
    assert len(drawn) == 10
    np.testing.assert_array_equal(seen[0], x[drawn])
    assert seen[1].tolist() == classes[drawn].tolist()


def test_few_labels_reach_the_fine_tuning_and_no_others(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[int], int]] = []

    def watch(model: Any, train: Any, labels: torch.Tensor, test: Any, **given: Any) -> Any:
        seen.append((len(train), labels.tolist(), len(test)))
        return finetune(model, train, labels, test, **given)

    monkeypatch.setattr(semi_supervised, "finetune", watch)
    request = SemiRequest(shares=(0.3,), seeds=2, finetune=True, epochs=1, device="cpu")
    document = semi_eval(indexed, request)
    assert [(n, sorted(labels), tests) for n, labels, tests in seen] == [
        (10, [0, 0, 1, 1, 2, 2, 3, 3, 4, 4], 30)
    ] * 2
    (row,) = document["shares"]
    assert (document["method"], row["clips"], row["epochs"], row["steps"]) == ("finetune", 10, 1, 1)
    assert "seed" not in document["config"]


def test_fine_tuning_wants_the_encoder_that_the_index_was_made_with(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = dict(Index(indexed.index_folder("mine@e")).manifest, encoder_hash="other")
    monkeypatch.setattr(Index, "manifest", manifest)
    with pytest.raises(UmurlError) as error:
        semi_eval(indexed, SemiRequest(finetune=True, device="cpu"))
    assert error.value.typed == (
        "encoder e is not the one that index mine@e was made with: umurl-search delete index:mine@e, then build "
        "it again"
    )
