"""Bridges from another joint layout to an index: what its own clips look like in that layout says how to ask.

Clips of the gallery are brought down to the layout (`clips.degrade`), embedded, and mapped by ridge regression to their
full embeddings. No label and no query is used. Fitted when a layout first asks, and kept beside the index.

Letters: S clips of the sample, A sides that pictures are taken from, K modalities of the query side by side, D
embedding.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import load, save

from encoder.embed import Embedder, pick_device
from encoder.errors import UmurlError, reason_of
from encoder.joint_layouts import find_layout
from encoder.modality_sets import FUSED, SINGLE_AND_FUSED
from encoder.model import UmURL
from umurl_search.clips.clip import Frames
from umurl_search.clips.degrade import VIEWS, Degrading, degrade
from umurl_search.clips.normalization import normalise
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.files.atomic import replace_file
from umurl_search.index.bridges_and_whitening import CPU, NO_TRANSFORM, LinearMap, Maps, fit_maps
from umurl_search.index.index import Index
from umurl_search.library.bridge_files import bridge_file
from umurl_search.library.clip_store import Clips
from umurl_search.progress import Progress, no_progress

SAMPLE = 1000
"""Clips of a gallery that a bridge is fitted on, evenly spread; all of a smaller one."""
NOISE_M = {2: 0.01, 3: 0.005}
"""By dimensions, the deviation of each joint's place in every second of the clips that a bridge is fitted on, as
detectors and trackers err."""
VERSION = 5
_FAR_PER_CENT = 1.0
"""So many in a hundred of the gallery's own clips, in the layout, lie as far from all others as what is said to."""
_CHUNK = 256
_DIGEST = 32
_UNKNOWN = (None, -1)


@dataclass(frozen=True, kw_only=True)
class LayoutBridge:
    """How queries of a layout enter a gallery.

    asked: the modalities of a query, side by side. how: what the gallery's clips were brought down to. maps: their
    means and bridge under the name of the layout. near: (S, D) fused embeddings of the gallery's clips in that layout,
    each from one of the sides; least: the cosine to the nearest below which a query is far from all. unkept: why it is
    in no file.
    """

    how: Degrading
    asked: tuple[str, ...]
    maps: Maps
    near: Embeddings
    least: float
    unkept: str | None = None

    def query(self, against: str, *, whitening: NDArray[np.float32] | None) -> LinearMap:
        """How (Q, K D) embeddings of a layout's queries enter the gallery of a modality."""
        bridge = self.maps.bridges[self.how.layout, against]
        matrix = bridge if whitening is None else bridge @ whitening
        return LinearMap(mean=self.maps.means[self.how.layout], matrix=matrix)

    def measure_nearness(self, y: Embeddings) -> NDArray[np.float64]:
        """(Q,) the cosine of each query to the nearest of the gallery's clips in that layout; y: (Q, K D)."""
        fused = y[:, -self.near.shape[1] :]
        return np.asarray((to_unit(fused) @ self.near.T).max(axis=1), dtype=np.float64)


def needs_bridge(layout: str, gallery_layout: str, *, whitened: bool) -> bool:
    """Whether queries of a layout cross to a gallery by a bridge: pictures do, and joints in space where the gallery is
    half-whitened, which makes more of small differences. To a gallery of pictures, joints in space are brought down."""
    asked, held = find_layout(layout), find_layout(gallery_layout)
    if layout == gallery_layout or asked.copies is not None:
        return False
    return asked.dims == 2 or (whitened and held.dims == 3)


def degrading_to(layout: str, gallery_layout: str, *, views: int = VIEWS, noise: float = 0.0) -> Degrading:
    """How clips of a gallery are brought down to a layout: only people in space can be seen from other sides."""
    is_turned = find_layout(layout).dims == 2 and find_layout(gallery_layout).dims == 3
    return Degrading(layout=layout, views=views if is_turned else 0, noise=noise)


