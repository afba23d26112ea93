"""Linear figures of an index, alone and late-fused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from classified import CPU, SHORT, TUNING, linear, parts_of, probe_alone
from conftest import splits_file
from refusals import raises_typed

from encoder.errors import UmurlError
from encoder.probe import ProbeResult, late_fusion, probe
from umurl_search.evaluation import linear_eval
from umurl_search.evaluation.linear_eval import LinearRequest, Task, late_eval
from umurl_search.evaluation.semi_supervised import SemiRequest, semi_eval
from umurl_search.evaluation.transfer import TransferRequest, transfer_eval
from umurl_search.index.build import build_index
from umurl_search.index.build_plan import BuildRequest
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.library import Library
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

LATE = (("mine@e", "joint"), ("mine@e", "bone"), ("mine@e", "motion"))


# linear


@pytest.mark.parametrize("modality", ["fused", "bone"])
def test_an_index_is_classified_by_its_own_protocol(modality: str, indexed: Library) -> None:
    document = linear(indexed, modality=modality)
    wanted = probe_alone(indexed, modality)
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

    def watch(train: torch.Tensor, labels: torch.Tensor, test: torch.Tensor, **given: Any) -> Any:
        seen.extend((train, labels))
        return probe(train, labels, test, **given)

    monkeypatch.setattr(linear_eval, "probe", watch)
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
    with raises_typed("mine p: no test clip is of an action that is trained; choose another --pro"):
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
    assert error.value.typed == (
        "indexes mine@e and twin@e do not hold the same clips (mine, 60; twin, 60), their scores cannot be fused: "
        "umurl-search build-index mine --encoder ENCODER for each"
    )
