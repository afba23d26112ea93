"""What was assumed in reading many clips, one line for each kind of note and not for each clip."""

import re
from collections.abc import Iterable

_NUMBER = re.compile(r"\d[\d,.]*")
MOST_KINDS = 12

Told = tuple[str, str]
"""The name of a clip, and a note on it."""


def group_notes(told: Iterable[Told]) -> list[list[Told]]:
    """Notes by kind, those of most clips first; notes that differ in numbers alone are of one kind."""
    kinds: dict[str, list[Told]] = {}
    for name, note in told:
        kinds.setdefault(_NUMBER.sub("#", note), []).append((name, note))
    return sorted(kinds.values(), key=len, reverse=True)


def describe_kind(same: list[Told]) -> str:
    """A line for the notes of one kind: how many clips have them, and one of them."""
    name, note = same[0]
    return f"1 clip, {name}: {note}" if len(same) == 1 else f"{len(same):,} clips, such as {name}: {note}"


def join_notes(told: Iterable[Told]) -> list[str]:
    """Notes on clips that begin with the clip's name, a line for each kind; before them the others, each once."""
    common, own = dict[str, None](), list[Told]()
    for name, note in told:
        if note.startswith(f"{name}: "):
            own.append((name, note.removeprefix(f"{name}: ")))
        else:
            common[note] = None
    kinds = group_notes(own)
    return [*common, *(": ".join(same[0]) if len(same) == 1 else describe_kind(same) for same in kinds)]


def describe_kinds(told: Iterable[Told], *, what: str) -> list[str]:
    """A line for each kind, of the most common ones."""
    ordered = group_notes(told)
    lines = [f"{what}: {describe_kind(same)}" for same in ordered[:MOST_KINDS]]
    others = len(ordered) - MOST_KINDS
    return lines + ([f"{what}: {others} further kinds of notes on clips"] if others > 0 else [])
