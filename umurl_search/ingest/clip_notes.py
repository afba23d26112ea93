"""What was assumed in reading a dataset's clips, one line for each kind and not for each clip."""

import re
from collections.abc import Sequence
from typing import Any

_NUMBER = re.compile(r"\d[\d,.]*")
_MOST_KINDS = 12


def describe_clip_notes(journal: Sequence[dict[str, Any]], *, what: str) -> list[str]:
    """A line for each kind of note that clips of a store have, with their number and one of them.

    Notes that differ in numbers alone are of one kind; the kinds of most clips come first.
    """
    kinds: dict[str, list[tuple[str, str]]] = {}
    for clip in (clip for entry in journal for clip in entry["clips"]):
        for note in clip.get("notes", ()):
            kinds.setdefault(_NUMBER.sub("#", note), []).append((clip["name"], note))
    ordered = sorted(kinds.values(), key=len, reverse=True)
    lines = [_describe_kind(same, what) for same in ordered[:_MOST_KINDS]]
    others = len(ordered) - _MOST_KINDS
    return lines + ([f"{what}: {others} further kinds of notes on clips"] if others > 0 else [])


def _describe_kind(same: Sequence[tuple[str, str]], what: str) -> str:
    name, note = same[0]
    if len(same) == 1:
        return f"{what}: 1 clip, {name}: {note}"
    return f"{what}: {len(same):,} clips, such as {name}: {note}"
