"""Training shared by two processes is training in one: losses, weights, statistics, a stop."""

import os
import socket
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from encoder.distributed import (
    ALONE,
    GatheredBatchNorm,
    _make_gathered,
    is_started_by_torchrun,
    own_device,
    process_group,
)
from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.train import Hooks, TrainingInterrupted, train

CPU = torch.device("cpu")
MODEL = ModelConfig(width=16, projection=24)
CONFIG = TrainConfig(epochs=3, batch_size=8, precision="float32", learning_rate=1e-3, seed=1)
COUNT = 2


def made_clips() -> RaggedClips:
    """17 clips of random walks, some of two people: two steps of eight an epoch."""
    rng = np.random.default_rng(0)
    shapes = [(70 + 5 * i, 2 if i % 3 == 0 else 1, 25, 3) for i in range(17)]
    return RaggedClips.of([rng.normal(0, 0.1, shape).cumsum(axis=0).astype(np.float32) for shape in shapes])


def run(processes: Any, config: TrainConfig, stop_at: int | None = None) -> dict[str, Any]:
    losses: list[dict[str, float]] = []
    saved: list[dict[str, Any]] = []
    polls: list[int] = []

    def should_stop() -> bool:
        polls.append(1)
        last_rank = processes.rank == processes.count - 1
        return stop_at is not None and last_rank and len(polls) >= stop_at

    hooks = Hooks(
        log=lambda log: losses.extend(log.losses),
        log_every=1,
        save=saved.append,
        should_stop=should_stop,
    )
    try:
        model = train(made_clips(), MODEL, config, device=CPU, hooks=hooks, processes=processes)
    except TrainingInterrupted:
        optimiser = saved[-1]["optimiser"] if saved else {}
        return {"stopped": len(polls), "saved": [s["step"] for s in saved], "optimiser": optimiser}
    return {"losses": losses, "state": model.state_dict()}


def work(rank: int, port: int, folder: str, config: TrainConfig, stop_at: int | None) -> None:
    os.environ.update(
        RANK=str(rank),
        WORLD_SIZE=str(COUNT),
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        LOCAL_RANK=str(rank),
    )
    torch.set_num_threads(1)
    with process_group(CPU) as processes:
        assert (processes.rank, processes.count) == (rank, COUNT)
        torch.save(run(processes, config, stop_at), Path(folder) / f"{rank}.pt")


def run_together(
    folder: Path, config: TrainConfig = CONFIG, stop_at: int | None = None
) -> list[dict[str, Any]]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    torch.multiprocessing.spawn(  # type: ignore[attr-defined, no-untyped-call]
        work, args=(port, str(folder), config, stop_at), nprocs=COUNT
    )
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(COUNT)]


@pytest.mark.slow
def test_two_processes_train_as_one_does(tmp_path: Path) -> None:
    alone = run(ALONE, CONFIG)
    first, second = run_together(tmp_path)
    assert len(alone["losses"]) == 6
    for one, two in zip(alone["losses"], first["losses"], strict=True):
        assert two == pytest.approx(one, rel=1e-4)
    assert second["losses"] == []  # the first process speaks for all
    assert first["state"].keys() == alone["state"].keys()
    for name, tensor in first["state"].items():
        assert torch.equal(tensor, second["state"][name]), name
    for norm in (1, 4):  # the batch statistics of both
        name = f"projectors.joint.{norm}.running_var"
        torch.testing.assert_close(first["state"][name], alone["state"][name], rtol=1e-3, atol=0)


@pytest.mark.slow
def test_gradients_are_those_of_the_whole_batch(tmp_path: Path) -> None:
    """Adam's first average is a tenth of the first gradient. That of a bias before batch statistics is rounding."""
    alone = run(ALONE, CONFIG, stop_at=1)
    first, _ = run_together(tmp_path, stop_at=1)
    names = [name for name, _ in UmURL(MODEL).named_parameters()]
    wrong = []
    for i, name in enumerate(names):
        want, got = (run["optimiser"]["state"][i]["exp_avg"] for run in (alone, first))
        if float((got - want).norm()) > 1e-4 * float(want.norm()) + 1e-6:
            wrong.append((name, float(want.norm()), float((got - want).norm())))
    assert wrong == []


@pytest.mark.slow
def test_two_processes_tune_as_one_does(tmp_path: Path) -> None:
    config = replace(CONFIG, epochs=1, tune_epochs=2)
    alone = run(ALONE, config)
    first, second = run_together(tmp_path, config)
    assert [set(row) for row in first["losses"]][2:] == [{"loss"}] * 4
    for one, two in zip(alone["losses"], first["losses"], strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
    for name, tensor in first["state"].items():
        assert torch.equal(tensor, second["state"][name]), name


@pytest.mark.slow
def test_statistics_lie_where_the_weights_do() -> None:
    made = _make_gathered(torch.nn.BatchNorm1d(4, device="meta"))
    assert {tensor.device.type for tensor in made.state_dict().values()} == {"meta"}
    layer = torch.nn.BatchNorm1d(4)
    layer(torch.randn(8, 4))
    again = _make_gathered(layer)
    assert isinstance(again, GatheredBatchNorm)
    assert again.weight is layer.weight
    for name, tensor in layer.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor)


def test_a_stop_asked_of_one_stops_both_at_the_same_step(tmp_path: Path) -> None:
    first, second = run_together(tmp_path, stop_at=3)
    assert (first["stopped"], first["saved"]) == (3, [3])
    assert (second["stopped"], second["saved"]) == (3, [])


def test_without_torchrun_there_is_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert not is_started_by_torchrun()
    with process_group(CPU) as processes:
        assert processes == ALONE
        assert processes.broadcast_from_rank0(lambda: 5) == 5
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert own_device(torch.device("cuda")) == torch.device("cuda", 1)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(UmurlError, match="2 processes or more were started for 1 GPUs"):
        own_device(torch.device("cuda"))
    assert own_device(CPU) == CPU


def test_a_batch_too_small_to_share() -> None:
    for count, said in (
        (6, "6 processes cannot share a batch of 8 evenly; give --batch-size 12"),
        (8, "8 processes share a batch of 8; start fewer, or raise --batch-size"),
    ):
        with pytest.raises(UmurlError) as raised:
            train(made_clips(), MODEL, CONFIG, device=CPU, processes=replace(ALONE, count=count))
        assert raised.value.typed.startswith(said)
