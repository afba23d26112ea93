"""Everything that an index's protocol says of retrieval, each pair of modalities evaluated once."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from encoder import modality_sets
from encoder.errors import Hint, UmurlError
from umurl_search.clips.types import Embeddings, Labels
from umurl_search.evaluation.doubts import doubt_labels
from umurl_search.evaluation.retrieval import RetrievalMetrics, evaluate
from umurl_search.index.bridges_and_whitening import Maps, fit_maps
from umurl_search.index.open_index import ProtocolView, open_protocol, search_device
from umurl_search.library import encoder_registry
from umurl_search.library.encoder_registry import EncoderEntry, overlap_warning
from umurl_search.library.library import Library
from umurl_search.progress import Progress, no_progress

QueryAndGallery = tuple[str, str]


@dataclass(frozen=True, kw_only=True)
class Retrieval:
    """figures: (query modality, gallery modality) -> 1-NN retrieval, across a bridge where they differ.

    gallery (N, P), queries (Q, P): the main modality's rows of length 1, with their labels (N,) and (Q,).
    dataset: its row of the catalog.
    """

    opened: ProtocolView
    entry: EncoderEntry
    dataset: dict[str, Any]
    modalities: tuple[str, ...]
    figures: dict[QueryAndGallery, RetrievalMetrics]
    gallery: Embeddings
    queries: Embeddings
    gallery_labels: Labels
    query_labels: Labels
    warnings: list[str]

    @property
    def main(self) -> str:
        """The modality of the details: fused where the index holds it."""
        return self.modalities[-1]

    @property
    def own(self) -> RetrievalMetrics:
        """Queries of the main modality in a gallery of the same."""
        return self.figures[self.main, self.main]

    def action(self, label: int) -> str:
        """The class's name, or its number where it has none."""
        return self.actions.get(label) or f"class {label}"

    @property
    def actions(self) -> dict[int, str]:
        columns = self.opened.columns
        return {k: v for k, v in zip(columns.label.tolist(), columns.columns["action"], strict=True) if v}


def retrieve(
    library: Library,
    *,
    index: str | None,
    protocol: str | None,
    device: str,
    progress: Progress = no_progress,
) -> Retrieval:
    """Every base modality's queries against every base modality's gallery, maps fitted on the gallery alone.

    Raises UmurlError for an unknown index or protocol, and where the protocol has no gallery or no queries.
    """
    opened = open_protocol(library, index, protocol)
    split = opened.split
    if len(split.gallery) == 0 or len(split.queries) == 0:
        raise UmurlError(
            f"{opened.dataset} {split.protocol}: {len(split.gallery)} gallery clips and {len(split.queries)} "
            "queries are in the library, a report needs both",
            Hint("ingest more recordings or choose another {option}", option="protocol"),
        )
    modalities = tuple(m for m in modality_sets.SINGLE_AND_FUSED if m in opened.index.modalities)
    if len(modalities) == 2:  # a uni-modal encoder's: all that is fused is the one
        modalities = modalities[:1]
    pairs = [(q, g) for q in modalities for g in modalities]
    arrays = {m: opened.index.embeddings(m) for m in modalities}
    crossing = [(q, g) for q, g in pairs if q != g]
    where = search_device(device)
    maps = fit_maps(arrays, opened.index.transform, rows=split.fitting, pairs=crossing, device=where)
    figures = {}
    with progress("Evaluating", total=len(pairs) * len(split.queries), unit="queries") as advance:
        for pair in pairs:
            gallery, queries = _sides(opened, maps, pair)
            labels = opened.columns.label[split.gallery], opened.columns.label[split.queries]
            figures[pair] = evaluate(gallery, labels[0], queries, labels[1], device=where, advance=advance)
    gallery, queries = _sides(opened, maps, (modalities[-1], modalities[-1]))
    entry = encoder_registry.open_encoder(library, opened.row["encoder"])
    with library.read() as catalog:
        dataset = catalog.dataset(opened.dataset)
    assert dataset is not None, opened.dataset
    seen = overlap_warning(entry, opened.dataset, split.protocol, opened.names(split.queries))
    return Retrieval(
        opened=opened,
        entry=entry,
        dataset=dataset,
        modalities=modalities,
        figures=figures,
        gallery=gallery,
        queries=queries,
        gallery_labels=opened.columns.label[split.gallery],
        query_labels=opened.columns.label[split.queries],
        warnings=[
            *seen,
            *doubt_labels(split.unlabelled, split.protocol),
            *figures[modalities[-1], modalities[-1]].warnings,
            *dataset["report"]["notes"],
        ],
    )


def _sides(opened: ProtocolView, maps: Maps, pair: QueryAndGallery) -> tuple[Embeddings, Embeddings]:
    """The gallery (N, P) and the queries (Q, P) of a pair of modalities as they are compared."""
    modality, against = pair
    bridged = modality != against
    gallery, queries = (opened.index.embeddings(m) for m in (against, modality))
    return (
        maps.gallery(against, bridged=bridged)(np.asarray(gallery[opened.split.gallery])),
        maps.query(modality, against, bridged=bridged)(np.asarray(queries[opened.split.queries])),
    )
