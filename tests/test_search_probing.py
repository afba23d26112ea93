"""Supervised figures of an index and of a dataset: linear, late-fused, from few labels, transferred."""

import json
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import splits_file
from numpy.typing import NDArray

from encoder.errors import UmurlError
from encoder.finetune import FinetuneConfig, finetune
from encoder.probe import ProbeConfig, ProbeResult, late_fusion, probe, probe_result
from umurl_search.evaluation import linear_eval as probing
from umurl_search.evaluation import semi_supervised, transfer
from umurl_search.evaluation.linear_eval import LinearRequest, Task, late_eval, linear_eval
from umurl_search.evaluation.semi_supervised import SemiRequest, class_balanced, semi_eval
from umurl_search.evaluation.transfer import TransferRequest, transfer_eval
from umurl_search.index.build import BuildRequest, build_index
from umurl_search.index.index import Index
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.encoder_registry import shipped
from umurl_search.library.library import Library
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

CPU = torch.device("cpu")
SHORT = ProbeConfig(epochs=20, batch_size=16, seed=2)
LATE = (("mine@e", "joint"), ("mine@e", "bone"), ("mine@e", "motion"))
TUNING = FinetuneConfig.lasting(2, seed=1)
Array = NDArray[np.float32]
Labels = NDArray[np.int64]


def linear(library: Library, **given: Any) -> dict[str, Any]:
    return linear_eval(library, LinearRequest(**{"config": SHORT, "device": "cpu", **given}))


def parts_of(library: Library, modality: str) -> tuple[Array, Labels, Array, Labels]:
    """Training and test embeddings and classes of `mine xsub`, told apart by their names alone."""
    with library.read() as catalog:
        columns = catalog.clips_of("mine")
    y = np.array(Index(library.index_folder("mine@e")).embeddings(modality))
    odd = np.array([int(name[9:12]) % 2 == 1 for name in columns.name])
    actions = np.array([int(name[17:20]) for name in columns.name])
    classes = np.unique(actions, return_inverse=True)[1]
    return y[odd], classes[odd], y[~odd], classes[~odd]


def alone(library: Library, modality: str, config: ProbeConfig = SHORT) -> ProbeResult:
    x, labels, z, wanted = parts_of(library, modality)
    run = probe(
        torch.from_numpy(x),
        torch.from_numpy(labels),
        torch.from_numpy(z),
        n_classes=5,
        config=config,
        device=CPU,
    )
    return probe_result(run, wanted)


def tree(library: Library) -> dict[str, int]:
    return {
        str(p.relative_to(library.root)): p.stat().st_size for p in library.root.rglob("*") if p.is_file()
    }


# linear


@pytest.mark.parametrize("modality", ["fused", "bone"])
def test_an_index_is_classified_by_its_own_protocol(modality: str, indexed: Library) -> None:
    document = linear(indexed, modality=modality)
    wanted = alone(indexed, modality)
    assert document["accuracy"] == wanted.accuracy
    assert document["best"] == {"epoch": wanted.best[0], "accuracy": wanted.best[1]}
    assert (document["train"], document["test"], document["classes"]) == (30, 30, 5)
    assert document["protocol"] == "xsub"
    by_label = {row["label"]: row for row in document["per_class"]}
    assert list(by_label) == [0, 4, 9, 22, 27]
    _, _, _, truth = parts_of(indexed, modality)
    for number, row in enumerate(by_label.values()):
        assert row["queries"] == 6
        assert row["accuracy"] == pytest.approx((wanted.predicted[truth == number] == number).mean())
    assert document["config"]["steps"] == 20 * 2
    assert document["warnings"] == []


