"""Several indexes of one encoder asked together: the best of all, each hit with its index and dataset."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint, UmurlError
from encoder.model import UmURL
from umurl_search.clips.clip import Frames
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.layout_bridges import LayoutBridge
from umurl_search.library.library import Library
from umurl_search.progress import Progress, no_progress
from umurl_search.search.options import Indexes, MatchOptions, SearchOptions
from umurl_search.search.query_clip import QueryBatch
from umurl_search.search.results import Answer
from umurl_search.search.searcher import Searcher


class JointSearcher(Searcher):
    """Searchers of several indexes as one: `row`, `index` and `dataset` are the first's.

    Raises UmurlError for indexes that cannot be compared: of other encoders or transforms, or windows beside clips.
    """

    def __init__(self, parts: Sequence[Searcher]) -> None:
        first = parts[0]
        self._parts, self.library, self.device = tuple(parts), first.library, first.device
        self._opened_at, self._stamp = first._opened_at, first._stamp
        self.index, self.row, self.dataset = first.index, first.row, first.dataset
        for other in parts[1:]:
            _require_comparable(first, other)

    @property
    def parts(self) -> tuple[Searcher, ...]:
        """The searchers that are asked."""
        return self._parts

    @property
    def is_current(self) -> bool:
        """Whether the library still holds all indexes as they were opened."""
        return all(part.is_current for part in self._parts)

    def refresh(self) -> None:
        """Opens anew what was built again. Raises UmurlError where an index is gone or cannot be compared any more."""
        first, *others = self._parts
        for part in self._parts:
            part.refresh()
        self.index, self.row, self.dataset = first.index, first.row, first.dataset
        for other in others:
            _require_comparable(first, other)

    def _open_again(self) -> None:
        for part in self._parts:
            part._open_again()
        self._opened_at = self._parts[0]._opened_at
        self.refresh()

    def passing(self, where: str | None) -> Rows | None:
        """Of the first index; raises UmurlError for a bad filter."""
        return self._parts[0].passing(where)

    def embed(self, clips: Sequence[Frames], modality: str, *, layout: str | None = None) -> Embeddings:
        """(Q, D) or (Q, K D) float32 of normalised clips (T, M, 25, 3), by the one encoder."""
        return self._parts[0].embed(clips, modality, layout=layout)

    def layout_bridge(
        self, layout: str, how: MatchOptions, *, progress: Progress = no_progress
    ) -> LayoutBridge:
        """The first index's; those of all are fitted where they are not there yet."""
        first, *_ = [part.layout_bridge(layout, how, progress=progress) for part in self._parts]
        return first

    def turn_alike(self, clips: Sequence[Frames]) -> list[Frames]:
        """The clips turned as those of the first index were."""
        return self._parts[0].turn_alike(clips)

    @property
    def model(self) -> UmURL:
        """The encoder that the indexes were made with."""
        return self._parts[0].model

    def answer(self, asking: QueryBatch, how: SearchOptions) -> list[Answer]:
        """The best hits of all indexes together; equal scores in the order of the indexes."""
        found = [part.answer(asking, how) for part in self._parts]
        return [self._merge(answers, how.k) for answers in zip(*found, strict=True)]

    def _merge(self, answers: Sequence[Answer], k: int) -> Answer:
        every = [hit for answer in answers for hit in answer.hits]
        best = sorted(every, key=lambda hit: -hit.score)[:k]
        passing = {part.row["name"]: one.passing for part, one in zip(self._parts, answers, strict=True)}
        return Answer(
            name=answers[0].name,
            hits=tuple(replace(hit, rank=rank) for rank, hit in enumerate(best, start=1)),
            passing=sum(passing.values()),
            passing_by_index=passing,
        )

    def segments(self) -> dict[str, NDArray[Any]]:
        """What is said to happen in the recordings of all datasets."""
        found = [part.segments() for part in {part.row["dataset"]: part for part in self._parts}.values()]
        return {key: _concatenate([one[key] for one in found]) for key in found[0]}

    def notes(self, how: SearchOptions) -> list[str]:
        """What to know of all answers; also where scores of the indexes are not of one scale."""
        found = list(dict.fromkeys(note for part in self._parts for note in part.notes(how)))
        if how.bridged or self.row["transform"] != "none":
            found.append(
                "each index's bridges and transform were fitted on its own clips: scores compare roughly"
            )
        return found


def _concatenate(columns: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """Columns with values that are not known, one after the other."""
    joined: NDArray[Any] = np.ma.concatenate(columns)  # type: ignore[no-untyped-call]
    return joined


def open_searcher(library: Library, index: Indexes, *, device: str = "auto") -> Searcher:
    """A searcher of an index, the library's default for None, or of several together."""
    if index is None or isinstance(index, str):
        return Searcher(library, index, device=device)
    parts = [Searcher(library, name, device=device) for name in index]
    return parts[0] if len(parts) == 1 else JointSearcher(parts)


def _require_comparable(first: Searcher, other: Searcher) -> None:
    differing = [
        f"{what} {there} there, {here} here"
        for what, there, here in (
            ("encoder", _encoder(other), _encoder(first)),
            ("transform", other.row["transform"], first.row["transform"]),
            ("rows", _rows(other), _rows(first)),
        )
        if there != here
    ]
    if differing:
        raise UmurlError(
            f"index {other.row['name']} cannot be searched together with {first.row['name']}: {differing[0]}",
            Hint("give {option} indexes that were built alike", option="index"),
        )


def _encoder(searcher: Searcher) -> str:
    return f"{searcher.row['encoder']} ({searcher.row['encoder_hash'][:12]})"


def _rows(searcher: Searcher) -> str:
    return "whole clips" if searcher.windows is None else "windows"
