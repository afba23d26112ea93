"""Whether people found in pictures are whole enough to be compared, and what of them was never seen.

Letters: T frames, M people. Frames are (T, M, 25, 3) float32, NTU-25's joints, unseen ones are zeros.
"""

from collections.abc import Sequence

import numpy as np

from encoder.skeleton import JOINTS
from umurl_search.clips.clip import Frames

_NEEDED = tuple(
    JOINTS.index(f"{side} {joint}") for joint in ("shoulder", "hip") for side in ("left", "right")
)
_LEGS = tuple(JOINTS.index(f"{side} {joint}") for joint in ("knee", "ankle") for side in ("left", "right"))
_LEGS_UNSEEN = (
    "legs are never seen: what a detector invented of them is left out, and clips with legs are far from it"
)
FINGERS_LEFT_OUT = (
    "fingers were left out, since NTU-25 has none: signs that differ in fingers alone are alike"
)

_BOTH, _MOST_MOVING = (
    f": {who} are compared; --person N takes one" for who in ("both", "the two that move most")
)


def describe_people(there: str, n_people: int) -> str:
    """A note on several people: what is there, and which of them are compared where nobody says it."""
    return there + (_BOTH if n_people == 2 else _MOST_MOVING)


def tell_person(notes: Sequence[str], person: int | None) -> tuple[str, ...]:
    """The same notes; where one person is stated, from 1, those on several people say that this one is compared."""
    if person is None:
        return tuple(notes)
    alone = f": person {person} alone is compared"
    return tuple(note.replace(_BOTH, alone).replace(_MOST_MOVING, alone) for note in notes)


def check_picture_people(frames: Frames) -> Sequence[str]:
    """What is to be known of people found in a picture.

    Raises ValueError where nobody has both shoulders and both hips in half of the frames that show anybody.
    """
    seen = np.asarray(frames.any(axis=-1))
    there = seen.any(axis=(1, 2))
    if not there.any():
        return ()
    is_whole = np.asarray(seen[:, :, _NEEDED].all(axis=2))
    n_whole = int(is_whole.any(axis=1).sum())
    if 2 * n_whole < there.sum():
        raise ValueError(
            f"both shoulders and both hips are seen in {n_whole} of {there.sum()} frames: half of them are needed to "
            "tell how a person stands"
        )
    return () if seen[:, :, _LEGS].any() else (_LEGS_UNSEEN,)