def test_no_test_label_reaches_the_classifier(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def watched(train: torch.Tensor, labels: torch.Tensor, test: torch.Tensor, **given: Any) -> Any:
        seen.extend((train, labels))
        return probe(train, labels, test, **given)

    monkeypatch.setattr(probing, "probe", watched)
    linear(indexed)
    x, labels, _, _ = parts_of(indexed, "fused")
    assert np.array_equal(seen[0], x)
    assert seen[1].tolist() == labels.tolist()


def test_actions_that_are_not_trained_count_as_wrong() -> None:
    labels = np.array([7, 7, 3, 3, 7, 3, 9])
    task = Task(dataset="mine", protocol="p", labels=labels, train=np.arange(4), test=np.array([4, 5, 6]))
    assert task.classes.tolist() == [3, 7]
    assert task.test_classes.tolist() == [1, 0, -1]
    assert task.warnings() == [
        "1 of the 3 test clips are of actions that are not trained: they count as wrong"
    ]
    figures = task.figures(
        ProbeResult(wanted=task.test_classes, accuracies={1: 2 / 3}, predicted=np.array([1, 0, 1]))
    )
    assert [(row["label"], row["accuracy"]) for row in figures["per_class"]] == [(3, 1), (7, 1), (9, 0)]


def test_a_protocol_that_is_no_classification() -> None:
    def task(train: list[int], test: list[int]) -> Task:
        return Task(
            dataset="mine", protocol="p", labels=np.array([1, 2]), train=np.array(train), test=np.array(test)
        )

    with pytest.raises(
        UmurlError, match="mine p: 0 training and 1 test clips with labels are in the library, a "
    ):
        task([], [1])
    with pytest.raises(
        UmurlError, match="mine p: no test clip is of an action that is trained; choose another --pro"
    ):
        task([0], [1])


def test_what_the_encoder_has_seen_is_told(indexed: Library, made: Path, tmp_path: Path) -> None:
    names = sorted(path.stem for path in (made / "clips").iterdir())
    there = json.loads(splits_file(tmp_path / "s.json", names).read_text())["xsub"]
    back = {"train": there["test"], "test": there["train"]}
    (tmp_path / "s.json").write_text(json.dumps({"there": there, "back": back}))
    ingest(indexed, Request(name="twice", source=made / "clips", splits=tmp_path / "s.json"))
    request = TrainRequest(
        dataset="twice", protocol="there", preset="tiny", epochs=1, batch_size=16, name="odd", device="cpu"
    )
    train_encoder(indexed, request)
    build_index(indexed, BuildRequest(dataset="twice", encoder="odd", device="cpu"))
    said = ["encoder odd was trained on 30 of the 30 test clips of twice back: figures there flatter it"]
    late = (("twice@odd", "joint"), ("twice@odd", "bone"))
    for protocol, warnings in (("there", []), ("back", said)):
        assert linear(indexed, protocol=protocol)["warnings"] == warnings
        semi = SemiRequest(protocol=protocol, shares=(1.0,), seeds=1, epochs=1, device="cpu")
        assert semi_eval(indexed, semi)["warnings"] == warnings
        fused = LinearRequest(protocol=protocol, config=SHORT, late=late, device="cpu")
        assert late_eval(indexed, fused)["warnings"] == warnings
    moved = TransferRequest(
        dataset="twice", encoder="odd", protocol="back", linear=SHORT, finetuning=TUNING, device="cpu"
    )
    assert transfer_eval(indexed, moved)["warnings"] == [
        "encoder odd was trained on twice: this is no transfer",
        *said,
    ]


# late fusion


def test_late_fusion_is_the_mean_of_scores_and_the_sum_of_cosines(indexed: Library) -> None:
    document = late_eval(indexed, LinearRequest(config=SHORT, late=LATE, device="cpu"))
    arrays = [parts_of(indexed, m) for m in ("joint", "bone", "motion")]
    runs = [
        probe(
            torch.from_numpy(x),
            torch.from_numpy(c),
            torch.from_numpy(z),
            n_classes=5,
            config=SHORT,
            device=CPU,
        )
        for x, c, z, _ in arrays
    ]
    _, labels, _, wanted = arrays[0]
    parts, fused = late_fusion(runs, wanted)
    assert document["accuracy"] == fused.accuracy
    assert document["best"] == {"epoch": fused.best[0], "accuracy": fused.best[1]}
    assert [part["accuracy"] for part in document["parts"]] == [part.accuracy for part in parts]
    assert [part["modality"] for part in document["parts"]] == ["joint", "bone", "motion"]
    cosines = []
    for x, _, z, _ in arrays:
        x, z = (a.astype(np.float64) / np.linalg.norm(a.astype(np.float64), axis=1)[:, None] for a in (x, z))
        cosines.append(z @ x.T)
    found = [float((labels[c.argmax(axis=1)] == wanted).mean()) for c in [*cosines, sum(cosines)]]
    assert [part["knn_accuracy"] for part in document["parts"]] == pytest.approx(found[:3])
    assert document["knn_accuracy"] == pytest.approx(found[3])


def test_one_part_three_times_is_that_part(indexed: Library) -> None:
    document = late_eval(indexed, LinearRequest(config=SHORT, late=(LATE[0],) * 3, device="cpu"))
    assert (
        document["accuracy"]
        == document["parts"][0]["accuracy"]
        == linear(indexed, modality="joint")["accuracy"]
    )
    assert document["knn_accuracy"] == document["parts"][0]["knn_accuracy"]


def test_late_fusion_of_other_clips(indexed: Library, made: Path) -> None:
    ingest(indexed, Request(name="twin", source=made / "clips", splits=made / "splits.json"))
    build_index(indexed, BuildRequest(dataset="twin", encoder="e", device="cpu"))
    with pytest.raises(UmurlError) as error:
        late_eval(indexed, LinearRequest(late=(LATE[0], ("twin@e", "bone")), device="cpu"))
    assert str(error.value) == (
        "indexes mine@e and twin@e do not hold the same clips (mine, 60; twin, 60), their scores cannot be fused: "
        "umurl-search build-index mine --encoder ENCODER for each"
    )


# a share of the labels


@pytest.mark.parametrize("share", [0.001, 0.1, 0.25, 0.5, 1.0])
@pytest.mark.parametrize("seed", range(3))
def test_a_share_is_balanced_over_classes(share: float, seed: int) -> None:
    sizes = {0: 40, 3: 1, 4: 25, 9: 6}
    classes = np.random.default_rng(7).permutation(np.repeat(list(sizes), list(sizes.values())))
    drawn = class_balanced(classes, share, seed)
    assert drawn.tolist() == sorted(set(drawn.tolist()))
    wanted = {c: max(1, int(np.floor(share * n + 0.5))) for c, n in sizes.items()}
    assert Counter(classes[drawn].tolist()) == wanted


def test_draws_repeat_differ_by_seed_and_nest() -> None:
    classes = np.repeat(np.arange(4), 50)
    draws = {
        (s, seed): class_balanced(classes, s, seed).tolist() for s in (0.1, 0.3, 1.0) for seed in range(5)
    }
    assert draws[0.1, 2] == class_balanced(classes, 0.1, 2).tolist()
    assert len({tuple(draws[0.1, seed]) for seed in range(5)}) == 5
    assert all(set(draws[0.1, seed]) < set(draws[0.3, seed]) < set(draws[1.0, seed]) for seed in range(5))
    often = np.bincount(np.concatenate([class_balanced(classes, 0.2, seed) for seed in range(200)]))
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

    def watched(train: torch.Tensor, labels: torch.Tensor, test: torch.Tensor, **given: Any) -> Any:
        seen.extend((train, labels))
        return probe(train, labels, test, **given)

    monkeypatch.setattr(probing, "probe", watched)
    semi_eval(indexed, SemiRequest(shares=(0.3,), seeds=1, epochs=1, device="cpu"))
    x, classes, _, _ = parts_of(indexed, "fused")
    drawn = class_balanced(classes, 0.3, 0)
    assert len(drawn) == 10
    np.testing.assert_array_equal(seen[0], x[drawn])
    assert seen[1].tolist() == classes[drawn].tolist()


def test_few_labels_reach_the_fine_tuning_and_no_others(
    indexed: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, list[int], int]] = []

    def watched(model: Any, train: Any, labels: torch.Tensor, test: Any, **given: Any) -> Any:
        seen.append((len(train), labels.tolist(), len(test)))
        return finetune(model, train, labels, test, **given)

    monkeypatch.setattr(semi_supervised, "finetune", watched)
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
    assert str(error.value) == (
        "encoder e is not the one that index mine@e was made with: umurl-search delete index:mine@e, then "
        "umurl-search build-index mine --encoder e"
    )


