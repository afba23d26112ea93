"""The UmURL network (paper, sections 3.1 and 3.2; sizes as in the released code).

Letters: N clips, T = 64 frames, M people, V = 25 joints, C = 3, W width, D = 2 * W embedding.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder.distributed import normalise_together
from encoder.errors import Hint, UmurlError
from encoder.modalities import spatial_tokens, temporal_tokens, to_modality
from encoder.modality_sets import BASE, FUSED, members
from encoder.skeleton import N_FRAMES, N_JOINTS, N_PEOPLE, PARENTS

WIDEST_FUSED_HEAD = 256
"""GPUs have fused kernels of attention for heads of up to this width."""
FUSED_AT_ANY_WIDTH = frozenset({"cpu"})
"""Devices that have them for all."""
ONE_AFTER_THE_OTHER = frozenset({"cpu"})
"""Devices on which batches pass the layers one by one, so that each stays in the caches."""

View = Mapping[str, Tensor]
"""A view a modality and one for the fused pass, each (B, T, M, V, C)."""


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """width: W, the embedding is 2 * W. projection: size of a projector's output (pre-training only).

    modalities: what it is trained on and reads; fused is all of them. With one alone it is the uni-modal
    encoder that the paper compares with.
    """

    width: int = 1024
    heads: int = 1
    layers: int = 1
    projection: int = 4096
    modalities: tuple[str, ...] = BASE

    def __post_init__(self) -> None:
        if min(self.width, self.heads, self.layers, self.projection) < 1 or self.width % (2 * self.heads):
            raise ValueError(f"sizes are positive and width is a multiple of 2 * heads, got {self}")
        known = tuple(m for m in BASE if m in self.modalities)
        if not known or len(known) != len(self.modalities):
            raise ValueError(f"modalities are some of {', '.join(BASE)}, got {self.modalities}")
        object.__setattr__(self, "modalities", known)  # in the order of BASE, and a tuple when read from JSON

    @property
    def subsets(self) -> tuple[str, ...]:
        """What an index of its embeddings holds: each of its modalities, and all fused."""
        return (*self.modalities, FUSED)

    def parts(self, modality: str) -> tuple[str, ...]:
        """The base modalities of a subset. Raises UmurlError when the encoder was not made for them."""
        parts = self.modalities if modality == FUSED else members(modality)
        if missing := [m for m in parts if m not in self.modalities]:
            raise UmurlError(
                f"the encoder was trained on {'+'.join(self.modalities)} and cannot embed {'+'.join(missing)}",
                Hint(f"choose {{option}} {' or '.join(self.subsets)}, or another encoder", option="modality"),
            )
        return parts

    @property
    def dimension(self) -> int:
        return 2 * self.width


class ModalityEmbedding(nn.Module):
    """Tokens of one modality to width W, separately for the temporal and the spatial stream."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.temporal = _token_embedding(N_PEOPLE * N_JOINTS * 3, width)
        self.spatial = _token_embedding(N_FRAMES * 3, width)

    def forward(self, clips: Tensor) -> tuple[Tensor, Tensor]:
        """clips: (N, T, M, V, C), M of 1 or 2. Returns (N, T, W) and (N, tokens, W).

        A clip of one person has 26 spatial tokens, the last standing for the absent person's 25.
        """
        one_person = clips.shape[2] == 1
        tokens = temporal_tokens(clips)
        missing = N_PEOPLE * N_JOINTS * 3 - tokens.shape[2]
        temporal = self.temporal(functional.pad(tokens, (0, missing)) if missing else tokens)
        spatial = spatial_tokens(clips)
        if one_person:
            spatial = functional.pad(spatial, (0, 0, 0, 1))
        return temporal, self.spatial(spatial)


class Norm(nn.LayerNorm):
    """Layer normalisation in the precision of what comes in; its sums are in float32 all the same.

    CUDA's autocast makes float32 of it, and keeps twice the bytes for the backward pass.
    """

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            weight, bias = self.weight.to(x.dtype), self.bias.to(x.dtype)
            return functional.layer_norm(x, self.normalized_shape, weight, bias, self.eps)


def _token_embedding(n_in: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(n_in, width), Norm(width), nn.ReLU(), nn.Linear(width, width))


def attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
    """Attention of (N, heads, tokens, width a head): two batched products where no fused kernel serves."""
    if q.device.type in FUSED_AT_ANY_WIDTH or q.shape[-1] <= WIDEST_FUSED_HEAD:
        return functional.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    scores = (q @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5
    return torch.softmax(scores if mask is None else scores + mask, dim=-1) @ v


class TransformerLayer(nn.Module):
    """Post-norm self-attention and a feed-forward of the same width, ReLU, no dropout."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.feed_in = nn.Linear(width, width)
        self.feed_out = nn.Linear(width, width)
        self.norm_attention = Norm(width)
        self.norm_feed = Norm(width)
        nn.init.xavier_uniform_(self.qkv.weight)
        nn.init.zeros_(self.qkv.bias)
        nn.init.zeros_(self.out.bias)

    def forward(self, x: Tensor, key_bias: Tensor | None = None) -> Tensor:
        """x: (N, tokens, W). key_bias: (tokens,) added to every score of a key."""
        n, tokens, width = x.shape
        q, k, v = self.qkv(x).view(n, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        mask = None if key_bias is None else key_bias.to(q.dtype).expand(tokens, tokens)
        mixed = attend(q, k, v, mask)
        x = self.norm_attention(x + self.out(mixed.transpose(1, 2).reshape(n, tokens, width)))
        return self.norm_feed(x + self.feed_out(functional.relu(self.feed_in(x))))  # type: ignore[no-any-return]


class Encoder(nn.Module):
    """Any subset of joint, bone and motion to one embedding y of size D."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        width = config.width
        self.embeddings = nn.ModuleDict({m: ModalityEmbedding(width) for m in config.modalities})
        self.temporal_fusion = nn.Linear(width, width, bias=False)
        self.spatial_fusion = nn.Linear(width, width, bias=False)
        if len(config.modalities) == 1:  # a single modality is never fused
            self.temporal_fusion.requires_grad_(False)
            self.spatial_fusion.requires_grad_(False)
        self.temporal = nn.ModuleList(TransformerLayer(width, config.heads) for _ in range(config.layers))
        self.spatial = nn.ModuleList(TransformerLayer(width, config.heads) for _ in range(config.layers))
        self.parents: Tensor
        self.position: Tensor
        self.absent_bias: Tensor
        self.register_buffer("parents", torch.tensor(PARENTS), persistent=False)
        self.register_buffer("position", sinusoidal_code(N_FRAMES, width), persistent=False)
        absent = torch.zeros(N_JOINTS + 1)
        absent[-1] = math.log(N_JOINTS)
        self.register_buffer("absent_bias", absent, persistent=False)

    def forward(self, clips: Tensor, modality: str) -> Tensor:
        """clips: (N, T, M, V, C) normalised joint coordinates. Returns y (N, D)."""
        return self.embed_many(clips, (modality,))[modality]

    def embed_many(self, clips: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
        """y (N, D) for each subset named, the modality embeddings computed once.

        A clip batch with M = 1 gives what M = 2 with an absent (zero) second person gives: attention over 25
        copies of one key is attention over that key with log 25 added to its score.
        """
        return dict(zip(modalities, self.embed_each([clips], [(0, m) for m in modalities]), strict=True))

    def embed_each(self, batches: Sequence[Tensor], asked: Sequence[tuple[int, str]]) -> list[Tensor]:
        """y (N, D) for each that is asked: the place of a clip batch, and a modality subset.

        The batches are of one shape, and share each product: rows do not know each other. What is asked of one batch
        more than once has its modality embeddings in common.
        """
        parts = [(place, self.config.parts(modality)) for place, modality in asked]
        tokens = {m: self._embed_tokens(m, batches, parts) for m in self.config.modalities}
        fused = [self._fuse([tokens[m][place] for m in bases]) for place, bases in parts]
        one_person = batches[0].shape[2] == 1
        if batches[0].device.type in ONE_AFTER_THE_OTHER:
            return [self._encode(temporal, spatial, one_person) for temporal, spatial in fused]
        temporal, spatial = (torch.cat(stream) for stream in zip(*fused, strict=True))
        return list(self._encode(temporal, spatial, one_person).chunk(len(asked)))

    def _embed_tokens(
        self, modality: str, batches: Sequence[Tensor], parts: Sequence[tuple[int, tuple[str, ...]]]
    ) -> dict[int, tuple[Tensor, Tensor]]:
        """The tokens of a base modality of each clip batch, by its place, that is asked for with it."""
        places = list(dict.fromkeys(place for place, bases in parts if modality in bases))
        if not places:
            return {}
        clips = torch.cat([batches[place] for place in places])
        streams = self.embeddings[modality](to_modality(clips, modality, self.parents))
        each = zip(*(stream.chunk(len(places)) for stream in streams), strict=True)
        return dict(zip(places, each, strict=True))

    def _fuse(self, tokens: Sequence[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Temporal and spatial tokens of a subset, of those of its base modalities."""
        if len(tokens) == 1:
            return tokens[0]
        temporal, spatial = (reduce(torch.add, stream) / len(tokens) for stream in zip(*tokens, strict=True))
        return self.temporal_fusion(temporal), self.spatial_fusion(spatial)

    def _encode(self, temporal: Tensor, spatial: Tensor, one_person: bool) -> Tensor:
        temporal = temporal + self.position.to(temporal.dtype)
        for layer in self.temporal:
            temporal = layer(temporal)
        for layer in self.spatial:
            spatial = layer(spatial, self.absent_bias if one_person else None)
        return torch.cat([stream.max(dim=1).values for stream in (temporal, spatial)], dim=1)


def sinusoidal_code(length: int, width: int) -> Tensor:
    """(length, width) float32: sines at even columns, cosines at odd ones (Vaswani et al., 2017, 3.5)."""
    position = torch.arange(length, dtype=torch.float32)[:, None]
    rate = torch.exp(torch.arange(0, width, 2, dtype=torch.float32) * (-math.log(10000.0) / width))
    code = torch.zeros(length, width)
    code[:, 0::2] = torch.sin(position * rate)
    code[:, 1::2] = torch.cos(position * rate)
    return code


def projector(dimension: int, projection: int) -> nn.Sequential:
    """D -> D -> D -> projection with BatchNorm and ReLU between."""
    return nn.Sequential(
        nn.Linear(dimension, dimension),
        nn.BatchNorm1d(dimension),
        nn.ReLU(),
        nn.Linear(dimension, dimension),
        nn.BatchNorm1d(dimension),
        nn.ReLU(),
        nn.Linear(dimension, projection),
    )


class UmURL(nn.Module):
    """Encoder and the three projectors of pre-training."""

    def __init__(self, config: ModelConfig, *, with_projectors: bool = True) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        names = config.modalities if with_projectors else ()
        self.projectors = nn.ModuleDict({m: projector(config.dimension, config.projection) for m in names})

    def forward(self, views: Sequence[View]) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The projections (N, projection) that the loss is made of, over all groups of clips in `views`.

        A group's clips share M. Returns z_m, each modality of its own view through its own projector, and u_m,
        the fused feature through each projector.
        """
        return self.project(*self.embed_views(views))

    def embed_views(self, views: Sequence[View]) -> tuple[dict[str, Tensor], Tensor]:
        """y (N, D) of each modality of its own view, and of the fused one."""
        names = (*self.config.modalities, FUSED)
        asked = list(enumerate(names))
        groups = [self.encoder.embed_each([view[m] for m in names], asked) for view in views]
        *own, fused = groups[0] if len(groups) == 1 else [torch.cat(y) for y in zip(*groups, strict=True)]
        return dict(zip(self.config.modalities, own, strict=True)), fused

    def project(
        self, own: Mapping[str, Tensor], fused: Tensor
    ) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """z_m and u_m: a projector sees both at once, but for the batch's statistics, which are of each alone."""
        rows = torch.stack([torch.cat([y, fused]) for y in own.values()])
        for level in zip(*(self.projectors[m].children() for m in own), strict=True):
            if isinstance(level[0], nn.Linear):
                rows = multiply_each(level, rows)
            elif isinstance(level[0], nn.BatchNorm1d):
                halves = [half for x in rows.unbind() for half in x.chunk(2)]
                normed = normalise_together([norm for norm in level for _ in range(2)], halves)
                rows = torch.cat(normed).view_as(rows)
            else:
                rows = level[0](rows)
        z, u = rows.chunk(2, dim=1)
        return dict(zip(own, z.unbind(), strict=True)), dict(zip(own, u.unbind(), strict=True))


def multiply_each(layers: Sequence[nn.Module], rows: Tensor) -> Tensor:
    """(K, B, D) rows, each of the K by the linear layer of its place: (K, B, P), in one batched product."""
    if rows.device.type in ONE_AFTER_THE_OTHER:
        return torch.stack([layer(x) for layer, x in zip(layers, rows, strict=True)])
    weight, bias = (torch.stack([getattr(layer, name) for layer in layers]) for name in ("weight", "bias"))
    return torch.baddbmm(bias[:, None], rows, weight.transpose(1, 2))
