"""How NTU-25's joints follow from the names of a layout's, where the layout does not say it: data only."""

from collections.abc import Mapping, Sequence

from encoder.skeleton import JOINTS

Combination = Mapping[str, float]
"""Names of a layout's joints, or of NTU-25's, with weights that add to 1."""


def copy(name: str) -> Combination:
    """The joint itself."""
    return {name: 1.0}


def between(*names: str) -> Combination:
    """The middle of some joints."""
    return {name: 1 / len(names) for name in names}


def _hand_and_foot(side: str) -> dict[str, Sequence[Combination]]:
    hand = f"{side} hand"
    beyond = {f"{side} wrist": 1.3, f"{side} elbow": -0.3}
    return {
        hand: [copy(hand), between(f"{side} index", f"{side} pinky"), beyond],
        f"{side} hand tip": [copy(f"{side} hand tip"), copy(f"{side} index"), copy(hand)],
        f"{side} thumb": [copy(f"{side} thumb"), copy(hand)],
        f"{side} foot": [copy(f"{side} foot"), copy(f"{side} big toe"), copy(f"{side} ankle")],
    }


USUAL_RULES: Mapping[str, Sequence[Combination]] = {
    **{name: [copy(name)] for name in JOINTS},
    "spine base": [copy("spine base"), copy("pelvis"), between("left hip", "right hip")],
    "spine mid": [copy("spine mid"), between("spine base", "spine shoulder")],
    "spine shoulder": [copy("spine shoulder"), between("left shoulder", "right shoulder")],
    "neck": [copy("neck"), {"spine shoulder": 0.67, "head": 0.33}],
    "head": [copy("head"), between("left ear", "right ear"), copy("nose")],
    **_hand_and_foot("left"),
    **_hand_and_foot("right"),
}
"""NTU-25's joints, each with ways to make it; a name that no joint of a layout has is NTU-25's own."""