# transfer


def test_transfer_is_linear_and_fine_tuned_and_writes_nothing(indexed: Library) -> None:
    before = tree(indexed)
    request = TransferRequest(dataset="mine", encoder="e", linear=SHORT, finetuning=TUNING, device="cpu")
    document = transfer_eval(indexed, request)
    assert tree(indexed) == before
    assert document["linear"]["accuracy"] == alone(indexed, "fused").accuracy
    assert document["trained_on"] == {"dataset": "mine", "protocol": "xsub"}
    assert document["warnings"] == ["encoder e was trained on mine: this is no transfer"]
    tuned = document["finetuned"]
    assert (tuned["config"]["epochs"], tuned["config"]["steps"]) == (2, 2)
    assert 0 <= tuned["accuracy"] <= tuned["best"]["accuracy"] <= 1
    assert [row["queries"] for row in tuned["per_class"]] == [6] * 5


def test_transfer_of_one_modality(indexed: Library) -> None:
    request = TransferRequest(
        dataset="mine", encoder="e", modality="motion", linear=SHORT, finetuning=TUNING, device="cpu"
    )
    assert transfer_eval(indexed, request)["linear"]["accuracy"] == alone(indexed, "motion").accuracy


def test_the_shipped_encoder_is_transferred(library: Library) -> None:
    task, tested = transfer.labelled_task(library, "mine", None)
    assert transfer.transfer_warnings(shipped(), task, tested) == []
    assert (len(task.train), len(task.test), len(tested)) == (30, 30, 30)
    assert all(int(name[9:12]) % 2 == 0 for name in tested)


