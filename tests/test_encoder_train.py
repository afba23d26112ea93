"""The losses against slow oracles, and the training loop: seeds, resuming, stopping."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from encoder.batches import epoch_order
from encoder.errors import UmurlError
from encoder.losses import covariance_term, umurl_losses, variance_term
from encoder.modality_sets import BASE
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.schedule import PRESETS, TrainConfig, describe
from encoder.train import Hooks, Log, TrainingInterrupted, train
from umurl_search.clips.normalization import normalise
from umurl_search.synthetic.demo_corpus import make_clip

MODEL = ModelConfig(width=16, projection=32)
CONFIG = TrainConfig(epochs=4, batch_size=4, precision="float32", learning_rate=1e-3, seed=3)
TOTAL = 12
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def clips() -> RaggedClips:
    """13 clips, some of two people: three steps of four an epoch, one clip left over each time."""
    actions = (1, 10, 23, 30)
    names = [f"S001C{c:03d}P001R001A{a:03d}" for a in actions for c in (1, 2, 3)] + ["S001C001P002R001A005"]
    made = RaggedClips.of([normalise(make_clip(name)) for name in names])
    assert set(made.n_people.tolist()) == {1, 2}
    return made


def ran(clips: RaggedClips, config: TrainConfig = CONFIG, **given: Any) -> UmURL:
    return train(clips, MODEL, config, device=CPU, **given)


def assert_same_bits(a: UmURL, b: UmURL) -> None:
    assert a.state_dict().keys() == b.state_dict().keys()
    for name, tensor in a.state_dict().items():
        assert torch.equal(tensor, b.state_dict()[name]), name


# losses


def naive_covariance(x: Tensor) -> float:
    """Sum over i != j of cov(x)_ij^2, over D, from the D x D matrix in float64."""
    covariance = np.cov(x.double().numpy(), rowvar=False)
    off_diagonal = covariance - np.diag(np.diag(covariance))
    return float((off_diagonal**2).sum() / x.shape[1])


@pytest.mark.parametrize(("b", "d"), [(4, 30), (30, 4), (12, 12), (2, 50), (64, 63)])
def test_covariance_is_that_of_the_whole_matrix(b: int, d: int) -> None:
    x = torch.randn(b, d, generator=torch.Generator().manual_seed(b)) * 3 + 5
    assert float(covariance_term(x)) == pytest.approx(naive_covariance(x), rel=2e-5)


def test_covariance_stays_in_float32_under_autocast() -> None:
    x = torch.randn(16, 40, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(covariance_term(x), covariance_term(x.float()))
        assert float(covariance_term(x)) == pytest.approx(naive_covariance(x), rel=2e-5)


def test_variance_counts_columns_that_vary_too_little() -> None:
    x = torch.tensor([[0.0, 0.0, 1.0], [0.0, 10.0, 1.5]])
    stds = [np.sqrt(np.var(column, ddof=1) + 1e-4) for column in x.double().numpy().T]
    want = 5 * float(np.mean([max(0.0, 1 - std) for std in stds]))
    assert float(variance_term(x)) == pytest.approx(want, rel=1e-5)


def test_the_whole_loss() -> None:
    generator = torch.Generator().manual_seed(0)
    own = {m: torch.randn(6, 10, generator=generator) for m in BASE}
    fused = {m: torch.randn(6, 10, generator=generator) for m in BASE}
    z = {m: own[m].double().numpy() for m in BASE}
    u = {m: fused[m].double().numpy() for m in BASE}
    mean = sum(z.values()) / 3
    intra = sum(float(((z[m] - u[m]) ** 2).mean()) for m in BASE)
    inter = sum(float(((z[m] - mean) ** 2).mean()) for m in BASE)
    every = [*own.values(), *fused.values()]
    vc = sum(float(variance_term(x)) + naive_covariance(x) for x in every)
    losses = umurl_losses(own, fused)
    assert float(losses.intra) == pytest.approx(intra, rel=1e-5)
    assert float(losses.inter) == pytest.approx(inter, rel=1e-5)
    assert float(losses.total) == pytest.approx(5 * (intra + inter) + vc, rel=1e-5)


# seeds and resuming


def test_the_same_seed_gives_the_same_bits_and_another_does_not(clips: RaggedClips) -> None:
    short = replace(CONFIG, epochs=2)
    first = ran(clips, short)
    torch.randn(7)
    assert_same_bits(first, ran(clips, short))
    other = ran(clips, replace(short, seed=4))
    assert not torch.equal(first.encoder.temporal_fusion.weight, other.encoder.temporal_fusion.weight)


def saved_at(clips: RaggedClips, step: int, state: dict[str, Any] | None) -> dict[str, Any]:
    """The state of a run stopped after `step` steps, as it comes back from a file."""
    file, done = io.BytesIO(), [0]

    def count(seen: Log) -> None:
        done[0] = seen.step

    hooks = Hooks(
        log=count, log_every=1, should_stop=lambda: done[0] == step, save=lambda s: torch.save(s, file)
    )
    with pytest.raises(TrainingInterrupted):
        ran(clips, hooks=hooks, state=state)
    return from_file(file)


def from_file(file: io.BytesIO) -> dict[str, Any]:
    file.seek(0)
    state: dict[str, Any] = torch.load(file, weights_only=True)
    return state


def test_stopped_and_resumed_gives_the_bits_of_one_run(clips: RaggedClips) -> None:
    whole = ran(clips)
    stops = sorted(np.random.default_rng(0).choice(np.arange(1, TOTAL), 4, replace=False).tolist())
    state = None
    for step in stops:
        state = saved_at(clips, step, state)
        assert state["step"] == step
        torch.randn(11)
    assert_same_bits(ran(clips, state=state), whole)


def test_a_state_saved_on_the_way_resumes_too(clips: RaggedClips) -> None:
    files: list[io.BytesIO] = []

    def save(state: dict[str, Any]) -> None:
        files.append(io.BytesIO())
        torch.save(state, files[-1])

    whole = ran(clips, hooks=Hooks(save=save, save_every_s=-1))
    assert len(files) == TOTAL
    assert_same_bits(ran(clips, state=from_file(files[7])), whole)
    assert_same_bits(ran(clips, state=from_file(files[-1])), whole)


# the loop


def test_every_epoch_has_its_own_order() -> None:
    orders = [tuple(epoch_order(13, seed, epoch).tolist()) for seed in (3, 4) for epoch in range(5)]
    assert len(set(orders)) == 10
    assert all(sorted(order) == list(range(13)) for order in orders)


def logs_of(clips: RaggedClips, config: TrainConfig, **given: Any) -> list[Log]:
    seen: list[Log] = []
    ran(clips, config, hooks=Hooks(**{"log": seen.append, "log_every": 1, **given}))
    return seen


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
    model = ran(clips, replace(CONFIG, epochs=1))
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
    ran(clips, replace(CONFIG, epochs=epochs, drop_at=drop_at), hooks=hooks)
    before = 3 * rates
    assert seen == pytest.approx([1e-3] * before + [1e-4] * (len(seen) - before))
    assert len(seen) == 3 * epochs


def test_the_paper_preset_is_the_papers_schedule() -> None:
    model, config = PRESETS["paper"]
    assert (model.width, model.heads, model.layers, model.projection) == (1024, 1, 1, 4096)
    assert (config.epochs, config.batch_size) == (451, 512)
    assert (config.learning_rate, config.weight_decay) == (5e-4, 1e-5)
    assert round(config.epochs * config.drop_at) == 351
    assert describe(model, config)["training"]["epochs"] == 451


def test_out_of_time_it_ends_early_with_a_model(clips: RaggedClips) -> None:
    seen = logs_of(clips, replace(CONFIG, max_seconds=0.0))
    assert len(seen) == 1


def raised(call: Callable[[], object]) -> str:
    with pytest.raises(UmurlError) as error:
        call()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_a_loss_that_is_no_number_stops_the_run(clips: RaggedClips) -> None:
    saved: list[int] = []
    hooks = Hooks(save=lambda state: saved.append(state["step"]), save_every_s=-1)
    text = raised(lambda: ran(clips, replace(CONFIG, learning_rate=1e30), hooks=hooks))
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
    text = raised(lambda: ran(clips, hooks=hooks))
    assert text == "a weight became infinite or NaN at step 5, in epoch 2"
    assert saved == [1, 2, 3, 4]


def test_losses_wait_on_the_device_until_they_are_told(clips: RaggedClips) -> None:
    seen = logs_of(clips, CONFIG, log_every=5, log_every_s=1e9)
    assert [log.step for log in seen] == [5, 10, TOTAL]
    assert [len(log.losses) for log in seen] == [5, 5, 2]
    one_by_one = [row for log in logs_of(clips, CONFIG) for row in log.losses]
    assert [row for log in seen for row in log.losses] == one_by_one


def test_a_nan_between_two_logs_is_told_with_its_own_step(clips: RaggedClips) -> None:
    text = raised(lambda: logs_of(clips, replace(CONFIG, learning_rate=1e30), log_every_s=1e9, log_every=50))
    assert "at step 2, in epoch 1" in text


def test_the_model_is_watched_in_evaluation_mode_and_goes_on_the_same(clips: RaggedClips) -> None:
    seen: list[tuple[int, bool]] = []
    hooks = Hooks(watch=lambda model, step: seen.append((step, model.training)), watch_every=4)
    watched = ran(clips, hooks=hooks)
    assert seen == [(4, False), (8, False), (12, False)]
    assert_same_bits(watched, ran(clips))


@pytest.mark.parametrize(
    ("given", "epoch", "rate"),
    [
        ({}, 0, 1.0),
        ({}, 77.9, 1.0),
        ({}, 78, 0.1),
        ({"schedule": "cosine"}, 0, 1.0),
        ({"schedule": "cosine"}, 50, 0.5),
        ({"schedule": "cosine"}, 100, 0.0),
        ({"warmup_epochs": 10}, 0, 0.0),
        ({"warmup_epochs": 10}, 5, 0.5),
        ({"warmup_epochs": 10}, 10, 1.0),
        ({"schedule": "cosine", "warmup_epochs": 50}, 25, 0.5 * 0.5 * (1 + 0.5**0.5)),
    ],
)
def test_the_learning_rate_at_a_point_of_the_run(given: dict[str, Any], epoch: float, rate: float) -> None:
    config = TrainConfig(epochs=100, learning_rate=3.0, drop_at=0.78, **given)
    assert config.rate_at(epoch) == pytest.approx(3 * rate)


TUNED = replace(CONFIG, epochs=2, tune_epochs=2)


def test_tuning_comes_after_pre_training(clips: RaggedClips) -> None:
    seen = logs_of(clips, TUNED)
    assert [log.step for log in seen] == list(range(1, TOTAL + 1))
    assert [set(log.losses[0]) for log in seen[6:]] == [{"loss"}] * 6
    assert [log.learning_rate for log in seen[6:]] == [TUNED.tune_rate] * 6
    assert [log.losses for log in seen[:6]] == [
        log.losses for log in logs_of(clips, replace(TUNED, tune_epochs=0))
    ]
    before, after = ran(clips, replace(TUNED, tune_epochs=0)), ran(clips, TUNED)
    changed = {n for n, p in after.state_dict().items() if not torch.equal(p, before.state_dict()[n])}
    assert changed == {n for n, _ in after.encoder.named_parameters(prefix="encoder")}


def test_tuning_that_is_stopped_anywhere_goes_on_with_the_same_bits(clips: RaggedClips) -> None:
    files: list[io.BytesIO] = []

    def save(state: dict[str, Any]) -> None:
        files.append(io.BytesIO())
        torch.save(state, files[-1])

    whole = ran(clips, TUNED, hooks=Hooks(save=save, save_every_s=-1))
    for step in (3, 6, 7, 10):  # in pre-training, at its end, in tuning
        torch.randn(5)
        assert_same_bits(ran(clips, TUNED, state=from_file(files[step - 1])), whole)


def test_one_modality_alone_is_trained_on_two_views_of_it(clips: RaggedClips) -> None:
    config = ModelConfig(width=16, projection=32, modalities=("bone",))
    seen: list[Log] = []
    model = train(
        clips, config, replace(CONFIG, epochs=1), device=CPU, hooks=Hooks(log=seen.append, log_every=1)
    )
    assert list(model.projectors) == list(model.encoder.embeddings) == ["bone"]
    assert all(row["inter"] == 0 < row["intra"] for log in seen for row in log.losses)
    batch = clips.resized(torch.arange(3))
    with torch.inference_mode():
        y = model.encoder.embed_many(batch, ("bone", "fused"))
        assert torch.equal(y["bone"], y["fused"])
    text = raised(lambda: model.encoder(batch, "joint"))
    assert text == (
        "the encoder was trained on bone and cannot embed joint: choose --modality bone or fused, or another --encoder"
    )


def test_one_clip_is_too_few() -> None:
    one = RaggedClips.of([np.ones((4, 1, 25, 3), np.float32)])
    assert raised(lambda: ran(one)) == (
        "training needs at least 2 clips, there are 1: choose another dataset or protocol"
    )


@pytest.mark.parametrize("given", [{"epochs": 0}, {"batch_size": 1}])
def test_a_schedule_that_cannot_be(given: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"epochs >= 1 and batch_size >= 2, got"):
        replace(CONFIG, **given)  # type: ignore[arg-type]


def test_bf16_runs_and_differs(clips: RaggedClips) -> None:
    short = replace(CONFIG, epochs=1)
    whole, half = (logs_of(clips, replace(short, precision=p)) for p in ("float32", "bf16"))
    assert half[0].losses[0]["loss"] == pytest.approx(whole[0].losses[0]["loss"], rel=0.05)
    assert half[0].losses[0]["loss"] != whole[0].losses[0]["loss"]


def test_a_cpu_does_not_compile(clips: RaggedClips) -> None:
    assert "leave out --compile" in raised(lambda: ran(clips, replace(CONFIG, compile=True)))
