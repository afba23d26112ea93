"""Figures of an encoder on a dataset that it was not trained on."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from classified import SHORT, TUNING, probe_alone, tree

from encoder.errors import UmurlError
from umurl_search.evaluation import transfer
from umurl_search.evaluation.transfer import TransferRequest, transfer_eval
from umurl_search.ingest.ingest import Request, ingest
from umurl_search.library.encoder_registry import open_shipped
from umurl_search.library.library import Library


def test_transfer_is_linear_and_fine_tuned_and_writes_nothing(indexed: Library) -> None:
    before = tree(indexed)
    request = TransferRequest(dataset="mine", encoder="e", linear=SHORT, finetuning=TUNING, device="cpu")
    document = transfer_eval(indexed, request)
    assert tree(indexed) == before
    assert document["linear"]["accuracy"] == probe_alone(indexed, "fused").accuracy
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
    assert transfer_eval(indexed, request)["linear"]["accuracy"] == probe_alone(indexed, "motion").accuracy


def test_the_shipped_encoder_is_transferred(library: Library) -> None:
    task, tested = transfer.labelled_task(library, "mine", None)
    assert transfer.transfer_warnings(open_shipped(), task, tested) == []
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
        ({"dataset": "yours"}, "no dataset 'yours' in the library (it has mine): umurl-search ingest yours"),
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
    assert error.value.typed == text


def test_an_interrupt_leaves_nothing_behind(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = tree(library)
    monkeypatch.setattr("encoder.finetune.check_finite", interrupt)
    request = TransferRequest(dataset="mine", encoder="e", linear=SHORT, finetuning=TUNING, device="cpu")
    with pytest.raises(KeyboardInterrupt):
        transfer_eval(library, request)
    assert tree(library) == before