def test_clips_without_a_label_take_no_part(library: Library, made: Path, tmp_path: Path) -> None:
    (tmp_path / "clips").mkdir()
    names = sorted(path.stem for path in (made / "clips").glob("*A001.npy"))[:6]
    for name, new in zip(names, [*names[:4], "nameless", "other"], strict=True):
        shutil.copy(made / "clips" / f"{name}.npy", tmp_path / "clips" / f"{new}.npy")
    parts = {"p": {"train": [names[0], names[1], "nameless"], "test": [names[2], names[3], "other"]}}
    (tmp_path / "s.json").write_text(json.dumps(parts))
    ingest(library, Request(name="some", source=tmp_path / "clips", splits=tmp_path / "s.json"))
    task, tested = transfer.labelled_task(library, "some", "p")
    assert (len(task.train), tested) == (2, names[2:4])


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"dataset": "yours"}, "no dataset 'yours' in the library: umurl-search ingest yours first"),
        ({"protocol": "xview"}, "mine has no protocol 'xview': it has xsub"),
        (
            {"encoder": "f"},
            "no encoder 'f'; there are e, shipped: umurl-search train NAME or import-encoder makes one",
        ),
    ],
)
def test_transfer_of_what_is_not_there(given: dict[str, Any], text: str, library: Library) -> None:
    request = TransferRequest(**{"dataset": "mine", "encoder": "e", "device": "cpu", **given})
    with pytest.raises(UmurlError) as error:
        transfer_eval(library, request)
    assert str(error.value) == text


def test_an_interrupt_leaves_nothing_behind(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    before = tree(library)
    monkeypatch.setattr("encoder.finetune.check_finite", interrupted)
    request = TransferRequest(dataset="mine", encoder="e", linear=SHORT, finetuning=TUNING, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        transfer_eval(library, request)
    assert tree(library) == before
