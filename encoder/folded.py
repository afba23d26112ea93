"""The encoder with its linear maps multiplied together, for inference.

Exact on paper (the encoder's own figures to float32 rounding), fewer products in practice:

- The second Linear of each modality embedding, the mean and the fusion Linear are one map of the hidden vectors.
- With one head, scores are x' (Wq' Wk) y: one map instead of two; what a key's bias adds is the same for all keys of
  a query and drops out of the softmax. The value and output maps are one; their biases add a constant, since
  attention weights sum to one.

So a fused token costs 7 W^2 products instead of 10, one of a single modality 5 instead of 7. Products may be made
in bfloat16; bone and motion are taken as float32 differences first, which rounding would spoil.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from encoder.modalities import spatial_tokens, temporal_tokens, to_modality
from encoder.modality_sets import BASE
from encoder.model import Encoder, ModalityEmbedding, TransformerLayer
from encoder.skeleton import N_JOINTS, N_PEOPLE

_ALL_TEMPORAL = N_PEOPLE * N_JOINTS * 3


class FoldedEncoder:
    """Gives what `Encoder.embed_many` gives. Made from an encoder of one head, on its device."""

    def __init__(self, encoder: Encoder, dtype: torch.dtype) -> None:
        if encoder.config.heads != 1:
            raise ValueError(f"only an encoder of one head can be folded, got {encoder.config.heads}")
        self._encoder, self._dtype = encoder, dtype
        self._first = {
            (m, stream): _First(getattr(embedding, stream), dtype)
            for m, embedding in encoder.embeddings.items()
            for stream in ("temporal", "spatial")
        }
        self._second: dict[tuple[tuple[str, ...], str], tuple[Tensor, Tensor]] = {}
        self._temporal = [_FoldedLayer(layer, dtype) for layer in encoder.temporal.children()]
        self._spatial = [_FoldedLayer(layer, dtype) for layer in encoder.spatial.children()]

    def embed_many(self, clips: Tensor, modalities: tuple[str, ...]) -> dict[str, Tensor]:
        """clips: (N, T, M, V, C) float32. y (N, D) for each subset named, in the folded precision."""
        encoder = self._encoder
        parts = {modality: encoder.config.parts(modality) for modality in modalities}
        used = {base for bases in parts.values() for base in bases}
        hidden = {
            m: self._hidden_vectors(to_modality(clips, m, encoder.parents), m) for m in BASE if m in used
        }
        bias = encoder.absent_bias.to(self._dtype) if clips.shape[2] == 1 else None
        position = encoder.position.to(self._dtype)
        found = {}
        for modality, bases in parts.items():
            temporal = self._mix(hidden, bases, "temporal") + position
            spatial = self._mix(hidden, bases, "spatial")
            for layer in self._temporal:
                temporal = layer(temporal, None)
            for layer in self._spatial:
                spatial = layer(spatial, bias)
            found[modality] = torch.cat([temporal.amax(dim=1), spatial.amax(dim=1)], dim=1)
        return found

    def _hidden_vectors(self, clips: Tensor, modality: str) -> dict[str, Tensor]:
        """The hidden vectors of a modality's two streams; the absent person is one spatial token."""
        temporal, spatial = temporal_tokens(clips), spatial_tokens(clips)
        if clips.shape[2] == 1:
            spatial = functional.pad(spatial, (0, 0, 0, 1))
        return {
            "temporal": self._first[modality, "temporal"](temporal.to(self._dtype)),
            "spatial": self._first[modality, "spatial"](spatial.to(self._dtype)),
        }

    def _mix(self, hidden: dict[str, dict[str, Tensor]], bases: tuple[str, ...], stream: str) -> Tensor:
        if (bases, stream) not in self._second:
            self._second[bases, stream] = self._fold_second(bases, stream)
        weight, bias = self._second[bases, stream]
        h = hidden[bases[0]][stream]
        return functional.linear(
            h if len(bases) == 1 else torch.cat([hidden[m][stream] for m in bases], dim=2), weight, bias
        )

    def _fold_second(self, bases: tuple[str, ...], stream: str) -> tuple[Tensor, Tensor]:
        """The map from the hidden vectors side by side to the tokens that the transformer reads."""
        encoder = self._encoder
        lasts = [_last_linear(encoder.embeddings[m], stream) for m in bases]
        weight = torch.cat([last.weight.double() for last in lasts], dim=1) / len(bases)
        bias = torch.stack([last.bias.double() for last in lasts]).mean(dim=0)
        if len(bases) > 1:
            fusion = getattr(encoder, f"{stream}_fusion").weight.double()
            weight, bias = fusion @ weight, fusion @ bias
        return weight.to(self._dtype), bias.to(self._dtype)