def asked_modalities(modality: str, held: tuple[str, ...]) -> tuple[str, ...]:
    """The modalities of a query that cross side by side: all that an encoder has for fused, else the one."""
    return tuple(m for m in SINGLE_AND_FUSED if m in held) if modality == FUSED else (modality,)


def bring_down(frames: Frames, gallery_layout: str) -> Frames:
    """A normalised clip as the layout of a gallery of pictures shows it, normalised again."""
    return normalise(degrade(frames, Degrading(layout=gallery_layout, views=0)))


def side_by_side(y: dict[str, Embeddings], asked: tuple[str, ...]) -> Embeddings:
    """(Q, K D)"""
    return y[asked[0]] if len(asked) == 1 else np.concatenate([y[m] for m in asked], axis=1)


def to_unit(y: Embeddings) -> Embeddings:
    """Rows of length 1; a zero row stays zero."""
    lengths = np.linalg.norm(y, axis=1, keepdims=True)
    return np.asarray(y / np.where(lengths > 0, lengths, 1), dtype=np.float32)


def fit_layout_bridge(
    index: Index,
    clips: Clips,
    model: UmURL,
    how: Degrading,
    *,
    modality: str,
    against: str,
    rows: Rows,
    places: Rows,
    performers: Rows | None = None,
    device: str = "auto",
    progress: Progress = no_progress,
) -> LayoutBridge:
    """Fitted on some rows of an index (in an evaluation the gallery's): `SAMPLE` of them, evenly spread.

    places: of each row of the index, where its clip lies in the store; performers: a number for who is in it, as of
    `number_performers`. Raises UmurlError for a modality that the index does not hold.
    """
    chosen = spread(rows, SAMPLE)
    asked = asked_modalities(modality, index.modalities)
    shown = embed_shown(clips, places[chosen], model, how, asked=asked, device=device, progress=progress)
    target = np.asarray(index.embeddings(against)[chosen])
    who = None if performers is None else performers[chosen]
    return fit_shown(
        shown, target, how, asked=asked, against=against, performers=who, device=pick_device(device)
    )


def number_performers(subjects: Sequence[object]) -> Rows:
    """A number for each clip, the same for those of one subject; of who is not known, one of its own."""
    known = {subject: i for i, subject in enumerate(dict.fromkeys(subjects)) if subject not in _UNKNOWN}
    return np.array([known.get(subject, -1 - i) for i, subject in enumerate(subjects)], dtype=np.int64)


def fit_shown(
    shown: dict[str, Embeddings],
    target: Embeddings,
    how: Degrading,
    *,
    asked: tuple[str, ...],
    against: str,
    performers: Rows | None = None,
    device: torch.device = CPU,
) -> LayoutBridge:
    """Fitted on clips of a gallery. shown: (A S, D) by modality, as the layout shows them; target: (S, D) in full;
    performers: (S,) as of `number_performers`."""
    beside = side_by_side(shown, asked)
    n_sides = len(how.angles)
    arrays = {how.layout: beside, against: np.tile(target, (n_sides, 1))}
    maps = fit_maps(arrays, NO_TRANSFORM, pairs=[(how.layout, against)], device=device)
    n = len(target)
    near = to_unit(shown[asked[-1]][np.arange(n) % n_sides * n + np.arange(n)])
    who = np.arange(n) if performers is None or len(set(performers.tolist())) < 2 else performers
    return LayoutBridge(how=how, asked=asked, maps=maps, near=near, least=_find_least(near, who))


def spread(rows: Rows, most: int) -> Rows:
    """At most so many of some rows, evenly spread, in their order."""
    if len(rows) <= most:
        return rows
    return np.asarray(rows[np.linspace(0, len(rows) - 1, most).round().astype(np.int64)])


