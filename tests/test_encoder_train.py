"""The training loop: seeds, resuming, stopping, what it tells."""

import io
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from short_runs import CONFIG, TOTAL, assert_same_bits, catch_line, from_file, logs_of, run_training

from encoder import precision
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.train import Hooks, Log, TrainingInterrupted, train

CPU = torch.device("cpu")


# seeds and resuming


def test_the_same_seed_gives_the_same_bits_and_another_does_not(clips: RaggedClips) -> None:
    short = replace(CONFIG, epochs=2)
    first = run_training(clips, short)
    torch.randn(7)
    assert_same_bits(first, run_training(clips, short))
    other = run_training(clips, replace(short, seed=4))
    assert not torch.equal(first.encoder.temporal_fusion.weight, other.encoder.temporal_fusion.weight)


def save_at(clips: RaggedClips, step: int, state: dict[str, Any] | None) -> dict[str, Any]:
    """The state of a run stopped after `step` steps, as it comes back from a file."""
    file, done = io.BytesIO(), [0]

    def count(seen: Log) -> None:
        done[0] = seen.step

    hooks = Hooks(
        log=count, log_every=1, should_stop=lambda: done[0] == step, save=lambda s: torch.save(s, file)
    )
    with pytest.raises(TrainingInterrupted):
        run_training(clips, hooks=hooks, state=state)
    return from_file(file)


def test_stopped_and_resumed_gives_the_bits_of_one_run(clips: RaggedClips) -> None:
    whole = run_training(clips)
    stops = sorted(np.random.default_rng(0).choice(np.arange(1, TOTAL), 4, replace=False).tolist())
    state = None
    for step in stops:
        state = save_at(clips, step, state)
        assert state["step"] == step
        torch.randn(11)
    assert_same_bits(run_training(clips, state=state), whole)


def test_a_state_saved_on_the_way_resumes_too(clips: RaggedClips) -> None:
    files: list[io.BytesIO] = []

    def save(state: dict[str, Any]) -> None:
        files.append(io.BytesIO())
        torch.save(state, files[-1])

    whole = run_training(clips, hooks=Hooks(save=save, save_every_s=-1))
    assert len(files) == TOTAL
    assert_same_bits(run_training(clips, state=from_file(files[7])), whole)
    assert_same_bits(run_training(clips, state=from_file(files[-1])), whole)


# the loop