def _last_linear(embedding: nn.Module, stream: str) -> nn.Linear:
    assert isinstance(embedding, ModalityEmbedding)
    last = (embedding.temporal if stream == "temporal" else embedding.spatial)[3]
    assert isinstance(last, nn.Linear)
    return last


class _First:
    """Linear, LayerNorm, ReLU. Coordinates of an absent second person, which are zero, may be left out."""

    def __init__(self, layers: nn.Sequential, dtype: torch.dtype) -> None:
        linear, norm = layers[0], layers[1]
        assert isinstance(linear, nn.Linear)
        assert isinstance(norm, nn.LayerNorm)
        self._weight, self._bias = linear.weight.to(dtype), linear.bias.to(dtype)
        self._first_person = self._weight[:, : _ALL_TEMPORAL // N_PEOPLE].contiguous()
        self._norm = _Norm(norm, dtype)

    def __call__(self, tokens: Tensor) -> Tensor:
        fits = tokens.shape[2] == self._weight.shape[1]
        z = functional.linear(tokens, self._weight if fits else self._first_person, self._bias)
        return functional.relu_(self._norm(z))


class _Norm:
    def __init__(self, norm: nn.LayerNorm, dtype: torch.dtype) -> None:
        self._weight, self._bias, self._eps = norm.weight.to(dtype), norm.bias.to(dtype), norm.eps

    def __call__(self, x: Tensor) -> Tensor:
        return functional.layer_norm(x, x.shape[-1:], self._weight, self._bias, self._eps)


class _FoldedLayer:
    """A transformer layer of one head with two maps in its attention instead of four."""

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        assert isinstance(layer, TransformerLayer)
        wq, wk, wv = layer.qkv.weight.double().chunk(3)
        bq, _, bv = layer.qkv.bias.double().chunk(3)
        out = layer.out.weight.double()
        scale = 1 / math.sqrt(len(wq))
        self._query, self._query_bias = (wk.T @ wq * scale).to(dtype), (wk.T @ bq * scale).to(dtype)
        self._value = (out @ wv).to(dtype)
        self._constant = (out @ bv + layer.out.bias.double()).to(dtype)
        self._norms = _Norm(layer.norm_attention, dtype), _Norm(layer.norm_feed, dtype)
        self._feed = [
            (linear.weight.to(dtype), linear.bias.to(dtype)) for linear in (layer.feed_in, layer.feed_out)
        ]

    def __call__(self, x: Tensor, key_bias: Tensor | None) -> Tensor:
        query = functional.linear(x, self._query, self._query_bias)
        scores = torch.bmm(query, x.transpose(1, 2))
        weights = torch.softmax(scores if key_bias is None else scores + key_bias, dim=-1)
        mixed = torch.bmm(weights, functional.linear(x, self._value, self._constant))
        x = self._norms[0](mixed.add_(x))
        (w_in, b_in), (w_out, b_out) = self._feed
        fed = functional.linear(functional.relu_(functional.linear(x, w_in, b_in)), w_out, b_out)
        return self._norms[1](fed.add_(x))
