"""UmURL as one would write it plainly, to measure against: torch's own layers, four two-person views a clip
augmented one by one in a DataLoader, float32, the D x D covariance."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from encoder.skeleton import PARENTS

BASE = ("joint", "bone", "motion")
Clip = NDArray[np.float32]


class PlainEncoder(nn.Module):
    """Two embeddings a modality, a fusion, two transformer layers, a maximum over tokens."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.temporal_embedding = nn.ModuleDict({m: _embedding(150, width) for m in BASE})
        self.spatial_embedding = nn.ModuleDict({m: _embedding(192, width) for m in BASE})
        self.temporal_fusion = nn.Linear(width, width, bias=False)
        self.spatial_fusion = nn.Linear(width, width, bias=False)
        self.temporal = nn.TransformerEncoderLayer(width, 1, width, dropout=0.0, batch_first=True)
        self.spatial = nn.TransformerEncoderLayer(width, 1, width, dropout=0.0, batch_first=True)
        self.position = nn.Parameter(torch.zeros(64, width), requires_grad=False)

    def forward(self, clips: Tensor, modality: str) -> Tensor:
        """clips: (N, T, M, V, C). Returns y (N, 2 * width)."""
        parts = BASE if modality == "fused" else (modality,)
        views = [modality_of(clips, m) for m in parts]
        temporal = [self.temporal_embedding[m](x.flatten(2)) for m, x in zip(parts, views, strict=True)]
        spatial = [
            self.spatial_embedding[m](x.permute(0, 2, 3, 1, 4).flatten(3).flatten(1, 2))
            for m, x in zip(parts, views, strict=True)
        ]
        t, s = torch.stack(temporal).mean(0), torch.stack(spatial).mean(0)
        if len(parts) > 1:
            t, s = self.temporal_fusion(t), self.spatial_fusion(s)
        t, s = self.temporal(t + self.position), self.spatial(s)
        return torch.cat([t.amax(1), s.amax(1)], dim=1)


def _embedding(n_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, width), nn.LayerNorm(width), nn.ReLU(), nn.Linear(width, width))


def modality_of(clips: Tensor, modality: str) -> Tensor:
    if modality == "bone":
        return clips - clips[:, :, :, list(PARENTS)]
    if modality == "motion":
        return torch.cat([clips[:, 1:] - clips[:, :-1], torch.zeros_like(clips[:, :1])], dim=1)
    return clips


class PlainClips(Dataset[tuple[Tensor, ...]]):
    """Four views of a clip, each cropped, resized and augmented for itself."""

    def __init__(self, clips: list[Clip]) -> None:
        self._clips = [np.pad(c, ((0, 0), (0, 2 - c.shape[1]), (0, 0), (0, 0))) for c in clips]
        self._rng = np.random.default_rng(0)

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, i: int) -> tuple[Tensor, ...]:
        return tuple(self._view(self._clips[i]) for _ in range(4))

    def _view(self, clip: Clip) -> Tensor:
        rng, n = self._rng, len(clip)
        length = min(n, max(64, int(n * rng.uniform(0.1, 1))))
        first = rng.integers(0, n - length + 1)
        part = torch.from_numpy(clip[first : first + length]).reshape(1, length, -1).transpose(1, 2)
        view = functional.interpolate(part, 64, mode="linear", align_corners=False)
        view = view.transpose(1, 2).reshape(64, 2, 25, 3).clone()
        if rng.random() < 0.5:
            joints = rng.permutation(25)[:15].copy()
            mixing = torch.from_numpy(rng.uniform(-1, 1, (3, 3)).astype(np.float32))
            view[:, :, joints] = 0 if rng.random() < 0.5 else view[:, :, joints] @ mixing
            return view
        shear = rng.uniform(-1, 1, (3, 3)).astype(np.float32)
        np.fill_diagonal(shear, 1)
        return view @ torch.from_numpy(shear).T


class PlainTraining:
    """The network, its projectors and an optimiser; `step` takes a batch of the loader."""

    def __init__(self, width: int, projection: int) -> None:
        self.encoder = PlainEncoder(width)
        d = 2 * width
        self.projectors = nn.ModuleDict(
            {
                m: nn.Sequential(
                    nn.Linear(d, d),
                    nn.BatchNorm1d(d),
                    nn.ReLU(),
                    nn.Linear(d, d),
                    nn.BatchNorm1d(d),
                    nn.ReLU(),
                    nn.Linear(d, projection),
                )
                for m in BASE
            }
        )
        parameters = [*self.encoder.parameters(), *self.projectors.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=5e-4, weight_decay=1e-5)

    def step(self, views: list[Tensor]) -> float:
        z = [self.projectors[m](self.encoder(view, m)) for m, view in zip(BASE, views, strict=False)]
        y = self.encoder(views[3], "fused")
        u = [self.projectors[m](y) for m in BASE]
        mean = torch.stack(z).mean(0)
        pulls = [functional.mse_loss(a, b) for a, b in zip(z, u, strict=True)]
        pulls += [functional.mse_loss(a, mean) for a in z]
        spreads = [variance_covariance(x) for x in [*z, *u]]
        loss = 5 * torch.stack(pulls).sum() + torch.stack(spreads).sum()
        self.optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimiser.step()
        return float(loss.detach())


def variance_covariance(x: Tensor) -> Tensor:
    centred = x - x.mean(0)
    covariance = centred.T @ centred / (len(x) - 1)
    off = covariance - torch.diag(torch.diagonal(covariance))
    return 5 * functional.relu(1 - torch.sqrt(x.var(0) + 1e-4)).mean() + off.square().sum() / x.shape[1]


def batches(clips: list[Clip], batch: int) -> Iterator[list[Tensor]]:
    """Without end."""
    loader = DataLoader(PlainClips(clips), batch_size=batch, shuffle=True, drop_last=True)
    while True:
        yield from loader
