"""Encoders enter the library: released checkpoints, finished trainings, and what is refused."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Result
from interruptions import raise_interrupt
from refusals import Refused, has, raises_typed
from small_trainings import TINY, TWELVE_EPOCHS, interrupt, weights

from umurl_search.library.library import Library
from umurl_search.maintenance import verify
from umurl_search.training import import_encoder, run
from umurl_search.training.plan import TrainRequest
from umurl_search.training.run import train_encoder

Command = Callable[..., Result]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello",
        b"PK\x03\x04junk",
        pickle.dumps({"state_dict": {"a": 1}}),
        pickle.dumps([1, 2]),
        os.urandom(400),
    ],
)
def test_a_checkpoint_that_is_not_one(
    content: bytes, library: Library, refused: Refused, tmp_path: Path
) -> None:
    path = tmp_path / "model.pth.tar"
    path.write_bytes(content)
    has(refused("import-encoder", path, "--as", "x"), path)


def test_checkpoints_of_other_models(library: Library, refused: Refused, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "model.pth.tar"
    contents: tuple[object, ...] = (
        {"weights": {}},
        {"state_dict": {}},
        {"state_dict": {"fc.weight": torch.zeros(3)}},
        {"state_dict": {1: torch.zeros(3)}},
        {"state_dict": {"mm_fusion.t_fusion.0.weight": 3}},
        torch.zeros(2),
        {"state_dict": {"module.backbone.mm_fusion.t_fusion.0.weight": torch.zeros(8, 24)}},
    )
    for content in contents:
        torch.save(content, path)
        has(refused("import-encoder", path, "--as", "x"), path)
    has(refused("import-encoder", tmp_path, "--as", "x"), tmp_path)


@pytest.mark.slow
def test_an_import_discards_no_training(library: Library, golden: Path, command: Command) -> None:
    interrupt(library, TINY, after=5)
    failed = command("import-encoder", golden / "checkpoint_0450.pth.tar", "--as", "slow")
    assert failed.code == 1
    assert "an interrupted training of 'slow' is kept" in failed.err
    train_encoder(library, TINY, resume=True)


@pytest.mark.slow
def test_a_finished_training_is_entered_by_the_next_run(
    library: Library, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(import_encoder, "register_sealed", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_encoder(library, TWELVE_EPOCHS)
    assert "not in the catalog" in verify.verify(library)[0]
    with monkeypatch.context() as patched:
        patched.setattr(run, "train", raise_interrupt)
        report = train_encoder(library, TWELVE_EPOCHS)
    assert (report.encoder, report.clips, report.epochs) == ("slow", 30, 12)
    assert report.losses["loss"] > 0
    assert weights(library, "slow") == uninterrupted
    assert verify.verify(library) == []


@pytest.mark.slow
def test_a_finished_training_with_other_settings_is_made_again(
    library: Library, uninterrupted: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(import_encoder, "register_sealed", raise_interrupt)
        with pytest.raises(KeyboardInterrupt):
            train_encoder(library, TrainRequest(**{**vars(TWELVE_EPOCHS), "seed": 1}))
    other = weights(library, "slow")
    assert other != uninterrupted
    for resume in (False, True):
        with raises_typed(
            r"finished encoder 'slow' made with other options lies in |no interrupted training"
        ):
            train_encoder(library, TWELVE_EPOCHS, resume=resume)
    assert weights(library, "slow") == other
    train_encoder(library, TWELVE_EPOCHS, anew=True)
    assert weights(library, "slow") == uninterrupted
