"""Joint layouts: where each of NTU's 25 joints lies in the source's."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from encoder.skeleton import N_JOINTS


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

if TYPE_CHECKING:
    LayoutName: TypeAlias = str
else:
    LayoutName = Literal[tuple(LAYOUTS)]


def joint_counts() -> tuple[int, ...]:
    """The numbers of joints that some layout has, in the order of `LAYOUTS`."""
    return tuple(dict.fromkeys(layout.n_joints for layout in LAYOUTS.values()))


def layout_of(n_joints: int) -> Layout | None:
    """The first layout of that many joints: what a clip is taken for where nothing is stated."""
    return next((layout for layout in LAYOUTS.values() if layout.n_joints == n_joints), None)
