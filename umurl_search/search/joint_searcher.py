"""Several indexes of one encoder asked together: the best of all, each hit with its index and dataset."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, Hint, UmurlError
from encoder.joint_layouts import find_layout
from encoder.model import UmURL
from umurl_search.clips.clip import Frames
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.types import Embeddings, Rows
from umurl_search.index.layout_bridges import LayoutBridge
from umurl_search.library.library import Library
from umurl_search.progress import Progress, no_progress
from umurl_search.readers.formats import clip_suffixes
from umurl_search.search.hits import FIXED
from umurl_search.search.options import Indexes, MatchOptions, SearchOptions
from umurl_search.search.query_clip import QueryBatch, is_upright
from umurl_search.search.results import Answer, Hit
from umurl_search.search.searcher import Searcher

_STATED = ("layout", "fps", "up", "scale", "missing")
"""Of conventions, what the options of a clip file state."""


class JointSearcher(Searcher):
    """Searchers of several indexes as one: `row`, `index` and `dataset` are the first's.

    Raises UmurlError for indexes that cannot be compared: of other encoders or transforms, windows beside clips,
    or clips of pictures beside clips in space.
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

    @property
    def columns(self) -> dict[str, str]:
        """Those of all datasets; text where their types differ."""
        found: dict[str, str] = {}
        for part in self._parts:
            spelled = {name.casefold(): name for name in found}
            for name, sql in part.columns.items():
                kept = spelled.get(name.casefold(), name)
                found[kept] = sql if found.get(kept, sql) == sql else "varchar"
        return found

    def passing(self, where: str | None, *, absent: Mapping[str, str] | None = None) -> Rows | None:
        """Of the first index; a column that only another dataset has is null. Raises UmurlError for a bad filter."""
        columns = self.columns if where is not None else {}
        try:
            found = [part.passing(where, absent=_without(columns, part.columns)) for part in self._parts]
        except BadInputError as error:
            raise error.with_message(f"{error.message} (of datasets {', '.join(self.datasets)})") from error
        return found[0]

    def conventions(self, clip: str, stated: object = None) -> Conventions:
        """By which a clip is read. Raises UmurlError where the indexes read it otherwise and nobody says how it is."""
        found = [part.conventions(clip, stated) for part in self._parts]
        for part, other in zip(self._parts, found, strict=True):
            differing = [name for name in _STATED if getattr(other, name) != getattr(found[0], name)]
            if differing and Path(clip).suffix.lower() in clip_suffixes():
                name = differing[0]
                there, here = (f"{name} {getattr(one, name)}" for one in (other, found[0]))
                raise UmurlError(
                    f"{clip}: index {part.row['name']} would read it with {there}, {self.row['name']} with {here}",
                    Hint("say the clip's own with {option}", option=name),
                )
        return found[0]

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
        columns = self.columns if how.where is not None or how.shown else {}
        shown, found = self.find_shown(how), []
        for part in self._parts:
            absent = _without(columns, part.columns) if columns else {}
            mine = ",".join(name for name in shown if name not in absent)
            found.append(part.answer(replace(asking, absent=absent), replace(how, show=mine)))
        return [self._merge(answers, how.k, shown) for answers in zip(*found, strict=True)]

    def _merge(self, answers: Sequence[Answer], k: int, shown: Sequence[str]) -> Answer:
        every = [hit for answer in answers for hit in answer.hits]
        best = sorted(every, key=lambda hit: -hit.score)[:k]
        passing = {part.row["name"]: one.passing for part, one in zip(self._parts, answers, strict=True)}
        return Answer(
            name=answers[0].name,
            hits=tuple(
                replace(hit, rank=rank, more=_complete(hit, shown)) for rank, hit in enumerate(best, start=1)
            ),
            passing=sum(passing.values()),
            passing_by_index=passing,
        )

    def segments(self) -> dict[str, NDArray[Any]]:
        """What is said to happen in the recordings of all datasets."""
        found = [part.segments() for part in {part.row["dataset"]: part for part in self._parts}.values()]
        return {key: _concatenate([one[key] for one in found]) for key in found[0]}

    def notes(self, how: SearchOptions) -> list[str]:
        """What to know of all answers; also where scores of the indexes are not of one scale."""
        found = super().notes(how)
        if how.bridged or self.row["transform"] != "none":
            found.append(
                "each index's bridges and transform were fitted on its own clips: scores compare roughly"
            )
        return found

    def count_unknown(
        self, where: str | None, *, absent: Mapping[str, str] | None = None
    ) -> Mapping[str, int]:
        """Of all datasets together, each counted once."""
        columns, counts = self.columns if where is not None else {}, Counter[str]()
        for part in {part.row["dataset"]: part for part in self._parts}.values():
            counts.update(
                part.count_unknown(where, absent=_without(columns, part.columns)) if columns else {}
            )
        return counts


def _complete(hit: Hit, shown: Sequence[str]) -> dict[str, Any]:
    """What a hit shows beside its fields: of a column that its dataset lacks, nothing."""
    said = {name.casefold(): value for name, value in hit.more.items()}
    return {name: said.get(name.casefold()) for name in shown if name not in FIXED}


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
            ("joints", _dimensions(other), _dimensions(first)),
            ("clips", _turn(other), _turn(first)),
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


def _turn(searcher: Searcher) -> str:
    return "turned upright" if is_upright(searcher.dataset) else "as they were recorded"


def _dimensions(searcher: Searcher) -> str:
    return "in a picture" if find_layout(searcher.layout).dims == 2 else "in space"


def _without(columns: Mapping[str, str], known: Mapping[str, str]) -> dict[str, str]:
    """The columns, and their types, that are not among those known, in whatever letters."""
    there = {name.casefold() for name in known}
    return {name: sql for name, sql in columns.items() if name.casefold() not in there}
