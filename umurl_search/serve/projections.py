"""Maps of an index: every row a point in the plane, coloured by the columns of its clip.

Letters: N rows, P dimensions.
"""

import base64
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from umurl_search.clips.types import Embeddings
from umurl_search.evaluation.projection import Method, lay_out, leading_axes, require
from umurl_search.index.index import MAIN, mapped_blocks
from umurl_search.library.clip_columns import facets_of
from umurl_search.progress import Progress
from umurl_search.serve.cache import DatasetView, OpenIndex
from umurl_search.serve.documents import ColumnColours, ProjectionDocument
from umurl_search.serve.errors import HttpError

_NONE = 65_535
_PASSES = 3


@dataclass(frozen=True, kw_only=True)
class Projection:
    """points: (N, 2) float32 in [-1, 1]; ids: (N,) the clips'."""

    index: str
    method: str
    points: NDArray[np.float32]
    ids: NDArray[np.int64]
    corpus: DatasetView

    def document(self) -> ProjectionDocument:
        return ProjectionDocument(
            index=self.index, method=self.method, count=len(self.ids), columns=self._columns()
        )

    def _columns(self) -> list[str]:
        columns = self.corpus.columns
        return [one for one in facets_of(columns) if any(v is not None for v in columns.columns[one])]

    def payload(self) -> bytes:
        """x and y of every point, float32, then every clip's number, uint32; little-endian."""
        return self.points.astype("<f4").tobytes() + self.ids.astype("<u4").tobytes()

    def column(self, name: str) -> ColumnColours:
        """Values, the commonest first, and which of them each point has. Raises HttpError (404)."""
        known = facets_of(self.corpus.columns)
        if name not in known:
            raise HttpError(404, f"no column '{name}' to colour by; there are {', '.join(known)}")
        every = self.corpus.columns.columns[name]
        values = [every[row] for row in np.searchsorted(self.corpus.columns.id, self.ids).tolist()]
        counts = Counter(value for value in values if value is not None)
        ordered = sorted(counts.items(), key=lambda one: (-one[1], str(one[0]).zfill(20)))[:_NONE]
        legend = [value for value, _ in ordered]
        places = {value: i for i, value in enumerate(legend)}
        codes = np.array([places.get(value, _NONE) for value in values], dtype="<u2")
        return ColumnColours(
            values=legend,
            counts=[n for _, n in ordered],
            codes=base64.b64encode(codes.tobytes()).decode("ascii"),
        )


def project(held: OpenIndex, method: Method, *, progress: Progress) -> Projection:
    """Raises UmurlError where the method's package is not installed."""
    require(method)
    index = held.searcher.index
    embeddings = index.embeddings(MAIN)
    mapping = index.maps(MAIN, MAIN).gallery(MAIN, bridged=False)
    with progress(
        "Drawing", total=_PASSES * len(embeddings) * (1 if method == "pca" else 2), unit="clips"
    ) as advance:

        def blocks() -> Iterator[Embeddings]:
            for block in mapped_blocks(embeddings, mapping):
                yield block
                advance(len(block))

        points = lay_out(leading_axes(blocks, method), method)
    return Projection(
        index=held.name, method=method, points=scale_within_one(points), ids=index.ids, corpus=held.corpus
    )


def scale_within_one(points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Moved and scaled, both axes alike, so that all lie in [-1, 1] about the middle."""
    low, high = points.min(axis=0), points.max(axis=0)
    extent = float((high - low).max())
    moved = (points - (low + high) / 2) * (2 / extent if extent > 0 else 0.0)
    return np.asarray(np.clip(moved, -1, 1), dtype=np.float32)
