"""Whether skeletons are people's: joints in another order, coordinates in another unit or with another axis up, and
recordings of another length are read without an error, and find nothing.

Letters: T frames, M people.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from encoder.joint_layouts import find_layout
from umurl_search.clips.body_axes import find_trunk, find_trunk_length, look_at
from umurl_search.clips.clip import Frames
from umurl_search.clips.clip_length import check_lengths
from umurl_search.clips.joint_plausibility import check_joints
from umurl_search.clips.normalization import Conventions
from umurl_search.clips.types import Up

Remedy = Callable[[str], str]
"""What to do with an option."""

_LEAST_M, _MOST_M, _USUAL_M = 0.3, 4.0, 1.5
_LEAST_TRUNK_M, _MOST_TRUNK_M, _USUAL_TRUNK_M = 0.25, 0.75, 0.45
"""From hips to shoulders. Of 2,383 real clips all but 2 have 0.29 to 0.62; people of half the size cost 7 points of
1-NN accuracy, of twice the size 4, of 0.7 and 1.2 times the size none that can be told."""
_UNITS = {1.0: "metres", 0.01: "centimetres", 0.001: "millimetres"}
_LEANING = 1.25
"""How much farther than upwards a trunk reaches to the side that lies; a camera looks down on people by half of it."""
MOST_CLIPS = 64
_MOST_FRAMES = 32
_AXES: dict[str, tuple[Up, Up, Up]] = {"y": ("x", "y", "z"), "z": ("x", "z", "y"), "x": ("y", "x", "z")}
"""By the axis that is said to be up or down: which axes of the source lie along x, y, z of what is stored."""
_SIGNS: dict[Up, tuple[int, int, int]] = {"z": (1, 1, -1), "x": (-1, 1, 1)}
"""Of these axes, where one is stored with the other sign."""
_OPPOSITE: dict[Up, Up] = {"y": "-y", "z": "-z", "x": "-x", "-y": "y", "-z": "z", "-x": "x"}


def check_clips(
    clips: Sequence[Frames],
    conventions: Conventions,
    *,
    what: str,
    remedy: Remedy = "say {}".format,
    is_turned: bool = False,
    lengths: Sequence[int] | NDArray[np.int32] | None = None,
    dataset: str = "",
    standing: Sequence[str] = (),
) -> list[str]:
    """A line for what is unlikely of people, with the option that would mend it; none where all is well.

    clips: (T, M, 25, 3) each, as `to_ntu25` gives them by the conventions. is_turned: clips are normalised, so that
    nothing is said of their axes. lengths: frames of all clips, where these are some of them; None where recordings are
    kept whole. dataset: in which they have names. standing: of clips that stand along another axis than the stated one,
    which, as `convert_frames` found it before anybody was turned.
    """
    some = clips[:MOST_CLIPS]
    said = check_joints(some, conventions, what=what, remedy=remedy)
    if not said and not is_turned:
        said = check_scale_and_axis(some, conventions, what=what, remedy=remedy, standing=standing)
    n_frames = [len(frames) for frames in clips] if lengths is None else lengths
    return said + check_lengths(n_frames, what=what, dataset=dataset)


def check_scale_and_axis(
    clips: Sequence[Frames],
    conventions: Conventions,
    *,
    what: str,
    remedy: Remedy = "say {}".format,
    standing: Sequence[str] = (),
) -> list[str]:
    """A line for what is unlikely of people, with the option that would mend it; none where all is well.

    clips: (T, M, 25, 3) each, as `to_ntu25` gives them by the conventions; the first few are looked at. what: whose
    they are, as a line begins.
    """
    some = [frames[:: -(-len(frames) // _MOST_FRAMES)] for frames in clips[:MOST_CLIPS]]
    sizes = np.concatenate([_sizes(frames) for frames in some]) if some else np.zeros(0)
    if not sizes.any():
        return []
    size = float(np.median(sizes[sizes > 0]))
    if find_layout(conventions.layout).axes == "picture":  # y points down there, whoever lies
        of_size = _check_size(size, conventions, remedy) or _check_trunk_length(some, conventions, remedy)
        return [f"{what}: {one}" for one in of_size]
    trunks = np.array([find_trunk(frames) for frames in some])
    look = look_at(some)
    turned = look.is_turned and not look.stands and not conventions.upright
    of_axes = (
        _check_turned(trunks, remedy) if turned else _check_trunks(trunks, conventions, remedy, standing)
    )
    of_size = _check_size(size, conventions, remedy) or _check_trunk_length(some, conventions, remedy)
    return [f"{what}: {one}" for one in (*of_size, *of_axes)]


def _sizes(frames: Frames) -> NDArray[np.float32]:
    """The largest extent of the joints that are there, (T * M,); 0 where nobody is."""
    there = np.asarray(frames.any(axis=-1))[..., None]
    high = np.where(there, frames, -np.inf).max(axis=2)
    low = np.where(there, frames, np.inf).min(axis=2)
    extents = np.where(np.asarray(there.any(axis=2)), high - low, 0)
    return np.asarray(extents.max(axis=-1).ravel(), dtype=np.float32)


def _check_size(size: float, conventions: Conventions, remedy: Remedy) -> list[str]:
    if _LEAST_M <= size <= _MOST_M:
        return []
    stated = size / conventions.scale
    scale = min(_UNITS, key=lambda scale: abs(np.log(stated * scale / _USUAL_M)))
    if _LEAST_M <= stated * scale <= _MOST_M:
        mended = f"if the file holds {_UNITS[scale]}, {remedy(f'--scale {scale:g}')}"
    else:
        mended = "--scale says how many metres a unit is"
    return [f"people are {size:,.4g} m from end to end; {mended}"]


def _check_trunk_length(clips: Sequence[Frames], conventions: Conventions, remedy: Remedy) -> list[str]:
    """Of coordinates in a unit of their own, such as poses that were lifted from a picture: people of another size."""
    lengths = [length for frames in clips if (length := find_trunk_length(frames)) > 0]
    length = float(np.median(lengths)) if lengths else _USUAL_TRUNK_M
    if _LEAST_TRUNK_M <= length <= _MOST_TRUNK_M:
        return []
    scale = conventions.scale * _USUAL_TRUNK_M / length
    return [
        f"people are {length:.2g} m from hips to shoulders, of {_USUAL_TRUNK_M:g} m that are usual; if the unit is no "
        f"metre, {remedy(f'--scale {scale:.2g}')}"
    ]


def _check_trunks(
    trunks: NDArray[np.float64], conventions: Conventions, remedy: Remedy, standing: Sequence[str]
) -> list[str]:
    """In most clips: people lie down in some."""
    reach = np.abs(trunks)
    lying = reach.max(axis=1) > _LEANING * reach[:, 1]
    if 2 * lying.sum() > len(trunks):
        sideways = [up for up in standing if up[-1] != conventions.up[-1]]
        up = Counter(sideways).most_common(1)[0][0] if sideways else _find_up(trunks[lying], conventions)
        which = "it points down" if up.startswith("-") else "that axis is up"
        return [f"people lie along {up[-1]} rather than stand; if {which}, {remedy(f'--up {up}')}"]
    if 2 * (~lying & (trunks[:, 1] < 0)).sum() > len(trunks):
        down = _OPPOSITE[conventions.up]
        return [
            f"people stand on their heads; {conventions.up[-1]} points the other way there: {remedy(f'--up {down}')}"
        ]
    return []


def _find_up(trunks: NDArray[np.float64], conventions: Conventions) -> Up:
    """The axis along which most trunks lie that were turned by the stated axis alone."""
    along = int(np.bincount(np.abs(trunks).argmax(axis=1)).argmax())
    axis = _AXES[conventions.up[-1]][along]
    pointing = np.median(trunks[:, along]) * _SIGNS.get(conventions.up, (1, 1, 1))[along]
    return axis if pointing > 0 else _OPPOSITE[axis]


def _check_turned(trunks: NDArray[np.float64], remedy: Remedy) -> list[str]:
    """Of bodies that their maker turned, whose trunk does not point up."""
    axis = "xyz"[int(np.median(np.abs(trunks), axis=0).argmax())]
    return [
        f"bodies were turned by trunk or shoulders, and trunks lie along {axis}, as 2s-AGCN's arrays have them; "
        f"{remedy('--upright')} for recordings that find themselves"
    ]
