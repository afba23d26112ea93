"""Pre-training, then contrastive tuning: stopped anywhere, the bits stay the same."""

import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from short_runs import CONFIG, TOTAL, assert_same_bits, catch_line, from_file, logs_of, run_training

from encoder import stages
from encoder.batches import Plan, draw_batch
from encoder.distributed import ALONE
from encoder.model import ModelConfig, UmURL
from encoder.nearest_neighbour_tuning import SEEKING, SOUGHT, Tuner
from encoder.ragged import RaggedClips
from encoder.train import Hooks, Log, train

CPU = torch.device("cpu")
TUNED = replace(CONFIG, epochs=2, tune_epochs=2)


def test_tuning_comes_after_pre_training(clips: RaggedClips) -> None:
    seen = logs_of(clips, TUNED)
    assert [log.step for log in seen] == list(range(1, TOTAL + 1))
    assert [set(log.losses[0]) for log in seen[6:]] == [{"loss"}] * 6
    assert [log.learning_rate for log in seen[6:]] == [TUNED.tune_rate] * 6
    assert [log.losses for log in seen[:6]] == [
        log.losses for log in logs_of(clips, replace(TUNED, tune_epochs=0))
    ]
    before, after = run_training(clips, replace(TUNED, tune_epochs=0)), run_training(clips, TUNED)
    changed = {n for n, p in after.state_dict().items() if not torch.equal(p, before.state_dict()[n])}
    assert changed == {n for n, _ in after.encoder.named_parameters(prefix="encoder")}


def test_tuning_that_is_stopped_anywhere_goes_on_with_the_same_bits(clips: RaggedClips) -> None:
    files: list[io.BytesIO] = []

    def save(state: dict[str, Any]) -> None:
        files.append(io.BytesIO())
        torch.save(state, files[-1])

    whole = run_training(clips, TUNED, hooks=Hooks(save=save, save_every_s=-1))
    for step in (3, 6, 7, 10):  # in pre-training, at its end, in tuning
        torch.randn(5)
        assert_same_bits(run_training(clips, TUNED, state=from_file(files[step - 1])), whole)


def test_one_modality_alone_is_trained_on_two_views_of_it(clips: RaggedClips) -> None:
    config = ModelConfig(width=16, projection=32, modalities=("bone",))
    seen: list[Log] = []
    model = train(
        clips, config, replace(CONFIG, epochs=1), device=CPU, hooks=Hooks(log=seen.append, log_every=1)
    )
    assert list(model.projectors) == list(model.encoder.embeddings) == ["bone"]
    assert all(row["inter"] == 0 < row["intra"] for log in seen for row in log.losses)
    batch = clips.resize(torch.arange(3))
    with torch.inference_mode():
        y = model.encoder.embed_many(batch, ("bone", "fused"))
        assert torch.equal(y["bone"], y["fused"])
    text = catch_line(lambda: model.encoder(batch, "joint"))
    assert text == (
        "the encoder was trained on bone and cannot embed joint; choose --modality bone or fused, or another encoder"
    )


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_compiled_step_of_a_shape_is_one_graph(
    precision: Any, clips: RaggedClips, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As torch traces it; what it breaks at goes to the host and back at every step."""
    graphs: list[torch.fx.GraphModule] = []

    def note(graph: torch.fx.GraphModule, inputs: object) -> Callable[..., Any]:
        graphs.append(graph)
        return graph.forward

    monkeypatch.setattr(
        stages,
        "_compile_if_asked",
        lambda function, config, processes: torch.compile(function, dynamic=False, backend=note),
    )
    torch._dynamo.reset()
    config = replace(TUNED, precision=precision)
    model, plan = UmURL(ModelConfig(width=16, projection=32)).train(), Plan.of(clips, config, ALONE)
    generator = torch.Generator().manual_seed(0)
    for epoch in (0, config.epochs):
        stage = stages.stage_of(epoch, model, config, plan, CPU, ALONE)
        order = replace(plan.order(0, CPU), singles=[2, 2, 0])
        counts = []
        for step in range(3):
            drawn = draw_batch(clips, order, step, stage.names, generator)
            stage.terms(clips, drawn, step + epoch * plan.steps_per_epoch)["loss"].backward()  # type: ignore[no-untyped-call]
            counts.append(len(graphs))
        assert counts == [1, 1, 2], epoch
        graphs.clear()


def test_tuning_in_bf16_reaches_every_weight_of_the_encoder(clips: RaggedClips) -> None:
    """Older torch uses the casts of a pass without gradient again in one with it, which then has none."""
    tuner = Tuner(UmURL(ModelConfig(width=16, projection=32), with_projectors=False), queue=8).train()
    views = {name: clips.resize(torch.tensor([0, 1, 2]), people=1) for name in (SOUGHT, SEEKING)}
    with torch.autocast("cpu", dtype=torch.bfloat16):
        sought, seeking = tuner([views])
    assert not sought.requires_grad
    torch.stack([rows.sum() for rows in seeking.values()]).sum().backward()  # type: ignore[no-untyped-call]
    assert [name for name, p in tuner.named_parameters() if p.grad is None] == []
