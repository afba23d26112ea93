"""A whole run on a device that is apart from the CPU.

Guards encoder/train.py, encoder/finetune.py, encoder/probe.py and what they call: the same losses, nothing left behind,
no step that waits.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Any

import pytest
import torch
from short_runs import CONFIG
from values_on_device import Crossings

from encoder.finetune import FinetuneConfig, finetune
from encoder.model import ModelConfig, UmURL
from encoder.probe import ProbeConfig, probe
from encoder.ragged import RaggedClips
from encoder.train import Hooks, Log, train

CPU = torch.device("cpu")
MODEL = ModelConfig(width=16, projection=32)
STEPS = 3
"""An epoch."""
TUNED = replace(CONFIG, epochs=2, tune_epochs=2)
Device = tuple[torch.device, Crossings]


class Chance:
    """In the place of a generator of the device."""

    def __init__(self, device: torch.device) -> None:
        self.device, self.drawn = device, torch.Generator()

    def manual_seed(self, seed: int) -> "Chance":
        self.drawn.manual_seed(seed)
        return self

    def get_state(self) -> torch.Tensor:
        return self.drawn.get_state()


@pytest.fixture
def there(device: Device, monkeypatch: pytest.MonkeyPatch) -> Iterator[Device]:
    """The device, on which networks can be trained."""
    place, crossings = device
    generator, rand = torch.Generator, torch.rand

    def draw(*shape: int, generator: Any, device: torch.device) -> torch.Tensor:
        assert generator.device == device
        return rand(*shape, generator=getattr(generator, "drawn", generator), device=device)

    monkeypatch.setattr(torch, "rand", draw)

    class Generator(generator):  # type: ignore[misc, valid-type]
        def __new__(cls, device: torch.device = CPU) -> Any:
            return Chance(device) if device == place else generator(device)

    monkeypatch.setattr(torch, "Generator", Generator)
    module = getattr(torch, place.type)
    monkeypatch.setattr(module, "get_amp_supported_dtype", lambda: [torch.bfloat16], raising=False)
    before = torch.__future__.get_overwrite_module_params_on_conversion()
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    yield place, crossings
    torch.__future__.set_overwrite_module_params_on_conversion(before)


def run(clips: RaggedClips, device: torch.device, **hooks: Any) -> list[Log]:
    logs: list[Log] = []
    train(clips, MODEL, TUNED, device=device, hooks=Hooks(log=logs.append, **hooks))
    return logs


def test_a_run_has_the_losses_of_one_on_the_cpu(clips: RaggedClips, there: Device) -> None:
    ours, theirs = (run(clips, device, log_every=1) for device in (there[0], CPU))
    assert len(ours) == len(theirs) > 6
    for one, two in zip(ours, theirs, strict=True):
        assert one.losses[0] == pytest.approx(two.losses[0], rel=1e-3)


def test_no_step_waits_for_the_device(clips: RaggedClips, there: Device) -> None:
    place, crossings = there
    seen: list[tuple[int, int, int]] = []

    def look() -> bool:
        seen.append((len(crossings.up), len(crossings.down), crossings.asked))
        return False

    run(clips, place, log_every=10**6, log_every_s=10**6, should_stop=look)
    crossed = {
        step: tuple(b - a for a, b in zip(before, after, strict=True))
        for step, (before, after) in enumerate(pairwise(seen), start=1)
    }
    a_new_order = {step: n for step, n in crossed.items() if step % STEPS == 0}
    assert set(a_new_order) == {3, 6, 9}
    assert [n for step, n in a_new_order.items() if step != 6] == [
        (1, 0, 0)
    ] * 2  # tuning has a network of its own
    assert {step: n for step, n in crossed.items() if step % STEPS} == dict.fromkeys(
        (1, 2, 4, 5, 7, 8, 10, 11), (0, 0, 0)
    )


def test_fine_tuning_has_the_scores_of_one_on_the_cpu_and_waits_once_an_epoch(
    clips: RaggedClips, there: Device
) -> None:
    place, crossings = there
    torch.manual_seed(0)
    model, labels = UmURL(MODEL).eval(), torch.arange(len(clips)) % 3
    config = FinetuneConfig(epochs=2, least_steps=0, batch_size=5, tests=1, learning_rate=1e-3)
    seen: list[tuple[int, int, int]] = []

    def look(step: int) -> None:
        seen.append((len(crossings.up), len(crossings.down), crossings.asked))

    scores = [
        list(
            finetune(
                model,
                clips,
                labels,
                clips,
                modality="fused",
                n_classes=3,
                config=config,
                device=device,
                on_step=look,
            )
        )[-1]
        for device in (place, CPU)
    ]
    torch.testing.assert_close(scores[0].scores.cpu(), scores[1].scores, rtol=1e-3, atol=1e-4)
    steps = [tuple(b - a for a, b in zip(*pair, strict=True)) for pair in pairwise(seen[:6])]
    between_epochs = steps.pop(2)
    assert steps == [(0, 0, 0)] * 4
    assert between_epochs == (1, 0, 1)  # the next order of clips; whether the loss is finite


def test_a_probe_has_the_scores_of_one_on_the_cpu_and_waits_once_an_epoch(there: Device) -> None:
    place, crossings = there
    rows = torch.randn(40, 16, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(40) % 4
    config = ProbeConfig(epochs=5, batch_size=16, test_every=5)
    seen: list[tuple[int, int, int]] = []

    def look(epoch: int) -> None:
        seen.append((len(crossings.up), len(crossings.down), crossings.asked))

    scores = [
        list(probe(rows, labels, rows, n_classes=4, config=config, device=device, on_epoch=look))[-1]
        for device in (place, CPU)
    ]
    torch.testing.assert_close(scores[0].scores.cpu(), scores[1].scores, rtol=1e-4, atol=1e-5)
    assert [tuple(b - a for a, b in zip(*pair, strict=True)) for pair in pairwise(seen[:5])] == [
        (1, 0, 1)
    ] * 4
