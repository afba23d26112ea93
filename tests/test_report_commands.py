"""The commands behind a report: quoted, in order, with every setting that is not the preset."""

import re
import shlex
from collections.abc import Callable
from dataclasses import fields, replace

from conftest import Result

from encoder.model import ModelConfig
from encoder.schedule import TrainConfig
from umurl_search.evaluation.modality_matrix import Retrieval
from umurl_search.library.library import Library
from umurl_search.report.commands import commands


def lines_of(retrieved: Retrieval, library: Library, *, linear: bool = False) -> list[str]:
    return commands(retrieved, library=library.root, report=["--out", "r.html"], linear=linear)


def test_commands_are_quoted_and_in_order(indexed: Library, retrieved: Retrieval) -> None:
    row = {**retrieved.dataset, "source": "/data/my clips; rm -rf", "fps": 25.0}
    lines = lines_of(replace(retrieved, dataset=row), indexed, linear=True)
    words = [shlex.split(line, comments=True) for line in lines]
    assert words[0] == ["export", f"UMURL_LIBRARY={indexed.root}"]
    assert [w[1] for w in words if w and w[0] == "umurl-search"] == [
        "ingest",
        "train",
        "build-index",
        *["knn-eval"] * 5,
        *["linear-eval"] * 4,
        "report",
    ]
    ingest = next(w for w in words if w[1:2] == ["ingest"])
    assert ingest[2:] == [
        "mine",
        "--source",
        "/data/my clips; rm -rf",
        "--format",
        "npy",
        "--layout",
        "ntu25",
        "--fps",
        "25.0",
    ]
    train = next(line for line in lines if " train " in line)
    assert train.startswith("umurl-search train mine --protocol xsub --preset tiny ")
    assert "--epochs 1 --batch-size 16 --learning-rate 0.002" in train
    assert train.endswith("--seed 0 --as e")
    assert "--width" not in train
    assert any(line == "# the library does not say its --splits FILE:" for line in lines)


def test_every_setting_of_a_training_is_an_option_of_train(command: Callable[..., Result]) -> None:
    shown = command("train", "--help").out
    settings = [field.name for config in (ModelConfig, TrainConfig) for field in fields(config)]
    options = {f"--{name.replace('_', '-')}" for name in settings if name != "max_seconds"}
    assert options <= set(re.findall(r"--[a-z-]+", shown))


def test_settings_that_are_not_the_presets_are_said(indexed: Library, retrieved: Retrieval) -> None:
    config = retrieved.entry.config
    model = {**config["model"], "width": 32, "modalities": ["joint", "bone"]}
    training = {**config["training"], "weight_decay": 0.5, "max_seconds": 9.0}
    changed = {**config, "model": model, "training": training, "processes": 2}
    lines = lines_of(replace(retrieved, entry=replace(retrieved.entry, config=changed)), indexed)
    (train,) = (line for line in lines if " train " in line)
    assert "--width 32 --modalities joint+bone --epochs 1 " in train
    assert "--weight-decay 0.5" in train
    assert "# (stopped after 9 s, as umurl-search demo does it)" in lines
    assert "# (by torchrun, in 2 processes)" in lines


def test_several_sources_are_named_by_the_folder_that_holds_them(
    indexed: Library, retrieved: Retrieval
) -> None:
    source = "/data/nturgb+d_skeletons, /data/nturgb+d_skeletons120"
    row = {**retrieved.dataset, "name": "ntu120", "source": source, "format": "ntu-skeleton"}
    assert any(
        "ingest ntu120 --data /data " in line for line in lines_of(replace(retrieved, dataset=row), indexed)
    )


def test_an_imported_encoder_is_imported_again(indexed: Library, retrieved: Retrieval) -> None:
    config = {**retrieved.entry.config, "origin": "imported", "file": "a b.pth.tar"}
    lines = lines_of(replace(retrieved, entry=replace(retrieved.entry, config=config)), indexed)
    assert any(
        line == "umurl-search import-encoder 'a b.pth.tar' --as e --for mine:xsub" for line in lines
    ), lines
