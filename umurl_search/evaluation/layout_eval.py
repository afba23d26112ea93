"""What would be lost if people asked with the joints of another layout: the protocol's queries, brought down to it.

Nothing of the queries is fitted on: the bridge is the gallery's alone. Letters: Q queries, D embedding.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from encoder.embed import Embedder, pick_device
from encoder.errors import Hint, UmurlError
from encoder.joint_layouts import find_layout
from encoder.modality_sets import SINGLE_AND_FUSED
from encoder.model import UmURL
from umurl_search.clips.clip import Frames
from umurl_search.clips.degrade import Degrading, degrade
from umurl_search.clips.normalization import normalise
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.bridges_and_whitening import LinearMap, Maps
from umurl_search.index.layout_bridges import (
    SAMPLE,
    LayoutBridge,
    asked_modalities,
    bring_down,
    embed_shown,
    fit_shown,
    needs_bridge,
    number_performers,
    side_by_side,
    spread,
)
from umurl_search.index.open_index import ProtocolView
from umurl_search.library import encoder_registry
from umurl_search.library.clip_store import open_clips
from umurl_search.library.library import Library
from umurl_search.progress import Progress, no_progress

SEED = 0
_CHUNK = 256


def layout_of_clips(library: Library, dataset: str) -> str:
    """The joint layout of a dataset, as its first clip shows it."""
    return open_clips(library, dataset).layout


@dataclass(frozen=True)
class LayoutQueries:
    """A protocol's queries as a layout shows them, from a side each by chance, and the bridge of its gallery.

    rows: of the queries. The same seed gives the same sides and noise.
    """

    library: Library
    gallery: ProtocolView
    rows: Rows
    how: Degrading
    seed: int = SEED
    device: str = "auto"
    progress: Progress = no_progress

    def __post_init__(self) -> None:
        if self.gallery.index.spans is not None:
            raise UmurlError(
                "clips of another layout ask an index of whole clips, this one is of windows",
                Hint("build one without {option}", option="window"),
            )

    @property
    def views(self) -> int:
        """From how far to either side the queries are seen; 0 of joints in space."""
        return self.how.views if len(self.how.angles) > 1 else 0

    def angles(self) -> NDArray[np.float64]:
        """(Q,) the side that each of them is seen from, in degrees."""
        return np.random.default_rng(self.seed).uniform(-self.views, self.views, len(self.rows))

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        return tuple(m for m in SINGLE_AND_FUSED if m in self.gallery.index.modalities)

    @cached_property
    def _model(self) -> UmURL:
        found = encoder_registry.of_index(self.library, self.gallery.row).load()
        return found.to(pick_device(self.device))

    @cached_property
    def _embedded(self) -> dict[str, Embeddings]:
        """(Q, D) by modality."""
        clips, rng = open_clips(self.library, self.gallery.dataset), np.random.default_rng(self.seed)
        angles = self.angles()

        def show(i: int) -> Frames:
            return normalise(degrade(clips.frames(int(self.rows[i])), self.how, angle=angles[i], rng=rng))

        return self._embed(show)

    def _embed(self, show: Callable[[int], Frames]) -> dict[str, Embeddings]:
        """(Q, D) by modality of what is shown of each query."""
        embedder = Embedder(self._model, n_clips=len(self.rows), device=pick_device(self.device))
        found: dict[str, list[Embeddings]] = {m: [] for m in self.modalities}
        for start in range(0, len(self.rows), _CHUNK):
            part = range(start, min(start + _CHUNK, len(self.rows)))
            for m, y in embedder([show(i) for i in part], self.modalities).items():
                found[m].append(y)
        return {m: np.concatenate(y) for m, y in found.items()}

    @cached_property
    def _sample(self) -> Rows:
        return spread(self.gallery.split.fitting, SAMPLE)

    @cached_property
    def _shown(self) -> dict[str, Embeddings]:
        return embed_shown(
            open_clips(self.library, self.gallery.dataset),
            self._sample,
            self._model,
            replace(self.how, noise=0.0),
            asked=self.modalities,
            device=self.device,
            progress=self.progress,
        )

    def crosses(self, *, bridge: bool) -> bool:
        """Whether the queries cross by a bridge, as `query` has clips of that layout do."""
        held = layout_of_clips(self.library, self.gallery.dataset)
        whitened = self.gallery.index.transform.kind != "none"
        return bridge and needs_bridge(self.how.layout, held, whitened=whitened)

    def points(self, maps: Maps, modality: str, against: str, *, bridge: bool) -> Embeddings:
        """(Q, P) of unit length: the queries in the gallery of a modality. maps: the gallery's."""
        if not self.crosses(bridge=bridge):
            return maps.query(modality, against, bridged=bridge and modality != against)(
                self._embedded[modality]
            )
        fitted = self.fit_bridge(modality, against)
        mapping: LinearMap = fitted.query(against, whitening=maps.whitenings.get(against))
        return mapping(side_by_side(self._embedded, fitted.asked))

    def fit_bridge(self, modality: str, against: str) -> LayoutBridge:
        """Fitted on the protocol's gallery, as `query` fits one: the noise of the queries is not known to it."""
        target = np.asarray(self.gallery.index.embeddings(against)[self._sample])
        asked = asked_modalities(modality, self.modalities)
        performers = number_performers(self.gallery.columns.columns["subject"])[self._sample]
        return fit_shown(
            self._shown,
            target,
            self.how,
            asked=asked,
            against=against,
            performers=performers,
            device=pick_device(self.device),
        )


@dataclass(frozen=True, kw_only=True)
class ForeignQueries(LayoutQueries):
    """Queries of another index in their own layout, `how.layout`. asked: that index; `rows` are its clips'."""

    asked: ProtocolView

    @cached_property
    def modalities(self) -> tuple[str, ...]:
        held = {*self.gallery.index.modalities} & {*self.asked.index.modalities}
        return tuple(m for m in SINGLE_AND_FUSED if m in held)

    @cached_property
    def _embedded(self) -> dict[str, Embeddings]:
        """(Q, D) by modality: as their own index holds them; seen in a picture, where the gallery's clips are."""
        held = layout_of_clips(self.library, self.gallery.dataset)
        if find_layout(held).dims == 3 or find_layout(self.how.layout).dims == 2:
            return {m: np.asarray(self.asked.index.embeddings(m)[self.rows]) for m in self.modalities}
        clips = open_clips(self.library, self.asked.dataset)
        return self._embed(lambda i: bring_down(clips.normalised_frames(int(self.rows[i])), held))
