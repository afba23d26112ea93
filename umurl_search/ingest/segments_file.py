"""Long recordings: what is said to happen in them, from a file or from their format, to columns for the catalog.

Letters: T frames, S segments.
"""

import csv
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from encoder.errors import BadInputError, reason_of
from umurl_search.clips.clip import Segment
from umurl_search.clips.normalization import STORE_FPS

_FORM = (
    '{"RECORDING": [{"action": NAME, "start": SECONDS, "end": SECONDS}]}, '
    "or CSV with the columns recording, action, start, end"
)
_MOST_ACTIONS = 1_000_000
_COLUMNS = ("recording", "action", "start", "end")


@dataclass(frozen=True, kw_only=True)
class StatedSegment:
    """A segment as its user states it: an action's name, or its number from 1, and seconds."""

    action: str | int
    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if isinstance(self.action, bool) or not isinstance(self.action, str | int) or self.action == "":
            raise ValueError(f"an action is a name or a number from 1, got {self.action!r}")
        if isinstance(self.action, int) and not 1 <= self.action <= _MOST_ACTIONS:
            raise ValueError(f"actions count from 1 to {_MOST_ACTIONS:,}, got {self.action}")
        if not (0 <= self.start_s < self.end_s < math.inf):
            raise ValueError(
                f"a segment starts at 0 s or later and ends after that, got {self.start_s} to {self.end_s}"
            )


StatedSegments = dict[str, list[StatedSegment]]


def read_segments(path: Path | None) -> StatedSegments:
    """The segments of each recording in a JSON or CSV file. Raises UmurlError for anything else."""
    if path is None:
        return {}
    try:
        text = path.read_text(encoding="utf-8-sig")
        found = _from_csv(text) if path.suffix.lower() == ".csv" else _from_json(text)
        kinds = {type(one.action) for segments in found.values() for one in segments}
        if len(kinds) > 1:
            raise ValueError("some actions are names, others numbers")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise BadInputError(f"{path}: not a segments file ({reason_of(error)})", f"it is {_FORM}") from error
    return found


def _from_json(text: str) -> StatedSegments:
    content = json.loads(text)
    return {name: [_parse_segment(one) for one in segments] for name, segments in content.items()}


def _parse_segment(one: dict[str, Any]) -> StatedSegment:
    unknown = sorted(set(one) - set(_COLUMNS[1:]))
    if unknown:
        raise ValueError(f"a segment has action, start and end, not {', '.join(unknown)}")
    return StatedSegment(action=one["action"], start_s=float(one["start"]), end_s=float(one["end"]))


def _from_csv(text: str) -> StatedSegments:
    found: StatedSegments = {}
    rows = csv.DictReader(text.splitlines(), strict=True)
    if tuple(rows.fieldnames or ()) != _COLUMNS:
        raise ValueError(f"its first line is not {','.join(_COLUMNS)}")
    for row in rows:
        if None in row:
            raise ValueError(f"line {rows.line_num} has more than {len(_COLUMNS)} fields")
        action = row["action"].strip()
        one = {
            "action": int(action) if action.isdecimal() else action,
            "start": row["start"],
            "end": row["end"],
        }
        found.setdefault(row["recording"], []).append(_parse_segment(one))
    return found


@dataclass(frozen=True, kw_only=True)
class SegmentColumns:
    """columns: position (of the recording, in store order), label, action, start_frame, stop_frame; (S,) each."""

    columns: dict[str, list[Any]]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.columns["position"])


def segment_columns(
    clips: Sequence[dict[str, Any]], stated: StatedSegments, *, names: tuple[str, ...], what: str
) -> SegmentColumns:
    """The segments of a store's recordings: those stated, where a recording has any, else those of its format.

    clips: as the store's journal describes them. names: the dataset's actions by label, () without a list.
    Raises UmurlError for a stated action that is not in the list.
    """
    labelled = _labeller(stated, names, what=what)
    rows: list[tuple[int, Segment]] = []
    beyond = 0
    for position, clip in enumerate(clips):
        own = [Segment(*values) for values in clip.get("segments", ())]
        given = [_to_frames(one, labelled(one.action)) for one in stated.get(clip["name"], ())]
        there = [one for one in given or own if one.start < clip["frames"]]
        beyond += len(given or own) - len(there)
        kept = (one._replace(stop=min(one.stop, clip["frames"])) for one in there)
        rows += [(position, one) for one in sorted(kept, key=lambda one: (one.start, one.stop))]
    columns: dict[str, list[Any]] = {
        "position": [position for position, _ in rows],
        "label": [one.label for _, one in rows],
        "action": [one.action or _find_name(names, one.label) for _, one in rows],
        "start_frame": [one.start for _, one in rows],
        "stop_frame": [one.stop for _, one in rows],
    }
    return SegmentColumns(columns=columns, notes=_notes(rows, clips, stated, beyond))


def _find_name(names: tuple[str, ...], label: int | None) -> str | None:
    return names[label] if label is not None and 0 <= label < len(names) else None


def _labeller(
    stated: StatedSegments, names: tuple[str, ...], *, what: str
) -> Callable[[str | int], tuple[int, str | None]]:
    """From an action as stated to its label and name: by the dataset's list, else by the names' alphabetical order."""
    actions = {one.action for segments in stated.values() for one in segments}
    spoken = sorted(action for action in actions if isinstance(action, str))
    known = names or tuple(spoken)
    by_name = {name.casefold(): label for label, name in enumerate(known)}
    unknown = [name for name in spoken if name.casefold() not in by_name]
    if unknown:
        raise BadInputError(
            f"the segments file names '{unknown[0]}', which is no action of {what}",
            f"give one of its {len(names)} names ('{names[0]}', ...) or numbers from 1",
        )

    def find_label(action: str | int) -> tuple[int, str | None]:
        label = by_name[action.casefold()] if isinstance(action, str) else action - 1
        return label, _find_name(known, label)

    return find_label


def _to_frames(one: StatedSegment, labelled: tuple[int, str | None]) -> Segment:
    start, stop = (round(seconds * STORE_FPS) for seconds in (one.start_s, one.end_s))
    label, action = labelled
    return Segment(label=label, action=action, start=start, stop=max(stop, start + 1))


def _notes(
    rows: Sequence[tuple[int, Segment]], clips: Sequence[dict[str, Any]], stated: StatedSegments, beyond: int
) -> list[str]:
    notes = []
    if rows:
        recordings, labels = len({position for position, _ in rows}), len({one.label for _, one in rows})
        notes.append(
            f"{len(rows):,} segments of {labels:,} actions in {recordings:,} of {len(clips):,} recordings"
        )
    strangers = len(set(stated) - {clip["name"] for clip in clips})
    if strangers:
        notes.append(
            f"the segments file names {strangers:,} recordings that are not in the data or were left out"
        )
    if beyond:
        notes.append(f"{beyond:,} segments start after their recording ends: they were left out")
    return notes
