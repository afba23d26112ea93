"""What a step of pre-training may cost, and that it is one graph without a break.

Guards encoder/model.py, encoder/losses.py and encoder/stages.py: counted, never timed.
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from counted_work import Work, count_work
from torch._subclasses.fake_tensor import FakeTensorMode

import encoder.model
from encoder.batches import Order, Plan, draw_batch
from encoder.distributed import ALONE
from encoder.losses import umurl_losses
from encoder.model import ModelConfig, UmURL, attend
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.stages import Pretraining, Tuning, stage_of

CPU = torch.device("cpu")
BATCH = 512


def count_step(people: int) -> Work:
    """Of the paper's network in bf16, on clips that are augmented already."""
    with FakeTensorMode():
        model = UmURL(ModelConfig()).train()
        views = {name: torch.randn(BATCH, 64, people, 25, 3) for name in model.config.subsets}

        def forward() -> torch.Tensor:
            with torch.autocast("cpu", dtype=torch.bfloat16):
                own, fused = model([views])
            return umurl_losses(own, fused).total

        return count_work(forward, model.parameters())


@pytest.mark.parametrize(
    ("people", "flop", "kept"), [(2, 23.7e9, 6.4e9), (1, 18.8e9, 5.1e9)], ids=["two people", "one"]
)
def test_a_step_of_the_paper_stays_within_its_budget(
    people: int, flop: float, kept: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU: attention in batched products, all batches at once."""
    monkeypatch.setattr(encoder.model, "FUSED_AT_ANY_WIDTH", frozenset())
    monkeypatch.setattr(encoder.model, "ONE_AFTER_THE_OTHER", frozenset())
    work = count_step(people)
    assert work.launches <= 530
    assert work.flop / BATCH == pytest.approx(flop, rel=0.01)
    assert work.kept <= kept


@pytest.mark.parametrize("masked", [False, True])
def test_batched_products_attend_as_fused_kernels_do(masked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    q, k, v = torch.randn(3, 2, 1, 26, 512, generator=torch.Generator().manual_seed(0))
    mask = torch.linspace(-1, 3, 26).expand(26, 26) if masked else None
    fused = attend(q, k, v, mask)
    monkeypatch.setattr(encoder.model, "FUSED_AT_ANY_WIDTH", frozenset())
    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", None)
    torch.testing.assert_close(attend(q, k, v, mask), fused)


def test_all_at_once_is_one_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """The passes of the network and its projectors: projections, gradients and statistics."""
    found = []
    for place in ({"cpu"}, set[str]()):
        monkeypatch.setattr(encoder.model, "ONE_AFTER_THE_OTHER", frozenset(place))
        torch.manual_seed(0)
        model = UmURL(ModelConfig(width=16, projection=24)).train()
        views = {name: torch.randn(6, 64, 2, 25, 3) for name in model.config.subsets}
        own, fused = model([views])
        umurl_losses(own, fused).total.backward()  # type: ignore[no-untyped-call]
        gradients = {name: p.grad for name, p in model.named_parameters()}
        found.append((own, fused, gradients, dict(model.named_buffers())))
    torch.testing.assert_close(*found, rtol=1e-4, atol=1e-5)


def made_clips() -> RaggedClips:
    """Two in five of two people."""
    rng = np.random.default_rng(0)
    shapes = [(int(rng.integers(40, 125)), 2 if i % 5 < 2 else 1, 25, 3) for i in range(64)]
    return RaggedClips.of([(0.3 * rng.standard_normal(shape)).astype(np.float32) for shape in shapes])


CLIPS = made_clips()
CONFIG = TrainConfig(epochs=2, tune_epochs=1, batch_size=32, precision="bf16", compile=True)


@pytest.mark.parametrize("epoch", [0, 2], ids=["pre-training", "tuning"])
def test_augmentation_network_and_loss_are_one_graph(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[torch.fx.GraphModule] = []

    def keep(graph: torch.fx.GraphModule, inputs: Any) -> Any:
        compiled.append(graph)
        return graph

    compile_with = torch.compile
    monkeypatch.setattr(
        torch,
        "compile",
        lambda f, *, dynamic, options: compile_with(f, backend=keep, fullgraph=True, dynamic=dynamic),
    )
    plan = Plan.of(CLIPS, CONFIG, ALONE)
    stage = stage_of(epoch, UmURL(ModelConfig(width=16, projection=32)), CONFIG, plan, CPU, ALONE)
    assert isinstance(stage, Tuning if epoch else Pretraining)
    order, generator = fixed_order(plan), torch.Generator().manual_seed(0)
    for step in range(3):
        terms = stage.terms(CLIPS, draw_batch(CLIPS, order, step % 2, stage.names, generator), step)
        terms["loss"].backward()  # type: ignore[no-untyped-call]
    assert len(compiled) == 1
    calls = [str(node.target) for node in compiled[0].graph.nodes if node.op == "call_function"]
    assert not [call for call in calls if "tensor" in call.split(".")[-1].split(" ")[0]]
    plain = stage_of(
        epoch, UmURL(ModelConfig(width=16, projection=32)), replace(CONFIG, compile=False), plan, CPU, ALONE
    )
    plain.module.load_state_dict(stage.module.state_dict())
    drawn = draw_batch(CLIPS, order, 0, stage.names, generator)
    torch.testing.assert_close(stage.terms(CLIPS, drawn, 3), plain.terms(CLIPS, drawn, 3))


def fixed_order(plan: Plan) -> Order:
    """As a GPU's."""
    order = plan.order(0, CPU)
    return replace(order, singles=[8] * len(order.singles))
