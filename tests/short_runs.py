"""Short trainings of a small network, without a library."""

import io
from collections.abc import Callable
from typing import Any

import pytest
import torch

from encoder.errors import UmurlError
from encoder.model import ModelConfig, UmURL
from encoder.ragged import RaggedClips
from encoder.schedule import TrainConfig
from encoder.train import Hooks, Log, train
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


def run_training(clips: RaggedClips, config: TrainConfig = CONFIG, **given: Any) -> UmURL:
    return train(clips, MODEL, config, device=CPU, **given)


def assert_same_bits(a: UmURL, b: UmURL) -> None:
    assert a.state_dict().keys() == b.state_dict().keys()
    for name, tensor in a.state_dict().items():
        assert torch.equal(tensor, b.state_dict()[name]), name


def from_file(file: io.BytesIO) -> dict[str, Any]:
    file.seek(0)
    state: dict[str, Any] = torch.load(file, weights_only=True)
    return state


def logs_of(clips: RaggedClips, config: TrainConfig, **given: Any) -> list[Log]:
    seen: list[Log] = []
    run_training(clips, config, hooks=Hooks(**{"log": seen.append, "log_every": 1, **given}))
    return seen


def catch_line(call: Callable[[], object]) -> str:
    with pytest.raises(UmurlError) as error:
        call()
    assert "\n" not in error.value.typed
    return error.value.typed
