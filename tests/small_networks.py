"""Small networks and clips to embed."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from encoder.model import ModelConfig, UmURL
from umurl_search.clips.normalization import normalise
from umurl_search.synthetic.demo_corpus import make_clip

SMALL = ModelConfig(width=16, projection=24)


def made_clips(people: int) -> list[np.ndarray]:
    """Demo clips; of two people: action 23 on."""
    names = [f"S001C{c:03d}P{p:03d}R001A{a:03d}" for a in (1, 7, 28) for p in (1, 2) for c in (1, 3)]
    clips = [normalise(make_clip(name)) for name in names]
    return [clip for clip in clips if clip.shape[1] == people]


def moved_model(**given: object) -> UmURL:
    """A network whose biases and norms are not what they start as."""
    torch.manual_seed(0)
    model = UmURL(ModelConfig(**{"width": 64, **given}), with_projectors=False).eval()  # type: ignore[arg-type]
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model


def model(config: ModelConfig = SMALL, *, seed: int = 0) -> UmURL:
    torch.manual_seed(seed)
    made = UmURL(config)
    with torch.no_grad():  # initial biases are zero and norms one: nothing would notice them missing
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made.eval()


def clips(n: int, people: int, *, seed: int = 1) -> Tensor:
    return torch.randn(n, 64, people, 25, 3, generator=torch.Generator().manual_seed(seed))


def assert_close(got: Tensor, want: Tensor) -> None:
    distance = (got - want).norm(dim=-1) / want.norm(dim=-1)
    assert float(distance.max()) < 2e-6


def clip(n_frames: int, people: int = 2, *, seed: int = 0) -> NDArray[np.float32]:
    shape = (n_frames, people, 25, 3)
    return np.random.default_rng((seed, n_frames, people)).normal(size=shape).astype(np.float32)
