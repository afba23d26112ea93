"""What each axis of an array is: found out from its shape, or stated.

Letters: N clips, T frames, M people, V joints, C coordinates (three, or four with how sure the camera was). An array
with fewer axes than letters has the last of them folded into one: (T, 75) is read as TVC, (N, T, 150) as NTMVC.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError
from encoder.joint_layouts import joint_counts
from umurl_search.clips.types import AXES, SET_AXES, Axes

USUAL_PEOPLE, MOST_PEOPLE = 2, 6
_FIRST: tuple[Axes, ...] = ("TVC", "MTVC", "TMVC", "CTVM")
_FURTHER: tuple[Axes, ...] = ("TVC", "TMVC", "MTVC", "CTV", "TCV", "VCT", "MCTV")
_SETS = ("NCTVM", "NTMVC", "NMTVC", "NTVC", "NCTV", "NTCV", "VCTN")
_COORDINATES, _WITH_CONFIDENCE = 3, 4
_FEWEST_JOINTS, _MOST_JOINTS = 13, 150

Sizes = dict[str, int]
"""letter -> length"""


def clip_readings(shape: tuple[int, ...], n_joints: Sequence[int]) -> list[Axes]:
    """What the axes of an array that is one clip may be, the likeliest first; none where it is no clip."""
    usual = [axes for axes in _FIRST if _fits(shape, axes, n_joints, most_people=USUAL_PEOPLE)]
    broad = [axes for axes in _FIRST if _fits(shape, axes, n_joints, most_people=MOST_PEOPLE)]
    found = usual + [axes for axes in broad if axes not in usual]
    return found or [axes for axes in _FURTHER if _fits(shape, axes, n_joints, further=True)]


def set_readings(shape: tuple[int, ...], n_joints: Sequence[int]) -> list[str]:
    """What the axes of an array that holds many clips may be, the likeliest first."""
    found = [axes for axes in _SETS if _fits(shape, axes, n_joints, further=True)]
    usual = [axes for axes in found if _fits(shape, axes, n_joints, most_people=USUAL_PEOPLE, further=True)]
    return usual + [axes for axes in found if axes not in usual]


def _fits(
    shape: tuple[int, ...],
    axes: str,
    n_joints: Sequence[int],
    *,
    most_people: int = MOST_PEOPLE,
    further: bool = False,
) -> bool:
    sizes = sizes_as(shape, axes, n_joints)
    if sizes is None or sizes.get("M", 1) > most_people:
        return False
    folded = len(shape) < len(axes)
    return sizes["C"] == _COORDINATES and not folded if not further else _is_likely(sizes, axes, folded)


def _is_likely(sizes: Sizes, axes: str, folded: bool) -> bool:
    """Whether a shape is read so where nothing is stated: folded people are two, a confidence comes last."""
    if sizes["C"] == _WITH_CONFIDENCE:
        return axes.endswith("C") and not folded
    return not folded or (axes.endswith("VC") and sizes.get("M", USUAL_PEOPLE) == USUAL_PEOPLE)


def sizes_as(shape: tuple[int, ...], axes: str, n_joints: Sequence[int]) -> Sizes | None:
    """The length of each axis of an array that is read so, None where it cannot be."""
    if len(shape) > len(axes) or not shape:
        return None
    tails = (
        [shape[len(axes) - 1 :]]
        if len(shape) == len(axes)
        else _unfold(shape[-1], axes, len(shape), n_joints)
    )
    for tail in tails:
        sizes = dict(zip(axes, (*shape[: len(axes) - len(tail)], *tail), strict=True))
        right = sizes["V"] in n_joints and sizes["C"] in (_COORDINATES, _WITH_CONFIDENCE)
        if right and sizes["T"] >= 1 and sizes.get("M", 1) >= 1:
            return sizes
    return None


def _unfold(length: int, axes: str, n_axes: int, n_joints: Sequence[int]) -> Iterator[tuple[int, ...]]:
    """The lengths that the last axes may have had before they were folded into one."""
    folded = axes[n_axes - 1 :]
    if "T" in folded or "N" in folded or "V" not in folded or "C" not in folded:
        return
    for joints in n_joints:
        people, rest = divmod(length, joints * _COORDINATES)
        if not rest and people and ("M" in folded or people == 1):
            sizes = {"V": joints, "C": _COORDINATES, "M": people}
            yield tuple(sizes[letter] for letter in folded)


def require_axes(axes: str | None, known: Sequence[str] = AXES) -> None:
    """Raises: UmurlError for axes that are not known."""
    if axes is not None and axes not in known:
        raise BadInputError(f"axes must be one of {', '.join(known)}, not {axes!r}")


def require_source_axes(axes: str | None) -> None:
    """The same for a source, whose arrays may hold many clips each."""
    require_axes(axes, (*AXES, *SET_AXES))


def order_axes(array: NDArray[np.generic], axes: str, sizes: Sizes) -> NDArray[np.generic]:
    """The array as (T, M, V, C), as a view where that can be; axes: those of one clip, sizes: by `sizes_as`."""
    whole = array.reshape([sizes[letter] for letter in axes])
    letters = axes if "M" in axes else "M" + axes
    people = whole if letters == axes else whole[None]
    return people.transpose([letters.index(letter) for letter in "TMVC"])


def describe_mismatch(shape: tuple[int, ...], axes: str | None, n_joints: Sequence[int]) -> str:
    """Why no clip is in an array of this shape."""
    joints = " or ".join(map(str, n_joints))
    accepted = ", ".join(f"({', '.join(order)})" for order in ([axes] if axes else _FIRST))
    return f"an array of shape {shape} is no clip: accepted are {accepted} with T >= 1, V {joints} and C 3"


def describe_joints(shape: tuple[int, ...]) -> str:
    """Where a shape shows a number of joints that no layout has: which, and where to read on."""
    n_joints = shape[-2] if len(shape) > 2 and shape[-1] in (2, _COORDINATES, _WITH_CONFIDENCE) else 0
    if not _FEWEST_JOINTS <= n_joints <= _MOST_JOINTS or n_joints in joint_counts():
        return ""
    return f"; no layout has {n_joints} joints: see docs/data-format.md"
