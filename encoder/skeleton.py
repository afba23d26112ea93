"""Joint names, bones and joint layouts: data only.

Joint numbers in the literature are 1-based; the tuples here are 0-based.
"""

from dataclasses import dataclass

N_JOINTS = 25
N_PEOPLE = 2
N_FRAMES = 64
"""Frames of a clip as the network reads it."""

JOINTS = (
    "spine base", "spine mid", "neck", "head",
    "left shoulder", "left elbow", "left wrist", "left hand",
    "right shoulder", "right elbow", "right wrist", "right hand",
    "left hip", "left knee", "left ankle", "left foot",
    "right hip", "right knee", "right ankle", "right foot",
    "spine shoulder", "left hand tip", "left thumb", "right hand tip", "right thumb",
)  # fmt: skip

SPINE_MID, LEFT_SHOULDER, RIGHT_SHOULDER = 1, 4, 8

PARENTS = (
    1, 20, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 20, 22, 7, 24, 11,
)  # fmt: skip
"""Parent of each joint in the bone modality (UmURL's 25 pairs); joint 21 is its own parent, a zero bone."""


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A joint layout and, for each of NTU's 25 joints, the source joint that stands for it.

    `copied` counts the NTU joints that are copies of another: they make bones of length zero.
    """

    name: str
    n_joints: int
    to_ntu25: tuple[int, ...]

    @property
    def copied(self) -> int:
        return N_JOINTS - len(set(self.to_ntu25))


_V1_TO_NTU25 = (*range(20), 2, 7, 7, 11, 11)
_UTD_TO_V1 = (3, 2, 1, 0, *range(4, 20))

LAYOUTS = {
    "ntu25": Layout(name="ntu25", n_joints=25, to_ntu25=tuple(range(25))),
    "kinect-v1": Layout(name="kinect-v1", n_joints=20, to_ntu25=_V1_TO_NTU25),
    "utd-mhad": Layout(name="utd-mhad", n_joints=20, to_ntu25=tuple(_UTD_TO_V1[j] for j in _V1_TO_NTU25)),
}
"""`kinect-v1`: Kinect v1's 20 joints (NW-UCLA, UTKinect). `utd-mhad`: the order of UTD-MHAD's own files."""