def embed_shown(
    clips: Clips,
    places: Rows,
    model: UmURL,
    how: Degrading,
    *,
    asked: tuple[str, ...],
    device: str,
    progress: Progress = no_progress,
) -> dict[str, Embeddings]:
    """(A S, D) by modality: clips of a store as the layout shows them, from one side after the other."""
    where, total = pick_device(device), len(places) * len(how.angles)
    embedder = Embedder(model, n_clips=total, device=where)
    found: dict[str, list[Embeddings]] = {m: [] for m in asked}
    with progress(f"Bridging from {find_layout(how.layout).name}", total=total, unit="clips") as advance:
        for side, angle in enumerate(how.angles):
            for start in range(0, len(places), _CHUNK):
                part = places[start : start + _CHUNK]
                shown = [
                    _show(
                        clips.frames(int(place)), how, angle, int(place), erring=(start + i + side) % 2 == 1
                    )
                    for i, place in enumerate(part)
                ]
                for m, y in embedder(shown, asked).items():
                    found[m].append(y)
                advance(len(part))
    return {m: np.concatenate(y) for m, y in found.items()}


def _show(frames: Frames, how: Degrading, angle: float, row: int, *, erring: bool) -> Frames:
    how = replace(how, noise=max(how.noise, NOISE_M[find_layout(how.layout).dims])) if erring else how
    return normalise(degrade(frames, how, angle=angle, rng=np.random.default_rng(row)))


def _find_least(shown: Embeddings, performers: Rows) -> float:
    """The cosine below which few of the gallery's clips lie from all those of others.

    shown: (S, D) of unit length; performers: (S,).
    """
    nearest = np.empty(len(shown), dtype=np.float32)
    for start in range(0, len(shown), _CHUNK):
        part = slice(start, start + _CHUNK)
        cosines = shown[part] @ shown.T
        cosines[performers[part][:, None] == performers[None]] = -1
        nearest[part] = cosines.max(axis=1)
    return float(np.percentile(nearest, _FAR_PER_CENT)) if len(set(performers.tolist())) > 1 else -1.0


# on disk: a digest of what follows, then the arrays


def place_of(folder: Path, index: Index, how: Degrading, *, modality: str, against: str) -> Path:
    """The file that a bridge is kept in; one that was fitted on other clips of the index is written over."""
    layout = find_layout(how.layout).to_json()
    said = [VERSION, SAMPLE, index.manifest["recipe"], layout, how.views, how.noise, modality, against]
    name = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:24]
    return folder / bridge_file(index.manifest["recipe"], name)


def write_bridge(path: Path, bridge: LayoutBridge, index: Index) -> None:
    """Writes a bridge, whole or not at all. Raises UmurlError where it cannot be written."""
    ((pair, matrix),) = bridge.maps.bridges.items()
    tensors: dict[str, NDArray[Any]] = {
        "mean": bridge.maps.means[pair[0]],
        "bridge": np.ascontiguousarray(matrix),
        "near": np.ascontiguousarray(bridge.near),
        "least": np.array([bridge.least], dtype=np.float64),
        "clips": _digest_clips(index),
    }
    content = save(tensors)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UmurlError(f"{path.parent}: {reason_of(error)}") from error
    replace_file(path, hashlib.sha256(content).digest() + content)


def _digest_clips(index: Index) -> NDArray[np.uint8]:
    """Which clips the index holds."""
    return np.frombuffer(hashlib.sha256(np.ascontiguousarray(index.ids).tobytes()).digest(), dtype=np.uint8)


def read_bridge(
    path: Path, index: Index, how: Degrading, *, modality: str, against: str
) -> LayoutBridge | None:
    """The bridge in a file; None where there is none, none that is whole, or one of other clips."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    if hashlib.sha256(content[_DIGEST:]).digest() != content[:_DIGEST]:
        return None
    tensors = load(content[_DIGEST:])
    if not np.array_equal(tensors["clips"], _digest_clips(index)):
        return None
    means, bridges = {how.layout: tensors["mean"]}, {(how.layout, against): tensors["bridge"]}
    maps = Maps(transform=NO_TRANSFORM, means=means, bridges=bridges)
    asked = asked_modalities(modality, index.modalities)
    return LayoutBridge(
        how=how, asked=asked, maps=maps, near=tensors["near"], least=float(tensors["least"][0])
    )
