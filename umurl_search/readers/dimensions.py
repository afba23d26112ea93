"""Whether coordinates are of a picture or of space, as a layout says, told by their numbers.

Letters: T frames, M people, V joints, C coordinates.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from encoder.errors import Hint
from encoder.joint_layouts import LAYOUTS, Layout, layouts_with

_PIXELS = 20
"""A greater coordinate is no part of a picture, and no metres of a person."""
_MOST_SCORE, _MOST_PERCENT = 1.2, 150
"""How sure a detector was: up to 1 and a little more, or in per cent."""
_METRES, _FARTHER = 10, 1.5
_FEW = 0.05

Mismatch = tuple[str, Hint]
"""What speaks against a layout, and how to state the one that fits."""


def doubt_dimensions(frames: NDArray[Any], layout: Layout) -> Mismatch | None:
    """Why (T, M, V, C) are not coordinates of as many dimensions as the layout has; None where nothing says so."""
    if frames.shape[-1] != 3 or not frames.size:
        return None
    there = np.isfinite(frames).all(axis=-1) & frames[..., :2].any(axis=-1)
    x_y, third = np.abs(frames[there][:, :2]), frames[there][:, 2]
    if not len(third):
        return None
    if layout.dims == 3 and layout.axes != "picture" and _is_score(x_y, third):
        said = "the first two numbers of a joint are points of a picture, the third a score, not space"
        said = f"{said} as in {layout.name}"
        return said, state_flat(layout)
    if layout.dims == 2 and _is_depth(x_y, third):
        return describe_space(layout)
    return None


def describe_space(layout: Layout) -> Mismatch:
    """The same of joints that lie in space, where the layout has them in a picture."""
    said = f"joints have three coordinates, and layout {layout.name} is of joints in a picture"
    return said, _state(
        f"{layout.name}-3d" if layout.name in LAYOUTS else layout.name.removesuffix("-2d"), dims=3
    )


def describe_picture(layout: Layout) -> Mismatch:
    """The same of joints that lie in a picture, where the layout has them in space."""
    said = f"joints have two coordinates, of a picture, and layout {layout.name} is of joints in space"
    return said, state_flat(layout)


def state_flat(layout: Layout) -> Hint:
    """How to state the layout in a picture that has a layout's joints."""
    base = LAYOUTS.get(layout.name.removesuffix("-3d"))
    if base is None:
        return _state("", dims=2)
    if base.dims == 2:
        return _state(base.name, dims=2)
    flat = [name for name in layouts_with(base.n_joints) if LAYOUTS[name].dims == 2]
    return _state(" or ".join([*flat, *[f"{base.name}-2d"] * (not flat)]), dims=2)


def _state(names: str, *, dims: int) -> Hint:
    if not names or any(
        name.removesuffix("-3d").removesuffix("-2d") not in LAYOUTS for name in names.split(" or ")
    ):
        return Hint(f'the layout file says so: "dims": {dims}')
    return Hint("{option} reads them so", option="layout", value=names)


def _is_score(x_y: NDArray[Any], third: NDArray[Any]) -> bool:
    return bool(x_y.max() > _PIXELS and third.any() and third.min() >= 0 and third.max() <= _MOST_SCORE)


def _is_depth(x_y: NDArray[Any], third: NDArray[Any]) -> bool:
    """Whether a third number cannot be a score: below zero, or too great for one."""
    middle = np.median(third)
    is_far = middle > _FARTHER and x_y.max() <= _METRES
    return bool((third < 0).mean() > _FEW or middle > _MOST_PERCENT or is_far)
