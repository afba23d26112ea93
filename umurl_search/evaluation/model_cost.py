"""What embedding a clip costs: parameters used, floating-point operations, measured speed.

Counts are of the network as `encoder.model` writes it. A multiply-add is two operations, and only matrix
products are counted: normalisation, softmax, ReLU and sums are not. W is the width.
"""

import statistics
import time
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from encoder.embed import embed, pick_device
from encoder.modality_sets import ALL, members
from encoder.model import ModelConfig, UmURL
from encoder.schedule import PRESETS
from encoder.skeleton import N_FRAMES, N_JOINTS, N_PEOPLE
from umurl_search.library import encoder_registry
from umurl_search.library.library import Library
from umurl_search.progress import Advance, Progress, no_progress
from umurl_search.result import Result

LATE_FUSED = "late-fused"
"""The comparison: a model of its own for each modality, their scores added."""
REPEATS = 3
_TEMPORAL_IN = N_PEOPLE * N_JOINTS * 3
_SPATIAL_IN = N_FRAMES * 3


@dataclass(frozen=True, kw_only=True)
class CostRequest:
    """Whose cost: an encoder of the library, the one shipped, or a preset's network, untrained.

    people: in a clip. clips: how many are embedded at a time when speed is measured; None: it is not.
    """

    encoder: str = encoder_registry.SHIPPED
    preset: Literal["paper", "small", "tiny"] | None = None
    people: int = N_PEOPLE
    clips: int | None = 16
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class SubsetCost(Result):
    """What embedding one clip from a subset of the modalities costs."""

    subset: str
    """modalities that are fused early; `late-fused`: a model for each modality"""
    models: int
    """separate models that it takes"""
    parameters: int
    """that the embedding goes through"""
    flops: int
    """of one clip: matrix products, a multiply-add counted as 2"""
    clips_per_s: float | None
    """measured, null if not"""


@dataclass(frozen=True, kw_only=True)
class Measurement(Result):
    """How speed was measured."""

    device: str
    """where"""
    threads: int | None
    """of a CPU, null on a GPU"""
    clips: int
    """at a time"""
    repeats: int
    """runs, of which the median is told"""


@dataclass(frozen=True, kw_only=True)
class CostTable(Result):
    """What embedding one clip costs, by subset of the modalities."""

    encoder: str | None
    """its name, null with `--preset`"""
    preset: str | None
    """or null"""
    width: int
    """W"""
    dimension: int
    """D, the size of an embedding"""
    people: int
    """in the clip"""
    frames: int
    """of the clip"""
    rows: list[SubsetCost]
    """a list: subsets of the encoder's modalities, then `late-fused`"""
    measured: Measurement | None
    """how speed was measured; null if it was not"""
    seconds: dict[str, float]
    """`total`"""


def parameters(config: ModelConfig, parts: tuple[str, ...]) -> int:
    """How many parameters the embedding of these base modalities goes through."""
    w = config.width
    embedding = sum((n_in * w + w) + 2 * w + (w * w + w) for n_in in (_TEMPORAL_IN, _SPATIAL_IN))
    fusion = 2 * w * w if len(parts) > 1 else 0
    attention, feed, norms = 4 * w * w + 4 * w, 2 * (w * w + w), 4 * w
    return len(parts) * embedding + fusion + 2 * config.layers * (attention + feed + norms)


def flops(config: ModelConfig, parts: tuple[str, ...], *, people: int = N_PEOPLE) -> int:
    """Floating-point operations of embedding one clip from these base modalities.

    A clip of one person has 26 spatial tokens instead of 50.
    """
    w = config.width
    spatial = N_PEOPLE * N_JOINTS if people == N_PEOPLE else N_JOINTS + 1
    products = 0
    for tokens, n_in in ((N_FRAMES, _TEMPORAL_IN), (spatial, _SPATIAL_IN)):
        products += len(parts) * tokens * (n_in * w + w * w)
        products += tokens * w * w if len(parts) > 1 else 0
        products += config.layers * (6 * tokens * w * w + 2 * tokens * tokens * w)
    return 2 * products


def cost_table(library: Library, request: CostRequest, *, progress: Progress = no_progress) -> CostTable:
    """A row for each subset of the encoder's modalities and one for separate models, late-fused.

    Raises UmurlError for an unknown encoder or device.
    """
    started = time.monotonic()
    model = _model(library, request)
    config = model.config
    device = pick_device(request.device)
    rows = [_row(config, subset, request.people) for subset in _subsets(config)]
    if request.clips is not None:
        clips = _clips(request.clips, request.people)
        with progress("Measuring", total=len(rows) * (REPEATS + 1), unit="runs") as advance:
            rows = [
                replace(row, clips_per_s=_clips_per_s(_models(model, row.subset), clips, device, advance))
                for row in rows
            ]
    return CostTable(
        encoder=None if request.preset else request.encoder,
        preset=request.preset,
        width=config.width,
        dimension=config.dimension,
        people=request.people,
        frames=N_FRAMES,
        rows=rows,
        measured=None if request.clips is None else _measurement(device, request.clips),
        seconds={"total": time.monotonic() - started},
    )


def _measurement(device: torch.device, clips: int) -> Measurement:
    threads = torch.get_num_threads() if device.type == "cpu" else None
    return Measurement(device=str(device), threads=threads, clips=clips, repeats=REPEATS)


def _model(library: Library, request: CostRequest) -> UmURL:
    if request.preset is not None:
        return UmURL(PRESETS[request.preset][0], with_projectors=False).eval()
    return encoder_registry.open_encoder(library, request.encoder).load()


def _subsets(config: ModelConfig) -> list[str]:
    """Those that the encoder was made for, fewer modalities first, and the comparison where there is one."""
    made_for = [subset for subset in ALL if {*members(subset)} <= {*config.modalities}]
    return [*made_for, LATE_FUSED] if len(config.modalities) > 1 else made_for


def _row(config: ModelConfig, subset: str, people: int) -> SubsetCost:
    late = subset == LATE_FUSED
    passes = [(m,) for m in config.modalities] if late else [members(subset)]
    return SubsetCost(
        subset=subset,
        models=len(passes),
        parameters=sum(parameters(config, parts) for parts in passes),
        flops=sum(flops(config, parts, people=people) for parts in passes),
        clips_per_s=None,
    )


def _models(model: UmURL, subset: str) -> dict[str, UmURL]:
    """The models to run by what each embeds: the encoder itself, or untrained ones of one modality each."""
    if subset != LATE_FUSED:
        return {subset: model}
    alone = {m: replace(model.config, modalities=(m,)) for m in model.config.modalities}
    return {m: UmURL(config, with_projectors=False).eval() for m, config in alone.items()}


def _clips(n: int, people: int) -> list[NDArray[np.float32]]:
    noise = np.random.default_rng(0).normal(size=(n, N_FRAMES, people, N_JOINTS, 3))
    return list(noise.astype(np.float32))


def _clips_per_s(
    models: dict[str, UmURL], clips: list[NDArray[np.float32]], device: torch.device, advance: Advance
) -> float:
    """The median of a few runs over all clips, after one that is not counted."""
    seconds = []
    placed = {modality: model.to(device) for modality, model in models.items()}
    for _ in range(REPEATS + 1):
        started = time.perf_counter()
        for modality, model in placed.items():
            embed(model, clips, modalities=(modality,), device=device)
        seconds.append(time.perf_counter() - started)
        advance(1)
    return len(clips) / statistics.median(seconds[1:])
