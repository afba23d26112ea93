"""Long recordings: what is said to happen in them, from a file or from their format, to columns for the catalog.

Letters: T frames, S segments.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from encoder.errors import BadInputError, Hint
from umurl_search.clips.clip import Segment
from umurl_search.clips.normalization import STORE_FPS
from umurl_search.ingest.clip_names import NAMES_HINT, NameMatcher
from umurl_search.ingest.segments_file import StatedSegment, StatedSegments


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
    Raises UmurlError for a stated action that is not in the list, and where no recording is named.
    """
    stated, notes = match_segments(
        stated, names=[clip["name"] for clip in clips], sources=[clip.get("source", "") for clip in clips]
    )
    labelled = make_labeller(stated, names, what=what)
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
    return SegmentColumns(columns=columns, notes=[*_notes(rows, clips, beyond), *notes])


def _find_name(names: tuple[str, ...], label: int | None) -> str | None:
    return names[label] if label is not None and 0 <= label < len(names) else None


def make_labeller(
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


def match_segments(
    stated: StatedSegments,
    *,
    names: Sequence[str],
    sources: Sequence[str],
    what: str = "the data or were left out",
) -> tuple[StatedSegments, list[str]]:
    """The same with the names of recordings, however the file writes them, and notes. what: where they are looked for.

    Raises UmurlError where no recording is named.
    """
    found, unknown = NameMatcher(names, sources).find_all(stated)
    if stated and not found:
        raise BadInputError(
            f"the segments file names no recording of the data, e.g. '{next(iter(stated))[:80]}'",
            Hint(NAMES_HINT, option="segments"),
        )
    matched: StatedSegments = {}
    for text, name in found.items():
        matched.setdefault(name, []).extend(stated[text])
    n_loose, notes = sum(text != name for text, name in found.items()), []
    if n_loose:
        notes.append(f"the segments file: {n_loose:,} names were matched without their ending or folder")
    if unknown:
        notes.append(f"the segments file names {len(unknown):,} recordings that are not in {what}")
    return matched, notes


def _notes(rows: Sequence[tuple[int, Segment]], clips: Sequence[dict[str, Any]], beyond: int) -> list[str]:
    notes = []
    if rows:
        recordings, labels = len({position for position, _ in rows}), len({one.label for _, one in rows})
        notes.append(
            f"{len(rows):,} segments of {labels:,} actions in {recordings:,} of {len(clips):,} recordings"
        )
    if beyond:
        notes.append(f"{beyond:,} segments start after their recording ends: they were left out")
    return notes