def test_every_step_is_told(clips: RaggedClips) -> None:
    seen = logs_of(clips, CONFIG)
    assert [step.step for step in seen] == list(range(1, TOTAL + 1))
    assert [step.epoch for step in seen] == [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
    assert {step.total_steps for step in seen} == {TOTAL}
    assert all(len(log.losses) == 1 for log in seen)
    (terms,) = seen[0].losses
    assert set(terms) == {"loss", "intra", "inter", "variance", "covariance"}
    total = 5 * (terms["intra"] + terms["inter"]) + terms["variance"] + terms["covariance"]
    assert terms["loss"] == pytest.approx(total, rel=1e-5)
    assert all(log.clips_per_s > 0 and 0 < log.waiting < 1 for log in seen)
    dropped = round(4 * CONFIG.drop_at)
    assert [log.learning_rate for log in seen] == pytest.approx(
        [1e-3] * 3 * dropped + [1e-4] * 3 * (4 - dropped)
    )


def test_a_batch_larger_than_the_data_is_all_of_it(clips: RaggedClips) -> None:
    assert len(logs_of(clips, replace(CONFIG, epochs=2, batch_size=512))) == 2


def test_the_loss_falls(clips: RaggedClips) -> None:
    steps = logs_of(clips, replace(CONFIG, epochs=60, batch_size=12, learning_rate=1e-2))
    losses = [row["loss"] for log in steps for row in log.losses]
    assert np.mean(losses[-10:]) < 0.93 * np.mean(losses[:10])


def test_the_model_comes_back_in_evaluation_mode_with_its_statistics_moved(clips: RaggedClips) -> None:
    model = run_training(clips, replace(CONFIG, epochs=1))
    assert not model.training
    norm = model.projectors["joint"][1]  # type: ignore[index]
    assert float(norm.running_mean.abs().sum()) > 0


@pytest.mark.parametrize(("epochs", "drop_at", "rates"), [(4, 0.5, 2), (5, 0.8, 4), (3, 1.0, 3)])
def test_the_learning_rate_falls_to_a_tenth(
    clips: RaggedClips, epochs: int, drop_at: float, rates: int
) -> None:
    seen: list[float] = []
    hooks = Hooks(
        save=lambda state: seen.append(state["optimiser"]["param_groups"][0]["lr"]), save_every_s=-1
    )
    run_training(clips, replace(CONFIG, epochs=epochs, drop_at=drop_at), hooks=hooks)
    before = 3 * rates
    assert seen == pytest.approx([1e-3] * before + [1e-4] * (len(seen) - before))
    assert len(seen) == 3 * epochs


def test_out_of_time_it_ends_early_with_a_model(clips: RaggedClips) -> None:
    seen = logs_of(clips, replace(CONFIG, max_seconds=0.0))
    assert len(seen) == 1


def test_a_loss_that_is_no_number_stops_the_run(clips: RaggedClips) -> None:
    saved: list[int] = []
    hooks = Hooks(save=lambda state: saved.append(state["step"]), save_every_s=-1)
    text = catch_line(lambda: run_training(clips, replace(CONFIG, learning_rate=1e30), hooks=hooks))
    assert text.startswith("the loss became ")
    assert f"at step {len(saved) + 1}, in epoch 1" in text
    assert "(intra " in text
    assert "variance" in text
    assert 0 < len(saved) < 3


def test_weights_that_are_no_numbers_are_not_saved(clips: RaggedClips) -> None:
    """The loss of a step is still good when its gradient spoils the weights."""
    saved: list[int] = []

    def spoil(model: UmURL, step: int) -> None:
        if step == 5:
            with torch.no_grad():
                model.encoder.temporal_fusion.weight[0, 0] = float("nan")

    hooks = Hooks(save=lambda state: saved.append(state["step"]), save_every_s=-1, watch=spoil, watch_every=1)
    text = catch_line(lambda: run_training(clips, hooks=hooks))
    assert text == "a weight became infinite or NaN at step 5, in epoch 2"
    assert saved == [1, 2, 3, 4]


def test_losses_wait_on_the_device_until_they_are_told(clips: RaggedClips) -> None:
    seen = logs_of(clips, CONFIG, log_every=5, log_every_s=1e9)
    assert [log.step for log in seen] == [5, 10, TOTAL]
    assert [len(log.losses) for log in seen] == [5, 5, 2]
    one_by_one = [row for log in logs_of(clips, CONFIG) for row in log.losses]
    assert [row for log in seen for row in log.losses] == one_by_one


def test_a_nan_between_two_logs_is_told_with_its_own_step(clips: RaggedClips) -> None:
    text = catch_line(
        lambda: logs_of(clips, replace(CONFIG, learning_rate=1e30), log_every_s=1e9, log_every=50)
    )
    assert "at step 2, in epoch 1" in text


def test_the_model_is_watched_in_evaluation_mode_and_goes_on_the_same(clips: RaggedClips) -> None:
    seen: list[tuple[int, bool]] = []
    hooks = Hooks(watch=lambda model, step: seen.append((step, model.training)), watch_every=4)
    watched = run_training(clips, hooks=hooks)
    assert seen == [(4, False), (8, False), (12, False)]
    assert_same_bits(watched, run_training(clips))


def test_one_clip_is_too_few() -> None:
    one = RaggedClips.of([np.ones((4, 1, 25, 3), np.float32)])
    assert catch_line(lambda: run_training(one)) == (
        "training needs at least 2 clips, there are 1; choose another dataset or protocol"
    )


def test_bf16_runs_and_differs(clips: RaggedClips) -> None:
    short = replace(CONFIG, epochs=1)
    whole, half = (logs_of(clips, replace(short, precision=p)) for p in ("float32", "bf16"))
    assert half[0].losses[0]["loss"] == pytest.approx(whole[0].losses[0]["loss"], rel=0.05)
    assert half[0].losses[0]["loss"] != whole[0].losses[0]["loss"]


def test_a_cpu_does_not_compile(clips: RaggedClips) -> None:
    assert "leave out --compile" in catch_line(lambda: run_training(clips, replace(CONFIG, compile=True)))


@pytest.mark.parametrize("fast", [True, False])
def test_training_by_default_multiplies_in_what_the_machine_has(
    fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loop itself, as a library user calls it: the products' own type, as the network sees it."""
    monkeypatch.setattr(precision, "multiplies_bf16", lambda device: fast)
    seen: set[torch.dtype] = set()
    forward = torch.nn.Linear.forward

    def note(self: torch.nn.Linear, x: torch.Tensor) -> torch.Tensor:
        y = forward(self, x)
        seen.add(y.dtype)
        return y

    monkeypatch.setattr(torch.nn.Linear, "forward", note)
    rng = np.random.default_rng(0)
    clips = RaggedClips.of([rng.standard_normal((70, 1, 25, 3)).astype(np.float32) for _ in range(4)])
    train(clips, ModelConfig(width=256, projection=8), TrainConfig(epochs=1, batch_size=4), device=CPU)
    assert seen == {torch.bfloat16 if fast else torch.float32}
