"""Evaluations as the page shows them: `knn-eval`'s document, its confusions one can look into, its hardest queries.

Letters: Q queries, C classes.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from umurl_search.datasets import protocols
from umurl_search.evaluation.confusion import confusion
from umurl_search.evaluation.knn_eval import EvalRequest, Evaluation, evaluate_matrix, evaluate_opened
from umurl_search.evaluation.metrics import RANKING_METRICS
from umurl_search.evaluation.retrieval_results import KnnFiguresInLayout, MatrixFigures
from umurl_search.progress import Progress
from umurl_search.result import open_result
from umurl_search.serve.cache import LibraryCache
from umurl_search.serve.documents import (
    ClipRow,
    ConfusedPair,
    ConfusedPairs,
    EvaluationDocument,
    EvaluationInLayout,
    HardQuery,
    ShownMetric,
)
from umurl_search.serve.errors import HttpError
from umurl_search.serve.schemas import EvaluationBody, MatrixBody

MOST_HARDEST = 50
MOST_PAIRS = 200


@dataclass(frozen=True, kw_only=True)
class ConfusedEvaluation:
    """An evaluation and who was taken for whom. wanted, predicted: (Q,) labels, -1 where nothing was found."""

    evaluation: Evaluation
    wanted: NDArray[np.int64]
    predicted: NDArray[np.int64]
    labels: list[int]
    counts: NDArray[np.int64]

    def document(self) -> EvaluationDocument:
        names, figures = self._names(), self.evaluation.document
        shown = EvaluationInLayout if isinstance(figures, KnnFiguresInLayout) else EvaluationDocument
        return shown(
            **vars(figures),
            labels=self.labels,
            classes=[names[label] for label in self.labels],
            confusion=self.counts.tolist(),
            hardest=self._find_hardest(names),
            metrics=self._metrics(),
        )

    def _metrics(self) -> list[ShownMetric]:
        document = self.evaluation.document
        return [
            ShownMetric(
                header=metric.header,
                meaning=metric.meaning,
                value=None if document[name] is None else metric.write(document[name]),
            )
            for name, metric in RANKING_METRICS.items()
        ]

    def _names(self) -> dict[int, str]:
        """Of every class: the dataset's, what its clips say, or its number."""
        gallery = self.evaluation.asked.gallery
        listed = dict(enumerate(protocols.action_names(protocols.find(gallery.dataset).actions)))
        columns = gallery.columns
        said = {k: v for k, v in zip(columns.label.tolist(), columns.columns["action"], strict=True) if v}
        known = listed | said | {-1: "(nothing found)"}
        return {label: known.get(label, f"class {label}") for label in (*self.labels, *self.wanted.tolist())}

    def _find_hardest(self, names: dict[int, str]) -> list[HardQuery]:
        """Queries whose nearest clip is of another class, those that are surest first."""
        asked, scores = self.evaluation.asked, self.evaluation.figures.scores
        found = self._find_nearest()
        wrong = np.flatnonzero((self.predicted != self.wanted) & (found >= 0))
        order = wrong[np.lexsort((wrong, -scores[wrong]))][:MOST_HARDEST]
        columns, held = asked.queries.columns, asked.gallery.columns
        return [
            HardQuery(
                clip_id=int(columns.id[asked.rows[q]]),
                name=columns.name[asked.rows[q]],
                action=names[int(self.wanted[q])],
                label=int(self.wanted[q]),
                found_id=int(held.id[found[q]]),
                found_name=held.name[found[q]],
                found_action=names.get(int(held.label[found[q]]), ""),
                found_label=int(held.label[found[q]]),
                score=float(scores[q]),
            )
            for q in order.tolist()
        ]

    def _find_nearest(self) -> NDArray[np.int64]:
        """(Q,) rows of the gallery's dataset: each query's nearest clip, -1 where there was none."""
        nearest = self.evaluation.figures.neighbours[:, 0]
        rows = self.evaluation.asked.gallery.split.gallery
        return np.where(nearest >= 0, rows[np.maximum(nearest, 0)], -1)

    def cell(self, true: int, found: int) -> ConfusedPairs:
        """The queries of one class that were taken for another, each with its nearest clip; positions in `classes`.

        Raises HttpError (404) where there is no such class.
        """
        if max(true, found) >= len(self.labels):
            raise HttpError(404, f"there are {len(self.labels)} classes, counted from 0")
        mine = (self.wanted == self.labels[true]) & (self.predicted == self.labels[found])
        asked, scores, hits = self.evaluation.asked, self.evaluation.figures.scores, self._find_nearest()
        order = np.flatnonzero(mine)
        order = order[np.lexsort((order, -scores[order]))]
        pairs = [
            ConfusedPair(
                query=_row(asked.queries.columns.columns, int(asked.rows[q])),
                hit=_row(asked.gallery.columns.columns, int(hits[q])) if hits[q] >= 0 else None,
                score=float(scores[q]) if hits[q] >= 0 else None,
            )
            for q in order[:MOST_PAIRS].tolist()
        ]
        return ConfusedPairs(total=int(mine.sum()), pairs=pairs)


def _row(columns: dict[str, list[Any]], at: int) -> ClipRow:
    return open_result(ClipRow, {name: values[at] for name, values in columns.items()})


def evaluation(
    shelf: LibraryCache, body: EvaluationBody, *, index: str, device: str, progress: Progress
) -> ConfusedEvaluation:
    """Raises UmurlError as `knn-eval` does."""
    request = EvalRequest(
        **body.shared(),
        index=index,
        k=body.k,
        query_modality=body.query_modality,
        gallery_modality=body.gallery_modality,
        ranking=body.ranking,
        device=device,
    )
    made = evaluate_opened(shelf.library, request, progress=progress)
    mixed = confusion(made.figures.predicted, made.asked.labels)
    return ConfusedEvaluation(
        evaluation=made,
        wanted=made.asked.labels,
        predicted=made.figures.predicted,
        labels=mixed.classes.tolist(),
        counts=mixed.counts,
    )


def matrix(
    shelf: LibraryCache, body: MatrixBody, *, index: str, device: str, progress: Progress
) -> MatrixFigures:
    """Raises UmurlError as `knn-eval --matrix` does. Accuracies need no whole rankings, so none are made."""
    request = EvalRequest(**body.shared(), index=index, k=body.k, ranking=False, device=device)
    return evaluate_matrix(shelf.library, request, progress=progress)
