"""Hits made of rows of the catalog, and which of them is the query itself."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from encoder.errors import BadInputError, Hint, UmurlError
from umurl_search.clips.naming import parse_name
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.library.clip_columns import PERFORMANCE, number_of
from umurl_search.search.query_clip import stretch_of
from umurl_search.search.results import SHOWN, Hit, Moment

FIXED = ("rank", "score", "clip_id", "index", "is_query", *SHOWN)
"""What every hit says."""
_SAME_STRETCH = 0.5
"""Temporal IoU from which on a moment is the stretch that asked."""


def make_hit(
    row: dict[str, Any],
    *,
    rank: int,
    score: float,
    span: tuple[int, int] | None,
    index: str,
    shown: Sequence[str] = (),
) -> Hit:
    """row: of the clip, as the catalog shows it. span: the frames of a moment, None of a whole clip. shown: further
    columns."""
    known = {"rank": rank, "score": score, "clip_id": row["id"], "index": index, "is_query": False}
    known |= {name: row[name] for name in SHOWN}
    known["more"] = {name: row[name] for name in shown if name not in FIXED}
    if span is None:
        return Hit(**known)
    start, stop = span
    return Moment(
        **known, start_frame=start, stop_frame=stop, start_s=start / STORE_FPS, end_s=stop / STORE_FPS
    )


def find_columns(shown: Sequence[str], columns: Iterable[str], *, datasets: Sequence[str]) -> list[str]:
    """The columns to show, spelled as they are kept. Raises UmurlError for one that no dataset has."""
    spelled = {name.casefold(): name for name in columns}
    unknown = next((name for name in shown if name.casefold() not in spelled), None)
    if unknown is not None:
        listed = ", ".join(spelled.values()).replace("{", "(").replace("}", ")")
        raise BadInputError(
            f"no column '{unknown}' to show in {' or '.join(datasets)}", f"the columns are {listed}"
        )
    return list(dict.fromkeys(spelled[name.casefold()] for name in shown))


def mark_query(hits: Sequence[Hit], name: str, row: dict[str, Any] | None) -> tuple[Hit, ...]:
    """The hits, those marked that are the clip of the library that asked: DATASET:CLIPNAME[@FROM-TO] and its row."""
    if row is None:
        return tuple(hits)
    whole = f"{row['dataset']}:{row['name']}"
    stretch = None if name == whole else stretch_of(name, n_frames=row["frames"])
    return tuple(
        replace(hit, is_query=True) if hit.clip_id == row["id"] and _is_asked(hit, stretch) else hit
        for hit in hits
    )


def _is_asked(hit: Hit, stretch: tuple[int, int] | None) -> bool:
    """Of the clip that asked: whether it is what asked, stretch: the frames of it that did, None for all."""
    if hit.start is None or hit.stop is None:
        return stretch is None
    start, stop = stretch or (0, hit.frames)
    shared = min(stop, hit.stop) - max(start, hit.start)
    return shared >= _SAME_STRETCH * (max(stop, hit.stop) - min(start, hit.start))


def performance_of(name: str, row: dict[str, Any] | None) -> tuple[int, ...]:
    """The query's setup, subject, replication and label: the catalog's, or those in its file's name."""
    fields = parse_name(Path(name).stem)
    label = None if fields.action is None else fields.action - 1
    said = {**vars(fields), "label": label} if row is None else row
    values = tuple(value for field in PERFORMANCE if (value := number_of(said[field])) is not None)
    if len(values) < len(PERFORMANCE):
        raise UmurlError(
            f"{name}: its performance is not known",
            Hint(
                "{option} needs DATASET:CLIPNAME, or a file named as in NTU RGB+D (SsssCccPpppRrrrAaaa)",
                option="exclude_same_performance",
            ),
        )
    return values
