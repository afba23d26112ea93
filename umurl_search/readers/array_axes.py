"""What each axis of an array is: found out from its shape, or stated.

Letters: N clips, T frames, M people, V joints, C coordinates (three, or four with how sure the camera was; of joints in
a picture two or three). An array
with fewer axes than letters has the last of them folded into one: (T, 75) is read as TVC, (N, T, 150) as NTMVC.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.errors import BadInputError, UmurlError
from encoder.joint_layouts import LAYOUTS, Layout, folded_counts, joint_counts, layouts_with
from umurl_search.clips.types import AXES, SET_AXES, Axes
from umurl_search.readers.dimensions import describe_picture, describe_space

USUAL_PEOPLE, MOST_PEOPLE = 2, 6
_FIRST: tuple[Axes, ...] = ("TVC", "MTVC", "TMVC", "CTVM")
_FURTHER: tuple[Axes, ...] = ("TVC", "TMVC", "MTVC", "CTV", "TCV", "VCT", "MCTV")
_SETS = ("NCTVM", "NTMVC", "NMTVC", "NTVC", "NCTV", "NTCV", "VCTN")
_FEWEST_JOINTS, _MOST_JOINTS = 13, 150
_LONG = 200
_IN_PICTURE = 2
_MOVENET = (1, 1, 17, 3)
_FEATURES = {263: "HumanML3D", 251: "KIT-ML"}

Sizes = dict[str, int]
"""letter -> length"""


def clip_readings(shape: tuple[int, ...], n_joints: Sequence[int], *, dims: int = 3) -> list[Axes]:
    """What the axes of an array that is one clip may be, the likeliest first; none where it is no clip."""
    usual = [axes for axes in _FIRST if _fits(shape, axes, n_joints, dims=dims, most_people=USUAL_PEOPLE)]
    broad = [axes for axes in _FIRST if _fits(shape, axes, n_joints, dims=dims, most_people=MOST_PEOPLE)]
    found = usual + [axes for axes in broad if axes not in usual]
    return found or [axes for axes in _FURTHER if _fits(shape, axes, n_joints, dims=dims, further=True)]


def is_movenet(shape: tuple[int, ...]) -> bool:
    """Whether an array is what MoveNet gives frame by frame, (T, 1, 1, 17, 3): y, x and a score of each joint."""
    return shape[1:] == _MOVENET


def set_readings(shape: tuple[int, ...], n_joints: Sequence[int], *, dims: int = 3) -> list[str]:
    """What the axes of an array that holds many clips may be, the likeliest first."""
    found = [axes for axes in _SETS if _fits(shape, axes, n_joints, dims=dims, further=True)]
    usual = [
        axes
        for axes in found
        if _fits(shape, axes, n_joints, dims=dims, most_people=USUAL_PEOPLE, further=True)
    ]
    return usual + [axes for axes in found if axes not in usual]


def _fits(
    shape: tuple[int, ...],
    axes: str,
    n_joints: Sequence[int],
    *,
    dims: int,
    most_people: int = MOST_PEOPLE,
    further: bool = False,
) -> bool:
    sizes = sizes_as(shape, axes, n_joints, dims=dims)
    if sizes is None or sizes.get("M", 1) > most_people:
        return False
    folded = len(shape) < len(axes)
    return sizes["C"] == dims and not folded if not further else _is_likely(sizes, axes, folded, dims)


def _is_likely(sizes: Sizes, axes: str, folded: bool, dims: int) -> bool:
    """Whether a shape is read so where nothing is stated: folded people are two, a confidence comes last."""
    if sizes["C"] > dims:
        is_usual = sizes.get("M", 1) in (1, USUAL_PEOPLE)
        return axes.endswith("C") and (
            not folded or (dims == _IN_PICTURE and axes.endswith("VC") and is_usual)
        )
    return not folded or (axes.endswith("VC") and sizes.get("M", USUAL_PEOPLE) == USUAL_PEOPLE)


def sizes_as(shape: tuple[int, ...], axes: str, n_joints: Sequence[int], *, dims: int = 3) -> Sizes | None:
    """The length of each axis of an array that is read so, None where it cannot be.

    dims: coordinates a joint; one more says how sure the camera was.
    """
    if len(shape) > len(axes) or not shape:
        return None
    tails = (
        [shape[len(axes) - 1 :]]
        if len(shape) == len(axes)
        else _unfold(shape[-1], axes, len(shape), n_joints, dims)
    )
    for tail in tails:
        sizes = dict(zip(axes, (*shape[: len(axes) - len(tail)], *tail), strict=True))
        right = sizes["V"] in n_joints and sizes["C"] in (dims, dims + 1)
        if right and sizes["T"] >= 1 and sizes.get("M", 1) >= 1:
            return sizes
    return None


def _unfold(
    length: int, axes: str, n_axes: int, n_joints: Sequence[int], dims: int
) -> Iterator[tuple[int, ...]]:
    """The lengths that the last axes may have had before they were folded into one."""
    folded = axes[n_axes - 1 :]
    if "T" in folded or "N" in folded or "V" not in folded or "C" not in folded:
        return
    is_known = len(n_joints) == 1
    coordinates = (dims, dims + 1) if is_known and dims == _IN_PICTURE else (dims,)
    tried = [(v, c) for v in n_joints if is_known or v in folded_counts() for c in coordinates]
    for joints, numbers in sorted(tried, key=lambda one: length // (one[0] * one[1]) > USUAL_PEOPLE):
        people, rest = divmod(length, joints * numbers)
        if not rest and people and ("M" in folded or people == 1):
            sizes = {"V": joints, "C": numbers, "M": people}
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


def describe_mismatch(
    shape: tuple[int, ...], axes: str | None, n_joints: Sequence[int], *, dims: int = 3
) -> str:
    """Why no clip is in an array of this shape."""
    joints = " or ".join(map(str, n_joints))
    accepted = ", ".join(f"({', '.join(order)})" for order in ([axes] if axes else _FIRST))
    return (
        f"an array of shape {shape} is no clip: accepted are {accepted} with T >= 1, V {joints} and C {dims}"
    )


def describe_unknown(error: object, shape: tuple[int, ...], stated: Layout | None = None) -> str:
    """Why an array of this shape is no clip, and the way out where there is one, in few words where both are long."""
    way_out = describe_joints(shape, stated)
    whole = f"{error}{way_out}"
    return f"an array of shape {shape} is no clip{way_out}" if way_out and len(whole) > _LONG else whole


def describe_joints(shape: tuple[int, ...], stated: Layout | None = None) -> str:
    """Where a shape shows a number of joints that says no layout by itself: which have so many, or where to read on."""
    if len(shape) > 1 and shape[-1] in _FEATURES:
        return (
            f"; {shape[-1]} numbers a frame are the features of {_FEATURES[shape[-1]]} (new_joint_vecs), not joints: "
            "give the arrays of its folder new_joints"
        )
    if len(shape) == 2 and stated is None and (names := _layouts_of_width(shape[1])):
        which = f"{shape[1]} numbers a frame may be joints of {' or '.join(names)}"
        return f"; {which}: --layout {names[0] if len(names) == 1 else 'NAME'} says so"
    n_joints = shape[-2] if len(shape) > 2 and shape[-1] in (2, 3, 4) else 0
    if stated is not None and n_joints == stated.n_joints and shape[-1] not in (stated.dims, stated.dims + 1):
        said, hint = describe_picture(stated) if shape[-1] == 2 else describe_space(stated)
        return f"; {UmurlError(said, hint).typed}"
    if stated is not None and _FEWEST_JOINTS <= n_joints != stated.n_joints:
        return f"; the array has {n_joints} joints, layout {stated.name} has {stated.n_joints}"
    if not _FEWEST_JOINTS <= n_joints <= _MOST_JOINTS or (n_joints in joint_counts() and shape[-1] > 2):
        return ""
    known = layouts_with(n_joints)
    flat = [name for name in known if LAYOUTS[name].dims == 2]
    if shape[-1] == 2 and known:
        names = flat or [f"{name}-2d" for name in known]
        which = f"{n_joints} joints in a picture may be {' or '.join(names)}"
        return f"; {which}: --layout {names[0] if len(names) == 1 else 'NAME'} says so (see docs/layouts.md)"
    if known:
        return f"; {n_joints} joints may be {' or '.join(known)}: --layout says which (see docs/layouts.md)"
    return f"; no known layout has {n_joints} joints: --layout FILE.json states one (see docs/layouts.md)"


def _layouts_of_width(width: int) -> list[str]:
    """The layouts whose joints are so many numbers in one row, where they have to be stated."""
    return [
        name
        for name, one in LAYOUTS.items()
        if one.n_joints * one.dims == width and one.n_joints not in folded_counts()
    ]
