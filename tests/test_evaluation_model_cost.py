"""Counted costs against torch's own counter and the gradients' reach, and the published figures."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from encoder.errors import UmurlError
from encoder.modality_sets import ALL, members
from encoder.model import ModelConfig, UmURL
from umurl_search.evaluation import model_cost
from umurl_search.evaluation.model_cost import LATE_FUSED, CostRequest, cost_table, flops, parameters
from umurl_search.library.library import Library
from umurl_search.progress import Advance

PAPER = ModelConfig(width=1024)
CONFIGS = (ModelConfig(width=16), ModelConfig(width=24, heads=3, layers=2))
NONE = Library(Path("no-library"))


def clip(people: int) -> torch.Tensor:
    return torch.randn(1, 64, people, 25, 3, generator=torch.Generator().manual_seed(0))


def count_flops(model: UmURL, subset: str, people: int) -> int:
    """What torch counts in the products of a forward pass; attention is written out, which it can count."""
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        model.encoder(clip(people), subset)
    return int(counter.get_total_flops())


@pytest.mark.parametrize("people", [1, 2])
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"width {config.width}")
def test_operations_are_those_that_torch_counts(config: ModelConfig, people: int) -> None:
    model = UmURL(config, with_projectors=False).eval()
    ours = {subset: flops(config, members(subset), people=people) for subset in ALL}
    assert ours == {subset: count_flops(model, subset, people) for subset in ALL}


def test_the_papers_network_costs_what_torch_counts_and_what_was_published() -> None:
    model = UmURL(PAPER, with_projectors=False).eval()
    one, fused = (flops(PAPER, members(subset)) for subset in ("joint", "fused"))
    assert (one, fused) == (count_flops(model, "joint", 2), count_flops(model, "fused", 2))
    assert (round(one / 1e9, 2), round(3 * one / 1e9, 2)) == (1.74, 5.22)
    assert round(fused / 1e9, 1) == 2.5
    assert round(parameters(PAPER, members("fused")) / 1e6, 2) == 22.07
    assert parameters(PAPER, members("fused")) == sum(p.numel() for p in model.encoder.parameters())


@pytest.mark.parametrize("subset", ALL)
@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: f"width {config.width}")
def test_parameters_are_those_that_a_gradient_reaches(config: ModelConfig, subset: str) -> None:
    model = UmURL(config, with_projectors=False)
    model.encoder(clip(2), subset).sum().backward()
    reached = sum(p.numel() for p in model.encoder.parameters() if p.grad is not None)
    assert parameters(config, members(subset)) == reached


# the table


def test_the_table_of_a_preset() -> None:
    table = cost_table(NONE, CostRequest(preset="paper", clips=None))
    assert (table["encoder"], table["preset"], table["width"], table["dimension"]) == (
        None,
        "paper",
        1024,
        2048,
    )
    rows = {row["subset"]: row for row in table["rows"]}
    assert list(rows) == [*ALL, LATE_FUSED]
    assert {row["clips_per_s"] for row in table["rows"]} == {None}
    assert table["measured"] is None
    for field in ("parameters", "flops"):
        assert rows[LATE_FUSED][field] == sum(rows[m][field] for m in ("joint", "bone", "motion"))
    assert [row["models"] for row in table["rows"]] == [1] * 7 + [3]


def test_one_person_costs_less_than_two() -> None:
    one, two = (
        cost_table(NONE, CostRequest(preset="tiny", people=people, clips=None))["rows"] for people in (1, 2)
    )
    assert all(a["flops"] < b["flops"] for a, b in zip(one, two, strict=True))
    assert [row["parameters"] for row in one] == [row["parameters"] for row in two]


def test_a_uni_modal_encoder_has_no_late_fusion(monkeypatch: pytest.MonkeyPatch) -> None:
    alone = UmURL(replace(CONFIGS[0], modalities=("bone",)), with_projectors=False).eval()
    monkeypatch.setattr(model_cost, "_model", lambda library, request: alone)
    (row,) = cost_table(NONE, CostRequest(clips=None))["rows"]
    trainable = sum(p.numel() for p in alone.encoder.parameters() if p.requires_grad)
    assert (row["subset"], row["parameters"]) == ("bone", trainable)
    assert row["flops"] == count_flops(alone, "bone", 2)


def test_speed_is_the_median_of_runs_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a clock whose runs take 100, 1, 4, 2 s: 8 clips at the median of 2 s are 4 clips/s."""
    clock = iter(t for start in range(0, 4000, 500) for t in runs(start))
    monkeypatch.setattr("umurl_search.evaluation.model_cost.time.perf_counter", lambda: next(clock))
    told: list[int] = []

    @contextmanager
    def progress(title: str, *, total: int, unit: str) -> Iterator[Advance]:
        told.append(-total)
        yield lambda n, note="": told.append(n)

    request = CostRequest(clips=8, device="cpu", people=1)
    table = cost_table(NONE, request, progress=progress)
    assert {row["clips_per_s"] for row in table["rows"]} == {4.0}
    assert table["measured"] == {
        "device": "cpu",
        "threads": torch.get_num_threads(),
        "clips": 8,
        "repeats": model_cost.REPEATS,
    }
    assert (table["encoder"], table["width"]) == ("shipped", 256)
    assert sum(told) == 0


def runs(start: float) -> Iterator[float]:
    """Begin and end of four runs, one after another."""
    for took in (100, 1, 4, 2):
        yield from (start, start + took)
        start += took


def test_late_fusion_runs_a_model_for_each_modality(monkeypatch: pytest.MonkeyPatch) -> None:
    ran: list[tuple[int, str, int]] = []

    def watch(model: UmURL, clips: list[object], *, modalities: tuple[str, ...], device: object) -> None:
        ran.append((id(model), modalities[0], len(clips)))

    monkeypatch.setattr(model_cost, "embed", watch)
    cost_table(NONE, CostRequest(preset="tiny", clips=3, device="cpu"))
    late = ran[-3:]
    assert [(modality, n) for _, modality, n in late] == [("joint", 3), ("bone", 3), ("motion", 3)]
    assert len({model for model, _, _ in ran}) == 4
    assert len(ran) == (7 + 3) * (model_cost.REPEATS + 1)


def test_an_unknown_encoder() -> None:
    with pytest.raises(UmurlError, match="no encoder 'x'; there are shipped"):
        cost_table(NONE, CostRequest(encoder="x"))
