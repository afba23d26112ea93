"""What was assumed in reading a dataset's clips, one line for each kind and not for each clip."""

from collections.abc import Sequence
from typing import Any

from umurl_search.clips.note_kinds import describe_kinds


def describe_clip_notes(journal: Sequence[dict[str, Any]], *, what: str) -> list[str]:
    """A line for each kind of note that clips of a store have, with their number and one of them."""
    clips = (clip for entry in journal for clip in entry["clips"])
    return describe_kinds(
        ((clip["name"], note) for clip in clips for note in clip.get("notes", ())), what=what
    )
